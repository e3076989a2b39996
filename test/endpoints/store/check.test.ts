import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Damage } from '../../../src/endpoints/store/check.ts';
import type { Store } from '../../../src/endpoints/store/store.ts';
import { MUTATIONS } from '../../helpers/damage.ts';
import { AMD64, ARM64, blobOf, indexOf, newStore, opener, put, putImage, type Blob } from '../../helpers/stores.ts';

function fileOf(store: Store, { descriptor }: Blob): string {
  return store.blobPath(descriptor.digest);
}

/** `damaged <digest>` of each, sorted. */
function short(damage: readonly Damage[]): readonly string[] {
  return damage.map(({ kind, digest }) => `${kind} ${digest}`).toSorted();
}

test('finds nothing in a sound store, and counts what there is', async () => {
  const store = await newStore();
  const { blobs } = await putImage(store, 'app:1', { layers: ['one', 'two'] });
  await store.setName(blobs.at(-1)!.descriptor, 'app:2');
  const report = await store.upkeep.check();
  const bytes = blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(report).toMatchObject({ images: 2, blobs: 4, bytes, damage: [] });
  expect([...report.sound].toSorted()).toEqual(blobs.map(({ descriptor }) => descriptor.digest).toSorted());
});

test('finds nothing where there is no store, and makes none', async () => {
  const store = await newStore();
  expect(await store.upkeep.check()).toMatchObject({ images: 0, blobs: 0, bytes: 0, damage: [] });
});

describe.each(Object.entries(MUTATIONS))('a blob that %s', (name, mutate) => {
  test.each(['manifest', 'config', 'layer'] as const)('is found when it is a %s', async (part) => {
    const store = await newStore();
    const { manifest, config, layers } = await putImage(store, 'app:1');
    const other = await putImage(store, 'other:1', { layers: ['other'], labels: { a: 'b' } });
    const blob = { manifest, config, layer: layers[0]! }[part];
    await store[Symbol.asyncDispose]();
    mutate(fileOf(store, blob));
    const { damage, sound } = await store.upkeep.check();
    expect(damage).toEqual([
      {
        kind: name === 'is missing' ? 'missing' : 'damaged',
        digest: blob.descriptor.digest,
        images: ['docker.io/library/app:1'],
        message: expect.any(String) as string,
      },
    ]);
    expect(sound.has(blob.descriptor.digest)).toBe(false);
    expect(sound.has(other.manifest.descriptor.digest)).toBe(true);
  });
});

test('names every image that needs the content, and content that none needs', async () => {
  const store = await newStore();
  const image = await putImage(store, 'app:1');
  await store.setName(image.manifest.descriptor, 'app:2');
  const unused = blobOf('unused');
  await store.write(unused.descriptor, opener(unused));
  await store[Symbol.asyncDispose]();
  for (const blob of [image.layers[0]!, unused]) MUTATIONS['has one bit flipped']?.(fileOf(store, blob));
  const { damage } = await store.upkeep.check();
  const imagesOf = (blob: Blob): unknown => damage.find(({ digest }) => digest === blob.descriptor.digest)?.images;
  expect(damage).toHaveLength(2);
  expect(imagesOf(image.layers[0]!)).toEqual(['docker.io/library/app:1', 'docker.io/library/app:2']);
  expect(imagesOf(unused)).toEqual([]);
});

test('an index may lack manifests, but not all of them', async () => {
  const store = await newStore();
  const { index, images } = indexOf([AMD64, ARM64]);
  const [here, absent] = images;
  await put(store, [...here!.blobs, index], 'app:1');
  await store[Symbol.asyncDispose]();
  expect((await store.upkeep.check()).damage).toEqual([]);
  rmSync(fileOf(store, here!.manifest));
  expect(short((await store.upkeep.check()).damage)).toEqual([`missing ${here!.manifest.descriptor.digest}`]);
  expect(absent!.manifest.descriptor.digest).not.toBe(here!.manifest.descriptor.digest);
});

test('a damaged manifest of an index is found', async () => {
  const store = await newStore();
  const { index, images } = indexOf([AMD64, ARM64]);
  await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'app:1');
  await store[Symbol.asyncDispose]();
  const child = images[1]!.manifest;
  MUTATIONS['has one bit flipped']?.(fileOf(store, child));
  expect(short((await store.upkeep.check()).damage)).toEqual([`damaged ${child.descriptor.digest}`]);
});

test('a list of images that cannot be read is damage, and does not keep blobs from being checked', async () => {
  const store = await newStore();
  const { layers } = await putImage(store, 'app:1');
  await store[Symbol.asyncDispose]();
  writeFileSync(join(store.dir, 'index.json'), '{"schemaVersion":2,"manif');
  MUTATIONS['is empty']?.(fileOf(store, layers[0]!));
  const { damage } = await store.upkeep.check();
  expect(damage.map(({ kind }) => kind)).toEqual(['index', 'damaged']);
  expect(damage[0]?.message).toContain('index.json');
});

test('blobs that were sound a moment ago are not read again', async () => {
  const store = await newStore();
  await putImage(store, 'app:1', { layers: ['one', 'two'] });
  const { sound, bytes } = await store.upkeep.check();
  const [skipped, ...others] = sound;
  let read = 0;
  await store.upkeep.check({ sound: new Set(others), onBytes: (count) => (read += count) });
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(bytes);
  expect(skipped).toMatch(/^sha256:/);
});

test('files that are no blobs do not matter', async () => {
  const store = await newStore();
  await putImage(store, 'app:1');
  writeFileSync(join(store.dir, 'blobs', 'sha256', 'README'), 'hello');
  mkdirSync(join(store.dir, 'blobs', 'md5'));
  expect(await store.upkeep.check()).toMatchObject({ blobs: 3, damage: [] });
});

test('content of sha512 is checked, too', async () => {
  const store = await newStore();
  const blob = blobOf('long', 'application/octet-stream', 'sha512');
  await store.write(blob.descriptor, opener(blob));
  await store[Symbol.asyncDispose]();
  expect((await store.upkeep.check()).damage).toEqual([]);
  MUTATIONS['has one bit flipped']?.(fileOf(store, blob));
  expect(short((await store.upkeep.check()).damage)).toEqual([`damaged ${blob.descriptor.digest}`]);
});

test('ends at once when it is aborted', async () => {
  const store = await newStore();
  await putImage(store, 'app:1');
  const controller = new AbortController();
  controller.abort(new Error('enough'));
  await expect(store.upkeep.check({ signal: controller.signal })).rejects.toThrow('enough');
});
