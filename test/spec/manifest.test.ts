import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { childrenOf, MANIFEST_LIMIT, parseManifest, sniffManifestType } from '../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';

const T = MEDIA_TYPES;

function descriptor(mediaType: string, digit = '0'): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: `sha256:${digit.repeat(64)}`, size: 7 };
}

const CONFIG = descriptor(T.ociConfig, 'c');
const LAYERS = [descriptor(T.ociLayerGzip, '1'), descriptor(T.ociLayerZstd, '2')];
const IMAGE = { schemaVersion: 2, mediaType: T.ociManifest, config: CONFIG, layers: LAYERS };
const ENTRIES = [
  { ...descriptor(T.ociManifest, '3'), platform: { os: 'linux', architecture: 'amd64' } },
  descriptor(T.dockerList, '4'),
  descriptor('application/x-unknown', '5'),
];
const INDEX = { schemaVersion: 2, mediaType: T.ociIndex, manifests: ENTRIES };
const ARTIFACT = { mediaType: T.ociArtifact, artifactType: 'x/y', blobs: LAYERS, subject: ENTRIES[0] };
const SCHEMA1 = { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [{ blobSum: CONFIG.digest }], history: [] };

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

function without(value: object, field: string): object {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== field));
}

function refusal(value: unknown, mediaType?: string): HubError {
  try {
    parseManifest(bytesOf(value), mediaType);
  } catch (error) {
    if (HubError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('parseManifest', () => {
  test('reads an image', () => {
    const manifest = parseManifest(bytesOf({ ...IMAGE, annotations: { a: 'b' }, artifactType: 'x/y' }));
    expect(manifest).toMatchObject({ kind: 'image', mediaType: T.ociManifest, config: CONFIG, layers: LAYERS });
    expect(manifest).toMatchObject({ manifests: [], annotations: { a: 'b' }, artifactType: 'x/y' });
  });

  test('reads an index with its platforms in order', () => {
    const manifest = parseManifest(bytesOf(INDEX), T.ociIndex);
    expect(manifest).toMatchObject({ kind: 'index', mediaType: T.ociIndex, layers: [], manifests: ENTRIES });
    expect(manifest.config).toBeUndefined();
  });

  test('reads an artifact manifest, whose blobs are its layers', () => {
    const manifest = parseManifest(bytesOf(ARTIFACT));
    expect(manifest).toMatchObject({ kind: 'artifact', layers: LAYERS, artifactType: 'x/y' });
    expect(manifest.subject).toMatchObject({ digest: ENTRIES[0]?.digest });
  });

  test('recognises schema 1, signed and unsigned', () => {
    expect(parseManifest(bytesOf(SCHEMA1))).toMatchObject({ kind: 'schema1', mediaType: T.dockerSchema1, layers: [] });
    expect(parseManifest(bytesOf({ ...SCHEMA1, signatures: [{}] })).mediaType).toBe(T.dockerSchema1Signed);
    expect(parseManifest(bytesOf(SCHEMA1), T.dockerSchema1Signed).mediaType).toBe(T.dockerSchema1Signed);
  });

  test('keeps unknown fields and media types of content out of the way', () => {
    const odd = {
      ...IMAGE,
      config: descriptor('application/x-odd'),
      layers: [descriptor('x/y')],
      blobs: [],
      other: {},
    };
    expect(parseManifest(bytesOf(odd)).layers[0]?.mediaType).toBe('x/y');
  });

  test('takes lists that are null, or layers that are missing, as empty', () => {
    expect(parseManifest(bytesOf({ ...IMAGE, layers: null })).layers).toEqual([]);
    expect(parseManifest(bytesOf(without(IMAGE, 'layers'))).layers).toEqual([]);
    expect(parseManifest(bytesOf({ ...INDEX, manifests: null })).manifests).toEqual([]);
    expect(parseManifest(bytesOf({ ...INDEX, layers: null, config: null })).kind).toBe('index');
    expect(parseManifest(bytesOf({ ...IMAGE, subject: null, annotations: null })).subject).toBeUndefined();
  });

  test.each([
    [T.ociManifest, T.ociManifest],
    [`${T.ociManifest}; charset=utf-8`, T.ociManifest],
    ['text/plain', T.ociManifest],
    ['', T.ociManifest],
    ['application/json', T.ociManifest],
  ])('announced as %j it is %s', (announced, expected) => {
    expect(parseManifest(bytesOf(IMAGE), announced).mediaType).toBe(expected);
  });

  test('what was announced counts when the body says nothing known', () => {
    const silent = without(IMAGE, 'mediaType');
    expect(parseManifest(bytesOf(silent), T.dockerManifest).mediaType).toBe(T.dockerManifest);
    expect(parseManifest(bytesOf({ ...silent, mediaType: 'x/y' }), T.dockerManifest).mediaType).toBe(T.dockerManifest);
    expect(parseManifest(bytesOf(silent)).mediaType).toBe(T.ociManifest);
  });

  test('refuses a body that says something else than was announced', () => {
    expect(refusal(IMAGE, T.dockerManifest)).toMatchObject({
      code: 'CONTENT_INVALID',
      message: `manifest says it is ${T.ociManifest} but was announced as ${T.dockerManifest}`,
    });
  });

  const both = { schemaVersion: 2, config: CONFIG, layers: LAYERS, manifests: ENTRIES };
  test.each([
    [both, undefined],
    [both, T.ociManifest],
    [both, T.ociIndex],
    [both, T.dockerManifest],
    [both, T.dockerList],
    [{ ...both, mediaType: T.ociIndex }, undefined],
    [{ ...both, mediaType: T.ociManifest }, T.ociManifest],
    [{ ...IMAGE, manifests: [] }, undefined],
    [{ ...INDEX, layers: [] }, undefined],
    [{ ...INDEX, config: {} }, undefined],
    [{ ...ARTIFACT, manifests: ENTRIES }, undefined],
    [{ ...ARTIFACT, layers: LAYERS }, undefined],
    [{ ...SCHEMA1, layers: LAYERS }, undefined],
    [{ ...IMAGE, fsLayers: [] }, undefined],
    [without(INDEX, 'mediaType'), T.ociManifest],
    [without(IMAGE, 'mediaType'), T.ociIndex],
    [{ ...IMAGE, Layers: [] }, undefined],
    [{ ...IMAGE, MediaType: T.ociIndex }, undefined],
    [{ ...IMAGE, ManiFests: ENTRIES }, undefined],
  ])('refuses what can be read in two ways: %j as %s', (value, announced) => {
    expect(refusal(value, announced)).toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining('ambiguous') as string,
    });
  });

  test.each([
    [{ ...IMAGE, schemaVersion: 1 }, 'needs schemaVersion 2, not 1'],
    [{ ...IMAGE, schemaVersion: '2' }, 'needs schemaVersion 2, not string'],
    [without(IMAGE, 'schemaVersion'), 'needs schemaVersion 2, not undefined'],
    [{ ...INDEX, schemaVersion: 3 }, 'needs schemaVersion 2, not 3'],
    [{ ...SCHEMA1, schemaVersion: 2 }, 'needs schemaVersion 1, not 2'],
    [{ ...ARTIFACT, schemaVersion: 1 }, 'needs schemaVersion 2, not 1'],
    [without(IMAGE, 'config'), 'neither an image manifest nor an index', 'without'],
    [{ ...IMAGE, config: [] }, 'manifest config is not an object'],
    [{ ...IMAGE, layers: {} }, 'manifest has no list of layers'],
    [{ ...IMAGE, layers: [null] }, 'manifest layers[0] is not an object'],
    [{ ...IMAGE, layers: [...LAYERS, { ...CONFIG, size: -1 }] }, 'manifest layers[2] has no valid size'],
    [without(INDEX, 'manifests'), 'manifest has no list of manifests'],
    [{ ...INDEX, manifests: [{ ...CONFIG, digest: 'sha256:../..' }] }, 'manifest manifests[0] has no valid digest'],
    [{ ...IMAGE, subject: 'x' }, 'manifest subject is not an object'],
    [{ ...SCHEMA1, fsLayers: [{ blobSum: 'x' }] }, 'manifest fsLayers is not a list of digests'],
    ['[]', 'manifest is not a JSON object'],
    ['null', 'manifest is not a JSON object'],
    ['"x"', 'manifest is not a JSON object'],
    ['', 'manifest is not valid JSON'],
    ['<html></html>', 'manifest is not valid JSON'],
    ['{"schemaVersion":2,"size":NaN}', 'manifest is not valid JSON'],
    [`${JSON.stringify(IMAGE)}x`, 'manifest is not valid JSON'],
  ])('refuses %j', (value, message, how?: string) => {
    const error = refusal(how === 'without' ? without(value as object, 'mediaType') : value);
    expect(error.message).toContain(message);
    expect(error.code).toBe(how === 'without' ? 'UNSUPPORTED' : 'CONTENT_INVALID');
  });

  test('names the type of a document of another kind', () => {
    expect(refusal({ schemaVersion: 2, mediaType: 'x/y' }, 'a/b')).toMatchObject({
      code: 'UNSUPPORTED',
      message: 'content of type x/y is neither an image manifest nor an index',
    });
    expect(refusal({ errors: [] }, 'application/json').message).toContain('of type application/json is');
  });

  test('refuses bytes that are no UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'CONTENT_INVALID' }));
  });

  test('refuses deep nesting', () => {
    expect(refusal('['.repeat(100_000)).message).toContain('manifest is nested deeper than');
  });

  test('refuses more than 4 MiB', () => {
    expect(sniffManifestType(bytesOf(JSON.stringify(IMAGE).padEnd(MANIFEST_LIMIT + 1)))).toBeUndefined();
    expect(refusal(' '.repeat(MANIFEST_LIMIT + 1)).message).toBe('manifest is larger than 4194304 bytes');
    expect(parseManifest(bytesOf(JSON.stringify(IMAGE).padEnd(MANIFEST_LIMIT))).kind).toBe('image');
  });

  test('refuses more than 100,000 descriptors without looking at them', () => {
    const list = JSON.stringify(Array.from({ length: 100_001 }, () => 0));
    expect(refusal(`{"schemaVersion":2,"manifests":${list}}`).message).toBe(
      'manifest has 100001 manifests, at most 100000 are read',
    );
    expect(refusal(`{"schemaVersion":1,"fsLayers":${list}}`).code).toBe('CONTENT_INVALID');
  });

  test('a hostile key cannot change other objects', () => {
    parseManifest(bytesOf(JSON.stringify(IMAGE).replace('{', '{"__proto__":{"polluted":true},"constructor":{},')));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('throws nothing but HubError for any JSON and any type', () => {
    const leaf = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(1, 2, ...Object.values(T), CONFIG, LAYERS, ENTRIES));
    const field = fc.constantFrom(
      'schemaVersion',
      'mediaType',
      'config',
      'layers',
      'manifests',
      'blobs',
      'fsLayers',
      'subject',
      '__proto__',
    );
    const nearly = fc.array(fc.tuple(field, leaf)).map((entries) => Object.fromEntries(entries) as object);
    const patched = fc
      .tuple(fc.constantFrom(IMAGE, INDEX, ARTIFACT, SCHEMA1), nearly)
      .map(([base, patch]) => ({ ...base, ...patch }));
    const type = fc.option(fc.oneof(fc.constantFrom(...Object.values(T)), fc.string()), { nil: undefined });
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearly, patched), type, (value, announced) => {
        const bytes = bytesOf(JSON.stringify(value));
        try {
          const manifest = parseManifest(bytes, announced);
          expect(childrenOf(manifest).every((child) => child.descriptor.size >= 0)).toBe(true);
        } catch (error) {
          expect(HubError.is(error)).toBe(true);
        }
        sniffManifestType(bytes);
      }),
      { numRuns: 1500 },
    );
  });

  test('throws nothing but HubError for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ name: 'HubError' }));
        expect(sniffManifestType(bytes)).toBeUndefined();
      }),
    );
  });
});

describe('childrenOf', () => {
  test('an image has its config, then its layers', () => {
    expect(childrenOf(parseManifest(bytesOf(IMAGE))).map(({ kind, descriptor: { digest } }) => [kind, digest])).toEqual(
      [
        ['config', CONFIG.digest],
        ['layer', LAYERS[0]?.digest],
        ['layer', LAYERS[1]?.digest],
      ],
    );
  });

  test('an index has manifests, indexes, and blobs of unknown type', () => {
    expect(childrenOf(parseManifest(bytesOf(INDEX))).map(({ kind }) => kind)).toEqual(['manifest', 'index', 'blob']);
  });

  test('an artifact has blobs, and its subject is none of them', () => {
    expect(childrenOf(parseManifest(bytesOf(ARTIFACT))).map(({ kind }) => kind)).toEqual(['blob', 'blob']);
  });
});

describe('sniffManifestType', () => {
  test.each([
    [IMAGE, T.ociManifest],
    [{ ...IMAGE, mediaType: T.dockerManifest }, T.dockerManifest],
    [without(IMAGE, 'mediaType'), T.ociManifest],
    [{ schemaVersion: 2, config: descriptor(T.dockerConfig), layers: [] }, T.dockerManifest],
    [{ schemaVersion: 2, config: descriptor('x/y'), layers: [] }, T.ociManifest],
    [without(INDEX, 'mediaType'), T.ociIndex],
    [without(ARTIFACT, 'mediaType'), T.ociArtifact],
    [SCHEMA1, T.dockerSchema1],
    [{ ...SCHEMA1, signatures: [] }, T.dockerSchema1Signed],
    [{ mediaType: 'x/y' }, undefined],
    [{}, undefined],
    [[], undefined],
    ['<!doctype html>', undefined],
    ['', undefined],
  ])('of %j', (value, expected) => {
    expect(sniffManifestType(bytesOf(value))).toBe(expected);
  });
});
