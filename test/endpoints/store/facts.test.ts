import { expect, test } from 'vitest';
import { factsOf, type ReadBytes } from '../../../src/endpoints/store/facts.ts';
import { HubError } from '../../../src/errors.ts';
import { ATTESTATION, REFERENCE_TYPE } from '../../../src/spec/annotations.ts';
import { buildIndex } from '../../../src/spec/build.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { AMD64, ARM64, blobOf, imageOf, indexOf, type Blob } from '../../helpers/stores.ts';

function reader(...blobs: readonly Blob[]): ReadBytes {
  return async ({ digest }) => {
    const found = blobs.find(({ descriptor }) => descriptor.digest === digest);
    if (found) return found.bytes;
    throw new HubError('NOT_FOUND', 'not here');
  };
}

test('an image has an ID, a platform, a time, a config and layers', async () => {
  const image = imageOf({ layers: ['a', 'b'], created: '2024-05-06T07:08:09Z', platform: ARM64 });
  expect(await factsOf(image.manifest.descriptor, reader(...image.blobs))).toMatchObject({
    id: image.config.descriptor.digest,
    created: '2024-05-06T07:08:09Z',
    platform: { os: 'linux', architecture: 'arm64' },
    manifests: [],
    blobs: [image.config, ...image.layers].map(({ descriptor: { digest, size } }) => ({ digest, size })),
  });
});

test('an index has manifests with platforms, and marks attestations', async () => {
  const { index, images } = indexOf([AMD64, ARM64]);
  expect((await factsOf(index.descriptor, reader(index)))?.manifests.map(({ platform }) => platform)).toMatchObject([
    AMD64,
    ARM64,
  ]);
  const manifests = [{ ...images[0]!.manifest.descriptor, annotations: { [REFERENCE_TYPE]: ATTESTATION } }];
  const proof = blobOf(buildIndex({ manifests }), MEDIA_TYPES.ociIndex);
  expect((await factsOf(proof.descriptor, reader(proof)))?.manifests).toMatchObject([{ attestation: true }]);
});

test('entries of an index that are no manifests are blobs that may be missing', async () => {
  const leaf = blobOf('leaf', 'application/x-leaf');
  const index = blobOf(buildIndex({ manifests: [leaf.descriptor] }), MEDIA_TYPES.ociIndex);
  const facts = await factsOf(index.descriptor, reader(index));
  expect(facts).toMatchObject({ manifests: [], blobs: [{ digest: leaf.descriptor.digest, optional: true }] });
});

test('a layer that registries do not hand out may be missing', async () => {
  const { manifest } = imageOf({ layerType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' });
  expect((await factsOf(manifest.descriptor, reader(manifest)))?.blobs[1]?.optional).toBe(true);
});

test('a config that is missing leaves the ID known', async () => {
  const image = imageOf();
  const facts = await factsOf(image.manifest.descriptor, reader(image.manifest));
  expect(facts).toMatchObject({ id: image.config.descriptor.digest });
  expect(facts?.created).toBeUndefined();
});

test('a subject is noted', async () => {
  const subject = imageOf().manifest.descriptor;
  const { manifest } = imageOf({ layers: ['about it'], subject });
  expect((await factsOf(manifest.descriptor, reader(manifest)))?.subject).toBe(subject.digest);
});

test.each(['CONTENT_INVALID', 'DIGEST_MISMATCH', 'NOT_FOUND', 'UNSUPPORTED'] as const)(
  'nothing is known of a manifest whose reading ends with %s',
  async (code) => {
    const read = (): Promise<Buffer> => Promise.reject(new HubError(code, 'no'));
    expect(await factsOf(imageOf().manifest.descriptor, read)).toBeUndefined();
  },
);

test('a failing disk is not taken for a missing manifest', async () => {
  const read = (): Promise<Buffer> => Promise.reject(new HubError('STORAGE', 'the device failed'));
  await expect(factsOf(imageOf().manifest.descriptor, read)).rejects.toThrow('the device failed');
});
