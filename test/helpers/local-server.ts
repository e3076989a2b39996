// How does a test get an HTTP server on this machine that keeps a log and can be told to fail?
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { applyToBody, pickFault, type Fault, type FaultRule, type Match } from './faults.ts';

export interface Reply {
  readonly status: number;
  /** Names in lower case; `content-length` is added. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Buffer | string;
}

export interface LocalRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** The body; ends early with an error when the client or a fault breaks the connection. */
  readonly body: AsyncIterable<Buffer>;
  /** The whole body. */
  bytes(): Promise<Buffer>;
}

export type Handler = (request: LocalRequest) => Promise<Reply> | Reply;

/** One request as the server saw it. `status` is 0 until an answer began. */
export interface LogEntry {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  status: number;
  requestBytes: number;
  responseBytes: number;
  /** The fault that was applied. */
  fault?: Fault;
}

export interface LocalServer {
  /** `127.0.0.1:41234` */
  readonly host: string;
  /** `http://127.0.0.1:41234` */
  readonly origin: string;
  /** Every request so far, in order of arrival. */
  readonly log: readonly LogEntry[];
  /** Requests that match, for short: `requests({ method: 'PUT', path: '/manifests/' })`. */
  requests(match: Omit<Match, 'nth'>): readonly LogEntry[];
  /** The next request that matches (the next `times`) fails in this way. The first rule that matches is used. */
  fail(match: Match & { readonly times?: number }, fault: Fault): void;
  /** Connections made so far. */
  readonly connections: number;
  stop(): Promise<void>;
}

export interface LocalServerOptions {
  /** PEM; the server speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function startLocalServer(handler: Handler, options: LocalServerOptions = {}): Promise<LocalServer> {
  const log: LogEntry[] = [];
  const rules: FaultRule[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const scheme = options.tls ? 'https' : 'http';

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const entry: LogEntry = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      status: 0,
      requestBytes: 0,
      responseBytes: 0,
    };
    log.push(entry);
    const fault = pickFault(rules, entry);
    if (fault) entry.fault = fault;
    const exchange = {
      incoming,
      outgoing,
      entry,
      fault,
      origin: `${scheme}://${incoming.headers.host ?? 'localhost'}`,
    };
    answer(exchange, handler).catch((error: unknown) => {
      if (incoming.destroyed || outgoing.destroyed) return;
      outgoing.writeHead(500, { 'content-type': 'text/plain' }).end(String(error));
    });
  };
  const server: Server = options.tls ? createTlsServer(options.tls, listener) : createPlainServer(listener);
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `${scheme}://${host}`,
    log,
    requests: (match) => log.filter((entry) => pickFault([{ match, left: 1, seen: 0, fault: {} }], entry)),
    fail: ({ times = 1, ...match }, fault) => void rules.push({ match, fault, left: times, seen: 0 }),
    get connections() {
      return connections;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly entry: LogEntry;
  readonly fault: Fault | undefined;
  readonly origin: string;
}

async function answer(exchange: Exchange, handler: Handler): Promise<void> {
  const { incoming, entry, fault = {}, origin } = exchange;
  const body = countedBody(exchange);
  if (fault.wait) await fault.wait;
  if (fault.reset) return void incoming.socket.resetAndDestroy();
  if (fault.status !== undefined) {
    for await (const chunk of body) void chunk;
    return send(exchange, { status: fault.status, headers: present(fault.headers), body: fault.body ?? '' });
  }
  const reply = await handler({
    method: entry.method,
    url: new URL(entry.path, origin),
    headers: incoming.headers,
    body,
    bytes: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  });
  for await (const chunk of body) void chunk; // what the handler left unread
  if (fault.waitReply) await fault.waitReply;
  if (fault.lostReply) return void incoming.socket.resetAndDestroy();
  const headers = { ...reply.headers, ...present(fault.headers) };
  for (const name of fault.withoutHeaders ?? []) delete headers[name];
  return send(exchange, { status: fault.replyStatus ?? reply.status, headers, body: fault.body ?? reply.body ?? '' });
}

function present(headers: Readonly<Record<string, string>> | undefined): Record<string, string | readonly string[]> {
  return { ...headers };
}

/** The body of the request; a fault may break it after some bytes, which the handler then has received. */
function countedBody({ incoming, entry, fault }: Exchange): AsyncIterable<Buffer> {
  const limit = fault?.resetRequestAfter ?? Infinity;
  const iterate = async function* (): AsyncGenerator<Buffer> {
    if (incoming.readableEnded) return;
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      const room = limit - entry.requestBytes;
      entry.requestBytes += Math.min(chunk.length, room);
      if (chunk.length > room) {
        yield chunk.subarray(0, room);
        incoming.socket.resetAndDestroy();
        throw new Error('the connection was reset by a fault');
      }
      yield chunk;
    }
  };
  return { [Symbol.asyncIterator]: iterate };
}

function send({ outgoing, entry, fault = {} }: Exchange, reply: Reply): Promise<void> {
  const whole = Buffer.isBuffer(reply.body) ? reply.body : Buffer.from(reply.body ?? '');
  const { declared, sent, ending } = applyToBody(whole, fault);
  entry.status = reply.status;
  const withoutBody = entry.method === 'HEAD' || reply.status === 204 || reply.status === 304;
  const length = fault.chunked || reply.status === 204 ? {} : { 'content-length': String(declared) };
  outgoing.writeHead(reply.status, { ...length, ...(reply.headers as Record<string, string | string[]>) });
  if (withoutBody) {
    outgoing.end();
    return Promise.resolve();
  }
  entry.responseBytes = sent.length;
  if (ending === 'end') {
    outgoing.end(sent);
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    outgoing.flushHeaders();
    outgoing.write(sent, () => {
      resolve();
      if (ending === 'close') outgoing.socket?.end();
      // A reset discards what the other side has not read yet: let it read first.
      if (ending === 'reset') setTimeout(() => outgoing.socket?.resetAndDestroy(), 20);
    });
  });
}
