import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SmallFiles } from '../../../src/server/disk/files.ts';
import { registryPaths } from '../../../src/server/disk/paths.ts';
import { DirectorySync } from '../../../src/server/disk/sync.ts';
import { Uploads } from '../../../src/server/disk/uploads.ts';
import { wireAnswer } from '../../../src/server/wire.ts';
import { contentOf } from '../../../src/util/content.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

const LONG_AGO = 1_600_000_000;
const LIMITS = { open: 12, known: 4 };

async function openUploads(dir: string = folder()): Promise<{ uploads: Uploads; dir: string; place: string }> {
  const uploads = new Uploads(registryPaths(dir), new SmallFiles(new DirectorySync()), LIMITS);
  await uploads.begin();
  return { uploads, dir, place: join(dir, 'uploads') };
}

async function statusOf(work: () => unknown): Promise<number> {
  return wireAnswer(await hubErrorFrom(work)).status;
}

test('a session is found in its repository, and in no other', async () => {
  const { uploads } = await openUploads();
  const upload = await uploads.start('a');
  expect(await uploads.find('a', upload.id)).toBe(upload);
  expect(await statusOf(() => uploads.find('b', upload.id))).toBe(404);
});

test('ids cannot be guessed from each other, and nothing else is one', async () => {
  const { uploads } = await openUploads();
  const ids = await Promise.all(Array.from({ length: 5 }, async () => (await uploads.start('a')).id));
  expect(new Set(ids).size).toBe(5);
  for (const id of ids) expect(id).toMatch(/^[a-f0-9]{32}$/);
  for (const id of ['', '..', '../x', '0'.repeat(31), 'A'.repeat(32)]) {
    expect(await statusOf(() => uploads.find('a', id))).toBe(404);
  }
});

test('a session outlives the process', async () => {
  const { uploads, dir } = await openUploads();
  const upload = await uploads.start('a/b', 'sha512');
  await upload.append(contentOf(Buffer.from('hello')));
  const later = await openUploads(dir);
  const found = await later.uploads.find('a/b', upload.id);
  expect(await found.size()).toBe(5);
  await found.append(contentOf(Buffer.from(' world')));
  expect(readFileSync(found.path, 'utf8')).toBe('hello world');
});

test('what is no state of a session is none', async () => {
  const { uploads, place } = await openUploads();
  const id = 'a'.repeat(32);
  writeFileSync(join(place, `${id}.data`), '');
  for (const state of [
    '',
    '{',
    '{}',
    '{"repository":"../x","algorithm":"sha256"}',
    '{"repository":"a","algorithm":"x"}',
  ]) {
    writeFileSync(join(place, `${id}.json`), state);
    expect([state, await statusOf(() => uploads.find('../x', id))]).toEqual([state, 404]);
    expect([state, await statusOf(() => uploads.find('a', id))]).toEqual([state, 404]);
  }
});

test('a session that ended leaves nothing', async () => {
  const { uploads, place } = await openUploads();
  const upload = await uploads.start('a');
  await uploads.end(upload);
  expect(readdirSync(place)).toEqual([]);
  expect(await statusOf(() => uploads.find('a', upload.id))).toBe(404);
});

test('sessions that got no byte for long are ended, others stay', async () => {
  const { uploads, place } = await openUploads();
  const [old, young] = [await uploads.start('a'), await uploads.start('a')];
  utimesSync(old.path, LONG_AGO, LONG_AGO);
  await uploads.sweep(60_000);
  expect(readdirSync(place).toSorted()).toEqual([`${young.id}.data`, `${young.id}.json`]);
  expect(await statusOf(() => uploads.find('a', old.id))).toBe(404);
  expect(await uploads.find('a', young.id)).toBe(young);
});

test('halves of sessions that a kill left are swept too, and nothing that is none of ours', async () => {
  const { uploads, place } = await openUploads();
  const half = join(place, `${'b'.repeat(32)}.json`);
  writeFileSync(half, '{}');
  writeFileSync(join(place, 'README'), '');
  utimesSync(half, LONG_AGO, LONG_AGO);
  await uploads.sweep(60_000);
  expect(readdirSync(place)).toEqual(['README']);
});

test('an unknown algorithm is refused', async () => {
  const { uploads, place } = await openUploads();
  expect(await statusOf(() => uploads.start('a', 'md5'))).toBe(400);
  expect(readdirSync(place)).toEqual([]);
});

test('no more than the limit are open, those of an earlier process counted', async () => {
  const dir = folder();
  mkdirSync(join(dir, 'uploads'));
  for (let at = 0; at < LIMITS.open - 1; at += 1) {
    writeFileSync(join(dir, 'uploads', `${at.toString(16).padStart(32, '0')}.data`), '');
  }
  const { uploads } = await openUploads(dir);
  const last = await uploads.start('a');
  expect(await statusOf(() => uploads.start('a'))).toBe(429);
  await uploads.end(last);
  expect(existsSync((await uploads.start('a')).path)).toBe(true);
});

test('ending a session twice makes room for one, not for two', async () => {
  const dir = folder();
  mkdirSync(join(dir, 'uploads'));
  for (let at = 0; at < LIMITS.open - 2; at += 1) {
    writeFileSync(join(dir, 'uploads', `${at.toString(16).padStart(32, '0')}.data`), '');
  }
  const { uploads } = await openUploads(dir);
  const [first] = [await uploads.start('a'), await uploads.start('a')];
  await uploads.end(first);
  await uploads.end(first);
  await uploads.start('a');
  expect(await statusOf(() => uploads.start('a'))).toBe(429);
});

test('more sessions than are kept in memory are still found', async () => {
  const { uploads } = await openUploads();
  const first = await uploads.start('a');
  await first.append(contentOf(Buffer.from('x')));
  for (let at = 0; at < LIMITS.known; at += 1) await uploads.start('a');
  const found = await uploads.find('a', first.id);
  expect(found).not.toBe(first);
  expect(await found.size()).toBe(1);
});
