import { expect, test } from 'vitest';
import { buildIndex } from '../../../src/spec/build.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { AMD64, ARM64, blobOf, imageOf, indexOf, newStore, put, putImage } from '../../helpers/stores.ts';

const sum = (blobs: readonly { readonly bytes: Buffer }[]): number =>
  blobs.reduce((all, { bytes }) => all + bytes.length, 0);

test('an image shows its config as ID, its time, and the size of config and layers', async () => {
  const store = await newStore();
  const image = await putImage(store, 'a', { layers: ['one', 'two'], created: '2024-05-06T07:08:09Z' });
  const [summary] = await store.summaries();
  expect(summary).toMatchObject({
    name: 'docker.io/library/a:latest',
    id: image.config.descriptor.digest,
    config: { digest: image.config.descriptor.digest },
    created: '2024-05-06T07:08:09Z',
    size: sum([image.config, ...image.layers]),
  });
  expect(summary?.platforms).toMatchObject([
    { platform: AMD64, digest: image.manifest.descriptor.digest, present: true },
  ]);
});

test('a layer that an image has twice counts once', async () => {
  const store = await newStore();
  const image = await putImage(store, 'a', { layers: ['same', 'same'] });
  expect((await store.summaries())[0]?.size).toBe(sum([image.config, image.layers[0]!]));
});

test('an index shows the image for this machine', async () => {
  const { index, images } = indexOf([ARM64, AMD64]);
  for (const [platform, at] of [
    [AMD64, 1],
    [ARM64, 0],
  ] as const) {
    const store = await newStore(undefined, { platform });
    await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'multi');
    const [summary] = await store.summaries();
    expect(summary?.id).toBe(images[at]!.config.descriptor.digest);
    expect(summary?.size).toBe(sum(images.flatMap(({ config, layers }) => [config, ...layers])));
  }
});

test('an index without the image for this machine shows the first that is here', async () => {
  const store = await newStore();
  const { index, images } = indexOf([AMD64, ARM64]);
  const arm = images[1]!;
  await put(store, [...arm.blobs, index], 'multi');
  const [summary] = await store.summaries();
  expect(summary?.id).toBe(arm.config.descriptor.digest);
  expect(summary?.size).toBe(sum([arm.config, ...arm.layers]));
  expect(summary?.platforms).toMatchObject([
    { platform: AMD64, present: false, size: 0 },
    { platform: ARM64, present: true },
  ]);
});

test('an index of which nothing is here shows itself', async () => {
  const store = await newStore();
  const { index } = indexOf();
  await put(store, [index], 'multi');
  expect(await store.summaries()).toMatchObject([{ id: index.descriptor.digest, size: 0, created: undefined }]);
});

test('the platforms of a nested index are those of its images', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  const outer = blobOf(buildIndex({ manifests: [index.descriptor] }), MEDIA_TYPES.ociIndex);
  await put(store, [...images.flatMap(({ blobs }) => blobs), index, outer], 'nested');
  expect((await store.summaries())[0]?.platforms.map(({ platform }) => platform)).toMatchObject([AMD64, ARM64]);
});

test('content that is no image shows its digest', async () => {
  const store = await newStore();
  const thing = blobOf('thing', 'application/x-thing');
  await put(store, [thing], 'thing');
  expect(await store.summaries()).toMatchObject([{ id: thing.descriptor.digest, size: 0 }]);
});

test('an image whose config has gone is still listed', async () => {
  const store = await newStore();
  const image = imageOf();
  await put(store, image.blobs, 'a');
  expect((await store.summaries())[0]?.platforms).toHaveLength(1);
});

test('the list is sorted by time, then by name; those without a time come last', async () => {
  const store = await newStore();
  const made = { b: '2024-01-02T00:00:00Z', a: '2024-01-02T00:00:00Z', c: 'yesterday', d: '2025-01-01T00:00:00Z' };
  for (const [name, created] of Object.entries(made)) await putImage(store, name, { created, layers: [name] });
  await putImage(store, undefined, { created: made.a, layers: ['nameless'] });
  const list = await store.summaries();
  expect(list.map(({ name }) => name?.slice('docker.io/library/'.length))).toEqual([
    'd:latest',
    'a:latest',
    'b:latest',
    undefined,
    'c:latest',
  ]);
  expect(list.map(({ time }) => time)).toEqual(
    [made.d, made.a, made.b, made.a, '1970-01-01'].map((text) => Date.parse(text)),
  );
});
