import { expect, test } from 'vitest';
import { StoreImages } from '../../src/server/images.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { collect } from '../../src/util/content.ts';
import { newServed } from '../helpers/served.ts';
import { blobOf, imageOf, indexOf, newStore, put, putImage } from '../helpers/stores.ts';

test.each([
  ['alpine', 'library/alpine', 'latest'],
  ['team/app:1', 'team/app', '1'],
  ['ghcr.io/owner/app:v2', 'ghcr.io/owner/app', 'v2'],
  ['localhost:5000/app:x', 'localhost-5000/app', 'x'],
])('%s is offered as %s:%s', async (name, repository, tag) => {
  const store = await newStore();
  const image = await putImage(store, name);
  const images = new StoreImages(store);
  expect(await images.repositories()).toEqual([repository]);
  expect(await images.tags(repository)).toEqual([tag]);
  for (const reference of [tag, image.manifest.descriptor.digest]) {
    const found = await images.manifest(repository, reference);
    expect(found).toMatchObject({ digest: image.manifest.descriptor.digest, mediaType: MEDIA_TYPES.ociManifest });
    expect((await found?.bytes())?.equals(image.manifest.bytes)).toBe(true);
  }
  for (const blob of [image.config, ...image.layers]) {
    const found = await images.blob(repository, blob.descriptor.digest);
    expect(found?.size).toBe(blob.bytes.length);
    expect(found && (await collect(await found.open(), 10_000)).equals(blob.bytes)).toBe(true);
  }
});

test('a part of a blob can be read', async () => {
  const store = await newStore();
  const { config } = await putImage(store, 'app');
  const found = await new StoreImages(store).blob('library/app', config.descriptor.digest);
  const part = found && (await collect(await found.open({ start: 1, end: 5 }), 10));
  expect(part?.equals(config.bytes.subarray(1, 5))).toBe(true);
});

test('content is there only in repositories with an image that has it', async () => {
  const store = await newStore();
  const image = await putImage(store, 'one', { layers: ['one'] });
  await putImage(store, 'two', { layers: ['two'] });
  const images = new StoreImages(store);
  const [layer] = image.layers;
  expect(await images.blob('library/two', layer?.descriptor.digest ?? '')).toBeUndefined();
  expect(await images.manifest('library/two', image.manifest.descriptor.digest)).toBeUndefined();
  expect(await images.blob('library/none', layer?.descriptor.digest ?? '')).toBeUndefined();
  expect(await images.manifest('library/one', 'missing')).toBeUndefined();
  expect(await images.tags('library/none')).toBeUndefined();
});

test('a manifest is not handed out as a blob, nor a blob as a manifest', async () => {
  const store = await newStore();
  const image = await putImage(store, 'app');
  const images = new StoreImages(store);
  expect(await images.blob('library/app', image.manifest.descriptor.digest)).toBeUndefined();
  expect(await images.manifest('library/app', image.config.descriptor.digest)).toBeUndefined();
});

test('images without a name are not offered', async () => {
  const store = await newStore();
  await putImage(store, undefined);
  expect(await new StoreImages(store).repositories()).toEqual([]);
});

test('an index is offered with the platforms that are here, and the others once they come', async () => {
  const store = await newStore();
  const { index, images: platforms } = indexOf();
  const [amd64, arm64] = platforms;
  if (!amd64 || !arm64) throw new Error('two images are needed');
  await put(store, [...amd64.blobs, index], 'app');
  const images = new StoreImages(store);
  const digest = (image: typeof amd64): string => image.manifest.descriptor.digest;
  expect((await images.manifest('library/app', 'latest'))?.mediaType).toBe(MEDIA_TYPES.ociIndex);
  expect((await images.manifest('library/app', digest(amd64)))?.digest).toBe(digest(amd64));
  expect(await images.manifest('library/app', digest(arm64))).toBeUndefined();
  expect(await images.blob('library/app', arm64.config.descriptor.digest)).toBeUndefined();
  await put(store, arm64.blobs, 'arm');
  expect((await images.manifest('library/app', digest(arm64)))?.digest).toBe(digest(arm64));
  expect((await images.blob('library/app', arm64.config.descriptor.digest))?.size).toBe(arm64.config.bytes.length);
});

test('what is said about an image is listed and can be read', async () => {
  const store = await newStore();
  const image = await putImage(store, 'app');
  const signature = imageOf({ layers: ['signature'], subject: image.manifest.descriptor });
  await put(store, signature.blobs, 'ghcr.io/signatures/app');
  const images = new StoreImages(store);
  const listed = await images.referrers('library/app', image.manifest.descriptor.digest);
  expect(listed.map(({ digest }) => digest)).toEqual([signature.manifest.descriptor.digest]);
  expect((await images.manifest('library/app', signature.manifest.descriptor.digest))?.size).toBe(
    signature.manifest.bytes.length,
  );
  expect(await images.referrers('library/app', digestOf('unknown'))).toEqual([]);
});

test('a registry offers them beside its own', async () => {
  const store = await newStore();
  const image = await putImage(store, 'app');
  const served = await newServed({ images: store });
  const own = blobOf('{}');
  await served.pushBlob('own', own.bytes);
  await served.pushManifest('own', 'x', {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { ...own.descriptor, mediaType: MEDIA_TYPES.ociEmpty },
    layers: [],
  });
  const catalog = await served.ask('/v2/_catalog');
  expect(JSON.parse(catalog.body.toString())).toEqual({ repositories: ['library/app', 'own'] });
  const pulled = await served.ask('/v2/library/app/manifests/latest');
  expect([pulled.status, pulled.body.equals(image.manifest.bytes)]).toEqual([200, true]);
  const digest = image.manifest.descriptor.digest;
  expect((await served.ask(`/v2/library/app/manifests/${digest}`, { method: 'DELETE' })).status).toBe(404);
  expect((await served.ask(`/v2/library/app/manifests/${digest}`)).status).toBe(200);
});
