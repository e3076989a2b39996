import { expect, test } from 'vitest';
import type { ManifestFacts } from '../../../src/endpoints/store/facts.ts';
import { hasBlob, isChild, keep, unkeep } from '../../../src/endpoints/store/kept-facts.ts';

const FACTS: ManifestFacts = {
  manifests: [{ digest: 'sha256:cc', size: 9, mediaType: 'a/b', attestation: true }],
  blobs: [
    { digest: 'sha256:aa', size: 100 },
    { digest: 'sha256:bb', size: 20, optional: true },
    { digest: 'sha256:bb', size: 20, optional: true },
  ],
  id: 'sha256:aa',
  created: '2024-01-02T03:04:05Z',
  platform: { os: 'linux', architecture: 'arm64' },
  subject: 'sha256:dd',
};

function roundTrip(facts: ManifestFacts): ManifestFacts {
  return unkeep(keep(facts));
}

test('facts come back as they were', () => {
  const { manifests, blobs, id, created, platform, subject } = roundTrip(FACTS);
  expect({ manifests, blobs, id, created, platform, subject }).toEqual(FACTS);
});

test('the sum of the blobs, each once, and the config come with them', () => {
  expect(roundTrip(FACTS)).toMatchObject({ size: 120, config: { digest: 'sha256:aa', size: 100 } });
});

test('facts that were read are written again as they stand in the file', () => {
  const read = roundTrip(FACTS);
  expect(keep(read)).toBe(keep(FACTS));
});

test('a manifest without blobs, and one without a config, are no trouble', () => {
  expect(roundTrip({ manifests: [], blobs: [] }).blobs).toEqual([]);
  expect(roundTrip({ manifests: [], blobs: FACTS.blobs }).config).toBeUndefined();
});

test('facts know their blobs and their manifests, read or not, and nothing else', () => {
  for (const facts of [FACTS, roundTrip(FACTS)]) {
    const digests = ['aa', 'bb', 'cc', 'dd', 'ee'].map((hex) => `sha256:${hex}`);
    expect(digests.filter((digest) => hasBlob(facts, digest))).toEqual(['sha256:aa', 'sha256:bb']);
    expect(digests.filter((digest) => isChild(facts, digest))).toEqual(['sha256:cc']);
  }
});
