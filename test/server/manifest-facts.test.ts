import { describe, expect, test } from 'vitest';
import { manifestFacts } from '../../src/server/manifest-facts.ts';
import { wireAnswer } from '../../src/server/wire.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { bytesOf } from '../helpers/served.ts';

const pointer = (mediaType: string, text = mediaType): object => ({
  mediaType,
  digest: digestOf(text),
  size: text.length,
});
const config = pointer(MEDIA_TYPES.ociConfig);
const layer = pointer(MEDIA_TYPES.ociLayerGzip);
const image = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [layer] };
const UNKNOWN = 'application/vnd.example+json';

function digestsOf(document: unknown, type?: string): string[] {
  return manifestFacts(bytesOf(document), type).needs.map(({ digest }) => digest);
}

async function refusalOf(document: unknown, type?: string): Promise<string> {
  const answer = wireAnswer(await hubErrorFrom(() => manifestFacts(bytesOf(document), type)));
  const [error] = (JSON.parse(answer.body) as { errors: { code: string; message: string }[] }).errors;
  expect([answer.status, error?.code]).toEqual([400, 'MANIFEST_INVALID']);
  return error?.message ?? '';
}

describe('known types', () => {
  test('an image needs its config and layers', () => {
    const facts = manifestFacts(bytesOf(image), MEDIA_TYPES.ociManifest);
    expect(facts.mediaType).toBe(MEDIA_TYPES.ociManifest);
    expect(facts.needs.map(({ digest }) => digest)).toEqual([
      digestOf(MEDIA_TYPES.ociConfig),
      digestOf(MEDIA_TYPES.ociLayerGzip),
    ]);
  });

  test('an index needs its manifests', () => {
    const manifests = [pointer(MEDIA_TYPES.ociManifest)];
    expect(digestsOf({ schemaVersion: 2, manifests }, MEDIA_TYPES.ociIndex)).toEqual([
      digestOf(MEDIA_TYPES.ociManifest),
    ]);
    expect(digestsOf({ schemaVersion: 2, manifests }, MEDIA_TYPES.dockerList)).toEqual([
      digestOf(MEDIA_TYPES.ociManifest),
    ]);
  });

  test('a subject is not needed', () => {
    const subject = pointer(MEDIA_TYPES.ociManifest);
    const facts = manifestFacts(bytesOf({ ...image, subject }), MEDIA_TYPES.ociManifest);
    expect(facts.subject?.digest).toBe(digestOf(MEDIA_TYPES.ociManifest));
    expect(facts.needs).toHaveLength(2);
  });

  test('layers that may live elsewhere are not needed', () => {
    const foreign = pointer('application/vnd.oci.image.layer.nondistributable.v1.tar');
    expect(digestsOf({ ...image, layers: [foreign] }, MEDIA_TYPES.ociManifest)).toEqual([
      digestOf(MEDIA_TYPES.ociConfig),
    ]);
  });

  test('the artifact type is its own, else that of the config', () => {
    expect(manifestFacts(bytesOf(image), MEDIA_TYPES.ociManifest).artifactType).toBe(MEDIA_TYPES.ociConfig);
    const typed = { ...image, artifactType: 'a/b', annotations: { c: 'd' } };
    expect(manifestFacts(bytesOf(typed), MEDIA_TYPES.ociManifest)).toMatchObject({
      artifactType: 'a/b',
      annotations: { c: 'd' },
    });
  });

  test.each([undefined, '', 'application/json', 'Application/JSON; charset=utf-8'])(
    'announced as %s, it is what it says it is',
    (type) => {
      expect(manifestFacts(bytesOf(image), type).mediaType).toBe(MEDIA_TYPES.ociManifest);
    },
  );

  test('parameters of the announced type do not count', () => {
    expect(manifestFacts(bytesOf(image), `${MEDIA_TYPES.ociManifest}; charset=utf-8`).mediaType).toBe(
      MEDIA_TYPES.ociManifest,
    );
  });

  test.each<[string, unknown, string | undefined]>([
    ['an image announced as an index', image, MEDIA_TYPES.ociIndex],
    ['an index with layers', { schemaVersion: 2, manifests: [], layers: [], config }, MEDIA_TYPES.ociIndex],
    ['an image with manifests', { ...image, manifests: [] }, MEDIA_TYPES.ociManifest],
    ['an image without a config', { schemaVersion: 2, layers: [] }, MEDIA_TYPES.ociManifest],
    ['a layer without a size', { ...image, layers: [{ ...layer, size: undefined }] }, MEDIA_TYPES.ociManifest],
    ['a layer of a negative size', { ...image, layers: [{ ...layer, size: -1 }] }, MEDIA_TYPES.ociManifest],
    [
      'a digest that leads elsewhere',
      { ...image, config: { ...config, digest: 'sha256:../x' } },
      MEDIA_TYPES.ociManifest,
    ],
    ['schema version 1', { ...image, schemaVersion: 1 }, MEDIA_TYPES.ociManifest],
    [
      'a signed manifest of old',
      { schemaVersion: 1, fsLayers: [], history: [], signatures: [] },
      MEDIA_TYPES.dockerSchema1Signed,
    ],
    ['something else without a type', { hello: 1 }, undefined],
    ['text', 'hello', MEDIA_TYPES.ociManifest],
  ])('%s is refused', async (_, document, type) => {
    expect(await refusalOf(document, type)).not.toBe('');
  });

  test('digests that nobody could verify are refused, of layers and of the subject', async () => {
    const strange = { ...layer, digest: `blake3:${'a'.repeat(64)}` };
    for (const more of [{ layers: [strange] }, { subject: strange }]) {
      expect(await refusalOf({ ...image, ...more }, MEDIA_TYPES.ociManifest)).toContain('cannot be verified');
    }
  });
});

describe('unknown types', () => {
  test('need what they list as known types would', () => {
    const document = { config, layers: [layer], blobs: [pointer('b')], manifests: [pointer('m')] };
    expect(digestsOf(document, UNKNOWN)).toEqual(
      [MEDIA_TYPES.ociConfig, MEDIA_TYPES.ociLayerGzip, 'b', 'm'].map((text) => digestOf(text)),
    );
    expect(manifestFacts(bytesOf(document), UNKNOWN).mediaType).toBe(UNKNOWN);
  });

  test('may use the same fields for something else', () => {
    expect(digestsOf({ layers: ['a', 1, null, {}], config: 'x', manifests: { a: 1 }, blobs: 7 }, UNKNOWN)).toEqual([]);
  });

  test('have subject, artifact type and annotations', () => {
    const document = { config, subject: pointer('s'), annotations: { a: 'b', c: 1 } };
    expect(manifestFacts(bytesOf(document), UNKNOWN)).toMatchObject({
      subject: { digest: digestOf('s') },
      artifactType: MEDIA_TYPES.ociConfig,
      annotations: { a: 'b' },
    });
    expect(manifestFacts(bytesOf({ ...document, artifactType: 'x/y' }), UNKNOWN).artifactType).toBe('x/y');
  });

  test.each<[string, unknown]>([
    ['an array', []],
    ['no JSON', '{'],
    ['a descriptor with a bad digest', { layers: [{ ...layer, digest: 'sha256:1' }] }],
    ['a subject that is none', { subject: { digest: digestOf('x') } }],
    ['a digest that nobody could verify', { blobs: [{ ...layer, digest: 'md5:00' }] }],
  ])('are refused: %s', async (_, document) => {
    expect(await refusalOf(document, UNKNOWN)).not.toBe('');
  });
});
