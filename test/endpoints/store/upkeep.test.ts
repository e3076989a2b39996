import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../../helpers/folder.ts';
import { MUTATIONS } from '../../helpers/damage.ts';
import { blobOf, newStore, opener, putImage } from '../../helpers/stores.ts';

test('only content that is damaged is dropped', async () => {
  const store = await newStore();
  const { layers, config } = await putImage(store, 'app:1');
  await store[Symbol.asyncDispose]();
  const [layer, sound] = [layers[0]!.descriptor.digest, config.descriptor.digest];
  MUTATIONS['has one bit flipped']?.(store.blobPath(layer));
  expect(await store.upkeep.dropDamaged(layer)).toBe(true);
  expect(await store.upkeep.dropDamaged(sound)).toBe(false);
  expect([layer, sound].map((digest) => existsSync(store.blobPath(digest)))).toEqual([false, true]);
});

test('a link in the place of a blob is dropped, and what it points to is not', async () => {
  const store = await newStore();
  const { layers } = await putImage(store, 'app:1');
  await store[Symbol.asyncDispose]();
  const { digest } = layers[0]!.descriptor;
  MUTATIONS['is a symbolic link']?.(store.blobPath(digest));
  expect(await store.upkeep.dropDamaged(digest)).toBe(true);
  expect(readFileSync('/etc/passwd', 'utf8')).not.toBe('');
});

test('dropping what is not there does nothing', async () => {
  const store = await newStore();
  expect(await store.upkeep.dropDamaged(blobOf('x').descriptor.digest)).toBe(false);
});

test('usage counts blobs once, and tells what a collection would free without doing it', async () => {
  const store = await newStore();
  const { blobs, manifest } = await putImage(store, 'app:1');
  await store.setName(manifest.descriptor, 'app:2');
  const unused = blobOf('unused content');
  await store.write(unused.descriptor, opener(unused));
  await store[Symbol.asyncDispose]();
  writeFileSync(join(store.dir, 'partial', `sha256-${'a'.repeat(64)}.part`), '12345');
  const bytes = [...blobs, unused].reduce((sum, blob) => sum + blob.bytes.length, 0);
  const { free, ...usage } = await store.upkeep.usage();
  expect(usage).toEqual({ blobs: 4, bytes, reclaimable: unused.bytes.length + 5 });
  expect(free).toBeGreaterThan(0);
  expect(existsSync(store.blobPath(unused.descriptor.digest))).toBe(true);
});

test('there is nothing in a store that was never made', async () => {
  const store = await newStore();
  expect(await store.upkeep.usage()).toMatchObject({ blobs: 0, bytes: 0, reclaimable: 0 });
  expect(existsSync(store.dir)).toBe(false);
});

test('a store may be written to when its folder, or the nearest one above, may', async () => {
  const dir = folder();
  await (await newStore(join(dir, 'deep', 'store'))).upkeep.checkWritable();
  expect(existsSync(join(dir, 'deep'))).toBe(false);
  writeFileSync(join(dir, 'file'), '');
  const below = await newStore(join(dir, 'file', 'store'));
  await expect(below.upkeep.checkWritable()).rejects.toMatchObject({ code: 'STORAGE' });
});
