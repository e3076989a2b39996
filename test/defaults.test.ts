import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDefaults, defaultStoreDir, type Defaults, type DefaultsOptions } from '../src/defaults.ts';
import { HubError } from '../src/errors.ts';
import { digestOf } from '../src/spec/digest.ts';
import { collect } from '../src/util/content.ts';
import { Home, base64 } from './helpers/credentials.ts';
import { hubErrorFrom } from './helpers/errors.ts';
import { startRegistry, type Registry, type RegistryOptions } from './helpers/registry.ts';
import { blobOf, opener } from './helpers/stores.ts';
import { CA_FILE, CLIENT_CERT_FILE, CLIENT_KEY_FILE, serve, serveRaw, type WebServer } from './helpers/web.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures', 'tls');
const TLS = {
  key: readFileSync(join(FIXTURES, 'server.key.pem'), 'utf8'),
  cert: readFileSync(join(FIXTURES, 'server.pem'), 'utf8'),
};
const CA = readFileSync(CA_FILE, 'utf8');

async function newHome(): Promise<Home> {
  const home = await Home.create();
  onTestFinished(() => home[Symbol.asyncDispose]());
  return home;
}

/** The defaults of a user whose keychain cannot be reached. */
function defaultsOf(home: Home, { env, ...options }: Partial<DefaultsOptions> = {}): Defaults {
  const defaults = createDefaults({
    env: { ...home.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${home.at('no-bus')}`, ...env },
    home: home.path,
    ...options,
  });
  onTestFinished(() => defaults[Symbol.asyncDispose]());
  return defaults;
}

async function registryWith(options: RegistryOptions): Promise<Registry> {
  const registry = await startRegistry(options);
  onTestFinished(() => registry.stop());
  return registry;
}

/** Status of the base of a registry. */
async function ping(defaults: Defaults, host: string): Promise<number> {
  const response = await (await defaults.registries()).registry(host).get('/v2/');
  response.body.cancel();
  return response.status;
}

describe('the directory of the store', () => {
  test.each<[env: Record<string, string>, dir: string]>([
    [{}, '/home/me/.local/share/hubctl'],
    [{ XDG_DATA_HOME: '/data' }, '/data/hubctl'],
    [{ XDG_DATA_HOME: '/data', HUBCTL_HOME: '/own' }, '/own'],
    [{ HUBCTL_HOME: '' }, '/home/me/.local/share/hubctl'],
    [{ XDG_DATA_HOME: '' }, '/home/me/.local/share/hubctl'],
    [{ XDG_DATA_HOME: 'relative' }, '/home/me/.local/share/hubctl'],
  ])('with %j is %s', (env, dir) => {
    expect(defaultStoreDir({ env, home: '/home/me' })).toBe(dir);
    expect(createDefaults({ env, home: '/home/me' }).storeDir).toBe(dir);
  });

  test('may be named', () => {
    const options = { env: { HUBCTL_HOME: '/own' }, home: '/home/me', storeDir: '/named' };
    expect(createDefaults(options).storeDir).toBe('/named');
  });
});

describe('defaults', () => {
  test('open nothing before they are asked', async () => {
    const home = await newHome();
    const before = await readdir(home.path);
    const defaults = defaultsOf(home, { storeDir: home.at('store') });
    await defaults[Symbol.asyncDispose]();
    expect(await readdir(home.path)).toEqual(before);
  });

  test('give the same store, registries and credentials to everybody', async () => {
    const defaults = defaultsOf(await newHome());
    expect(await defaults.store()).toBe(await defaults.store());
    expect(await defaults.credentials()).toBe(await defaults.credentials());
    const [one, other] = await Promise.all([defaults.registries(), defaults.registries()]);
    expect(one).toBe(other);
  });

  test('close connections and the store in the end', async () => {
    const home = await newHome();
    const server = await serve((_, response) => response.end('{}'), { keepAlive: 600_000 });
    const defaults = defaultsOf(home, { storeDir: home.at('store') });
    expect(await ping(defaults, server.host)).toBe(200);
    const blob = blobOf('bytes');
    await (await defaults.store()).write(blob.descriptor, opener(blob));
    expect(await readdir(home.at('store/locks'))).not.toEqual([]);
    const closed = [...server.sockets].map((socket) => once(socket, 'close'));
    await defaults[Symbol.asyncDispose]();
    await Promise.all(closed);
    expect(server.sockets.size).toBe(0);
    expect(await readdir(home.at('store/locks'))).toEqual([]);
  });

  test('may be closed although something could not be opened', async () => {
    const home = await newHome();
    await home.write('.docker/config.json', '{\n  "auths": nothing\n}');
    const defaults = defaultsOf(home);
    const error = await hubErrorFrom(() => defaults.registries());
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: '~/.docker/config.json is not valid JSON (line 2, column 12)',
    });
    await defaults[Symbol.asyncDispose]();
  });

  test('hand on what is to be told', async () => {
    const home = await newHome();
    const registry = await registryWith({});
    registry.fail({ path: '/v2/' }, { status: 503, headers: { 'retry-after': '0' } });
    registry.fail({ path: '/v2/' }, { headers: { warning: '299 - "the quota is used up"' } });
    const told: string[] = [];
    const defaults = defaultsOf(home, {
      onWarning: (message) => told.push(message),
      onRetry: ({ message }) => told.push(message),
      trace: (line) => told.push(line),
    });
    expect(await ping(defaults, registry.host)).toBe(200);
    expect(told).toContain(`503 from ${registry.host}`);
    expect(told).toContain(`${registry.host} says: the quota is used up`);
    expect(told.some((line) => line.includes(`GET ${registry.origin}/v2/`))).toBe(true);
  });
});

describe('credentials', () => {
  test('come from the home of the user', async () => {
    const home = await newHome();
    const registry = await registryWith({ auth: 'basic' });
    await home.write('.docker/config.json', { auths: { [registry.host]: { auth: base64('tester:secret') } } });
    expect(await ping(defaultsOf(home), registry.host)).toBe(200);
  });

  test('come from the file or the folder that was named', async () => {
    const home = await newHome();
    const registry = await registryWith({ auth: 'basic' });
    const auths = { [registry.host]: { auth: base64('tester:secret') } };
    await home.write('.docker/config.json', { auths: { [registry.host]: { auth: base64('tester:wrong') } } });
    const authfile = await home.write('named.json', { auths });
    await home.write('named/config.json', { auths });
    expect(await ping(defaultsOf(home), registry.host)).toBe(401);
    expect(await ping(defaultsOf(home, { authfile }), registry.host)).toBe(200);
    expect(await ping(defaultsOf(home, { configDir: home.at('named') }), registry.host)).toBe(200);
  });

  test('are not waited for once the signal is aborted', async () => {
    const home = await newHome();
    let arrive: (socket: Socket) => void = () => undefined;
    const arrived = new Promise<Socket>((resolve) => (arrive = resolve));
    const server = await serveRaw((socket) => arrive(socket));
    const script = `#!${process.execPath}\nrequire('net').connect(${server.port}, '127.0.0.1');\n`;
    await home.write('bin/docker-credential-hanging', script, 0o755);
    await home.write('.docker/config.json', { credsStore: 'hanging' });
    const controller = new AbortController();
    const defaults = defaultsOf(home, { signal: controller.signal });
    const finding = (await defaults.credentials()).find('reg.example');
    const helper = await arrived;
    const gone = once(helper, 'close');
    const reason = new HubError('ABORTED', 'interrupted');
    controller.abort(reason);
    await expect(finding).rejects.toBe(reason);
    await gone;
  });
});

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
