import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Store } from '../../../src/endpoints/store/store.ts';
import { AMD64, ARM64, indexOf, namesOf, newStore, put, putImage } from '../../helpers/stores.ts';

const fileOf = (store: Store): string => join(store.dir, 'index.json');

/** Two images with names and one without; gives the text of their list. */
async function sample(): Promise<{ store: Store; text: string }> {
  const store = await newStore();
  await putImage(store, 'one:1', { layers: ['one'] });
  await putImage(store, undefined, { layers: ['nameless'] });
  await putImage(store, 'two:1', { layers: ['two'] });
  await store[Symbol.asyncDispose]();
  return { store, text: readFileSync(fileOf(store), 'utf8') };
}

const [ONE, TWO] = ['docker.io/library/one:1', 'docker.io/library/two:1'];

test('a sound list stays as it is', async () => {
  const { store, text } = await sample();
  expect(await store.upkeep.rebuildIndex()).toBeUndefined();
  expect(readFileSync(fileOf(store), 'utf8')).toBe(text);
});

test('where there is no list none is made', async () => {
  const store = await newStore();
  expect(await store.upkeep.rebuildIndex()).toBeUndefined();
});

test('every entry that is whole is kept with its name, and every other image without', async () => {
  const { store, text } = await sample();
  writeFileSync(fileOf(store), text.slice(0, text.lastIndexOf('{"mediaType"') + 40));
  const kept = await store.upkeep.rebuildIndex();
  expect((await namesOf(store)).toSorted()).toEqual([ONE, undefined, undefined]);
  expect(kept).toBe(`${fileOf(store)}.damaged-1`);
  expect(readFileSync(kept ?? '', 'utf8')).toBe(text.slice(0, text.lastIndexOf('{"mediaType"') + 40));
  expect((await store.upkeep.check()).damage).toEqual([]);
});

test.each([
  ['an empty file', ''],
  ['zeros', '\0'.repeat(500)],
  ['half a word', '{"schemaVer'],
  ['another document', '{"schemaVersion":1}'],
  ['braces without end', '{'.repeat(100_000)],
])('with %s in its place, images come back without a name', async (_, text) => {
  const { store } = await sample();
  writeFileSync(fileOf(store), text);
  await store.upkeep.rebuildIndex();
  expect(await namesOf(store)).toEqual([undefined, undefined, undefined]);
});

test('damage in the middle costs one entry only', async () => {
  const { store, text } = await sample();
  writeFileSync(
    fileOf(store),
    text.replace('"mediaType":"application/vnd.oci.image.manifest', '"mediaType":"appli"cation'),
  );
  await store.upkeep.rebuildIndex();
  expect((await namesOf(store)).filter((name) => name !== undefined).length).toBeGreaterThanOrEqual(1);
  expect(await store.images()).toHaveLength(3);
});

test('a directory in its place is moved away', async () => {
  const { store } = await sample();
  rmSync(fileOf(store));
  mkdirSync(fileOf(store));
  expect(await store.upkeep.rebuildIndex()).toBe(`${fileOf(store)}.damaged-1`);
  expect(await store.images()).toHaveLength(3);
});

test('the manifests of an index are no images of their own', async () => {
  const store = await newStore();
  const { index, images } = indexOf([AMD64, ARM64]);
  await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'app:1');
  await store[Symbol.asyncDispose]();
  writeFileSync(fileOf(store), '');
  await store.upkeep.rebuildIndex();
  expect((await store.images()).map(({ descriptor }) => descriptor.digest)).toEqual([index.descriptor.digest]);
});

test('each damaged list is kept beside the others', async () => {
  const { store } = await sample();
  for (const number of [1, 2, 3]) {
    writeFileSync(fileOf(store), `broken ${number}`);
    expect(await store.upkeep.rebuildIndex()).toBe(`${fileOf(store)}.damaged-${number}`);
  }
  expect(readFileSync(`${fileOf(store)}.damaged-2`, 'utf8')).toBe('broken 2');
  expect(await namesOf(store)).not.toContain(TWO);
});
