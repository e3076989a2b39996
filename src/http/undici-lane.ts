// How does undici carry the requests that our own reader does not?
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { HubError } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import { failureOf } from './failure.ts';
import type { HttpRequest } from './layer.ts';
import { loadPool, type DispatchController, type DispatchHandler, type Pool } from './undici.ts';
import { uploadOf } from './upload.ts';

export interface UndiciLaneOptions {
  /** Whom the connections lead to: the host, or a proxy. */
  readonly url: URL;
  readonly open: () => Promise<Socket>;
  /** Connections at most. */
  readonly connections: number;
}

export interface UndiciJob {
  readonly exchange: Exchange;
  /** Path and query; the whole URL for a proxy. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly uploadTimeout: number;
}

const MAX_HEADERS = 32 * 1024;
/** Milliseconds. Registries behind common load balancers keep an idle connection for at least a minute. */
const KEEP_ALIVE = 15_000;

/** One pool of connections. */
export class UndiciLane {
  readonly #pool: Pool;
  /** True from the moment a connection is opened until the first request is written to it. */
  #isFresh = false;

  private constructor(pool: Pool) {
    this.#pool = pool;
    pool.on('connect', () => {
      this.#isFresh = true;
    });
  }

  static async open({ url, open, connections }: UndiciLaneOptions): Promise<UndiciLane> {
    const PoolClass = await loadPool();
    return new UndiciLane(
      new PoolClass(url.origin, {
        connections,
        pipelining: 1,
        allowH2: false,
        maxHeaderSize: MAX_HEADERS,
        keepAliveTimeout: KEEP_ALIVE,
        connect: (_options, give) => {
          open().then(
            (socket) => give(null, socket.setKeepAlive(true, 60_000)),
            (error: unknown) => give(failureOf(error, { host: url.host }), null),
          );
        },
      }),
    );
  }

  /** Resolves when the request is on its way; what becomes of it the exchange is told. Throws what the body throws. */
  async send(request: HttpRequest, job: UndiciJob): Promise<void> {
    const { exchange, uploadTimeout, ...options } = job;
    const body = await openBody(request, exchange, uploadTimeout);
    this.#pool.dispatch({ ...options, method: request.method, body, reset: false }, this.#handlerOf(exchange));
    if (body instanceof Readable) exchange.response.catch(() => body.destroy());
  }

  destroy(reason: HubError): Promise<void> {
    return this.#pool.destroy(reason);
  }

  /** undici does not say whether a connection has been used before. */
  #handlerOf(exchange: Exchange): DispatchHandler {
    return {
      onRequestStart: (controller: DispatchController) => {
        const isReused = !this.#isFresh;
        this.#isFresh = false;
        exchange.onRequestStart(controller, isReused);
      },
      onResponseStart: (controller, status, headers) => exchange.onResponseStart(controller, status, headers),
      onResponseData: (controller, chunk) => exchange.onResponseData(controller, chunk),
      onResponseEnd: () => exchange.onResponseEnd(),
      onResponseError: (controller, error) => exchange.onResponseError(controller, error),
    };
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
