import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SmallFiles } from '../../../src/server/disk/files.ts';
import { DirectorySync } from '../../../src/server/disk/sync.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

function recorded(): { files: SmallFiles; synced: string[] } {
  const synced: string[] = [];
  const files = new SmallFiles(
    new DirectorySync(async (path) => {
      synced.push(path);
    }),
  );
  return { files, synced };
}

test('a mark is an empty file for its owner alone, and every new folder above it is synced', async () => {
  const { files, synced } = recorded();
  const dir = folder();
  const path = join(dir, 'a', 'b', 'mark');
  await files.mark(path);
  expect(readFileSync(path, 'utf8')).toBe('');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(synced.toSorted()).toEqual([dir, join(dir, 'a'), join(dir, 'a', 'b')]);
  expect(await files.isThere(path)).toBe(true);
});

test('a mark that is there stays as it is', async () => {
  const { files } = recorded();
  const path = join(folder(), 'mark');
  writeFileSync(path, 'text');
  await files.mark(path);
  expect(readFileSync(path, 'utf8')).toBe('text');
});

test('an object is read back', async () => {
  const { files } = recorded();
  const path = join(folder(), 'a', 'object');
  await files.write(path, { digest: 'x' });
  await files.write(path, { digest: 'y' });
  expect(await files.read(path)).toEqual({ digest: 'y' });
  expect(readdirSync(join(path, '..'))).toEqual(['object']);
});

test('what is no object reads as nothing', async () => {
  const { files } = recorded();
  const dir = folder();
  for (const text of ['', '[]', '{', '"text"', '{"a":1']) {
    writeFileSync(join(dir, 'file'), text);
    expect([text, await files.read(join(dir, 'file'))]).toEqual([text, undefined]);
  }
  expect(await files.read(join(dir, 'missing'))).toBeUndefined();
});

test('only files are there: no folder, no link', async () => {
  const { files } = recorded();
  const dir = folder();
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('file', join(dir, 'link'));
  for (const name of ['folder', 'link', 'missing', 'file/below']) {
    expect([name, await files.isThere(join(dir, name))]).toEqual([name, false]);
  }
});

test('removing tells whether there was something', async () => {
  const { files, synced } = recorded();
  const dir = folder();
  writeFileSync(join(dir, 'file'), '');
  expect(await files.remove(join(dir, 'file', 'below'))).toBe(false);
  expect(await files.remove(join(dir, 'file'))).toBe(true);
  expect(synced).toEqual([dir]);
  expect(await files.remove(join(dir, 'file'))).toBe(false);
});

test('folders are listed without files and links', async () => {
  const { files } = recorded();
  const dir = folder();
  mkdirSync(join(dir, 'a'));
  writeFileSync(join(dir, 'b'), '');
  symlinkSync('a', join(dir, 'c'));
  expect(await files.folders(dir)).toEqual(['a']);
  expect(await files.folders(join(dir, 'missing'))).toEqual([]);
  expect((await files.names(dir)).toSorted()).toEqual(['a', 'b', 'c']);
});

test('a file in the way of a folder is an error of storage', async () => {
  const { files } = recorded();
  const dir = folder();
  writeFileSync(join(dir, 'a'), '');
  expect((await hubErrorFrom(() => files.mark(join(dir, 'a', 'b', 'c')))).code).toBe('STORAGE');
  expect((await hubErrorFrom(() => files.write(join(dir, 'a', 'b', 'c'), {}))).code).toBe('STORAGE');
});

test('a folder that cannot be synced makes the mark fail', async () => {
  const files = new SmallFiles(new DirectorySync(() => Promise.reject(new Error('EIO'))));
  expect((await hubErrorFrom(() => files.mark(join(folder(), 'mark')))).code).toBe('STORAGE');
});
