import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildImageConfig, buildIndex, buildManifest } from '../../src/spec/build.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { parseImageConfig } from '../../src/spec/image-config.ts';
import { parseManifest } from '../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const CONFIG = { mediaType: MEDIA_TYPES.ociConfig, digest: DIGEST, size: 2 };
const LAYER = { mediaType: MEDIA_TYPES.ociLayerGzip, digest: DIGEST, size: 3 };

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

describe('buildManifest', () => {
  test('writes the fields in fixed order without blanks or a final line feed', () => {
    const bytes = buildManifest({ layers: [LAYER], config: CONFIG, annotations: { b: '2', a: '1' } });
    expect(text(bytes)).toBe(
      `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.ociManifest}",` +
        `"config":{"mediaType":"${MEDIA_TYPES.ociConfig}","digest":"${DIGEST}","size":2},` +
        `"layers":[{"mediaType":"${MEDIA_TYPES.ociLayerGzip}","digest":"${DIGEST}","size":3}],` +
        '"annotations":{"a":"1","b":"2"}}',
    );
  });

  test('is read back as it was meant', () => {
    const parts = { config: CONFIG, layers: [LAYER], artifactType: 'x/y', subject: { ...CONFIG, size: 9 } };
    expect(parseManifest(buildManifest({ ...parts, mediaType: MEDIA_TYPES.dockerManifest }))).toEqual({
      kind: 'image',
      mediaType: MEDIA_TYPES.dockerManifest,
      manifests: [],
      ...parts,
    });
  });
});

describe('buildIndex', () => {
  test('keeps every known field of its entries', () => {
    const entry = {
      mediaType: MEDIA_TYPES.ociManifest,
      digest: DIGEST,
      size: 5,
      urls: ['https://example.com/x'],
      annotations: { z: '1', a: '2' },
      platform: { os: 'windows', architecture: 'arm', variant: 'v7', osVersion: '10', osFeatures: ['win32k'] },
      artifactType: 'x/y',
      data: 'e30=',
    };
    const bytes = buildIndex({ manifests: [entry], annotations: { k: 'v' } });
    expect(parseManifest(bytes)).toEqual({
      kind: 'index',
      mediaType: MEDIA_TYPES.ociIndex,
      layers: [],
      manifests: [entry],
      annotations: { k: 'v' },
    });
    expect(text(bytes)).toContain(
      '"platform":{"architecture":"arm","os":"windows","os.version":"10","os.features":["win32k"],"variant":"v7"}',
    );
  });

  test('an empty index has an empty list', () => {
    expect(text(buildIndex({ manifests: [], mediaType: MEDIA_TYPES.dockerList }))).toBe(
      `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.dockerList}","manifests":[]}`,
    );
  });
});

describe('buildImageConfig', () => {
  const parts = {
    platform: { os: 'linux', architecture: 'amd64' },
    created: '1970-01-01T00:00:00Z',
    author: 'a',
    diffIds: [DIGEST],
    history: [
      { createdBy: 'COPY', emptyLayer: false },
      { created: '1970-01-01T00:00:00Z', comment: 'c', emptyLayer: true },
    ],
    config: {
      Env: ['A=b'],
      Labels: { b: '1', a: '2' },
      ExposedPorts: { '80/tcp': {} },
      Healthcheck: { Test: ['NONE'] },
    },
  };

  test('is read back as it was meant', () => {
    expect(parseImageConfig(buildImageConfig(parts))).toEqual(parts);
  });

  test('writes the fields in the order of the specification', () => {
    expect(text(buildImageConfig(parts))).toBe(
      '{"created":"1970-01-01T00:00:00Z","author":"a","architecture":"amd64","os":"linux",' +
        '"config":{"ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Labels":{"a":"2","b":"1"},"Healthcheck":{"Test":["NONE"]}},' +
        `"rootfs":{"type":"layers","diff_ids":["${DIGEST}"]},` +
        '"history":[{"created_by":"COPY"},{"created":"1970-01-01T00:00:00Z","comment":"c","empty_layer":true}]}',
    );
  });

  test('needs no more than a platform and layers', () => {
    expect(text(buildImageConfig({ platform: parts.platform, diffIds: [] }))).toBe(
      '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}',
    );
  });

  test('the same labels in any order give the same digest', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (labels) => {
        const digestFor = (Labels: Record<string, string>): string =>
          digestOf(buildImageConfig({ ...parts, config: { Labels } }));
        const reversed = Object.fromEntries(Object.entries(labels).reverse());
        expect(digestFor(reversed)).toBe(digestFor(labels));
      }),
    );
  });
});
