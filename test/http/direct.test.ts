import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/http/clock.ts';
import { Connector, type ConnectOptions } from '../../src/http/connect.ts';
import { openDirect, type Route } from '../../src/http/direct.ts';
import { tapOf } from '../../src/http/tap.ts';
import { issueCertificate } from '../helpers/certificates.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { CA_FILE, CLIENT_CERT_FILE, CLIENT_KEY_FILE, serve, serveRaw, type ServeOptions } from '../helpers/web.ts';

/** Where a server was reached by the connector of a command. */
async function reached(serving: ServeOptions, options: Partial<ConnectOptions> = {}): Promise<Route | undefined> {
  const server = await serve((_, response) => response.end('x'), serving);
  const connector = new Connector({ clock: systemClock, tls: { caFiles: [CA_FILE] }, ...options });
  onTestFinished(() => connector.close());
  const url = new URL(server.origin);
  expect(connector.route(url, 'any')).toBeUndefined();
  const socket = await connector.openTapped(url, 'any');
  socket.destroy();
  expect(connector.route(url, 'internet')).toBeUndefined();
  return connector.route(url, 'any');
}

async function open(route: Route | undefined): Promise<Socket> {
  if (!route) throw new Error('the server was not reached');
  const socket = await openDirect(route, 5000);
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe('a host that was connected to', () => {
  test('is connected to once more at the same address, with a tap', async () => {
    const route = await reached({});
    expect(route).toMatchObject({ address: '127.0.0.1', tls: undefined });
    expect(tapOf(await open(route))).toBeDefined();
  });

  test('with TLS is trusted for the authority that vouched for it', async () => {
    const route = await reached({ tls: 'server' });
    const socket = await open(route);
    expect(route?.tls?.authority?.replaceAll(/\s/g, '')).toBe(readFileSync(CA_FILE, 'utf8').replaceAll(/\s/g, ''));
    expect(socket instanceof TLSSocket && socket.authorized).toBe(true);
  });

  test('with TLS is not trusted for another authority, nor under another name', async () => {
    const route = await reached({ tls: 'server' });
    if (!route?.tls) throw new Error('the server was not reached');
    const other = issueCertificate({ name: 'other authority' }).certificate;
    await expect(open({ ...route, tls: { ...route.tls, authority: other } })).rejects.toThrow();
    await expect(open({ ...route, tls: { ...route.tls, servername: 'other.example' } })).rejects.toThrow(/altname/i);
  });

  test('gets the same client certificate', async () => {
    const tls = { caFiles: [CA_FILE], certFile: CLIENT_CERT_FILE, keyFile: CLIENT_KEY_FILE };
    const route = await reached({ tls: 'server', clientCertificate: true }, { tls });
    expect(route?.tls).toMatchObject({ cert: readFileSync(CLIENT_CERT_FILE, 'utf8') });
    await open(route);
  });

  test('whose certificate is not to be checked is not checked', async () => {
    const route = await reached({ tls: 'other' }, { insecure: () => true });
    expect(route?.tls).toMatchObject({ verify: false, authority: undefined });
    await open(route);
  });

  test('through a proxy is not connected to around it', async () => {
    const connector = new Connector({ clock: systemClock, proxy: { https: 'http://127.0.0.1:1' } });
    onTestFinished(() => connector.close());
    const url = new URL('https://registry.example');
    await expect(connector.openTapped(url, 'any')).rejects.toThrow();
    expect(connector.route(url, 'any')).toBeUndefined();
  });
});

test('a host that does not answer in time is given up', async () => {
  const server = await serveRaw(() => undefined);
  const tls = { servername: undefined, verify: true, authority: undefined };
  const silent = { host: 'x', address: '127.0.0.1', port: server.port, tls };
  expect((await hubErrorFrom(() => openDirect(silent, 50))).code).toBe('TIMEOUT');
});
