import { describe, expect, test } from 'vitest';
import type { ManifestFacts, ReadBytes } from '../../../src/endpoints/store/facts.ts';
import {
  imagesOf,
  learn,
  learnNew,
  missingFrom,
  reach,
  type FactsByDigest,
} from '../../../src/endpoints/store/graph.ts';
import { HubError } from '../../../src/errors.ts';
import { buildIndex } from '../../../src/spec/build.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { blobOf, imageOf, indexOf, type Blob } from '../../helpers/stores.ts';

function reader(blobs: readonly Blob[], read: string[] = []): ReadBytes {
  return async ({ digest }) => {
    read.push(digest);
    const found = blobs.find(({ descriptor }) => descriptor.digest === digest);
    if (found) return found.bytes;
    throw new HubError('NOT_FOUND', 'not here');
  };
}

const digests = (blobs: readonly Blob[]): string[] => blobs.map(({ descriptor }) => descriptor.digest);

describe('learn', () => {
  test('notes every manifest of a root that is here', async () => {
    const { index, images } = indexOf();
    const facts: FactsByDigest = new Map();
    const [here] = images;
    expect(await learn(facts, index.descriptor, reader([index, ...here!.blobs]))).toBe(true);
    expect([...facts.keys()]).toEqual(digests([index, here!.manifest]));
    expect(await learn(facts, index.descriptor, reader([index, ...here!.blobs]))).toBe(false);
  });

  test('drops what has gone since', async () => {
    const { index, images } = indexOf();
    const facts: FactsByDigest = new Map();
    await learn(facts, index.descriptor, reader([index, ...images.flatMap(({ blobs }) => blobs)]));
    expect(await learn(facts, index.descriptor, reader([index]))).toBe(true);
    expect([...facts.keys()]).toEqual(digests([index]));
  });

  test('ends in an index that is nested too deeply', async () => {
    const blobs: Blob[] = [imageOf().manifest];
    for (let depth = 0; depth < 12; depth += 1) {
      blobs.push(blobOf(buildIndex({ manifests: [blobs.at(-1)!.descriptor] }), MEDIA_TYPES.ociIndex));
    }
    const facts: FactsByDigest = new Map();
    await learn(facts, blobs.at(-1)!.descriptor, reader(blobs));
    expect(facts.size).toBe(9);
  });

  test('learnNew leaves roots alone that are known', async () => {
    const image = imageOf();
    const facts: FactsByDigest = new Map();
    const read: string[] = [];
    const roots = [image.manifest];
    expect(await learnNew(facts, roots, reader(image.blobs, read))).toBe(true);
    expect(await learnNew(facts, roots, reader(image.blobs, read))).toBe(false);
    expect(read).toEqual(digests([image.manifest, image.config]));
  });
});

test('reach gives parents before children, without manifests that are not here', async () => {
  const { index, images } = indexOf();
  const [here] = images;
  const facts: FactsByDigest = new Map();
  await learn(facts, index.descriptor, reader([index, ...here!.blobs]));
  const expected = digests([index, here!.manifest, here!.config, ...here!.layers]);
  expect([...reach(facts, index.descriptor.digest, new Set())]).toEqual(expected);
});

test('reach ends where indexes refer to each other', () => {
  const ref = (digest: string): ManifestFacts => ({ manifests: [{ digest, size: 1, mediaType: '' }], blobs: [] });
  const facts = new Map([
    ['a', ref('b')],
    ['b', ref('a')],
  ]);
  expect([...reach(facts, 'a', new Set())]).toEqual(['a', 'b']);
  expect(imagesOf(facts, { digest: 'a', size: 1, mediaType: '' })).toEqual([]);
});

describe('missingFrom', () => {
  const check = (present: readonly Blob[], used: readonly Blob[] = []) => ({
    isPresent: async ({ digest }: { digest: string }) => digests(present).includes(digest),
    isUsed: (digest: string) => digests(used).includes(digest),
  });

  test('an image needs its config and layers', async () => {
    const image = imageOf({ layers: ['a', 'b'] });
    const facts: FactsByDigest = new Map();
    await learn(facts, image.manifest.descriptor, reader(image.blobs));
    const here = [image.manifest, image.layers[0]!];
    expect(await missingFrom(facts, image.manifest.descriptor, check(here))).toEqual(
      digests([image.config, image.layers[1]!]),
    );
  });

  test('a root that is not here at all is missing', async () => {
    const { manifest } = imageOf();
    expect(await missingFrom(new Map(), manifest.descriptor, check([]))).toEqual(digests([manifest]));
  });

  test('of an index only those manifests are needed that were brought along', async () => {
    const { index, images } = indexOf();
    const [first, second] = images;
    const facts: FactsByDigest = new Map();
    await learn(facts, index.descriptor, reader([index, ...first!.blobs, ...second!.blobs]));
    const here = [index, first!.manifest, second!.manifest];
    expect(await missingFrom(facts, index.descriptor, check(here, [second!.manifest]))).toEqual(
      digests([second!.config, ...second!.layers]),
    );
  });
});
