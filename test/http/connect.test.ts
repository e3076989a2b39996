import { copyFileSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/http/clock.ts';
import { Connector } from '../../src/http/connect.ts';
import type { Lookup } from '../../src/http/dial.ts';
import type { ProxyOptions } from '../../src/http/proxy.ts';
import { createTransport, type Transport, type TransportOptions } from '../../src/http/transport.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import {
  CA_FILE,
  CLIENT_CERT_FILE,
  CLIENT_KEY_FILE,
  bodyText,
  closedPort,
  serve,
  serveRaw,
  type CertificateName,
  type WebServer,
} from '../helpers/web.ts';

const TRUSTED = { caFiles: [CA_FILE], systemBundles: [] };

function transport(options: Partial<TransportOptions> = {}): Transport {
  const made = createTransport({
    userAgent: 'hubctl/test',
    clock: systemClock,
    tls: { systemBundles: [] },
    ...options,
  });
  onTestFinished(() => made.close());
  return made;
}

async function fetchText(url: string, options: Partial<TransportOptions> = {}): Promise<string> {
  return bodyText(await transport(options).send({ method: 'GET', url: new URL(url) }));
}

async function secure(tls: CertificateName = 'server'): Promise<WebServer> {
  return serve((_, response) => response.end('secure'), { tls });
}

describe('a certificate', () => {
  test('of a CA the user named is trusted', async () => {
    const { origin, port } = await secure();
    expect(await fetchText(origin, { tls: TRUSTED })).toBe('secure');
    expect(await fetchText(`https://localhost:${port}`, { tls: TRUSTED })).toBe('secure');
  });

  test('of a CA in the directory of the host is trusted for that host only', async () => {
    const root = await mkdtemp(join(tmpdir(), 'hubctl-certs-'));
    onTestFinished(() => rm(root, { recursive: true }));
    const { port } = await secure();
    mkdirSync(join(root, `127.0.0.1:${port}`));
    copyFileSync(CA_FILE, join(root, `127.0.0.1:${port}`, 'ca.crt'));
    const tls = { certDirs: [join(root, 'absent'), root], systemBundles: [] };
    expect(await fetchText(`https://127.0.0.1:${port}`, { tls })).toBe('secure');
    expect((await hubErrorFrom(() => fetchText(`https://localhost:${port}`, { tls }))).code).toBe('TLS');
  });

  test('that only the operating system knows is trusted', async () => {
    const { origin } = await secure();
    const { send } = transport({ tls: { systemBundles: ['/nonexistent', CA_FILE] } });
    const request = { method: 'GET', url: new URL(origin) } as const;
    expect(await bodyText(await send(request))).toBe('secure');
    expect(await bodyText(await send(request))).toBe('secure');
  });

  test('that only the operating system knows is trusted on all connections that are opened at once', async () => {
    const { origin } = await secure();
    const { send } = transport({ tls: { systemBundles: [CA_FILE] } });
    const texts = Array.from({ length: 8 }, async () => bodyText(await send({ method: 'GET', url: new URL(origin) })));
    expect(new Set(await Promise.all(texts))).toEqual(new Set(['secure']));
  });

  test('of an unknown CA is not trusted', async () => {
    const { origin, host } = await secure();
    const error = await hubErrorFrom(() => fetchText(origin));
    expect(error).toMatchObject({
      code: 'TLS',
      retryable: false,
      message: `the certificate of ${host} is signed by an unknown authority (hubctl test CA)`,
      details: { host, reason: 'certificate' },
    });
    expect(error.hint).toContain('--tls-ca FILE');
    expect(error.hint).toContain(`--insecure ${host}`);
  });

  test('that expired is not trusted', async () => {
    const { origin, host } = await secure('expired');
    const error = await hubErrorFrom(() => fetchText(origin, { tls: TRUSTED }));
    expect(error).toMatchObject({ code: 'TLS', message: `the certificate of ${host} expired on 2021-01-01` });
    expect(error.hint).toMatch(/^this machine says it is \d{4}-\d\d-\d\d/);
  });

  test('that is not valid yet is not trusted', async () => {
    const { origin, host } = await secure('future');
    const error = await hubErrorFrom(() => fetchText(origin, { tls: TRUSTED }));
    expect(error).toMatchObject({ code: 'TLS', message: `the certificate of ${host} is not valid before 2120-01-01` });
  });

  test('for another host is not trusted', async () => {
    const { origin, host } = await secure('other');
    const error = await hubErrorFrom(() => fetchText(origin, { tls: TRUSTED }));
    expect(error).toMatchObject({ code: 'TLS', message: `the certificate of ${host} is for other.example` });
  });

  test.each(['server', 'expired', 'other'] as const)(
    'such as "%s" is not looked at for an insecure host',
    async (name) => {
      const { origin, host } = await secure(name);
      expect(await fetchText(origin, { insecure: (asked) => asked === host })).toBe('secure');
      expect((await hubErrorFrom(() => fetchText(origin, { insecure: (asked) => asked !== host }))).code).toBe('TLS');
    },
  );

  test('is checked whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    onTestFinished(() => {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    });
    const { origin } = await secure();
    expect((await hubErrorFrom(() => fetchText(origin))).code).toBe('TLS');
  });

  test('of the client is shown when the host asks for it', async () => {
    const server = await serve((_, response) => response.end('welcome'), { tls: 'server', clientCertificate: true });
    const tls = { ...TRUSTED, certFile: CLIENT_CERT_FILE, keyFile: CLIENT_KEY_FILE };
    expect(await fetchText(server.origin, { tls })).toBe('welcome');
    await hubErrorFrom(() => fetchText(server.origin, { tls: TRUSTED }));
  });
});

describe('a handshake', () => {
  test('with a port that speaks plain http says so', async () => {
    const server = await serve((_, response) => response.end('plain'));
    const error = await hubErrorFrom(() => fetchText(`https://${server.host}`));
    expect(error).toMatchObject({
      code: 'TLS',
      message: `${server.host} speaks plain HTTP, not HTTPS`,
      hint: `to use it without encryption: --insecure ${server.host}`,
      details: { reason: 'plain-http' },
    });
  });

  test('that is not answered ends in a timeout', async () => {
    const server = await serveRaw(() => undefined);
    const error = await hubErrorFrom(() => fetchText(`https://${server.host}`, { handshakeTimeout: 100 }));
    expect(error).toMatchObject({ code: 'TIMEOUT', message: `cannot connect to ${server.host} within 0.1 s` });
  });

  test('that is cut off can be tried again', async () => {
    const server = await serveRaw((socket) => socket.once('data', () => socket.destroy()));
    const error = await hubErrorFrom(() => fetchText(`https://${server.host}`));
    expect(error).toMatchObject({ code: 'UNREACHABLE', retryable: true });
  });
});

interface TestProxy extends WebServer {
  /** Request lines, and the values of Proxy-Authorization. */
  readonly seen: readonly string[];
}

/** A proxy that tunnels and forwards; `answer` makes it answer CONNECT with that status line instead. */
async function startProxy(answer?: string): Promise<TestProxy> {
  const seen: string[] = [];
  const note = (request: IncomingMessage): void =>
    void seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? 'nobody'}`);
  const inner = createServer((request, response) => {
    note(request);
    response.end(`forwarded for ${request.headers.host}`);
  });
  inner.on('connect', (request: IncomingMessage, socket: Socket) => {
    note(request);
    if (answer !== undefined) return void socket.end(`HTTP/1.1 ${answer}\r\n\r\n`);
    const upstream = connect({ port: Number(/:(\d+)$/.exec(request.url ?? '')?.[1]), host: '127.0.0.1' }, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [upstream, socket]) end.on('error', () => void (upstream.destroy(), socket.destroy()));
  });
  const server = await serveRaw((socket) => inner.emit('connection', socket));
  return {
    ...server,
    seen,
    get connections() {
      return server.connections;
    },
  };
}

describe('a proxy', () => {
  const through = (proxy: ProxyOptions): Partial<TransportOptions> => ({ proxy, tls: TRUSTED });

  test('tunnels https', async () => {
    const server = await secure();
    const proxy = await startProxy();
    const text = await fetchText(`https://registry.test:${server.port}`, through({ https: `http://${proxy.host}` }));
    expect(text).toBe('secure');
    expect(proxy.seen).toEqual([`CONNECT registry.test:${server.port} nobody`]);
  });

  test('gets the whole address of plain http', async () => {
    const proxy = await startProxy();
    const text = await fetchText('http://registry.test:81/v2/?n=1', through({ http: proxy.host }));
    expect(text).toBe('forwarded for registry.test:81');
    expect(proxy.seen).toEqual(['GET http://registry.test:81/v2/?n=1 nobody']);
  });

  test('gets the user and the password in its address', async () => {
    const proxy = await startProxy();
    const basic = `Basic ${Buffer.from('us er:p@ss').toString('base64')}`;
    const address = `http://us%20er:p%40ss@${proxy.host}`;
    await fetchText('http://registry.test/', through({ http: address }));
    const server = await secure();
    await fetchText(`https://registry.test:${server.port}`, through({ https: address }));
    expect(proxy.seen.map((line) => line.split(' ').slice(2).join(' '))).toEqual([basic, basic]);
  });

  test('is not asked for hosts in NO_PROXY and on this machine', async () => {
    const server = await secure();
    const lookup = async (): Promise<{ address: string; family: number }[]> => [{ address: '127.0.0.1', family: 4 }];
    const proxy = { https: `http://127.0.0.1:${await closedPort()}`, none: 'registry.test' };
    expect(await fetchText(`https://registry.test:${server.port}`, { ...through(proxy), lookup })).toBe('secure');
    expect(await fetchText(server.origin, through(proxy))).toBe('secure');
  });

  test('does not weaken the check of the certificate', async () => {
    const server = await secure();
    const proxy = await startProxy();
    const error = await hubErrorFrom(() =>
      fetchText(`https://evil.example:${server.port}`, through({ https: proxy.host })),
    );
    expect(error.code).toBe('TLS');
    expect(error.message).toContain('is for ');
  });

  describe.each(['server', 'expired', 'other'] as const)('does not make up for a certificate such as "%s"', (name) => {
    // Nobody has vouched for the first; the others have the CA that the user named.
    const tls = name === 'server' ? { systemBundles: [] } : TRUSTED;

    test('of the host, without a proxy', async () => {
      const server = await secure(name);
      expect((await hubErrorFrom(() => fetchText(server.origin, { tls }))).code).toBe('TLS');
    });

    test('of the host, behind the tunnel', async () => {
      const server = await secure(name);
      const proxy = await startProxy();
      const url = `https://registry.test:${server.port}`;
      const error = await hubErrorFrom(() => fetchText(url, { tls, proxy: { https: proxy.origin } }));
      expect(error.code).toBe('TLS');
      expect(proxy.seen.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(['CONNECT']));
    });

    test('of its own', async () => {
      const proxy = await secure(name);
      const options = { tls, proxy: { https: `https://127.0.0.1:${proxy.port}` } };
      const error = await hubErrorFrom(() => fetchText('https://registry.test/', options));
      expect(error.code).toBe('TLS');
      expect(error.message).toContain(`the proxy 127.0.0.1:${proxy.port}`);
    });
  });

  test('that cannot be reached is named', async () => {
    const port = await closedPort();
    const error = await hubErrorFrom(() =>
      fetchText('https://registry.test', through({ https: `http://127.0.0.1:${port}` })),
    );
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: `cannot connect to the proxy 127.0.0.1:${port} (refused)`,
      // An outage of the proxy is one of every host behind it.
      details: { reason: 'refused', proxy: true },
    });
  });

  test('that wants a password is named without one', async () => {
    const proxy = await startProxy('407 Proxy Authentication Required');
    const error = await hubErrorFrom(() =>
      fetchText('https://registry.test', through({ https: `http://me:canary@${proxy.host}` })),
    );
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: `the proxy ${proxy.host} wants a user name and a password`,
    });
    expect(error.details['retry']).toBe(false);
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain('canary');
  });

  test('that refuses a tunnel is named', async () => {
    const proxy = await startProxy('502 Bad Gateway');
    const error = await hubErrorFrom(() => fetchText('https://registry.test', through({ https: proxy.host })));
    expect(error.message).toBe(`the proxy ${proxy.host} answered 502 instead of connecting to registry.test:443`);
    expect(error.details).toMatchObject({ reason: 'proxy', status: 502, target: 'registry.test:443' });
  });

  test('that hangs up is named', async () => {
    const proxy = await serveRaw((socket) => socket.once('data', () => socket.destroy()));
    const error = await hubErrorFrom(() => fetchText('https://registry.test', through({ https: proxy.host })));
    expect(error).toMatchObject({ code: 'UNREACHABLE', message: `the proxy ${proxy.host} closed the connection` });
  });

  test('that speaks TLS is checked as well', async () => {
    const proxy = await serve((request, response) => response.end(`forwarded ${request.url}`), { tls: 'server' });
    expect(await fetchText('http://registry.test/a', through({ http: proxy.origin }))).toBe(
      'forwarded http://registry.test/a',
    );
    const error = await hubErrorFrom(() => fetchText('http://registry.test/a', { proxy: { http: proxy.origin } }));
    expect(error).toMatchObject({ code: 'TLS' });
    expect(error.message).toContain('the proxy');
  });
});

describe('a server that only a proxy reaches', () => {
  const lookup: Lookup = async () => [{ address: '127.0.0.1', family: 4 }];

  test('counts as one on the internet, however near the proxy is', async () => {
    const server = await secure();
    const proxy = await startProxy();
    const options = { proxy: { https: proxy.host, none: 'storage.test' }, tls: TRUSTED, lookup };
    const { send } = transport(options);
    const registry = new URL(`https://registry.test:${server.port}`);
    expect(await bodyText(await send({ method: 'GET', url: registry }))).toBe('secure');
    const storage = new URL(`https://storage.test:${server.port}`);
    const error = await hubErrorFrom(() => send({ method: 'GET', url: storage, namedBy: registry }));
    expect(error).toMatchObject({ code: 'REFUSED', details: { address: '127.0.0.1' } });
    // The name that the proxy looks up is the proxy's to judge.
    const behind = new URL(`https://registry.test:${server.port}/behind`);
    const other = new URL('https://elsewhere.example');
    expect(await bodyText(await send({ method: 'GET', url: behind, namedBy: other }))).toBe('secure');
  });

  test('is of the private network when it is written as an address of it', async () => {
    const proxy = await startProxy();
    const { send } = transport({ proxy: { http: proxy.host } });
    const registry = new URL('http://10.1.2.3:5000');
    const near = { method: 'GET', url: new URL('http://10.9.9.9/'), namedBy: registry } as const;
    expect(await bodyText(await send(near))).toBe('forwarded for 10.9.9.9');
    const far = { ...near, namedBy: new URL('http://registry.example') };
    expect(await hubErrorFrom(() => send(far))).toMatchObject({ code: 'REFUSED' });
  });
});

describe('how far a server may lead', () => {
  const connector = (lookup?: Lookup): Connector => {
    const made = new Connector({ clock: systemClock, lookup });
    onTestFinished(() => made.close());
    return made;
  };

  test.each([
    ['http://localhost:5000', 'any'],
    ['http://127.0.0.1', 'any'],
    ['http://192.168.7.7:5000', 'network'],
    ['http://[fd00::5]', 'network'],
    ['https://registry.example', 'internet'],
    ['https://8.8.8.8', 'internet'],
  ])('follows from its own address: %s to %s', (server, reach) => {
    expect(connector().reachFrom(new URL(server))).toBe(reach);
  });

  test('follows from the address it was reached at, and from that of no other server', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const one = connector(async () => [{ address: '127.0.0.1', family: 4 }]);
    (await one.open(new URL(`http://here.example:${server.port}`))).destroy();
    expect(one.reachFrom(new URL('https://here.example'))).toBe('any');
    expect(one.reachFrom(new URL('https://there.example'))).toBe('internet');
  });

  test.each([
    ['10.0.0.1', 'internet'],
    ['169.254.169.254', 'internet'],
    ['169.254.169.254', 'network'],
    ['127.0.0.1', 'network'],
  ] as const)('leaves out %s for the reach %s, and nothing is connected to', async (address, reach) => {
    const one = connector(async () => [{ address, family: 4 }]);
    const error = await hubErrorFrom(() => one.open(new URL('http://named.example:9'), reach));
    expect(error).toMatchObject({ code: 'REFUSED', details: { address } });
  });

  test('is judged for a proxy by what is written', () => {
    const one = connector();
    expect(() => one.checkWritten(new URL('http://10.0.0.1'), 'internet')).toThrow('inside its network');
    expect(() => one.checkWritten(new URL('http://10.0.0.1'), 'network')).not.toThrow();
    expect(() => one.checkWritten(new URL('http://10.0.0.1'), 'any')).not.toThrow();
    expect(() => one.checkWritten(new URL('http://storage.example'), 'internet')).not.toThrow();
  });
});
