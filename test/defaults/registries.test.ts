import { chmod } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Defaults } from '../../src/defaults.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { collect } from '../../src/util/content.ts';
import { base64 } from '../helpers/credentials.ts';
import { defaultsOf, newHome, ping, registryWith } from '../helpers/defaults.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import type { Registry } from '../helpers/registry.ts';
import { CA_FILE, serveRaw, SERVER_TLS as TLS } from '../helpers/web.ts';

describe('a registry on this machine', () => {
  const manifestOf = async (defaults: Defaults, host: string): Promise<unknown> =>
    hubErrorFrom(async () => (await defaults.registries()).repository(host, 'app').manifest('1'));

  test('is asked at once when it speaks plain http', async () => {
    const registry = await registryWith({});
    await manifestOf(defaultsOf(await newHome()), registry.host);
    expect([registry.log.length, registry.connections]).toEqual([1, 1]);
  });

  test('is found to speak TLS', async () => {
    const registry = await registryWith({ tls: TLS });
    const host = `localhost:${new URL(registry.origin).port}`;
    expect(await manifestOf(defaultsOf(await newHome(), { tlsCa: CA_FILE }), host)).toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(registry.log.length).toBe(1);
  });

  test.each([
    ['that wanted a login before', '.cache/hubctl/tokens.json'],
    ['when the configuration has headers for it', '.docker/config.json'],
  ])('is asked for TLS first %s', async (_, path) => {
    const heard: Buffer[] = [];
    const server = await serveRaw((socket) =>
      socket.once('data', (data) => {
        heard.push(data);
        socket.end(Buffer.from('15030100020246', 'hex'));
      }),
    );
    const home = await newHome();
    const tokens = { version: 1, salt: '0'.repeat(32), challenges: { [server.origin]: { scheme: 'basic' } } };
    await home.write(path, JSON.stringify(path.startsWith('.docker') ? { HttpHeaders: { 'X-Key': 'k' } } : tokens));
    await chmod(home.at(path), 0o600);
    expect(await manifestOf(defaultsOf(home), server.host)).toMatchObject({ code: 'TLS' });
    expect(heard.map((data) => data[0])).not.toContain('G'.codePointAt(0));
  });
});

describe('a token that was kept for a registry on this machine', () => {
  async function withToken(origin: string, key: string): Promise<Awaited<ReturnType<typeof newHome>>> {
    const home = await newHome();
    const since = Date.now() - 1000;
    const kept = { key, registry: origin, scopes: ['repository:app:pull'], value: 'canary', since };
    const tokens = {
      version: 1,
      salt: '0'.repeat(32),
      challenges: { [origin]: { scheme: 'bearer', realm: `${origin}/token` } },
      tokens: [{ ...kept, expires: since + 300_000 }],
      forgotten: {},
    };
    await home.write('.cache/hubctl/tokens.json', JSON.stringify(tokens));
    await chmod(home.at('.cache/hubctl/tokens.json'), 0o600);
    return home;
  }

  async function heardBy(origin: (server: { readonly port: number }) => string): Promise<string> {
    let heard = '';
    const server = await serveRaw((socket) =>
      socket.on('data', (data) => {
        heard += data.toString('latin1');
        if (data[0] === 0x16) socket.end(Buffer.from('15030100020246', 'hex'));
        else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      }),
    );
    const at = origin(server);
    const home = await withToken(at, JSON.stringify([at, `${at}/token`, null, null]));
    await hubErrorFrom(async () => (await defaultsOf(home).registries()).repository(server.host, 'app').manifest('1'));
    return heard;
  }

  test('goes there with the first request', async () => {
    const heard = await heardBy(({ port }) => `http://127.0.0.1:${port}`);
    expect(heard).toMatch(/^GET \/v2\/app\/manifests\/1 /);
    expect(heard).toMatch(/authorization: Bearer canary/i);
  });

  test.each([
    ['another scheme', (port: number) => `https://127.0.0.1:${port}`],
    ['another name', (port: number) => `http://localhost:${port}`],
    ['another port', (port: number) => `http://127.0.0.1:${port === 1 ? 2 : 1}`],
  ])('does not go in the clear to %s than it came from', async (_, origin) => {
    expect(await heardBy(({ port }) => origin(port))).not.toContain('canary');
  });
});

describe('the headers in config.json', () => {
  const config = { HttpHeaders: { 'X-Corp': 'canary', 'User-Agent': 'somebody else' } };

  test('go to the registry that was named, and to no token service or storage', async () => {
    const home = await newHome();
    const registry = await registryWith({ auth: 'bearer', tokenOrigin: true, blobOrigin: true });
    const auths = { [registry.host]: { auth: base64('tester:secret') } };
    await home.write('.docker/config.json', { ...config, auths });
    const bytes = Buffer.from('layer');
    registry.contents.putBlob('team/app', bytes);
    const defaults = defaultsOf(home);
    await (await defaults.realms()).pin(registry.host, registry.tokenServer?.origin ?? '');
    const endpoint = (await defaults.registries()).repository(registry.host, 'team/app');
    const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
    expect((await collect(await endpoint.read(blob), 100)).toString()).toBe('layer');
    const sent = (log: Registry['log'] = []): readonly unknown[] => log.map(({ headers }) => headers['x-corp']);
    expect(sent(registry.log)).toEqual(['canary', 'canary']);
    expect(sent(registry.tokenServer?.log)).toEqual([undefined]);
    expect(sent(registry.blobServer?.log)).toEqual([undefined]);
    expect(registry.log[0]?.headers['user-agent']).toMatch(/^hubctl\//);
  });

  test('go to every registry that was named', async () => {
    const home = await newHome();
    await home.write('.docker/config.json', config);
    const [one, other] = await Promise.all([registryWith({}), registryWith({})]);
    const defaults = defaultsOf(home);
    await ping(defaults, one.host);
    await ping(defaults, other.host);
    expect([...one.log, ...other.log].map(({ headers }) => headers['x-corp'])).toEqual(['canary', 'canary']);
  });
});
