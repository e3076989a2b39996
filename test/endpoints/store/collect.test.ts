import { existsSync, mkdirSync, readdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { everyBlob } from '../../../src/endpoints/store/collect.ts';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import type { Store } from '../../../src/endpoints/store/store.ts';
import { buildIndex } from '../../../src/spec/build.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { contentOf } from '../../../src/util/content.ts';
import { folder } from '../../helpers/folder.ts';
import { seed, seededRandom } from '../../helpers/random.ts';
import {
  blobNames,
  blobOf,
  hexOf,
  imageOf,
  indexOf,
  namesOf,
  newStore,
  put,
  putImage,
  readIndex,
} from '../../helpers/stores.ts';

const GARBAGE = blobOf('garbage');

/** Content that no image needs, and one who began to write long after it was. */
async function garbageBeforeWriter(): Promise<{ readonly store: Store; readonly writer: Store }> {
  const store = await newStore();
  await put(store, [GARBAGE]);
  await store[Symbol.asyncDispose]();
  utimesSync(store.blobPath(GARBAGE.descriptor.digest), 1000, 1000);
  const writer = await newStore(store.dir);
  await writer.prepare();
  return { store, writer };
}

test('everything that no image needs goes, everything else stays', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'multi');
  const single = await putImage(store, 'single', { layers: ['one', 'two'] });
  const nameless = await putImage(store, undefined, { layers: ['three'] });
  await put(store, [GARBAGE]);
  await store[Symbol.asyncDispose]();
  const collected = await store.collect();
  expect(collected).toEqual({ deleted: [GARBAGE.descriptor.digest], bytes: GARBAGE.bytes.length });
  const all = [...images.flatMap(({ blobs }) => blobs), index, ...single.blobs, ...nameless.blobs];
  expect(blobNames(store)).toEqual(hexOf(all));
});

test('what this process is writing stays until it has finished', async () => {
  const store = await newStore();
  await put(store, [GARBAGE]);
  expect((await store.collect()).deleted).toEqual([]);
  await store[Symbol.asyncDispose]();
  expect((await store.collect()).deleted).toEqual([GARBAGE.descriptor.digest]);
});

test('what is older than whoever writes now may go', async () => {
  const { store } = await garbageBeforeWriter();
  expect((await store.collect()).deleted).toEqual([GARBAGE.descriptor.digest]);
});

test('what a writer found to be there stays, however old it is', async () => {
  const { store, writer } = await garbageBeforeWriter();
  expect(await writer.has(GARBAGE.descriptor)).toBe(true);
  expect((await store.collect()).deleted).toEqual([]);
});

test('the manifests of an index that another tool has added count', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  await put(store, [...(images[0]?.blobs ?? []), index], 'multi');
  await store[Symbol.asyncDispose]();
  for (const blob of images[1]?.blobs ?? []) writeFileSync(store.blobPath(blob.descriptor.digest), blob.bytes);
  expect((await store.collect()).deleted).toEqual([]);
  expect((await store.summaries())[0]?.platforms.every(({ present }) => present)).toBe(true);
});

test('whatever an unreadable root mentions stays', async () => {
  const store = await newStore();
  const image = await putImage(store, 'broken');
  await store[Symbol.asyncDispose]();
  const path = store.blobPath(image.manifest.descriptor.digest);
  writeFileSync(path, image.manifest.bytes.toString().replace('schemaVersion', 'sChemaVersion'));
  expect((await store.collect()).deleted).toEqual([]);
  expect(blobNames(store)).toEqual(hexOf(image.blobs));
});

test('a root that has gone from the disk keeps nothing, but its name', async () => {
  const store = await newStore();
  const image = await putImage(store, 'gone');
  await store[Symbol.asyncDispose]();
  unlinkSync(store.blobPath(image.manifest.descriptor.digest));
  expect((await store.collect()).deleted).toHaveLength(2);
  expect(await namesOf(store)).toEqual(['docker.io/library/gone:latest']);
});

test('signatures of signatures go when the image goes', async () => {
  const store = await newStore();
  const image = await putImage(store, 'signed');
  const signature = imageOf({ layers: ['signature'], subject: image.manifest.descriptor });
  const proof = imageOf({ layers: ['proof'], subject: signature.manifest.descriptor });
  await put(store, signature.blobs);
  await put(store, proof.blobs);
  await store[Symbol.asyncDispose]();
  expect((await store.collect()).deleted).toEqual([]);
  await store.unname('signed');
  expect((await store.collect()).deleted).toHaveLength(9);
  expect(readIndex(store).manifests).toEqual([]);
});

test('a name that another tool gave counts as a name', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'multi');
  await store[Symbol.asyncDispose]();
  const entry = { ...index.descriptor, annotations: { 'org.opencontainers.image.ref.name': 'Some Text' } };
  writeFileSync(join(store.dir, 'index.json'), buildIndex({ manifests: [entry] }));
  expect((await store.collect()).deleted).toEqual([]);
  expect(readIndex(store).manifests).toMatchObject([{ digest: index.descriptor.digest }]);
});

test('leftovers of dead processes count as reclaimed', async () => {
  const store = await newStore();
  await putImage(store, 'a');
  await store[Symbol.asyncDispose]();
  writeFileSync(join(store.dir, 'temp', '99-gone-1'), '12345');
  expect(await store.collect()).toEqual({ deleted: [], bytes: 5 });
});

test('everyBlob names only files that can be blobs', async () => {
  const paths = storePaths(folder());
  expect(await everyBlob(paths)).toEqual([]);
  mkdirSync(join(paths.blobs, 'sha256'), { recursive: true });
  mkdirSync(join(paths.blobs, 'md5'));
  writeFileSync(join(paths.blobs, 'stray'), '');
  writeFileSync(join(paths.blobs, 'sha256', 'oci-put-blob123'), '');
  writeFileSync(paths.blob(GARBAGE.descriptor.digest), '');
  writeFileSync(join(paths.blobs, 'md5', 'd41d8cd98f00b204e9800998ecf8427e'), '');
  expect(await everyBlob(paths)).toEqual([GARBAGE.descriptor.digest]);
});

test('a directory in the place of a blob is left alone', async () => {
  const store = await newStore();
  await putImage(store, 'a');
  await store[Symbol.asyncDispose]();
  mkdirSync(store.blobPath(GARBAGE.descriptor.digest));
  expect((await store.collect()).deleted).toEqual([]);
  expect(existsSync(store.blobPath(GARBAGE.descriptor.digest))).toBe(true);
});

test('an index nested in an index keeps what is inside', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  const outer = blobOf(buildIndex({ manifests: [index.descriptor] }), MEDIA_TYPES.ociIndex);
  await put(store, [...images.flatMap(({ blobs }) => blobs), index, outer], 'nested');
  await store[Symbol.asyncDispose]();
  expect((await store.collect()).deleted).toEqual([]);
  expect(readdirSync(join(store.dir, 'locks'))).toEqual([]);
});

test('whenever somebody collects, an image that is being written there is whole in the end', async () => {
  const random = seededRandom(seed);
  const turns = async (): Promise<void> => {
    for (let count = Math.floor(random() * 6); count > 0; count -= 1)
      await new Promise((resolve) => setImmediate(resolve));
  };
  let collected = 0;
  for (let number = 0; number < 200; number += 1) {
    const dir = join(folder(), 'store');
    const image = imageOf({ layers: [`one ${number}`, `two ${number}`.repeat(40_000), `three ${number}`] });
    const [garbage, early] = [blobOf(`garbage ${number}`), image.layers[number % 3]!];
    {
      // Content that no image needs yet: some of it will be needed in a moment.
      const before = await newStore(dir);
      await put(before, [garbage, early]);
      await before[Symbol.asyncDispose]();
      for (const { descriptor } of [garbage, early]) utimesSync(before.blobPath(descriptor.digest), 1000, 1000);
    }
    const [writer, collector] = [await newStore(dir), await newStore(dir)];
    const write = async (): Promise<void> => {
      await turns();
      await Promise.all(
        [image.config, ...image.layers].map(async (blob) => {
          await turns();
          await writer.write(blob.descriptor, async (range) => {
            await turns();
            return contentOf(blob.bytes.subarray(range?.start, range?.end));
          });
        }),
      );
      await turns();
      await writer.write(image.manifest.descriptor, async () => contentOf(image.manifest.bytes), {
        as: 'docker.io/library/app:1',
      });
    };
    const collect = async (): Promise<void> => {
      for (let count = 0; count < 3; count += 1) {
        await turns();
        collected += (await collector.collect()).deleted.length;
      }
    };
    await Promise.all([write(), collect()]);
    const { damage, images } = await writer.upkeep.check();
    expect({ damage, images }, `seed ${seed}, number ${number}`).toEqual({ damage: [], images: 1 });
    await writer[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  }
  expect(collected).toBeGreaterThanOrEqual(200);
}, 120_000);
