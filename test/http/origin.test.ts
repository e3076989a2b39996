import { describe, expect, onTestFinished, test } from 'vitest';
import { dialAhead } from '../../src/http/dial-ahead.ts';
import { createOrigins } from '../../src/http/origin.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { CA_FILE, closedPort, serve, serveRaw } from '../helpers/web.ts';

const everything = (): boolean => true;

async function originOf(host: string, options: Parameters<typeof createOrigins>[0] = {}): Promise<string> {
  return (await createOrigins(options).originOf(host)).origin;
}

describe('a host somewhere else', () => {
  test.each(['reg.example', 'reg.example:5000', '192.0.2.1:5000', '[2001:db8::1]:5000'])(
    '%s is https, unasked',
    async (host) => {
      expect(await originOf(host)).toBe(`https://${host}`);
    },
  );

  test.each(['', 'a b', 'reg.example/path', 'user@reg.example', 'reg.example?x', 'reg.example#x', 'a:b'])(
    '"%s" is none',
    async (host) => {
      expect((await hubErrorFrom(() => originOf(host))).code).toBe('REFERENCE_INVALID');
    },
  );
});

describe('a host on this machine', () => {
  test('is http when its port speaks plain http', async () => {
    const server = await serve((_, response) => response.end());
    expect(await originOf(server.host)).toBe(server.origin);
    expect(await originOf(`localhost:${server.port}`)).toBe(`http://localhost:${server.port}`);
  });

  test('is https when its port speaks TLS, whoever signed its certificate', async () => {
    const server = await serve((_, response) => response.end(), { tls: 'expired' });
    expect(await originOf(server.host)).toBe(server.origin);
  });

  test.each([
    ['an alert', Buffer.from('15030100020246', 'hex'), 'https'],
    ['an old answer', Buffer.from('HTTP/1.0 400 Bad Request\r\n\r\n'), 'http'],
    ['nothing and hangs up', undefined, 'http'],
  ])('that says %s is taken for %s', async (_, bytes, scheme) => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => (bytes ? socket.write(bytes) : socket.destroy())),
    );
    expect(await originOf(server.host)).toBe(`${scheme}://${server.host}`);
  });

  test('gets a hello that ends the line for a server that reads lines', async () => {
    const server = await serveRaw((socket) =>
      socket.on('data', (data) => data.includes('\r\n') && socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    expect(await originOf(server.host)).toBe(server.origin);
  });

  test('is asked on the connection that was begun ahead', async () => {
    const server = await serve((_, response) => response.end(), { tls: 'expired' });
    const ahead = dialAhead(server.host);
    onTestFinished(() => ahead.close());
    expect(await originOf(server.host, { ahead })).toBe(server.origin);
    expect(await ahead.take('127.0.0.1', server.port, true)).toBeUndefined();
  });

  test('is asked once more when the connection that was begun ahead has ended', async () => {
    const alert = Buffer.from('15030100020246', 'hex');
    let connections = 0;
    const server = await serveRaw((socket) => {
      const isFirst = (connections += 1) === 1;
      socket.once('data', () => (isFirst ? socket.end() : socket.write(alert)));
    });
    const ahead = dialAhead(server.host);
    onTestFinished(() => ahead.close());
    expect(await originOf(server.host, { ahead })).toBe(`https://${server.host}`);
    expect(connections).toBe(2);
  });

  test('has to listen', async () => {
    const host = `127.0.0.1:${await closedPort()}`;
    expect(await hubErrorFrom(() => originOf(host))).toMatchObject({
      code: 'UNREACHABLE',
      message: `cannot connect to ${host} (refused)`,
    });
  });

  test('without a port is http when nothing listens for https', async () => {
    const origin = await originOf('a.localhost', { lookup: async () => [{ address: '127.0.0.99', family: 4 }] });
    expect(origin).toBe('http://a.localhost');
  });
});

describe('an insecure host', () => {
  test('is https when it speaks TLS, without a look at its certificate', async () => {
    const server = await serve((_, response) => response.end(), { tls: 'other' });
    expect(await originOf(server.host, { insecure: everything })).toBe(server.origin);
  });

  test('is http when it does not', async () => {
    const plain = await serve((_, response) => response.end());
    expect(await originOf(plain.host, { insecure: everything })).toBe(plain.origin);
    const rude = await serveRaw((socket) => socket.once('data', () => socket.destroy()));
    expect(await originOf(rude.host, { insecure: everything })).toBe(rude.origin);
  });

  test('is not made http by a port that does not answer', async () => {
    const server = await serveRaw(() => undefined);
    const timeouts = { handshake: 100 };
    expect((await hubErrorFrom(() => originOf(server.host, { insecure: everything, timeouts }))).code).toBe('TIMEOUT');
  });

  test('is the one that was named, and no other', async () => {
    const server = await serve((_, response) => response.end());
    const lookup = async (): Promise<{ address: string; family: number }[]> => [{ address: '127.0.0.1', family: 4 }];
    const insecure = (host: string): boolean => host === `vm:${server.port}`;
    expect(await originOf(`vm:${server.port}`, { insecure, lookup })).toBe(`http://vm:${server.port}`);
    expect(await originOf(`wm:${server.port}`, { insecure, lookup })).toBe(`https://wm:${server.port}`);
  });
});

test('a certificate that is not trusted never leads to http', async () => {
  const server = await serve((_, response) => response.end(), { tls: 'server' });
  expect(await originOf(server.host, { tls: { systemBundles: [] } })).toBe(server.origin);
  expect(await originOf(server.host, { tls: { caFiles: [CA_FILE] } })).toBe(server.origin);
});

test('a host is asked once, but again after a failure', async () => {
  const server = await serve((_, response) => response.end());
  const { originOf: ask } = createOrigins({});
  await Promise.all([ask(server.host), ask(server.host)]);
  await ask(server.host);
  expect(server.connections).toBe(1);
  const host = `127.0.0.1:${await closedPort()}`;
  await hubErrorFrom(() => ask(host));
  await hubErrorFrom(() => ask(host));
});

test.each([
  ['reg.example', 'https://reg.example'],
  ['localhost', 'https://localhost'],
  ['localhost:5000', 'http://localhost:5000'],
  ['127.0.0.1:443', 'https://127.0.0.1'],
])('the guess for %s is %s, without asking it', (host, guess) => {
  expect(createOrigins({}).guess(host).origin).toBe(guess);
});
