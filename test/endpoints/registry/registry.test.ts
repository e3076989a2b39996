import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { traitsInMemory, type TraitMemory } from '../../../src/endpoints/registry/traits.ts';
import { HubError } from '../../../src/errors.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { collect, contentOf } from '../../../src/util/content.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { addImage, addIndex, ARM64, AMD64 } from '../../helpers/images.ts';
import { testClient, type TestClient, type TestClientOptions } from '../../helpers/registry-client.ts';
import { startRegistry, type Registry, type RegistryOptions } from '../../helpers/registry.ts';
import { runConformance } from '../conformance.ts';

runConformance(
  'registry',
  async () => {
    const registry = await startRegistry();
    const client = testClient();
    return {
      endpoint: client.repository(registry.host, 'team/app'),
      names: ['1', '2', 'none'],
      reopen: async () => client.repository(registry.host, 'team/app'),
      cleanUp: async () => {
        await client.close();
        await registry.stop();
      },
    };
  },
  { sparse: false },
);

let registry: Registry;
let client: TestClient;

async function start(options: RegistryOptions = {}, clientOptions: TestClientOptions = {}): Promise<void> {
  await registry?.stop();
  registry = await startRegistry(options);
  client = testClient(clientOptions);
}

beforeEach(() => start());

afterEach(async () => {
  await client.close();
  await registry.stop();
});

/** An image in memory, pushed to a repository as `1`. */
async function pushed(repository = 'team/app') {
  const memory = new MemoryEndpoint();
  const image = addImage(memory, { as: '1' });
  const result = await copy(memory, client.repository(registry.host, repository), '1');
  return { memory, image, result };
}

describe('pushing', () => {
  it('puts blobs, then the manifest', async () => {
    const { image } = await pushed();
    const [put] = registry.requests({ method: 'PUT', path: '/manifests/1' });
    expect(put?.status).toBe(201);
    expect(registry.contents.manifest('team/app', '1')?.bytes).toEqual(image.manifest);
  });

  it('sends each blob with one POST and one PUT', async () => {
    await pushed();
    expect(registry.requests({ method: 'POST', path: '/uploads/' })).toHaveLength(3);
    expect(registry.requests({ method: 'PUT', path: '/uploads/' })).toHaveLength(3);
    expect(registry.requests({ method: 'PATCH' })).toHaveLength(0);
  });

  it('sends nothing again when everything is there', async () => {
    const { memory } = await pushed();
    const before = registry.log.length;
    await copy(memory, client.repository(registry.host, 'team/app'), '1');
    const after = registry.log.slice(before).map((entry) => entry.method);
    expect(after).toEqual(['HEAD']);
  });

  it('mounts blobs that another repository has', async () => {
    const { memory } = await pushed('team/base');
    const to = client.repository(registry.host, 'team/other');
    const result = await copy(memory, to, '1', { mountFrom: async () => ['team/base'] });
    expect([result.mounted, result.copied]).toEqual([2, 0]);
    expect(registry.requests({ method: 'PUT', path: 'team/other/blobs' })).toHaveLength(0);
  });

  it('uploads into the session it gets when the registry does not mount', async () => {
    await start({ mount: false });
    const { memory } = await pushed('team/base');
    const to = client.repository(registry.host, 'team/other');
    const result = await copy(memory, to, '1', { mountFrom: async () => ['team/base'] });
    expect(result.copied).toBe(2);
    expect(registry.requests({ method: 'POST', path: 'team/other/blobs/uploads' })).toHaveLength(3);
  });

  it('goes on where an upload broke, after asking how far it got', async () => {
    const memory = new MemoryEndpoint();
    const bytes = Buffer.alloc(3_000_000, 'hubctl');
    const layer = memory.add(bytes, 'application/vnd.oci.image.layer.v1.tar');
    registry.fail({ method: 'PUT', path: '/uploads/' }, { resetRequestAfter: 1_000_000 });
    const to = client.repository(registry.host, 'team/app');
    await to.write(layer, (options) => memory.read(layer, options));
    expect(registry.contents.blob('team/app', layer.digest)?.equals(bytes)).toBe(true);
    const sent = registry.log.reduce((sum, entry) => sum + entry.requestBytes, 0);
    expect(sent).toBeLessThan(bytes.length * 1.9);
  });

  it.each([
    ['notes where an upload goes that takes its time', 5, 400, ['note', 'end']],
    ['notes where an upload goes that brings much', 10, 0, ['note', 'end']],
    ['does not note where an upload goes that is over soon', 5, 40, ['end']],
  ])('%s', async (_, mebibytes, pause, expected) => {
    const done: string[] = [];
    const note = (what: string) => (): void => void done.push(what);
    await start({}, { journal: { take: async () => undefined, note: note('note'), end: note('end') } });
    const bytes = Buffer.alloc(mebibytes * 1024 * 1024, 'hubctl');
    const layer = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
    let late = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => late);
    onTestFinished(() => clock.mockRestore());
    await client.repository(registry.host, 'team/app').write(layer, async () => ({
      forEach: async (consume) => {
        for (let start = 0; start < bytes.length; start += 1024 * 1024) {
          await consume(bytes.subarray(start, start + 1024 * 1024));
          late += pause;
        }
      },
      cancel: () => undefined,
    }));
    expect(done).toEqual(expected);
  });

  it('does not upload again what arrived although its answer was lost', async () => {
    const memory = new MemoryEndpoint();
    const layer = memory.add(Buffer.alloc(100_000, 'x'), 'application/vnd.oci.image.layer.v1.tar');
    registry.fail({ method: 'PUT', path: '/uploads/' }, { lostReply: true });
    await client.repository(registry.host, 'team/app').write(layer, (options) => memory.read(layer, options));
    expect(registry.requests({ method: 'PUT', path: '/uploads/' })).toHaveLength(1);
  });

  it.each([
    ['a short blob', 1000],
    ['a long blob', 200_000],
  ])('stops at once when the source of %s fails, whatever the error says', async (_, size) => {
    const bytes = Buffer.alloc(size, 'x');
    const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size };
    const endpoint = client.repository(registry.host, 'team/app');
    const away = { host: registry.host, reason: 'reset', stale: true };
    for (const error of [new HubError('UNREACHABLE', 'away', { details: away }), new TypeError('a bug')]) {
      const sessions = registry.requests({ method: 'POST' }).length;
      const opened: number[] = [];
      const writing = endpoint.write(blob, async ({ start = 0 } = {}) => {
        opened.push(start);
        return {
          forEach: async (consume) => {
            await consume(bytes.subarray(0, size / 2));
            throw error;
          },
          cancel: () => undefined,
        };
      });
      await expect(writing).rejects.toBe(error);
      expect(opened).toEqual([0]);
      expect(registry.requests({ method: 'POST' })).toHaveLength(sessions + 1);
    }
    expect(client.waits).toEqual([]);
  });

  it('waits as long as the registry asks', async () => {
    registry.fail({ method: 'PUT', path: '/uploads/' }, { status: 429, headers: { 'retry-after': '7' } });
    await pushed();
    expect(client.waits).toContain(7000);
  });

  it('tries an upload that broke once more almost at once, and then waits longer each time', async () => {
    const bytes = Buffer.alloc(10, 'x');
    const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
    registry.fail({ method: 'PUT', path: '/uploads/', times: 3 }, { status: 503 });
    await client.repository(registry.host, 'team/app').write(blob, async () => contentOf(bytes));
    expect(client.waits).toEqual([100, 500, 1000]);
  });

  it('cuts an upload into pieces when the whole is too large for the registry', async () => {
    const memory = new MemoryEndpoint();
    const layer = memory.add(Buffer.alloc(10, 'x'), 'application/vnd.oci.image.layer.v1.tar');
    registry.fail({ method: 'PUT', path: '/uploads/', times: 99 }, { status: 413 });
    const writing = client.repository(registry.host, 'team/app').write(layer, (o) => memory.read(layer, o));
    await expect(writing).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('gives up at once when the registry has no room left', async () => {
    registry.fail({ method: 'PUT', path: '/uploads/', times: 99 }, { status: 507, body: 'the quota is used up' });
    const error = await hubErrorFrom(() => pushed());
    expect(error).toMatchObject({ code: 'DENIED', exitCode: 4 });
    expect(error.message).toContain('answered 507: the quota is used up');
    expect(client.waits).toEqual([]);
  });

  it('refuses to send content to another host', async () => {
    registry.fail(
      { method: 'POST', path: '/uploads/' },
      { status: 202, headers: { location: 'http://127.0.0.9:1/v2/team/app/blobs/uploads/1' } },
    );
    await expect(pushed()).rejects.toMatchObject({ code: 'REFUSED' });
  });

  it('asks for nothing by another protocol than that of the web', async () => {
    registry.fail(
      { method: 'POST' },
      { status: 202, headers: { location: `foo://${registry.host}/v2/team/app/blobs/uploads/1` } },
    );
    expect(await hubErrorFrom(() => pushed())).toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringContaining('a Location that is not a web address') as string,
    });
  });

  it('says what is missing when a POST is answered without a Location', async () => {
    registry.fail({ method: 'POST', path: '/uploads/', times: 9 }, { status: 202 });
    await expect(pushed()).rejects.toMatchObject({ code: 'SERVER_ERROR' });
  });

  it('refuses a registry that changes the manifest', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    registry.fail({ method: 'PUT', path: '/manifests/' }, { headers: { 'docker-content-digest': digest } });
    await expect(pushed()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('uploads what the registry wrongly said to have, once it finds out', async () => {
    registry.fail({ method: 'HEAD', path: '/blobs/', times: 3 }, { status: 200 });
    const { image } = await pushed();
    for (const { descriptor } of image.layers)
      expect(registry.contents.blob('team/app', descriptor.digest)).toBeDefined();
  });

  it('keeps the list of referrers under a tag where the registry does not', async () => {
    const { image } = await pushed();
    const memory = new MemoryEndpoint();
    const config = memory.add('{}', 'application/vnd.oci.empty.v1+json');
    const subject = {
      mediaType: image.descriptor.mediaType,
      digest: image.descriptor.digest,
      size: image.descriptor.size,
    };
    const signature = memory.add(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        artifactType: 'application/vnd.example.signature',
        config,
        layers: [],
        subject,
      }),
      'application/vnd.oci.image.manifest.v1+json',
      'sig',
    );
    const endpoint = client.repository(registry.host, 'team/app');
    await copy(memory, endpoint, 'sig', { as: signature.digest });
    const found: string[] = [];
    for await (const descriptor of endpoint.referrers(image.descriptor)) found.push(descriptor.digest);
    expect(found).toEqual([signature.digest]);
  });
});

describe('finding out whether a registry has a blob', () => {
  const LAYER = 'application/vnd.oci.image.layer.v1.tar';
  let traits: TraitMemory;

  beforeEach(() => {
    traits = traitsInMemory();
  });

  /** A registry that does not look like distribution. */
  async function startOther(options: RegistryOptions = {}): Promise<void> {
    await start({ stateParameter: 'ticket', ...options }, { traits });
  }

  /** The requests that it takes to bring a blob, and what came of it. */
  async function brings(bytes: Buffer, options: { present?: boolean } = {}): Promise<readonly string[]> {
    const memory = new MemoryEndpoint();
    const blob = memory.add(bytes, LAYER);
    if (options.present) registry.contents.putBlob('team/app', bytes);
    const before = registry.log.length;
    const to = client.repository(registry.host, 'team/app');
    const { outcome } = await to.write(blob, (range) => memory.read(blob, range));
    expect(registry.contents.blob('team/app', blob.digest)?.equals(bytes)).toBe(true);
    const asked = registry.log.slice(before).map(({ method, path }) => (path.includes('mount=') ? 'mount' : method));
    return [...asked, outcome];
  }

  const large = (fill: string): Buffer => Buffer.alloc(100_000, fill);

  it('takes one request where a mount tells, and the same one begins the upload', async () => {
    expect(await brings(large('a'))).toEqual(['mount', 'PUT', 'copied']);
    expect(await brings(large('b'), { present: true })).toEqual(['mount', 'exists']);
  });

  it('takes HEAD as well while it is not known whether a mount tells', async () => {
    await startOther();
    expect(await brings(large('a'))).toEqual(['mount', 'HEAD', 'PUT', 'copied']);
  });

  it('needs no HEAD once a mount has told', async () => {
    await startOther();
    expect(await brings(large('a'), { present: true })).toEqual(['mount', 'exists']);
    expect(await brings(large('b'))).toEqual(['mount', 'PUT', 'copied']);
  });

  it('needs no mount once one has not told', async () => {
    await startOther({ mount: false });
    expect(await brings(large('a'), { present: true })).toEqual(['mount', 'HEAD', 'exists']);
    expect(await brings(large('b'), { present: true })).toEqual(['HEAD', 'exists']);
    expect(await brings(large('c'))).toEqual(['HEAD', 'POST', 'PUT', 'copied']);
  });

  it('costs more than to send what is small', async () => {
    await startOther();
    expect(await brings(Buffer.from('small'))).toEqual(['mount', 'PUT', 'copied']);
  });

  it.each([400, 404, 405])('falls back to HEAD and POST where a mount is answered with %i', async (status) => {
    await startOther();
    registry.fail({ method: 'POST', path: 'mount=' }, { status });
    expect(await brings(large('a'))).toEqual(['mount', 'HEAD', 'POST', 'PUT', 'copied']);
    expect(await traits.get(registry.host)).toEqual({ selfMount: false });
  });

  it('ends with a refusal that every upload would get', async () => {
    await startOther();
    registry.fail({ method: 'POST', path: 'mount=' }, { status: 403 });
    await expect(brings(large('a'))).rejects.toMatchObject({ code: 'DENIED' });
    expect(registry.log.map(({ method }) => method)).toEqual(['POST']);
    expect(await traits.get(registry.host)).toEqual({});
  });

  it('is not done for content that the registry has lost', async () => {
    const memory = new MemoryEndpoint();
    const blob = memory.add(large('a'), LAYER);
    registry.contents.putBlob('team/app', large('a'));
    const to = client.repository(registry.host, 'team/app');
    await to.write(blob, (range) => memory.read(blob, range), { force: true, mountFrom: ['team/base'] });
    expect(registry.log.map(({ method, path }) => `${method} ${path.includes('mount=')}`)).toEqual([
      'POST false',
      'PUT false',
    ]);
  });

  it('is not done twice for a blob that came a moment ago', async () => {
    const memory = new MemoryEndpoint();
    const blob = memory.add(large('a'), LAYER);
    const to = client.repository(registry.host, 'team/app');
    const write = async (): Promise<string> => (await to.write(blob, (range) => memory.read(blob, range))).outcome;
    expect(await Promise.all([write(), write()])).toEqual(['copied', 'exists']);
    expect(registry.log).toHaveLength(2);
  });

  it('is followed by pieces as large as the registry took last time', async () => {
    await startOther();
    const mebibyte = 1024 * 1024;
    traits.learn(registry.host, { selfMount: true, chunk: mebibyte });
    expect(await brings(Buffer.alloc(2 * mebibyte + 5, 'a'))).toEqual([
      'mount',
      'PATCH',
      'PATCH',
      'PATCH',
      'PUT',
      'copied',
    ]);
  });
});

describe('pulling', () => {
  it('needs one request for the manifest and one per blob', async () => {
    const { result } = await pushed();
    const before = registry.log.length;
    const to = new MemoryEndpoint();
    await copy(client.repository(registry.host, 'team/app'), to, '1');
    expect(registry.log.slice(before).map((entry) => entry.method)).toEqual(['GET', 'GET', 'GET', 'GET']);
    expect((await to.resolve('1')).digest).toBe(result.descriptor.digest);
  });

  it('asks only by HEAD when the tag still means the same', async () => {
    const { memory, result } = await pushed();
    const before = registry.log.length;
    const from = client.repository(registry.host, 'team/app');
    await copy(from, memory, '1', { expected: result.descriptor });
    expect(registry.log.slice(before).map((entry) => entry.method)).toEqual(['HEAD']);
  });

  it('goes on in the middle of a blob whose connection broke', async () => {
    const bytes = Buffer.alloc(500_000, 'abc');
    registry.contents.putBlob('team/app', bytes);
    const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.length };
    registry.fail({ method: 'GET', path: '/blobs/' }, { closeAfter: 200_000 });
    const to = new MemoryEndpoint();
    const from = client.repository(registry.host, 'team/app');
    const { reader } = await import('../../../src/transfer/read.ts');
    await to.write(layer, reader(from, layer, { sleep: async () => undefined }));
    expect(registry.requests({ method: 'GET', path: '/blobs/' }).map((entry) => entry.headers.range)).toEqual([
      undefined,
      'bytes=200000-499999',
    ]);
  });

  it('reads a part from a registry that ignores Range', async () => {
    await start({ ranges: false });
    const bytes = Buffer.from('0123456789');
    registry.contents.putBlob('team/app', bytes);
    const blob = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.length };
    const content = await client.repository(registry.host, 'team/app').read(blob, { start: 3, end: 7 });
    expect((await collect(content, 100)).toString()).toBe('3456');
  });

  it('asks for the whole instead of a refused part only when somebody reads it', async () => {
    const { image } = await pushed();
    const from = client.repository(registry.host, 'team/app');
    registry.fail({ method: 'GET', path: '/blobs/', headers: { range: /./ } }, { status: 416 });
    const content = await from.read(image.config, { start: 1, end: 3, greedy: false });
    expect(content.isPart).not.toBe(true);
    expect(registry.requests({ method: 'GET', path: '/blobs/' })).toHaveLength(1);
    expect(await collect(content, 10)).toHaveLength(2);
  });

  it('reads no more of a whole than the part that was asked for', async () => {
    await start({ ranges: false });
    const bytes = Buffer.alloc(1024 * 1024, 'part');
    registry.contents.putBlob('team/app', bytes);
    const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
    // What breaks off behind the part is of no interest.
    registry.fail({ method: 'GET', path: '/blobs/' }, { stallAfter: 500_000 });
    const content = await client.repository(registry.host, 'team/app').read(blob, { start: 2, end: 1002 });
    expect(Buffer.compare(await collect(content, 2000), bytes.subarray(2, 1002))).toBe(0);
  });

  it('takes the platform asked for', async () => {
    const memory = new MemoryEndpoint();
    const index = addIndex(memory, { as: '1', platforms: [AMD64, ARM64], attestations: true });
    await copy(memory, client.repository(registry.host, 'team/app'), '1');
    const to = new MemoryEndpoint();
    const from = client.repository(registry.host, 'team/app');
    const { descriptor } = await copy(from, to, '1', { platforms: [ARM64] });
    expect(descriptor.digest).toBe(index.images[1]?.descriptor.digest);
  });

  it('refuses a manifest that does not hash to the digest the registry announces', async () => {
    await pushed();
    registry.fail(
      { method: 'GET', path: '/manifests/1', times: 9 },
      { headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } },
    );
    await expect(client.repository(registry.host, 'team/app').resolve('1')).rejects.toMatchObject({ exitCode: 7 });
  });

  it('says that a web page is no manifest', async () => {
    await pushed();
    registry.fail(
      { method: 'GET', path: '/manifests/1', times: 9 },
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>please log in</html>' },
    );
    await expect(client.repository(registry.host, 'team/app').resolve('1')).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringContaining('web page') as string,
    });
  });

  it('says NOT_FOUND for an unknown tag, with the name and the next step', async () => {
    await pushed();
    await expect(client.repository(registry.host, 'team/app').resolve('nope')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('team/app:nope') as string,
      hint: expect.stringContaining('hubctl tags') as string,
    });
  });

  it('tells the limit when pulls are limited', async () => {
    await pushed();
    registry.fail(
      { method: 'GET', path: '/manifests/1', times: 99 },
      {
        status: 429,
        headers: { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600', 'retry-after': '9' },
      },
    );
    await expect(client.repository(registry.host, 'team/app').resolve('1')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      exitCode: 5,
      hint: expect.stringMatching(/limit 100; remaining 0; per 360 minutes/) as string,
    });
  });

  it('follows a redirect of blobs to another origin, which gets no credentials', async () => {
    const credential = { kind: 'basic', username: 'tester', password: 'secret' } as const;
    await start({ auth: 'basic', blobOrigin: true }, { credential });
    await pushed();
    const to = new MemoryEndpoint();
    await copy(client.repository(registry.host, 'team/app'), to, '1');
    const elsewhere = registry.blobServer?.log ?? [];
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(elsewhere.every((entry) => entry.headers.authorization === undefined)).toBe(true);
  });
});

describe('tokens', () => {
  const credential = { kind: 'basic', username: 'tester', password: 'secret' } as const;

  it('are asked for once for a whole push', async () => {
    await start({ auth: 'bearer' }, { credential });
    await pushed();
    expect(registry.requests({ path: '/token' })).toHaveLength(1);
  });

  it('cover the repository that lends a blob', async () => {
    await start({ auth: 'bearer' }, { credential });
    const { memory } = await pushed('team/base');
    const to = client.repository(registry.host, 'team/other');
    const result = await copy(memory, to, '1', { mountFrom: async () => ['team/base'] });
    expect(result.mounted).toBe(2);
  });

  it('are asked for again when the registry refuses one in the middle of a push', async () => {
    await start({ auth: 'bearer' }, { credential });
    registry.fail(
      { method: 'PUT', path: '/uploads/' },
      {
        status: 401,
        headers: {
          'www-authenticate': `Bearer realm="${registry.origin}/token",service="${registry.tokens?.service}",error="invalid_token"`,
        },
      },
    );
    await expect(pushed()).resolves.toBeDefined();
  });

  it('that cannot be had end with the reason', async () => {
    await start({ auth: 'bearer' }, { credential: { ...credential, password: 'wrong' } });
    await expect(pushed()).rejects.toMatchObject({ exitCode: 4 });
  });
});

describe('listing', () => {
  it('follows pages of tags', async () => {
    await start({ pageSize: 3 });
    const { memory } = await pushed();
    const endpoint = client.repository(registry.host, 'team/app');
    for (const tag of ['2', '3', '4', '5', '6', '7']) await copy(memory, endpoint, '1', { as: tag });
    const tags: string[] = [];
    for await (const tag of endpoint.tags()) tags.push(tag);
    expect(tags).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  });

  it('stops when pages lead in circles', async () => {
    await pushed();
    const link = '</v2/team/app/tags/list?n=1000>; rel="next"';
    registry.fail({ method: 'GET', path: '/tags/list', times: 50 }, { headers: { link } });
    const walk = async (): Promise<void> => {
      for await (const tag of client.repository(registry.host, 'team/app').tags()) expect(tag).toBe('1');
    };
    await expect(walk()).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    expect(registry.requests({ method: 'GET', path: '/tags/list' }).length).toBeLessThan(4);
  });

  it('refuses a list that goes on at another host', async () => {
    await pushed();
    registry.fail({ method: 'GET', path: '/tags/list' }, { headers: { link: '<http://127.0.0.9:1/x>; rel="next"' } });
    const walk = async (): Promise<void> => {
      for await (const tag of client.repository(registry.host, 'team/app').tags()) expect(tag).toBe('1');
    };
    await expect(walk()).rejects.toMatchObject({ code: 'REFUSED' });
  });

  it('gives the catalog, or says that there is none', async () => {
    await pushed('team/a');
    await pushed('team/b');
    const names: string[] = [];
    for await (const name of client.registry(registry.host).catalog()) names.push(name);
    expect(names).toEqual(['team/a', 'team/b']);
    await start({ catalog: false });
    const walk = async (): Promise<void> => {
      for await (const name of client.registry(registry.host).catalog()) names.push(name);
    };
    await expect(walk()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
