// Do manifests go in and out as the official conformance suite wants it?
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { bytesOf, codesOf, locationOf, newServed, type Answer, type Served } from '../../helpers/served.ts';

const REPOSITORY = 'conf/a';

interface Pointer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function pointer(bytes: Buffer, mediaType: string, algorithm = 'sha256'): Pointer {
  return { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length };
}

interface Parts {
  readonly algorithm?: string;
  readonly layers?: readonly string[];
  readonly layerType?: string;
}

/** An image whose blobs are in the repository; more fields may be given. */
async function image(served: Served, more: object = {}, parts: Parts = {}): Promise<Buffer> {
  const { algorithm = 'sha256', layers = ['layer'], layerType = MEDIA_TYPES.ociLayer } = parts;
  const put = async (text: string, mediaType: string): Promise<Pointer> => {
    await served.pushBlob(REPOSITORY, text, algorithm);
    return pointer(Buffer.from(text), mediaType, algorithm);
  };
  const config = await put('{"architecture":"amd64","os":"linux"}', MEDIA_TYPES.ociConfig);
  const pointers = await Promise.all(layers.map((text) => put(text, layerType)));
  return bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: pointers, ...more });
}

function put(
  served: Served,
  reference: string,
  body: Buffer | string,
  type: string = MEDIA_TYPES.ociManifest,
): Promise<Answer> {
  const headers = { 'content-type': type };
  return served.ask(`/v2/${REPOSITORY}/manifests/${reference}`, { method: 'PUT', headers, body });
}

function get(served: Served, reference: string, method = 'GET'): Promise<Answer> {
  return served.ask(`/v2/${REPOSITORY}/manifests/${reference}`, { method });
}

/** GET and HEAD by each of the references give these bytes. */
async function expectThere(
  served: Served,
  references: readonly string[],
  { bytes, mediaType, digest }: { bytes: Buffer; mediaType: string; digest: string },
): Promise<void> {
  for (const reference of references) {
    const [got, head] = [await get(served, reference), await get(served, reference, 'HEAD')];
    expect(got.status).toBe(200);
    expect(got.body.equals(bytes)).toBe(true);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const { headers } of [got, head]) {
      expect(headers['content-type']).toBe(mediaType);
      expect(headers['content-length']).toBe(String(bytes.length));
      expect(headers['docker-content-digest']).toBe(digest);
    }
  }
}

const facts = (
  bytes: Buffer,
  { algorithm = 'sha256', mediaType = MEDIA_TYPES.ociManifest }: { algorithm?: string; mediaType?: string } = {},
): { bytes: Buffer; mediaType: string; digest: string } => ({ bytes, mediaType, digest: digestOf(bytes, algorithm) });

describe.each(['sha256', 'sha512'])('manifests by %s', (algorithm) => {
  test('a manifest put by digest is there by digest', async () => {
    const served = await newServed();
    const bytes = await image(served, {}, { algorithm });
    const digest = digestOf(bytes, algorithm);
    const answer = await put(served, digest, bytes);
    expect(answer.status).toBe(201);
    expect(answer.headers['docker-content-digest']).toBe(digest);
    expect(locationOf(answer)).toBe(`/v2/${REPOSITORY}/manifests/${digest}`);
    await expectThere(served, [digest], facts(bytes, { algorithm }));
  });

  test('a digest that does not match is refused', async () => {
    const served = await newServed();
    const bytes = await image(served);
    const wrong = digestOf('other', algorithm);
    const answer = await put(served, wrong, bytes);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    expect((await get(served, wrong)).status).toBe(404);
  });

  test('ten tags can be given with one request', async () => {
    const served = await newServed();
    const bytes = await image(served, {}, { algorithm });
    const tags = Array.from({ length: 10 }, (_, at) => `tag-${at}`);
    const digest = digestOf(bytes, algorithm);
    const answer = await put(served, `${digest}?${tags.map((tag) => `tag=${tag}`).join('&')}`, bytes);
    expect(answer.status).toBe(201);
    expect(String(answer.headers['oci-tag']).split(/,\s*/)).toEqual(tags);
    await expectThere(served, [digest, ...tags], facts(bytes, { algorithm }));
    const list = await served.ask(`/v2/${REPOSITORY}/tags/list`);
    expect(JSON.parse(list.body.toString())).toEqual({ name: REPOSITORY, tags });
  });

  test('a deleted manifest is gone at once, with its tags', async () => {
    const served = await newServed();
    const bytes = await image(served, {}, { algorithm });
    const digest = digestOf(bytes, algorithm);
    await put(served, `${digest}?tag=one&tag=two`, bytes);
    expect((await get(served, digest, 'DELETE')).status).toBe(202);
    for (const reference of [digest, 'one', 'two']) {
      expect((await get(served, reference, 'HEAD')).status).toBe(404);
      expect(codesOf(await get(served, reference))).toEqual(['MANIFEST_UNKNOWN']);
    }
    expect((await get(served, digest, 'DELETE')).status).toBe(404);
  });
});

describe('tags', () => {
  test('a manifest put by tag is there by tag and digest', async () => {
    const served = await newServed();
    const bytes = await image(served);
    const answer = await put(served, 'latest', bytes);
    expect(answer.status).toBe(201);
    expect(locationOf(answer)).toBe(`/v2/${REPOSITORY}/manifests/${digestOf(bytes)}`);
    await expectThere(served, ['latest', digestOf(bytes)], facts(bytes));
  });

  test('a tag moves to what is pushed last, and the other stays by digest', async () => {
    const served = await newServed();
    const [first, second] = [await image(served), await image(served, { annotations: { second: 'yes' } })];
    await put(served, 'latest', first);
    await put(served, 'latest', second);
    await expectThere(served, ['latest'], facts(second));
    await expectThere(served, [digestOf(first)], facts(first));
  });

  test('a deleted tag is gone at once, and its manifest stays', async () => {
    const served = await newServed();
    const bytes = await image(served);
    await put(served, 'one', bytes);
    await put(served, 'two', bytes);
    expect((await get(served, 'one', 'DELETE')).status).toBe(202);
    expect((await get(served, 'one', 'HEAD')).status).toBe(404);
    expect((await get(served, 'one', 'DELETE')).status).toBe(404);
    await expectThere(served, ['two', digestOf(bytes)], facts(bytes));
  });

  test('tags that differ in the case of letters are different tags', async () => {
    const served = await newServed();
    const [lower, upper] = [await image(served), await image(served, { annotations: { case: 'upper' } })];
    const long = 'A'.repeat(128);
    await put(served, 'latest', lower);
    await put(served, 'LaTest', upper);
    await put(served, long, upper);
    await expectThere(served, ['latest'], facts(lower));
    await expectThere(served, ['LaTest', long], facts(upper));
    const list = await served.ask(`/v2/${REPOSITORY}/tags/list`);
    expect(JSON.parse(list.body.toString())).toEqual({ name: REPOSITORY, tags: [long, 'LaTest', 'latest'] });
  });

  test('texts that are no tags are refused', async () => {
    const served = await newServed();
    const bytes = await image(served);
    for (const tag of ['.hidden', '-x', 'a'.repeat(129), 'a%20b', 'é']) {
      const answer = await put(served, encodeURI(decodeURI(tag)), bytes);
      expect([tag, answer.status, codesOf(answer)]).toEqual([tag, 400, ['TAG_INVALID']]);
    }
    expect((await put(served, `${digestOf(bytes)}?tag=.x`, bytes)).status).toBe(400);
    expect((await get(served, digestOf(bytes))).status).toBe(404);
  });
});

describe('digests that are none', () => {
  test.each([
    'sha256:abc',
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'g'.repeat(64)}`,
    'sha256:',
    ':abc',
    `md5:${'a'.repeat(32)}`,
    `sha256:${'a'.repeat(128)}`,
  ])('%s is refused by PUT, GET, HEAD and DELETE', async (reference) => {
    const served = await newServed();
    const bytes = await image(served);
    const answer = await put(served, reference, bytes);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    expect((await get(served, reference)).status).toBe(400);
    expect((await get(served, reference, 'HEAD')).status).toBe(400);
    expect((await get(served, reference, 'DELETE')).status).toBe(400);
  });
});

describe('what a manifest may be', () => {
  test('a manifest of 3.9 MB is taken, and one beyond 4 MiB is not', async () => {
    const served = await newServed();
    const annotations = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`large-${at}`, 'x'.repeat(10_000)]));
    const large = await image(served, { annotations: annotations(390) });
    expect((await put(served, 'large', large)).status).toBe(201);
    await expectThere(served, ['large'], facts(large));
    const answer = await put(served, 'larger', await image(served, { annotations: annotations(425) }));
    expect(answer.status).toBe(413);
    expect((await get(served, 'larger')).status).toBe(404);
  });

  test('bytes are given back as they came, unknown fields and white space too', async () => {
    const served = await newServed();
    const parsed = JSON.parse((await image(served)).toString()) as { config: object; layers: object[] };
    const custom = {
      ...parsed,
      config: { ...parsed.config, 'org.example.extra': [1, { two: null }] },
      'org.example.custom': { html: '<b>&</b>', big: 12345678901234567890n.toString() },
    };
    const bytes = Buffer.from(`\n${JSON.stringify(custom, undefined, '\t')}\n`);
    expect((await put(served, 'custom', bytes)).status).toBe(201);
    await expectThere(served, ['custom'], facts(bytes));
  });

  test('unknown media types of manifests, configs and layers are kept', async () => {
    const served = await newServed();
    const blob = Buffer.from('of an unknown kind');
    await served.pushBlob(REPOSITORY, blob);
    const artifact = bytesOf({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType: 'application/vnd.example.thing',
      config: pointer(blob, 'application/vnd.example.config'),
      layers: [pointer(blob, 'application/vnd.example.layer')],
    });
    expect((await put(served, 'artifact', artifact)).status).toBe(201);
    await expectThere(served, ['artifact'], facts(artifact));
    const unknown = bytesOf({ hello: 'world', blobs: [pointer(blob, 'text/plain')] });
    const mediaType = 'application/vnd.example.manifest+json';
    expect((await put(served, 'unknown', unknown, mediaType)).status).toBe(201);
    await expectThere(served, ['unknown'], facts(unknown, { mediaType }));
  });

  test('an artifact without layers is taken', async () => {
    const served = await newServed();
    const bytes = await image(served, { artifactType: 'application/vnd.example.thing' }, { layers: [] });
    expect((await put(served, 'empty', bytes)).status).toBe(201);
    await expectThere(served, ['empty'], facts(bytes));
  });

  test('descriptors may carry their data, and the blobs have to be there all the same', async () => {
    const served = await newServed();
    const data = Buffer.from('{}');
    const config = { ...pointer(data, MEDIA_TYPES.ociEmpty), data: data.toString('base64') };
    const bytes = bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [config] });
    expect(codesOf(await put(served, 'data', bytes))).toEqual(['MANIFEST_BLOB_UNKNOWN']);
    await served.pushBlob(REPOSITORY, data);
    expect((await put(served, 'data', bytes)).status).toBe(201);
    await expectThere(served, ['data'], facts(bytes));
  });

  test('layers that may not be distributed need not be there', async () => {
    const served = await newServed();
    for (const type of [
      'application/vnd.oci.image.layer.nondistributable.v1.tar',
      'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
      'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
      MEDIA_TYPES.dockerForeignLayerGzip,
    ]) {
      const foreign = { ...pointer(Buffer.from(type), type), urls: ['https://example.com/layer'] };
      const bytes = await image(served, { layers: [foreign] });
      expect((await put(served, 'foreign', bytes)).status).toBe(201);
      await expectThere(served, ['foreign'], facts(bytes));
    }
  });

  test('an index, an index of indexes, and an index of nothing are taken', async () => {
    const served = await newServed();
    const child = await image(served);
    await put(served, digestOf(child), child);
    const index = (...manifests: readonly Pointer[]): Buffer =>
      bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
    const one = index(pointer(child, MEDIA_TYPES.ociManifest));
    const nested = index(pointer(one, MEDIA_TYPES.ociIndex));
    for (const [tag, bytes] of [
      ['index', one],
      ['nested', nested],
      ['empty', index()],
    ] as const) {
      expect([tag, (await put(served, tag, bytes, MEDIA_TYPES.ociIndex)).status]).toEqual([tag, 201]);
      await expectThere(served, [tag], facts(bytes, { mediaType: MEDIA_TYPES.ociIndex }));
    }
  });
});

describe('what a manifest refers to', () => {
  test('each thing that is missing is named', async () => {
    const served = await newServed();
    const [config, layer] = [Buffer.from('config'), Buffer.from('layer')];
    const bytes = bytesOf({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: pointer(config, MEDIA_TYPES.ociConfig),
      layers: [pointer(layer, MEDIA_TYPES.ociLayer), pointer(layer, MEDIA_TYPES.ociLayer)],
    });
    const answer = await put(served, 'missing', bytes);
    expect(answer.status).toBe(400);
    const { errors } = JSON.parse(answer.body.toString()) as { errors: { code: string; detail: object }[] };
    expect(errors.map(({ code, detail }) => ({ code, detail }))).toEqual(
      [config, layer].map((blob) => ({ code: 'MANIFEST_BLOB_UNKNOWN', detail: { digest: digestOf(blob) } })),
    );
    expect((await get(served, 'missing')).status).toBe(404);
  });

  test('a blob of another repository does not count', async () => {
    const served = await newServed();
    const config = Buffer.from('{}');
    await served.pushBlob('conf/b', config);
    const bytes = bytesOf({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: pointer(config, MEDIA_TYPES.ociConfig),
      layers: [],
    });
    expect(codesOf(await put(served, 'foreign', bytes))).toEqual(['MANIFEST_BLOB_UNKNOWN']);
  });

  test('a manifest that an index lists has to be there', async () => {
    const served = await newServed();
    const missing = pointer(Buffer.from('{"a":1}'), MEDIA_TYPES.ociManifest);
    const index = bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [missing] });
    const answer = await put(served, 'sparse', index, MEDIA_TYPES.ociIndex);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['MANIFEST_BLOB_UNKNOWN']]);
  });

  test('a size that is not that of the blob is refused', async () => {
    const served = await newServed();
    const config = Buffer.from('{}');
    await served.pushBlob(REPOSITORY, config);
    const bytes = bytesOf({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: { ...pointer(config, MEDIA_TYPES.ociConfig), size: 3 },
      layers: [],
    });
    expect(codesOf(await put(served, 'size', bytes))).toEqual(['MANIFEST_INVALID']);
  });

  test.each([
    ['no JSON', 'hello', MEDIA_TYPES.ociManifest],
    ['nothing', '', MEDIA_TYPES.ociManifest],
    ['an array', '[]', MEDIA_TYPES.ociManifest],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), MEDIA_TYPES.ociManifest],
    ['of another type than announced', '{"schemaVersion":2,"manifests":[]}', MEDIA_TYPES.dockerManifest],
    [
      'two kinds at once',
      `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.ociIndex}","manifests":[],"layers":[],"config":{}}`,
      MEDIA_TYPES.ociIndex,
    ],
    ['of schema 1', '{"schemaVersion":1,"fsLayers":[],"history":[]}', MEDIA_TYPES.dockerSchema1],
  ])('what is %s is no manifest', async (_, body, type) => {
    const served = await newServed();
    const answer = await put(served, 'bad', body, type);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['MANIFEST_INVALID']]);
    expect((await get(served, 'bad')).status).toBe(404);
  });
});

describe('what a registry does not allow', () => {
  test('a read-only one takes no manifest, a keeping one deletes none', async () => {
    const keeping = await newServed({ allowDelete: false });
    const bytes = await image(keeping);
    await put(keeping, 'kept', bytes);
    expect((await get(keeping, 'kept', 'DELETE')).status).toBe(405);
    expect((await get(keeping, 'kept')).status).toBe(200);
    const reading = await newServed({ readOnly: true });
    const answer = await put(reading, 'new', bytes);
    expect([answer.status, codesOf(answer)]).toEqual([405, ['UNSUPPORTED']]);
    expect((await get(reading, 'new', 'POST')).headers.allow).toBe('GET, HEAD, PUT, DELETE');
  });

  test('a manifest that a client has already is not sent again', async () => {
    const served = await newServed();
    const bytes = await image(served);
    await put(served, 'one', bytes);
    const path = `/v2/${REPOSITORY}/manifests/one`;
    const same = await served.ask(path, { headers: { 'if-none-match': `"${digestOf(bytes)}"` } });
    expect([same.status, same.body.length]).toEqual([304, 0]);
  });
});
