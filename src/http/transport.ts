// How does one request reach its host and come back, without any policy?
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { HubError } from '../errors.ts';
import { Connector, refusedByProxy, type ConnectOptions } from './connect.ts';
import { Exchange } from './exchange.ts';
import { abortedBy, failureOf } from './failure.ts';
import type { HttpRequest, Send } from './layer.ts';
import { proxyAuthorization } from './proxy.ts';
import { loadPool, type Pool } from './undici.ts';
import { uploadOf } from './upload.ts';

export interface TransportOptions extends ConnectOptions {
  readonly userAgent: string;
  /** Headers for every request to a host (`example.com:5000`), names in lower case. */
  readonly extraHeaders?: ((host: string) => Readonly<Record<string, string>>) | undefined;
  /** Milliseconds, 30,000 each by default. A request may set its own `headersTimeout`. */
  readonly headersTimeout?: number | undefined;
  readonly bodyTimeout?: number | undefined;
  readonly uploadTimeout?: number | undefined;
  /** Connections at a time to one origin, 16 by default. */
  readonly connections?: number | undefined;
}

export interface Transport {
  readonly send: Send;
  /** Opens connections that later requests to the same origin will use. Never throws. */
  warm(url: URL, count: number): Promise<void>;
  /** Closes every connection, also those in use. */
  close(): Promise<void>;
}

const TIMEOUT = 30_000;
const CONNECTIONS = 16;
const MAX_HEADERS = 32 * 1024;
/** Milliseconds. Registries behind common load balancers keep an idle connection for at least a minute. */
const KEEP_ALIVE = 15_000;

interface Lane {
  readonly pool: Pool;
  /** True from the moment a connection is opened until the first request is written to it. */
  isFresh: boolean;
  readonly spare: Socket[];
}

/** Sends over pools of connections, one per origin. Gives any answer whatever its status; throws as Send says. */
export function createTransport(options: TransportOptions): Transport {
  const connector = new Connector(options);
  const lanes = new Map<string, Promise<Lane>>();
  const laneFor = (url: URL, guarded: boolean, via?: URL): Promise<Lane> => {
    const key = via ? `via ${via.href}` : `${url.origin} ${guarded}`;
    const open = (): Promise<Socket> => (via ? connector.openProxy(via) : connector.open(url, guarded));
    const lane = lanes.get(key) ?? openLane(via ?? url, open, options.connections ?? CONNECTIONS);
    lanes.set(key, lane);
    return lane;
  };
  return {
    send: async (request) => {
      const { signal } = request;
      if (signal?.aborted) throw abortedBy(signal);
      // One signal for all requests of a command is how it should be; Node takes more than ten listeners for a leak.
      if (signal) setMaxListeners(0, signal);
      const via = request.url.protocol === 'http:' ? connector.proxyFor(request.url) : undefined;
      const lane = await laneFor(request.url, isGuarded(request, connector), via);
      return dispatch(lane, request, { ...options, via });
    },
    warm: async (url, count) => {
      const lane = await laneFor(url, false);
      await Promise.all(Array.from({ length: count }, () => keepSpare(lane, connector, url)));
    },
    close: async () => {
      const closed = new HubError('ABORTED', 'the connections of this program were closed');
      connector.close();
      const open = await Promise.all(lanes.values());
      for (const { spare } of open) for (const socket of spare.splice(0)) socket.destroy();
      await Promise.all(open.map(({ pool }) => pool.destroy(closed)));
    },
  };
}

function isGuarded({ url, namedBy }: HttpRequest, connector: Connector): boolean {
  return namedBy !== undefined && namedBy.origin !== url.origin && !connector.isOnThisMachine(namedBy);
}

async function openLane(url: URL, open: () => Promise<Socket>, connections: number): Promise<Lane> {
  const PoolClass = await loadPool();
  const spare: Socket[] = [];
  const pool = new PoolClass(url.origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEADERS,
    keepAliveTimeout: KEEP_ALIVE,
    connect: (_options, give) => {
      const ready = takeSpare(spare);
      (ready ? Promise.resolve(ready) : open()).then(
        (socket) => give(null, socket.setKeepAlive(true, 60_000)),
        (error: unknown) => give(failureOf(error, { host: url.host }), null),
      );
    },
  });
  const lane: Lane = { pool, spare, isFresh: false };
  pool.on('connect', () => {
    lane.isFresh = true;
  });
  return lane;
}

async function keepSpare(lane: Lane, connector: Connector, url: URL): Promise<void> {
  const socket = await connector.open(url).catch(() => undefined);
  if (!socket) return;
  socket.unref();
  lane.spare.push(socket);
  const drop = (): void => {
    const index = lane.spare.indexOf(socket);
    if (index !== -1) lane.spare.splice(index, 1);
    socket.destroy();
  };
  socket.once('error', drop).once('close', drop).setTimeout(KEEP_ALIVE, drop);
}

function takeSpare(spare: Socket[]): Socket | undefined {
  const socket = spare.shift();
  if (!socket || socket.destroyed || socket.readableLength > 0) return socket && takeSpare(spare);
  socket.removeAllListeners('error').removeAllListeners('close').removeAllListeners('timeout').setTimeout(0);
  return socket.ref();
}

interface DispatchSettings extends TransportOptions {
  /** The proxy that gets the whole URL of a plain http request. */
  readonly via: URL | undefined;
}

async function dispatch(lane: Lane, request: HttpRequest, settings: DispatchSettings): ReturnType<Send> {
  const { clock, bodyTimeout = TIMEOUT, uploadTimeout = TIMEOUT } = settings;
  const headersTimeout = request.headersTimeout ?? settings.headersTimeout ?? TIMEOUT;
  const isReused = (): boolean => {
    const wasFresh = lane.isFresh;
    lane.isFresh = false;
    return !wasFresh;
  };
  const exchange = new Exchange(request, { clock, headersTimeout, bodyTimeout, isReused });
  const body = await openBody(request, exchange, uploadTimeout);
  const { url, method } = request;
  lane.pool.dispatch(
    {
      path: settings.via ? `${url.origin}${url.pathname}${url.search}` : `${url.pathname}${url.search}`,
      method,
      headers: headersFor(request, settings),
      body,
      headersTimeout,
      bodyTimeout,
      reset: false,
    },
    exchange,
  );
  try {
    const response = await exchange.response;
    if (!settings.via || response.status !== 407) return response;
    response.body.cancel();
    throw refusedByProxy(response.status, settings.via, url.host);
  } catch (error) {
    if (body instanceof Readable) body.destroy();
    throw error;
  }
}

/** The body on its way to the exchange, which fails when the body does. */
async function openBody(request: HttpRequest, exchange: Exchange, timeout: number): ReturnType<typeof uploadOf> {
  // It may fail while the body is opened, before anybody waits for its answer.
  exchange.response.catch(() => undefined);
  try {
    return await uploadOf(request, { timeout, onFailure: (error) => exchange.fail(error) });
  } catch (error) {
    exchange.fail(error);
    throw error;
  }
}

function headersFor(request: HttpRequest, settings: DispatchSettings): Record<string, string> {
  const { url, method, body } = request;
  const authorization = settings.via && proxyAuthorization(settings.via);
  const hasLength = body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH';
  return {
    ...settings.extraHeaders?.(url.host),
    'user-agent': settings.userAgent,
    // Blobs and manifests are hashed as they are stored; a compressed transfer would only be in the way.
    'accept-encoding': 'identity',
    ...request.headers,
    ...(settings.via && { host: url.host }),
    ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    ...(hasLength && { 'content-length': String(body?.length ?? 0) }),
  };
}
