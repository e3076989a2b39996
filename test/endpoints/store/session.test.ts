import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { expect, test } from 'vitest';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import { Session } from '../../../src/endpoints/store/session.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

test('makes the directories once, for this user alone', async () => {
  const paths = storePaths(join(folder(), 'deep/store'));
  const session = new Session(paths);
  expect(existsSync(paths.dir)).toBe(false);
  const [first, second] = await Promise.all([session.begin(), session.begin()]);
  expect(first.id).toBe(second.id);
  expect(readdirSync(paths.dir).toSorted()).toEqual(['blobs', 'locks', 'oci-layout', 'partial', 'temp']);
  expect(statSync(paths.dir).mode & 0o777).toBe(0o700);
  expect(readdirSync(paths.locks)).toHaveLength(1);
  await session.end();
  expect(readdirSync(paths.locks)).toEqual([]);
});

test('leaves an oci-layout file of another tool as it is', async () => {
  const paths = storePaths(folder());
  const text = '{ "imageLayoutVersion": "1.0.0", "made": "elsewhere" }';
  writeFileSync(paths.layout, text);
  const session = new Session(paths);
  await session.begin();
  await session.end();
  expect(readFileSync(paths.layout, 'utf8')).toBe(text);
});

test('temporary files are its own and go at the end', async () => {
  const session = new Session(storePaths(folder()));
  const path = await session.temporary();
  expect(existsSync(path)).toBe(true);
  await session.end();
  expect(existsSync(path)).toBe(false);
});

test.skipIf(getuid?.() === 0)('says that a place may not be written to', async () => {
  const dir = folder();
  chmodSync(dir, 0o500);
  const session = new Session(storePaths(join(dir, 'store')));
  expect(await hubErrorFrom(() => session.begin())).toMatchObject({ code: 'STORAGE' });
});

test('tries again after it could not begin', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'store'), 'in the way');
  const session = new Session(storePaths(join(dir, 'store')));
  const error = await hubErrorFrom(() => session.begin());
  expect(error).toMatchObject({ code: 'STORAGE' });
  expect(error.message).toContain(`cannot write to the store ${dir}/store`);
  const other = new Session(storePaths(join(dir, 'other')));
  mkdirSync(join(dir, 'other'));
  await other.begin();
  await other.end();
});

test('ends without having begun', async () => {
  const paths = storePaths(join(folder(), 'store'));
  await new Session(paths).end();
  expect(existsSync(paths.dir)).toBe(false);
});
