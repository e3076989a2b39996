import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { journalInFile } from '../../../src/endpoints/registry/upload-journal.ts';
import { folder } from '../../helpers/folder.ts';

const PLACE = { registry: 'reg.example', repository: 'app', digest: `sha256:${'a'.repeat(64)}` };
const LOCATION = 'https://reg.example/v2/app/blobs/uploads/1?_state=x';

/** A journal in which a process of another number has noted an upload. */
async function journalOf(pid: number, change: (text: string) => string = (text) => text): Promise<string> {
  const path = join(folder(), 'hubctl', 'uploads.json');
  const journal = journalInFile(path);
  journal.note(PLACE, LOCATION);
  await journal.save?.();
  writeFileSync(path, change(readFileSync(path, 'utf8').replace(`"pid":${process.pid}`, `"pid":${pid}`)), {
    mode: 0o600,
  });
  return path;
}

const { pid: dead } = spawnSync(process.execPath, ['--version']);

test('an upload whose process has died is taken over, once', async () => {
  const path = await journalOf(dead);
  expect(await journalInFile(path).take({ ...PLACE, repository: 'other' })).toBeUndefined();
  expect(await journalInFile(path).take(PLACE)).toBe(LOCATION);
  expect(await journalInFile(path).take(PLACE)).toBeUndefined();
});

test('an upload of a process that lives is left to it', async () => {
  expect(await journalInFile(await journalOf(process.pid)).take(PLACE)).toBeUndefined();
});

test('an upload that has ended is forgotten', async () => {
  const path = await journalOf(dead);
  const journal = journalInFile(path);
  journal.end(PLACE);
  await journal.save?.();
  expect(await journalInFile(path).take(PLACE)).toBeUndefined();
});

test('an upload that ends before it was noted leaves no file', async () => {
  const path = join(folder(), 'hubctl', 'uploads.json');
  const journal = journalInFile(path);
  expect(await journal.take(PLACE)).toBeUndefined();
  journal.end(PLACE);
  await journal.save?.();
  expect(existsSync(path)).toBe(false);
});

test('an upload that was noted and has ended is forgotten', async () => {
  const path = join(folder(), 'hubctl', 'uploads.json');
  const journal = journalInFile(path);
  expect(await journal.take(PLACE)).toBeUndefined();
  journal.note(PLACE, LOCATION);
  await journal.save?.();
  journal.end(PLACE);
  await journal.save?.();
  expect(readFileSync(path, 'utf8')).not.toContain(LOCATION);
});

test('an upload of long ago, or of another machine, is not taken over', async () => {
  const old = await journalOf(dead, (text) => text.replace(/"at":\d+/, '"at":1000'));
  expect(await journalInFile(old).take(PLACE)).toBeUndefined();
  const foreign = await journalOf(dead, (text) => text.replace(/"machine":"[^"]*"/, '"machine":"elsewhere"'));
  expect(await journalInFile(foreign).take(PLACE)).toBeUndefined();
});

test.each(['', '{', '[]', '{"version":1}', '{"version":1,"uploads":{"x":5}}', '{"version":2,"uploads":{}}'])(
  'a file that holds %j holds nothing, and is written anew',
  async (text) => {
    const path = await journalOf(dead, () => text);
    const journal = journalInFile(path);
    expect(await journal.take(PLACE)).toBeUndefined();
    journal.note(PLACE, LOCATION);
    await journal.save?.();
    expect(readFileSync(path, 'utf8')).toContain(LOCATION);
  },
);

test('nobody else can read it', async () => {
  expect(statSync(await journalOf(dead)).mode & 0o777).toBe(0o600);
});
