import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createHttp } from '../../src/http/client.ts';
import { dialAhead, type DialledAhead } from '../../src/http/dial-ahead.ts';
import { tapOf } from '../../src/http/tap.ts';
import { bodyText, closedPort, serve, serveRaw } from '../helpers/web.ts';

function begin(host: string): DialledAhead {
  const ahead = dialAhead(host);
  onTestFinished(() => ahead.close());
  return ahead;
}

/** Takes the connection, which is closed after the test. */
async function take(ahead: DialledAhead, port: number, tapped = true): Promise<Socket | undefined> {
  const socket = await ahead.take('127.0.0.1', port, tapped);
  onTestFinished(() => void socket?.destroy());
  return socket;
}

test('the connection is taken once', async () => {
  const server = await serveRaw(() => undefined);
  const ahead = begin(server.host);
  const socket = await take(ahead, server.port);
  expect(socket?.remotePort).toBe(server.port);
  expect(socket && tapOf(socket)).toBeDefined();
  expect(await take(ahead, server.port)).toBeUndefined();
  expect(server.connections).toBe(1);
});

test('it is for one host, one port and one kind of reader', async () => {
  const server = await serveRaw(() => undefined);
  const ahead = begin(server.host);
  expect(await ahead.take('localhost', server.port, true)).toBeUndefined();
  expect(await take(ahead, server.port + 1)).toBeUndefined();
  expect(await take(ahead, server.port, false)).toBeUndefined();
  expect(await take(ahead, server.port)).toBeDefined();
});

test('one that failed is none', async () => {
  const port = await closedPort();
  expect(await take(begin(`127.0.0.1:${port}`), port)).toBeUndefined();
});

test.each<[what: string, act: (socket: Socket) => unknown]>([
  ['that ended', (socket) => socket.destroy()],
  ['on which the other side spoke first', (socket) => socket.write('hello')],
])('one %s is none', async (_, act) => {
  const server = await serveRaw((socket) => act(socket));
  // What the server did arrives before the answer to somebody who came later.
  const ahead = begin(server.host);
  while (server.connections <= 20) {
    const later = dialAhead(server.host);
    const socket = await later.take('127.0.0.1', server.port, true);
    socket?.destroy();
  }
  expect(await take(ahead, server.port)).toBeUndefined();
});

test('what nobody took is closed', async () => {
  let arrive: (socket: Socket) => void = () => undefined;
  const arrived = new Promise<Socket>((resolve) => (arrive = resolve));
  const server = await serveRaw((socket) => arrive(socket));
  const ahead = dialAhead(server.host);
  const socket = await arrived;
  const closed = once(socket, 'close');
  ahead.close();
  await closed;
  expect(await ahead.take('127.0.0.1', server.port, true)).toBeUndefined();
});

test('requests go over it', async () => {
  const server = await serve((_, response) => response.end('hello'));
  const http = createHttp({ userAgent: 'test', ahead: begin(server.host) });
  onTestFinished(() => http.close());
  expect(await bodyText(await http.send({ method: 'GET', url: new URL(server.origin) }))).toBe('hello');
  expect(server.connections).toBe(1);
});

test('requests that follow a redirect to this machine do not', async () => {
  const server = await serve((_, response) => response.end('hello'));
  const http = createHttp({ userAgent: 'test', ahead: begin(server.host), tries: 1 });
  onTestFinished(() => http.close());
  const request = { method: 'GET', url: new URL(server.origin), namedBy: new URL('https://reg.example') } as const;
  await expect(http.send(request)).rejects.toMatchObject({ code: 'REFUSED' });
});

test('a connection that failed is tried again, and the reason is told then', async () => {
  const host = `127.0.0.1:${await closedPort()}`;
  const http = createHttp({ userAgent: 'test', ahead: begin(host), tries: 1 });
  onTestFinished(() => http.close());
  await expect(http.send({ method: 'GET', url: new URL(`http://${host}`) })).rejects.toMatchObject({
    message: `cannot connect to ${host} (refused)`,
  });
});
