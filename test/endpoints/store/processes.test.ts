// What happens when several processes use one store, and some of them are killed?
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../../src/spec/digest.ts';
import { compile, type Script } from '../../helpers/children.ts';
import { blobNames, blobOf, newStore, putImage } from '../../helpers/stores.ts';

let script: Script;
beforeAll(async () => {
  script = await compile('store-child.ts');
});
afterAll(() => script.remove());

const SIZE = 2 * 1024 * 1024;
const bytes = Buffer.alloc(SIZE, 'all work and no play ');
const NEVER = SIZE + 1;

test('two processes that need one blob download it once', async () => {
  const store = await newStore();
  const children = [script.start('write', store.dir, SIZE, NEVER), script.start('write', store.dir, SIZE, NEVER)];
  await Promise.all(children.map((child) => child.ended));
  const said = children.flatMap((child) => child.lines);
  expect(said.filter((line) => line === 'from 0')).toHaveLength(1);
  expect(said.filter((line) => line === 'copied' || line === 'exists').toSorted()).toEqual(['copied', 'exists']);
  expect(readFileSync(store.blobPath(digestOf(bytes))).equals(bytes)).toBe(true);
});

test('a process that waits takes over where the first one was killed', async () => {
  const store = await newStore();
  const half = SIZE / 2;
  const first = script.start('write', store.dir, SIZE, half);
  await first.said('paused');
  const second = script.start('write', store.dir, SIZE, NEVER);
  await second.said('waiting');
  await first.kill();
  await second.ended;
  expect(second.lines).toEqual(['waiting', `from ${half}`, 'copied']);
  expect(readFileSync(store.blobPath(digestOf(bytes))).equals(bytes)).toBe(true);
  expect(readdirSync(join(store.dir, 'partial'))).toEqual([]);
  expect(readdirSync(join(store.dir, 'locks')).filter((name) => name.startsWith('blob-'))).toEqual([]);
});

test('what a killed process left is cleaned up by the next, except for the partial download', async () => {
  const store = await newStore();
  const first = script.start('write', store.dir, SIZE, SIZE / 2);
  await first.said('paused');
  await first.kill();
  expect(readdirSync(join(store.dir, 'locks'))).toHaveLength(2);
  await store.addBytes(Buffer.from('x'), 'text/plain');
  await store[Symbol.asyncDispose]();
  expect(readdirSync(join(store.dir, 'locks'))).toEqual([]);
  expect(readdirSync(join(store.dir, 'partial'))).toHaveLength(1);
  expect(statSync(join(store.dir, 'partial', readdirSync(join(store.dir, 'partial'))[0] ?? '')).size).toBe(SIZE / 2);
});

test('twenty processes that give twenty names each lose none', async () => {
  const store = await newStore();
  const { manifest } = await putImage(store, 'first');
  const { mediaType, digest, size } = manifest.descriptor;
  const children = Array.from({ length: 20 }, (_, at) =>
    script.start('name', store.dir, { mediaType, digest, size }, `app${at}`, 20),
  );
  expect(await Promise.all(children.map((child) => child.ended))).toEqual(children.map(() => 0));
  const names = (await store.images()).map(({ name }) => name);
  const expected = children.flatMap((_, at) =>
    Array.from({ length: 20 }, (__, tag) => `docker.io/library/app${at}:${tag}`),
  );
  expect(names.toSorted()).toEqual(['docker.io/library/first:latest', ...expected].toSorted());
}, 120_000);

test('what a living process has written and not named yet is not collected, that of a dead one is', async () => {
  const store = await newStore();
  const keeper = script.start('keep', store.dir);
  await keeper.said('kept');
  const { digest } = blobOf('not named yet').descriptor;
  expect((await store.collect()).deleted).toEqual([]);
  expect(existsSync(store.blobPath(digest))).toBe(true);
  await keeper.kill();
  expect((await store.collect()).deleted).toEqual([digest]);
  expect(blobNames(store)).toEqual([]);
});

test('processes that collect while others name lose nothing', async () => {
  const store = await newStore();
  const { manifest, blobs } = await putImage(store, 'first');
  await store[Symbol.asyncDispose]();
  const { mediaType, digest, size } = manifest.descriptor;
  const naming = Array.from({ length: 5 }, (_, at) =>
    script.start('name', store.dir, { mediaType, digest, size }, `app${at}`, 10),
  );
  const pruning = Array.from({ length: 5 }, () => script.start('prune', store.dir));
  const statuses = await Promise.all([...naming, ...pruning].map((child) => child.ended));
  expect(statuses).toEqual(statuses.map(() => 0));
  expect(blobNames(store)).toHaveLength(blobs.length);
  expect(await store.images()).toHaveLength(51);
}, 60_000);
