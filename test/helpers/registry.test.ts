// The registry that other tests trust: does it do what the specification says, and do other clients agree with it?
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeImage, noise, piece, seedImage } from './registry-images.ts';
import { findPeer, runPeer } from './peers.ts';
import { startRegistry, type Registry, type RegistryOptions } from './registry.ts';

const open: Registry[] = [];

async function start(options?: RegistryOptions): Promise<Registry> {
  const registry = await startRegistry(options);
  open.push(registry);
  return registry;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.stop()));
});

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

async function call(
  registry: Registry,
  path: string,
  { method = 'GET', headers = {}, body }: Call = {},
): Promise<Response> {
  const url = path.startsWith('/') ? registry.origin + path : path;
  return fetch(url, { method, headers, redirect: 'manual', ...(body && { body: new Uint8Array(body) }) });
}

async function codeOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return `${response.status} ${errors[0]?.code}`;
}

const BLOB = piece('application/octet-stream', noise('blob', 1000));
const octets = { 'content-type': 'application/octet-stream' };

async function openUpload(registry: Registry, query = ''): Promise<string> {
  const opened = await call(registry, `/v2/app/blobs/uploads/${query}`, { method: 'POST' });
  expect(opened.status).toBe(202);
  return opened.headers.get('location') ?? '';
}

describe('blobs', () => {
  test('a blob is uploaded by POST and PUT, and read whole, in part and by HEAD', async () => {
    const registry = await start();
    const location = await openUpload(registry);
    const done = await call(registry, `${location}&digest=${BLOB.digest}`, {
      method: 'PUT',
      headers: octets,
      body: BLOB.bytes,
    });
    expect(done.status).toBe(201);
    const path = `/v2/app/blobs/${BLOB.digest}`;
    const whole = await call(registry, path);
    expect(Buffer.from(await whole.arrayBuffer()).equals(BLOB.bytes)).toBe(true);
    const part = await call(registry, path, { headers: { range: 'bytes=990-' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 990-999/1000']);
    expect(Buffer.from(await part.arrayBuffer()).equals(BLOB.bytes.subarray(990))).toBe(true);
    const head = await call(registry, path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '1000']);
    expect((await call(registry, path, { headers: { range: 'bytes=1000-' } })).status).toBe(416);
  });

  test('chunks come in order, and the session tells how far it is', async () => {
    const registry = await start();
    const first = await openUpload(registry);
    const patch = (location: string, from: number, to: number): Promise<Response> =>
      call(registry, location, {
        method: 'PATCH',
        headers: { ...octets, 'content-range': `${from}-${to - 1}` },
        body: BLOB.bytes.subarray(from, to),
      });
    const accepted = await patch(first, 0, 400);
    expect([accepted.status, accepted.headers.get('range')]).toEqual([202, '0-399']);
    const second = accepted.headers.get('location') ?? '';
    expect((await patch(second, 500, 600)).status).toBe(416);
    expect((await patch(first, 400, 600)).status).toBe(416);
    const asked = await call(registry, first);
    expect([asked.status, asked.headers.get('range')]).toEqual([204, '0-399']);
    expect(asked.headers.get('location')).toBe(second);
    const last = await patch(second, 400, 1000);
    const end = `${last.headers.get('location')}&digest=${BLOB.digest}`;
    expect((await call(registry, end, { method: 'PUT', headers: { 'content-length': '0' } })).status).toBe(201);
    expect(registry.contents.blobs('app')).toEqual([BLOB.digest]);
  });

  test('a wrong digest is refused and nothing is kept', async () => {
    const registry = await start();
    const location = await openUpload(registry);
    const wrong = `${location}&digest=sha256:${'0'.repeat(64)}`;
    expect(await codeOf(await call(registry, wrong, { method: 'PUT', headers: octets, body: BLOB.bytes }))).toBe(
      '400 DIGEST_INVALID',
    );
    expect(registry.contents.blobs('app')).toEqual([]);
  });

  test('a blob is seen only where it was put or mounted', async () => {
    const registry = await start();
    registry.contents.putBlob('base', BLOB.bytes);
    expect(await codeOf(await call(registry, `/v2/app/blobs/${BLOB.digest}`))).toBe('404 BLOB_UNKNOWN');
    const mount = `/v2/app/blobs/uploads/?mount=${BLOB.digest}&from=base`;
    expect((await call(registry, mount, { method: 'POST' })).status).toBe(201);
    expect((await call(registry, `/v2/app/blobs/${BLOB.digest}`)).status).toBe(200);
    expect((await call(registry, mount.replace('from=base', 'from=other'), { method: 'POST' })).status).toBe(202);
  });

  test('with another origin for blobs, the redirect must be followed without credentials', async () => {
    const registry = await start({ blobOrigin: true });
    registry.contents.putBlob('app', BLOB.bytes);
    const redirect = await call(registry, `/v2/app/blobs/${BLOB.digest}`);
    const target = redirect.headers.get('location') ?? '';
    expect(redirect.status).toBe(307);
    expect(new URL(target).origin).toBe(registry.blobServer?.origin);
    expect((await call(registry, target)).status).toBe(200);
    expect((await call(registry, target, { headers: { authorization: 'Bearer x' } })).status).toBe(400);
  });

  test('options turn abilities off', async () => {
    const registry = await start({
      mount: false,
      ranges: false,
      head: false,
      deletes: false,
      chunkMinLength: 100,
      relativeLocations: true,
    });
    registry.contents.putBlob('base', BLOB.bytes);
    const path = `/v2/base/blobs/${BLOB.digest}`;
    expect((await call(registry, path, { headers: { range: 'bytes=1-2' } })).status).toBe(200);
    expect((await call(registry, path, { method: 'HEAD' })).status).toBe(405);
    expect((await call(registry, path, { method: 'DELETE' })).status).toBe(405);
    const opened = await call(registry, `/v2/app/blobs/uploads/?mount=${BLOB.digest}&from=base`, { method: 'POST' });
    expect([opened.status, opened.headers.get('oci-chunk-min-length')]).toEqual([202, '100']);
    const location = opened.headers.get('location') ?? '';
    expect(location).toMatch(/^\/v2\/app\/blobs\/uploads\//);
    const small = { method: 'PATCH', headers: { ...octets, 'content-range': '0-9' }, body: BLOB.bytes.subarray(0, 10) };
    expect(await codeOf(await call(registry, location, small))).toBe('400 SIZE_INVALID');
  });
});

describe('manifests', () => {
  test('a manifest is taken when its content is there, and found by tag and digest', async () => {
    const registry = await start();
    const image = makeImage();
    const put = (): Promise<Response> =>
      call(registry, '/v2/app/manifests/1', {
        method: 'PUT',
        headers: { 'content-type': image.manifest.mediaType },
        body: image.manifest.bytes,
      });
    expect(await codeOf(await put())).toBe('400 MANIFEST_BLOB_UNKNOWN');
    for (const { bytes } of [image.config, ...image.layers]) registry.contents.putBlob('app', bytes);
    expect((await put()).headers.get('docker-content-digest')).toBe(image.manifest.digest);
    for (const reference of ['1', image.manifest.digest]) {
      const got = await call(registry, `/v2/app/manifests/${reference}`, {
        headers: { accept: image.manifest.mediaType },
      });
      expect(got.headers.get('content-type')).toBe(image.manifest.mediaType);
      expect(Buffer.from(await got.arrayBuffer()).equals(image.manifest.bytes)).toBe(true);
    }
    expect(await codeOf(await call(registry, '/v2/app/manifests/1', { headers: { accept: 'text/html' } }))).toBe(
      '404 MANIFEST_UNKNOWN',
    );
  });

  test('what is not a manifest is refused', async () => {
    const registry = await start();
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const put = async (text: string, reference = '1'): Promise<string> =>
      codeOf(
        await call(registry, `/v2/app/manifests/${reference}`, {
          method: 'PUT',
          headers: { 'content-type': type },
          body: Buffer.from(text),
        }),
      );
    expect(await put('not JSON')).toBe('400 MANIFEST_INVALID');
    expect(await put('{"schemaVersion":2,"manifests":[],"layers":[]}')).toBe('400 MANIFEST_INVALID');
    expect(await put('{}', `sha256:${'0'.repeat(64)}`)).toBe('400 DIGEST_INVALID');
  });

  test('deleting a tag leaves the manifest, deleting the manifest takes its tags', async () => {
    const registry = await start();
    const image = makeImage();
    seedImage(registry.contents, 'app', image, '1');
    seedImage(registry.contents, 'app', image, '2');
    expect((await call(registry, '/v2/app/manifests/1', { method: 'DELETE' })).status).toBe(202);
    expect(registry.contents.tags('app')).toEqual(['2']);
    expect((await call(registry, `/v2/app/manifests/${image.manifest.digest}`, { method: 'DELETE' })).status).toBe(202);
    expect(registry.contents.tags('app')).toEqual([]);
  });
});

describe('lists', () => {
  test('tags come in pages that a Link ties together', async () => {
    const registry = await start({ pageSize: 2 });
    for (const tag of ['c', 'a', 'b']) seedImage(registry.contents, 'app', makeImage({ layers: [] }), tag);
    const first = await call(registry, '/v2/app/tags/list');
    expect(await first.json()).toEqual({ name: 'app', tags: ['a', 'b'] });
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await call(registry, next);
    expect([await second.json(), second.headers.get('link')]).toEqual([{ name: 'app', tags: ['c'] }, null]);
  });

  test('an unknown repository, a wrong number and the missing referrers API are told apart', async () => {
    const registry = await start();
    seedImage(registry.contents, 'app', makeImage(), '1');
    expect(await codeOf(await call(registry, '/v2/other/tags/list'))).toBe('404 NAME_UNKNOWN');
    expect(await codeOf(await call(registry, '/v2/app/tags/list?n=-1'))).toBe('400 PAGINATION_NUMBER_INVALID');
    const referrers = await call(registry, `/v2/app/referrers/${BLOB.digest}`);
    expect([referrers.status, await referrers.text()]).toEqual([404, '404 page not found\n']);
    expect(await (await call(registry, '/v2/_catalog')).json()).toEqual({ repositories: ['app'] });
  });
});

describe('who may do what', () => {
  test('basic: the challenge comes first, then the account is enough', async () => {
    const registry = await start({ auth: 'basic' });
    const refused = await call(registry, '/v2/');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="test registry"']);
    const authorization = `Basic ${Buffer.from('tester:secret').toString('base64')}`;
    expect((await call(registry, '/v2/', { headers: { authorization } })).status).toBe(200);
  });

  test('bearer: a token is good for its scope and its time', async () => {
    const registry = await start({ auth: 'bearer' });
    registry.contents.putBlob('app', BLOB.bytes);
    const path = `/v2/app/blobs/${BLOB.digest}`;
    const refused = await call(registry, path);
    const challenge = refused.headers.get('www-authenticate') ?? '';
    expect(challenge).toBe(
      `Bearer realm="${registry.origin}/token",service="test registry",scope="repository:app:pull"`,
    );
    const tokenFor = async (scope: string): Promise<string> => {
      const url = new URL('/token', registry.origin);
      url.searchParams.set('service', 'test registry');
      url.searchParams.set('scope', scope);
      const answer = await fetch(url, {
        headers: { authorization: `Basic ${Buffer.from('tester:secret').toString('base64')}` },
      });
      return `Bearer ${((await answer.json()) as { token: string }).token}`;
    };
    const [good, narrow] = [await tokenFor('repository:app:pull'), await tokenFor('repository:other:pull')];
    expect((await call(registry, path, { headers: { authorization: good } })).status).toBe(200);
    const narrowAnswer = await call(registry, path, { headers: { authorization: narrow } });
    expect(narrowAnswer.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    registry.tokens?.revoke();
    const late = await call(registry, path, { headers: { authorization: good } });
    expect(late.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });
});

describe('faults', () => {
  async function blobServer(): Promise<{ registry: Registry; path: string }> {
    const registry = await start();
    registry.contents.putBlob('app', BLOB.bytes);
    return { registry, path: `/v2/app/blobs/${BLOB.digest}` };
  }

  test('the nth request that matches fails, the others do not', async () => {
    const { registry, path } = await blobServer();
    registry.fail({ path: '/blobs/', nth: 2 }, { status: 503, headers: { 'retry-after': '1' }, body: 'busy' });
    const answers = [await call(registry, path), await call(registry, path), await call(registry, path)];
    expect(answers.map(({ status }) => status)).toEqual([200, 503, 200]);
    expect(registry.log.map(({ status, fault }) => [status, fault !== undefined])).toEqual([
      [200, false],
      [503, true],
      [200, false],
    ]);
  });

  test('a body is cut short in three ways', async () => {
    const { registry, path } = await blobServer();
    registry.fail({}, { closeAfter: 100 });
    await expect(call(registry, path).then((answer) => answer.arrayBuffer())).rejects.toThrow();
    registry.fail({}, { resetAfter: 100 });
    await expect(call(registry, path).then((answer) => answer.arrayBuffer())).rejects.toThrow();
    registry.fail({}, { truncate: 100 });
    expect((await (await call(registry, path)).arrayBuffer()).byteLength).toBe(100);
  });

  test('one bit is flipped, and bytes are added', async () => {
    const { registry, path } = await blobServer();
    registry.fail({}, { corrupt: 10, append: Buffer.from('x') });
    const bytes = Buffer.from(await (await call(registry, path)).arrayBuffer());
    expect(bytes.length).toBe(1001);
    expect(bytes[10]).toBe((BLOB.bytes[10] ?? 0) ^ 1);
  });

  test('an upload that breaks leaves what arrived', async () => {
    const registry = await start();
    const location = await openUpload(registry);
    registry.fail({ method: 'PATCH' }, { resetRequestAfter: 300 });
    await expect(call(registry, location, { method: 'PATCH', headers: octets, body: BLOB.bytes })).rejects.toThrow();
    expect((await call(registry, location)).headers.get('range')).toBe('0-299');
  });

  test('an answer is lost although the request was carried out', async () => {
    const registry = await start();
    const location = await openUpload(registry);
    registry.fail({ method: 'PUT' }, { lostReply: true });
    const put = call(registry, `${location}&digest=${BLOB.digest}`, {
      method: 'PUT',
      headers: octets,
      body: BLOB.bytes,
    });
    await expect(put).rejects.toThrow();
    expect(registry.contents.blobs('app')).toEqual([BLOB.digest]);
  });

  test('an answer waits for a promise', async () => {
    const { registry, path } = await blobServer();
    const order: string[] = [];
    let release = (): void => undefined;
    registry.fail({}, { waitReply: new Promise<void>((resolve) => (release = resolve)) });
    const answer = call(registry, path).then(() => order.push('answered'));
    await call(registry, '/v2/');
    order.push('released');
    release();
    await answer;
    expect(order).toEqual(['released', 'answered']);
  });
});

const crane = await findPeer('crane');
const skopeo = await findPeer('skopeo');

describe.skipIf(crane === undefined)('crane', () => {
  test.each([
    {},
    { blobOrigin: true },
    { auth: 'bearer' as const },
    { auth: 'basic' as const, relativeLocations: true },
  ])('pulls from it and pushes to it with %o', async (options) => {
    const home = await mkdtemp(join(tmpdir(), 'hubctl-crane-'));
    const registry = await start(options);
    const image = makeImage();
    seedImage(registry.contents, 'base', image, '1');
    const runCrane = (...args: string[]): Promise<string> => runPeer(crane ?? '', args, home);
    if ('auth' in options) await runCrane('auth', 'login', registry.host, '-u', 'tester', '-p', 'secret');
    await runCrane('validate', '--remote', `${registry.host}/base:1`);
    await runCrane('copy', `${registry.host}/base:1`, `${registry.host}/app:1`);
    expect(registry.contents.manifest('app', '1')?.digest).toBe(image.manifest.digest);
    await rm(home, { recursive: true, force: true });
  });
});

describe.skipIf(skopeo === undefined)('skopeo', () => {
  test('pushes chunks to it and pulls from it', async () => {
    const home = await mkdtemp(join(tmpdir(), 'hubctl-skopeo-'));
    const registry = await start({ mount: false });
    const image = makeImage();
    seedImage(registry.contents, 'base', image, '1');
    const flags = ['--insecure-policy', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false'];
    await runPeer(skopeo ?? '', [...flags, `docker://${registry.host}/base:1`, `oci:${home}/layout:1`], home);
    await runPeer(skopeo ?? '', [...flags, `oci:${home}/layout:1`, `docker://${registry.host}/app:1`], home);
    expect(registry.contents.manifest('app', '1')?.digest).toBe(image.manifest.digest);
    await rm(home, { recursive: true, force: true });
  });
});
