// Small servers, certificates and clocks for tests of http/ and auth/; each server is stopped when its test ends.
import { readFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { abortedBy } from '../../src/http/failure.ts';
import type { Clock } from '../../src/http/clock.ts';
import type { HttpHeaders, HttpResponse } from '../../src/http/layer.ts';
import { collect, contentOf } from '../../src/util/content.ts';

const TLS = join(import.meta.dirname, '..', 'fixtures', 'tls');

export type CertificateName = 'server' | 'expired' | 'future' | 'other' | 'client';

export const CA_FILE: string = join(TLS, 'ca.pem');
export const CLIENT_CERT_FILE: string = join(TLS, 'client.pem');
export const CLIENT_KEY_FILE: string = join(TLS, 'client.key.pem');

function certificate(name: CertificateName): { cert: string; key: string } {
  return {
    cert: readFileSync(join(TLS, `${name}.pem`), 'utf8'),
    key: readFileSync(join(TLS, `${name}.key.pem`), 'utf8'),
  };
}

/** For servers that take the texts themselves; the authority in CA_FILE vouches for it. */
export const SERVER_TLS: { readonly cert: string; readonly key: string } = certificate('server');

export interface WebServer {
  /** `http://127.0.0.1:41234` */
  readonly origin: string;
  /** `127.0.0.1:41234` */
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections ever made. */
  readonly connections: number;
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly tls?: CertificateName;
  /** Ask for a client certificate of the test CA and refuse others. */
  readonly clientCertificate?: boolean;
  readonly address?: string;
  readonly port?: number;
  /** Milliseconds an idle connection is kept. */
  readonly keepAlive?: number;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

export async function serve(handle: Listener, options: ServeOptions = {}): Promise<WebServer> {
  const { tls, clientCertificate = false } = options;
  const listener = (request: IncomingMessage, response: ServerResponse): void => void handle(request, response);
  const requestCert = clientCertificate && { requestCert: true, rejectUnauthorized: true, ca: readFileSync(CA_FILE) };
  const server: HttpServer = tls
    ? createHttpsServer({ ...certificate(tls), ...requestCert }, listener)
    : createHttpServer(listener);
  if (options.keepAlive !== undefined) server.keepAliveTimeout = options.keepAlive;
  return listen(server, tls ? 'https' : 'http', options);
}

/** A server that speaks whatever `onSocket` makes it speak. */
export async function serveRaw(
  onSocket: (socket: Socket) => void,
  address?: string,
  port?: number,
): Promise<WebServer> {
  return listen(createServer(onSocket), 'http', { address, port });
}

interface Place {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}

async function listen(server: Server, scheme: string, place: Place): Promise<WebServer> {
  const { address = '127.0.0.1' } = place;
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(place.port ?? 0, address, resolve));
  const { port } = server.address() as AddressInfo;
  const host = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  onTestFinished(stop);
  return {
    origin: `${scheme}://${host}`,
    host,
    port,
    sockets,
    get connections() {
      return connections;
    },
    stop,
  };
}

/** A clock that stands still until something sleeps; then it jumps. */
export class FakeClock implements Clock {
  time = Date.UTC(2026, 0, 1);
  readonly sleeps: number[] = [];

  now(): number {
    return this.time;
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw abortedBy(signal);
    this.sleeps.push(milliseconds);
    this.time += milliseconds;
  }
}

export async function bodyText(response: HttpResponse): Promise<string> {
  return (await collect(response.body, 1024 * 1024)).toString('utf8');
}

export function headers(values: Readonly<Record<string, string | readonly string[]>> = {}): HttpHeaders {
  const all = (name: string): readonly string[] => [values[name] ?? []].flat();
  return { all, get: (name) => (all(name).length === 0 ? undefined : all(name).join(', ')) };
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** An answer as the transport would give it. */
export function answer(url: URL | string, { status = 200, headers: values, body = '' }: FakeAnswer = {}): HttpResponse {
  return { status, headers: headers(values), url: new URL(url), body: contentOf(Buffer.from(body)) };
}

/** A port of this machine on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = await serveRaw(() => undefined);
  await server.stop();
  return server.port;
}
