import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Defaults, DefaultsOptions } from '../../src/defaults.ts';
import { base64 } from '../helpers/credentials.ts';
import { defaultsOf, newHome, ping, registryWith } from '../helpers/defaults.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import {
  CA_FILE,
  CLIENT_CERT_FILE,
  CLIENT_KEY_FILE,
  serve,
  serveRaw,
  SERVER_TLS as TLS,
  type WebServer,
} from '../helpers/web.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'tls');
const CA = readFileSync(CA_FILE, 'utf8');

describe('certificates', () => {
  test('of an unknown authority are refused', async () => {
    const registry = await registryWith({ tls: TLS });
    const defaults = defaultsOf(await newHome());
    expect((await hubErrorFrom(() => ping(defaults, registry.host))).code).toBe('TLS');
    expect(registry.log).toEqual([]);
  });

  test.each<[from: string, options: Partial<DefaultsOptions>]>([
    ['--tls-ca', { tlsCa: CA_FILE }],
    ['HUBCTL_CA', { env: { HUBCTL_CA: CA_FILE } }],
    ['NODE_EXTRA_CA_CERTS', { env: { NODE_EXTRA_CA_CERTS: CA_FILE } }],
    ['SSL_CERT_FILE', { env: { SSL_CERT_FILE: CA_FILE } }],
    ['SSL_CERT_DIR', { env: { SSL_CERT_DIR: `/nowhere:${FIXTURES}` } }],
  ])('are trusted by the authority in %s', async (_, options) => {
    const registry = await registryWith({ tls: TLS });
    expect(await ping(defaultsOf(await newHome(), options), registry.host)).toBe(200);
  });

  test.each([
    ['.config/docker/certs.d', {}],
    ['.config/containers/certs.d', {}],
    ['xdg/docker/certs.d', { XDG_CONFIG_HOME: 'xdg' }],
  ])('are trusted by the authority in %s, for that host only', async (dir, variables: Record<string, string>) => {
    const [named, other] = await Promise.all([registryWith({ tls: TLS }), registryWith({ tls: TLS })]);
    const home = await newHome();
    await home.write(`${dir}/${named.host}/ca.crt`, CA);
    const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, home.at(value)]));
    const defaults = defaultsOf(home, { env });
    expect(await ping(defaults, named.host)).toBe(200);
    expect((await hubErrorFrom(() => ping(defaults, other.host))).code).toBe('TLS');
  });

  test('may be our own', async () => {
    const server = await serve((_, response) => response.end('{}'), { tls: 'server', clientCertificate: true });
    const files = { tlsCa: CA_FILE, tlsCert: CLIENT_CERT_FILE, tlsKey: CLIENT_KEY_FILE };
    expect(await ping(defaultsOf(await newHome(), files), server.host)).toBe(200);
  });

  test.each([
    ['--insecure', true],
    ['insecure-registries of daemon.json', false],
  ])('are not checked for a host in %s', async (_, byFlag) => {
    const [named, other] = await Promise.all([registryWith({ tls: TLS }), registryWith({ tls: TLS })]);
    const home = await newHome();
    if (!byFlag) await home.write('.config/docker/daemon.json', { 'insecure-registries': [7, named.host] });
    const defaults = defaultsOf(home, byFlag ? { insecure: [named.host] } : {});
    expect(await ping(defaults, named.host)).toBe(200);
    expect((await hubErrorFrom(() => ping(defaults, other.host))).code).toBe('TLS');
  });

  test.each(['{"insecure-registries": [', '[]', '{"insecure-registries": "all"}', '{}'])(
    'are checked when daemon.json says %s, which stops nothing',
    async (text) => {
      const registry = await registryWith({});
      const home = await newHome();
      await home.write('.config/docker/daemon.json', text);
      expect(await ping(defaultsOf(home), registry.host)).toBe(200);
    },
  );

  test('are checked when daemon.json cannot be read', async () => {
    const registry = await registryWith({});
    const home = await newHome();
    await home.write('.config/docker/daemon.json/is/a/folder', '');
    expect(await ping(defaultsOf(home), registry.host)).toBe(200);
  });
});

interface Proxy {
  readonly server: WebServer;
  /** First lines of the requests for a tunnel. */
  readonly asked: string[];
}

/** A proxy that leads every tunnel to one port of this machine, or refuses it. */
async function proxyTo(port?: number): Promise<Proxy> {
  const asked: string[] = [];
  const server = await serveRaw((socket) =>
    socket.once('data', (data) => {
      asked.push(String(data).split('\r\n', 1)[0] ?? '');
      if (port === undefined) return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      const onwards = connect(port, '127.0.0.1');
      onwards.on('error', () => socket.destroy());
      socket.on('close', () => onwards.destroy()).write('HTTP/1.1 200 OK\r\n\r\n');
      return void socket.pipe(onwards).pipe(socket);
    }),
  );
  return { server, asked };
}

describe('a proxy', () => {
  const WANTED = ['CONNECT registry.test:443 HTTP/1.1'];
  const refused = async (defaults: Defaults): Promise<void> => {
    const error = await hubErrorFrom(() => ping(defaults, 'registry.test'));
    expect(error).toMatchObject({ code: 'UNREACHABLE', details: { reason: 'proxy' } });
  };

  test.each(['HTTPS_PROXY', 'https_proxy'])('is taken from %s', async (name) => {
    const { server, asked } = await proxyTo();
    await refused(defaultsOf(await newHome(), { env: { [name]: server.origin } }));
    expect(asked).toEqual(WANTED);
  });

  test('is taken from config.json where the environment names none', async () => {
    const [own, other] = await Promise.all([proxyTo(), proxyTo()]);
    const home = await newHome();
    const proxies = {
      default: { httpsProxy: own.server.origin },
      'tcp://daemon.example:2375': { httpsProxy: other.server.origin },
    };
    await home.write('.docker/config.json', { proxies });
    await refused(defaultsOf(home));
    expect([own.asked, other.asked]).toEqual([WANTED, []]);
    await refused(defaultsOf(home, { env: { HTTPS_PROXY: other.server.origin } }));
    expect([own.asked, other.asked]).toEqual([WANTED, WANTED]);
  });

  test('leads to a registry whose certificate and credentials count as ever', async () => {
    const registry = await registryWith({ auth: 'basic', tls: TLS });
    const { server, asked } = await proxyTo(Number(new URL(registry.origin).port));
    const home = await newHome();
    // A port that goes without saying belongs to the name of the registry, but not to its address.
    const auths = { 'registry.test:443': { auth: base64('tester:secret') } };
    await home.write('.docker/config.json', { auths, HttpHeaders: { 'X-Corp': 'canary' } });
    const defaults = defaultsOf(home, { tlsCa: CA_FILE, env: { HTTPS_PROXY: server.origin } });
    expect(await ping(defaults, 'registry.test:443')).toBe(200);
    expect(new Set(asked)).toEqual(new Set(WANTED));
    expect(registry.log.map(({ headers }) => headers['x-corp'])).toEqual(['canary', 'canary']);
  });

  test('is left out for the hosts of NO_PROXY, and for this machine', async () => {
    const { server, asked } = await proxyTo();
    const registry = await registryWith({});
    // An address of this machine that does not look like one.
    const host = registry.host.replace('127.0.0.1', '0.0.0.0');
    const proxies = { HTTPS_PROXY: server.origin, HTTP_PROXY: server.origin };
    const home = await newHome();
    const defaults = defaultsOf(home, { env: { ...proxies, NO_PROXY: '0.0.0.0' }, insecure: [host] });
    expect(await ping(defaults, registry.host)).toBe(200);
    expect(await ping(defaults, host)).toBe(200);
    expect(asked).toEqual([]);
    await hubErrorFrom(() => ping(defaultsOf(home, { env: proxies, insecure: [host] }), host));
    expect(asked).toEqual([`CONNECT ${host} HTTP/1.1`]);
  });
});
