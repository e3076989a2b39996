import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ContentFiles } from '../../../src/server/disk/content.ts';
import { registryPaths, type RegistryPaths } from '../../../src/server/disk/paths.ts';
import { DirectorySync } from '../../../src/server/disk/sync.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { collect } from '../../../src/util/content.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

const digest = digestOf('hello');

function newContent(): { content: ContentFiles; paths: RegistryPaths; synced: string[] } {
  const synced: string[] = [];
  const paths = registryPaths(folder());
  const directories = new DirectorySync(async (path) => {
    synced.push(path);
  });
  return { content: new ContentFiles(paths, directories), paths, synced };
}

async function filled(): Promise<ReturnType<typeof newContent>> {
  const made = newContent();
  const source = join(made.paths.dir, 'source');
  writeFileSync(source, 'hello');
  await made.content.adopt(source, digest);
  return made;
}

test('a file that is adopted has its digest as name, and its folders are synced', async () => {
  const { content, paths, synced } = await filled();
  const path = paths.content(digest);
  expect(readFileSync(path, 'utf8')).toBe('hello');
  expect(synced).toEqual([dirname(path), dirname(dirname(path))]);
  expect(await content.sizeOf(digest)).toBe(5);
});

test('content is read as a whole and in part', async () => {
  const { content } = await filled();
  const read = async (range: { start?: number; end?: number }): Promise<string> =>
    (await collect(await content.open(digest, range), 100)).toString();
  expect(await read({})).toBe('hello');
  expect(await read({ start: 1, end: 3 })).toBe('el');
  expect(await read({ start: 3, end: 99 })).toBe('lo');
  expect(await read({ start: 99 })).toBe('');
  expect((await content.bytes(digest, 5)).toString()).toBe('hello');
});

test('more bytes than somebody is ready to take are an error', async () => {
  const { content } = await filled();
  expect((await hubErrorFrom(() => content.bytes(digest, 4))).code).toBe('CONTENT_INVALID');
});

test('content that is not there has no size and cannot be read', async () => {
  const { content } = newContent();
  expect(await content.sizeOf(digest)).toBeUndefined();
  expect((await hubErrorFrom(() => content.open(digest))).code).toBe('NOT_FOUND');
});

test('content that was removed is gone, and removing again is no error', async () => {
  const { content } = await filled();
  await content.remove(digest);
  await content.remove(digest);
  expect(await content.sizeOf(digest)).toBeUndefined();
});

test('a link in the place of content is not followed', async () => {
  const { content, paths } = newContent();
  const path = paths.content(digest);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(join(paths.dir, 'secret'), 'hello');
  symlinkSync(join(paths.dir, 'secret'), path);
  expect(await content.sizeOf(digest)).toBeUndefined();
  expect((await hubErrorFrom(() => content.open(digest))).code).toBe('STORAGE');
});

test('a folder that cannot be made is an error of storage', async () => {
  const { content, paths } = newContent();
  writeFileSync(join(paths.dir, 'blobs'), '');
  writeFileSync(join(paths.dir, 'source'), 'hello');
  expect((await hubErrorFrom(() => content.adopt(join(paths.dir, 'source'), digest))).code).toBe('STORAGE');
});
