// What does hubctl make of hosts that cannot be reached, named, trusted or kept?
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { NetworkOptions } from '../../src/defaults.ts';
import { blackHole } from '../helpers/black-hole.ts';
import { issueCertificate, type CertificateOptions, type Issued } from '../helpers/certificates.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { folder } from '../helpers/folder.ts';
import { newUser } from '../helpers/hubctl.ts';
import { startProcess, which } from '../helpers/processes.ts';
import { isLong, randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { documentOf, fillRegistry, sampleImage } from '../helpers/sample-image.ts';
import { closedPort, serve, serveRaw, type WebServer } from '../helpers/web.ts';
import { WaitingClock } from './waiting-clock.ts';

const NAME = 'registry.example';
const TAGS = '{"name":"app","tags":["1"]}';
const IPV4 = { address: '127.0.0.1', family: 4 };

interface Asked extends CliResult {
  readonly clock: WaitingClock;
}

type Lookup = NonNullable<NetworkOptions['lookup']>;

/** `hubctl tags HOST/app`, where waits for a retry are short, and names mean this machine. */
async function ask(host: string, { flags = [], env = {}, ...network }: AskOptions = {}): Promise<Asked> {
  const clock = new WaitingClock();
  const home = folder();
  const result = await runCli([...flags, 'tags', `${host}/app`], {
    home,
    env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${home}/no-bus`, ...env },
    network: { clock, lookup: async () => [IPV4], ...network },
  });
  return { ...result, clock };
}

interface AskOptions extends Pick<NetworkOptions, 'timeouts' | 'lookup'> {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What was told, and what to do about it. */
function failure({ status, stderr }: CliResult): object {
  const [, says = '', hint = ''] = /^hubctl: (.*)\n(?:  hint: (.*)\n)?/m.exec(stderr) ?? [];
  return { status, says, hint };
}

const asRegistry = (): Promise<WebServer> => serve((_, response) => response.end(TAGS));
const plainly = (host: string): readonly string[] => ['--insecure', host];

describe('F50: a host', () => {
  test('that refuses', async () => {
    const host = `127.0.0.1:${await closedPort()}`;
    expect(failure(await ask(host))).toEqual({
      status: 6,
      says: expect.stringContaining(`cannot connect to ${host} (refused)`) as string,
      hint: expect.stringContaining(`is ${host} running`) as string,
    });
  });

  test('that answers nothing at all is given up after the time for an address', async () => {
    const host = `127.0.0.1:${await blackHole()}`;
    expect(failure(await ask(host, { timeouts: { connect: 100 } }))).toEqual({
      status: 6,
      says: expect.stringMatching(/cannot connect to 127\.0\.0\.1:\d+ within 0\.1 s/) as string,
      hint: expect.stringContaining('check the network and firewall') as string,
    });
  });

  test('that no way leads to', async () => {
    const lookup: Lookup = async () => {
      throw Object.assign(new Error('connect ENETUNREACH'), { code: 'ENETUNREACH' });
    };
    expect(failure(await ask(NAME, { lookup }))).toMatchObject({
      status: 6,
      says: expect.stringContaining(`${NAME} is not reachable from this network`) as string,
    });
  });
});

describe('F51: a name', () => {
  const failing = (code: string): { lookup: Lookup; asked: () => number } => {
    let count = 0;
    return {
      asked: () => count,
      lookup: async () => {
        count += 1;
        throw Object.assign(new Error(code), { code });
      },
    };
  };

  test('that does not exist is looked up once', async () => {
    const { lookup, asked } = failing('ENOTFOUND');
    expect(failure(await ask(NAME, { lookup }))).toEqual({
      status: 6,
      says: expect.stringContaining(`no such host ${NAME}`) as string,
      hint: expect.stringContaining('check the spelling') as string,
    });
    expect(asked()).toBe(1);
  });

  test.each(['EAI_AGAIN', 'ESERVFAIL'])('whose server fails with %s is looked up again', async (code) => {
    const { lookup, asked } = failing(code);
    expect(failure(await ask(NAME, { lookup }))).toMatchObject({
      status: 6,
      says: expect.stringContaining(`the name ${NAME} cannot be looked up at the moment`) as string,
    });
    expect(asked()).toBeGreaterThan(1);
  });

  test('whose server never answers is given up', async () => {
    const result = await ask(NAME, { lookup: () => new Promise(() => undefined), timeouts: { connect: 50 } });
    expect(failure(result)).toMatchObject({ status: 6 });
  });

  test('of twenty addresses is reached at the only one that listens', async () => {
    const server = await asRegistry();
    const dead = Array.from({ length: 19 }, (_, at) => ({ address: `127.0.1.${at + 1}`, family: 4 }));
    const host = `${NAME}:${server.port}`;
    const result = await ask(host, { lookup: async () => [...dead, IPV4], flags: plainly(host) });
    expect(result).toMatchObject({ status: 0, stdout: '1\n' });
  });
});

describe('F52: two families', () => {
  test('are tried side by side: one that answers nothing does not hold up the other', async () => {
    const port = await blackHole();
    const server = await serve((_, response) => response.end(TAGS), { address: '127.0.0.2', port });
    const host = `${NAME}:${server.port}`;
    const lookup: Lookup = async () => [IPV4, { address: '127.0.0.2', family: 4 }];
    const result = await ask(host, { lookup, flags: plainly(host) });
    expect(result).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
  });

  test('may have a listener in one only', async () => {
    const server = await asRegistry();
    expect(await ask(`localhost:${server.port}`)).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
  });
});

describe('F53: a host', () => {
  test('that speaks plain http when https is expected is told, with the flag that allows it', async () => {
    const server = await asRegistry();
    const host = `${NAME}:${server.port}`;
    expect(failure(await ask(host))).toEqual({
      status: 6,
      says: expect.stringContaining(`${host} speaks plain HTTP, not HTTPS`) as string,
      hint: expect.stringContaining(`--insecure ${host}`) as string,
    });
  });

  test('that speaks https when plain http is allowed is spoken to in https', async () => {
    const { port } = await secure(issueCertificate({ name: 'self', hosts: [NAME] }));
    const host = `${NAME}:${port}`;
    expect(await ask(host, { flags: plainly(host) })).toMatchObject({ status: 0, stdout: '1\n' });
  });
});

const shared = mkdtempSync(join(tmpdir(), 'hubctl-test-'));
afterAll(() => rmSync(shared, { recursive: true, force: true }));
const CA = issueCertificate({ name: 'The Authority' });
const CA_FILE = join(shared, 'ca.pem');
writeFileSync(CA_FILE, CA.certificate);

interface Secure {
  readonly port: number;
  /** Connections made so far. */
  readonly connections: () => number;
}

async function secure({ certificate: cert, key }: Issued, options: ServerOptions = {}): Promise<Secure> {
  let connections = 0;
  // Keys of any size: it is the client who has to refuse them.
  const server = createHttpsServer({ cert, key, ciphers: 'DEFAULT@SECLEVEL=0', ...options }, (_, response) =>
    response.end(TAGS),
  );
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket.on('error', () => undefined));
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const DAY = 86_400_000;
const good: CertificateOptions = { name: 'leaf', hosts: [NAME], issuer: CA };
const issued = issueCertificate(good);
const openssl = await which('openssl');
if (openssl === undefined) console.log('skipped: a server that refuses client certificates, for want of openssl');
const between = issueCertificate({ name: 'Between', issuer: CA, authority: true });

describe('F54: a certificate', () => {
  test.each([
    ['of itself', { name: 'self', hosts: [NAME] }, /is signed by an unknown authority \(self\)/, /--tls-ca FILE/],
    [
      'that expired',
      { ...good, notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') },
      /expired on 2021-01-01/,
      /this machine says it is \d{4}-/,
    ],
    [
      'that is not valid yet',
      { ...good, notBefore: new Date(Date.now() + DAY) },
      /is not valid before \d{4}-/,
      /this machine says it is \d{4}-/,
    ],
    ['for another host', { ...good, hosts: ['other.example'] }, /is for other\.example/, /use the name/],
    ['with a weak key', { ...good, bits: 768 }, /has a key that is too short/, /certificates of this machine/],
    [
      'whose authority is between it and the one that is trusted, and is not shown',
      { ...good, issuer: between },
      /is signed by an unknown authority \(Between\)/,
      /--tls-ca FILE/,
    ],
    ['signed by one that may not sign', { ...good, issuer: issueCertificate(good) }, /certificate/, /^/],
  ] as const)('%s is told, and not tried again', async (_, options, says, hint) => {
    const { port, connections } = await secure(issueCertificate(options));
    const result = await ask(`${NAME}:${port}`, { flags: ['--tls-ca', CA_FILE] });
    expect(failure(result)).toEqual({
      status: 6,
      says: expect.stringMatching(says) as string,
      hint: expect.stringMatching(hint) as string,
    });
    expect(result.stderr).not.toContain(' again in ');
    // One ahead, one to ask, one more to ask with the authorities of the system.
    expect(connections()).toBeLessThanOrEqual(3);
  });

  test('that is in order is trusted, also with an authority between', async () => {
    const leaf = issueCertificate({ ...good, issuer: between });
    const chain = { ...leaf, certificate: leaf.certificate + between.certificate };
    const { port } = await secure(chain);
    const result = await ask(`${NAME}:${port}`, { flags: ['--tls-ca', CA_FILE] });
    expect(result).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
  });

  // As SECURITY.md says: no client that pulls images asks, and to ask would be a request to wherever a certificate says.
  test('of a revoked chain is not asked about: nobody is connected to but the registry', async () => {
    let asked = 0;
    const authority = await serve((_, response) => {
      asked += 1;
      response.end();
    });
    const revocation = { list: `${authority.origin}/revoked.crl`, responder: `${authority.origin}/ocsp` };
    const middle = issueCertificate({ name: 'Middle', issuer: CA, authority: true, revocation });
    const leaf = issueCertificate({ ...good, issuer: middle, revocation });
    expect(new X509Certificate(leaf.certificate).infoAccess).toContain(revocation.responder);
    const { port } = await secure({ ...leaf, certificate: leaf.certificate + middle.certificate });
    const result = await ask(`${NAME}:${port}`, { flags: ['--tls-ca', CA_FILE] });
    expect(result).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
    expect(asked).toBe(0);
  });
});

describe('F55: a host that asks for a client certificate', () => {
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: CA.certificate };

  function files({ certificate, key }: Issued): readonly string[] {
    const dir = folder();
    writeFileSync(join(dir, 'cert.pem'), certificate);
    writeFileSync(join(dir, 'key.pem'), key);
    return ['--tls-cert', join(dir, 'cert.pem'), '--tls-key', join(dir, 'key.pem')];
  }

  test('and gets none is told', async () => {
    const { port } = await secure(issueCertificate(good), mutual);
    expect(failure(await ask(`${NAME}:${port}`, { flags: ['--tls-ca', CA_FILE] }))).toEqual({
      status: 6,
      says: expect.stringContaining(`${NAME}:${port} asks for a client certificate`) as string,
      hint: expect.stringContaining('--tls-cert FILE --tls-key FILE') as string,
    });
  });

  // A server of Node.js only hangs up.
  test.skipIf(openssl === undefined)('and gets one of somebody else is told', async () => {
    const flags = ['--tls-ca', CA_FILE, ...files(issueCertificate({ name: 'me' }))];
    const [certificate, key] = [join(shared, 'server.pem'), join(shared, 'server.key.pem')];
    writeFileSync(certificate, issued.certificate);
    writeFileSync(key, issued.key);
    const mutually = ['-CAfile', CA_FILE, '-Verify', '1', '-verify_return_error'];
    const args = ['s_server', '-accept', '127.0.0.1:0', '-cert', certificate, '-key', key, '-www', ...mutually];
    const server = await startProcess(openssl ?? '', args, { ready: /ACCEPT \S+:(\d+)/ });
    onTestFinished(() => server.stop());
    expect(failure(await ask(`${NAME}:${server.ready[1]}`, { flags }))).toMatchObject({
      status: 6,
      says: expect.stringContaining('client certificate, or refuses the one it got') as string,
    });
  });

  test('and gets it answers', async () => {
    const { port } = await secure(issueCertificate(good), mutual);
    const flags = ['--tls-ca', CA_FILE, ...files(issueCertificate({ name: 'me', issuer: CA }))];
    expect(await ask(`${NAME}:${port}`, { flags })).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
  });
});

describe('F56: a proxy', () => {
  const through = (host: string): { env: Record<string, string> } => ({ env: { HTTPS_PROXY: `http://${host}` } });

  test('that refuses is named', async () => {
    const proxy = `127.0.0.1:${await closedPort()}`;
    expect(failure(await ask(NAME, through(proxy)))).toMatchObject({
      status: 6,
      says: expect.stringContaining(`cannot connect to the proxy ${proxy} (refused)`) as string,
    });
  });

  test.each([
    ['407 Proxy Authentication Required', 'wants a user name and a password'],
    ['502 Bad Gateway', 'answered 502 instead of connecting'],
  ])('that answers %s is named', async (answer, says) => {
    const { host } = await serveRaw((socket) => socket.once('data', () => socket.end(`HTTP/1.1 ${answer}\r\n\r\n`)));
    expect(failure(await ask(NAME, through(host)))).toMatchObject({
      status: 6,
      says: expect.stringMatching(new RegExp(`the proxy ${host} ${says}`)) as string,
    });
  });

  test('that drops the tunnel is tried again, and then told', async () => {
    const { host, ...proxy } = await serveRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.once('data', () => socket.destroy());
      });
    });
    expect(failure(await ask(NAME, through(host)))).toMatchObject({ status: 6 });
    expect(proxy.sockets.size).toBe(0);
  });

  // What a rule means is told host by host beside the parser.
  test.each(['*', NAME, '.example', 'example', `${NAME}:443`])('is passed by with NO_PROXY=%s', async (none) => {
    const { port } = await secure(issueCertificate(good));
    const host = none.endsWith(':443') ? NAME : `${NAME}:${port}`;
    const proxy = await serveRaw((socket) => socket.destroy());
    await ask(host, { env: { HTTPS_PROXY: `http://${proxy.host}`, NO_PROXY: none }, timeouts: { connect: 100 } });
    expect(proxy.connections).toBe(0);
  });
});

describe('F57: connections that are kept', () => {
  test('are closed by the server while the next request goes out, and nobody hears of it', async () => {
    const count = isLong ? 1000 : 100;
    const server = await serve(
      (request, response) => {
        const at = Number(new URL(request.url ?? '', 'http://x').searchParams.get('last') ?? 0);
        if (at < count) response.setHeader('link', `</v2/app/tags/list?last=${at + 1}>; rel="next"`);
        // The server closes what was idle for five milliseconds; requests come in every few.
        setTimeout(() => response.end(`{"name":"app","tags":["${at}"]}`), at % 10);
      },
      { keepAlive: 5 },
    );
    const result = await ask(server.host);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout.trim().split('\n')).toHaveLength(count + 1);
  }, 120_000);
});

test('F58: HTTP/2 is not offered, so nothing of it can fail', async () => {
  const protocols: (string | false | null)[] = [];
  const server = createHttpsServer(
    { cert: issued.certificate, key: issued.key, ALPNProtocols: ['h2', 'http/1.1'] },
    (request, response) => {
      protocols.push((request.socket as TLSSocket).alpnProtocol);
      response.end(TAGS);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void (server.closeAllConnections(), server.close()));
  const { port } = server.address() as AddressInfo;
  expect(await ask(`${NAME}:${port}`, { flags: ['--tls-ca', CA_FILE] })).toMatchObject({ status: 0, stdout: '1\n' });
  expect(protocols.length).toBeGreaterThan(0);
  expect(protocols).not.toContain('h2');
});

/** Hands everything on to a registry, until it is cut. */
async function line(to: number): Promise<{ host: string; cut: () => Promise<void>; mend: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(to, '127.0.0.1');
    for (const end of [socket, upstream]) {
      sockets.add(end);
      end
        .on('error', () => undefined)
        .on('close', () => void (socket.destroy(), upstream.destroy(), sockets.delete(end)));
    }
    socket.pipe(upstream).pipe(socket);
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  onTestFinished(cut);
  return { host: `127.0.0.1:${port}`, cut, mend: () => listen(port) };
}

const SIZE = 6_000_000;

async function newImage(): Promise<{ registry: Registry; layer: string }> {
  const registry = await startRegistry();
  onTestFinished(() => registry.stop());
  const layer = documentOf(randomBytes(seededRandom(seed), SIZE), 'application/vnd.oci.image.layer.v1.tar');
  const { config, manifest } = sampleImage();
  const rootfs = { type: 'layers', diff_ids: [layer.descriptor.digest] };
  const own = documentOf({ architecture: 'amd64', os: 'linux', config: {}, rootfs }, config.descriptor.mediaType);
  const { mediaType } = manifest.descriptor;
  const document = { schemaVersion: 2, mediaType, config: own.descriptor, layers: [layer.descriptor] };
  fillRegistry(registry.contents, ['app', '1'], {
    manifest: documentOf(document, mediaType),
    config: own,
    layers: [layer],
  });
  return { registry, layer: layer.descriptor.digest };
}

function bytesOf({ log }: Registry, digest: string): number {
  return log.reduce((sum, { path, responseBytes }) => sum + (path.includes(digest) ? responseBytes : 0), 0);
}

describe('F59: a pull', () => {
  test.each(Array.from({ length: isLong ? 20 : 2 }, (_, at) => at))(
    'goes on after the network was gone for twenty seconds (%i)',
    async (at) => {
      const { registry, layer } = await newImage();
      const { host, cut, mend } = await line(Number(registry.host.split(':')[1]));
      const clock = new WaitingClock();
      const random = seededRandom(seed + at);
      const outage = async (): Promise<void> => {
        while (bytesOf(registry, layer) < SIZE / 4) await new Promise((resolve) => setTimeout(resolve, 2));
        await cut();
        const gone = clock.elapsed;
        // Waits are all that makes time go on here.
        while (clock.elapsed < gone + 20) await new Promise((resolve) => setTimeout(resolve, 2));
        await mend();
      };
      const home = folder();
      const pull = ['pull', '-q', '--store', join(home, 'store'), '--limit-rate', '40MB/s', `${host}/app:1`];
      const [result] = await Promise.all([runCli(pull, { home, network: { clock, random } }), outage()]);
      expect(result).toMatchObject({ status: 0 });
      expect(clock.elapsed).toBeGreaterThanOrEqual(20);
    },
  );

  test('goes on after the machine has slept', async () => {
    const { registry, layer } = await newImage();
    const user = await newUser();
    onTestFinished(() => user[Symbol.asyncDispose]());
    const child = user.start(['pull', '-q', '--limit-rate', '3MB/s', `${registry.host}/app:1`]);
    const ended = once(child, 'exit') as Promise<[number | null]>;
    while (bytesOf(registry, layer) < SIZE / 4) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGSTOP');
    // Longer than a body may stand still, in the long form.
    await new Promise((resolve) => setTimeout(resolve, isLong ? 65_000 : 500));
    child.kill('SIGCONT');
    expect(await ended).toEqual([0, null]);
    // What was on its way when the machine fell asleep is read, and not sent again.
    expect(bytesOf(registry, layer)).toBeLessThanOrEqual(SIZE * 1.05);
  }, 120_000);
});
