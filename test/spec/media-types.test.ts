import { describe, expect, test } from 'vitest';
import {
  isAttestation,
  isConfigType,
  isImageManifestType,
  isIndexType,
  isLayerType,
  isManifestType,
  isNonDistributable,
  isSchema1Type,
  layerCompression,
  MANIFEST_ACCEPT,
  MEDIA_TYPES,
  sniffCompression,
} from '../../src/spec/media-types.ts';

const ALL = Object.values(MEDIA_TYPES);

describe('media types', () => {
  test('two kinds of document are indexes', () => {
    expect(ALL.filter(isIndexType)).toEqual([MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerList]);
  });

  test('manifests of every generation are manifests', () => {
    const { ociManifest, ociArtifact, dockerManifest, dockerSchema1, dockerSchema1Signed } = MEDIA_TYPES;
    expect(ALL.filter(isImageManifestType)).toEqual([
      ociManifest,
      ociArtifact,
      dockerManifest,
      dockerSchema1,
      dockerSchema1Signed,
    ]);
    expect(ALL.filter(isSchema1Type)).toEqual([dockerSchema1, dockerSchema1Signed]);
    expect(ALL.filter(isManifestType)).toHaveLength(7);
  });

  test('the configs of images and plugins are configs, those of artifacts are not', () => {
    const { ociConfig, dockerConfig, dockerPlugin } = MEDIA_TYPES;
    expect(ALL.filter(isConfigType)).toEqual([ociConfig, dockerConfig, dockerPlugin]);
    expect(isConfigType('application/vnd.cncf.helm.config.v1+json')).toBe(false);
  });

  test('every layer type is a layer, encrypted or not', () => {
    const layers = ALL.filter((type) => type.includes('diff.tar') || type.includes('layer.v1'));
    expect(ALL.filter(isLayerType)).toEqual(layers);
    expect(layers.map((type) => isLayerType(`${type}+encrypted`))).toEqual(layers.map(() => true));
  });

  test.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.foreign.diff.tar',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ])('%s is a layer that is not distributed', (type) => {
    expect([isLayerType(type), isNonDistributable(type)]).toEqual([true, true]);
  });

  test.each([MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.dockerLayer, 'application/x'])('%s may be distributed', (type) => {
    expect(isNonDistributable(type)).toBe(false);
  });

  test('the Accept header names five types in one line without a wildcard', () => {
    expect(MANIFEST_ACCEPT.split(', ').toSorted()).toEqual(
      ALL.filter((type) => isManifestType(type) && !isSchema1Type(type)).toSorted(),
    );
  });

  test.each([
    ['application/vnd.oci.image.layer.v1.tar', 'none'],
    ['application/vnd.oci.image.layer.v1.tar+gzip', 'gzip'],
    ['application/vnd.oci.image.layer.v1.tar+zstd', 'zstd'],
    ['application/vnd.docker.image.rootfs.diff.tar', 'none'],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'gzip'],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'gzip'],
    ['application/vnd.cncf.helm.chart.content.v1.tar+gzip', 'gzip'],
    ['application/vnd.oci.image.layer.v1.tar+gzip+encrypted', undefined],
    ['application/octet-stream', undefined],
    ['application/vnd.in-toto+json', undefined],
    ['', undefined],
  ])('content of type %s has compression %s', (type, expected) => {
    expect(layerCompression(type)).toBe(expected);
  });
});

describe('sniffCompression', () => {
  test.each([
    ['gzip', [0x1f, 0x8b, 8]],
    ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
    ['zstd', [0x50, 0x2a, 0x4d, 0x18]],
    ['zstd', [0x5f, 0x2a, 0x4d, 0x18, 1, 2, 3]],
    ['bzip2', [0x42, 0x5a, 0x68, 0x39]],
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
    ['none', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
    ['none', [0x60, 0x2a, 0x4d, 0x18]],
    ['none', [0x1f]],
    ['none', [0x2e, 0x2f, 0, 0, 0, 0]],
    ['none', []],
  ] as const)('%s begins with %j', (expected, bytes) => {
    expect(sniffCompression(Uint8Array.from(bytes))).toBe(expected);
  });
});

describe('isAttestation', () => {
  const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: `sha256:${'0'.repeat(64)}`, size: 1 };

  test('goes by the annotation', () => {
    expect(isAttestation(descriptor)).toBe(false);
    expect(isAttestation({ ...descriptor, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } })).toBe(
      true,
    );
    expect(isAttestation({ ...descriptor, annotations: { 'vnd.docker.reference.type': 'other' } })).toBe(false);
  });
});
