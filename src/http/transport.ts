// How does one request reach its host and come back, without any policy?
import { HubError } from '../errors.ts';
import { Connector, refusedByProxy, type ConnectOptions, type Reach } from './connect.ts';
import { Exchange } from './exchange.ts';
import { abortedBy } from './failure.ts';
import { Lane } from './lane.ts';
import type { HttpRequest, HttpResponse, Send } from './layer.ts';
import { proxyAuthorization } from './proxy.ts';
import { UndiciLane } from './undici-lane.ts';
import { openUpload } from './upload.ts';
import type { ReadingThreads, ThreadsOptions } from './threads.ts';
import type { Job } from './wire.ts';

export interface TransportOptions extends ConnectOptions {
  readonly userAgent: string;
  /** Headers for every request to a host (`example.com:5000`), names in lower case. */
  readonly extraHeaders?: ((host: string) => Readonly<Record<string, string>>) | undefined;
  /** Milliseconds, 25,000 by default. A request may set its own. */
  readonly headersTimeout?: number | undefined;
  readonly bodyTimeout?: number | undefined;
  readonly uploadTimeout?: number | undefined;
  /** Connections at a time to one origin, 16 by default. */
  readonly connections?: number | undefined;
  /** Threads for answers that go into files; none when false. */
  readonly threads?: Partial<ThreadsOptions> | false | undefined;
}

export interface Transport {
  readonly send: Send;
  /** Opens connections, until there are `count`, that later reading requests to the same origin will use. Never throws. */
  warm(url: URL, count: number): Promise<void>;
  /** Milliseconds that the quickest answer of a host (`example.com:5000`) took to begin; undefined before there was one. */
  delay(host: string): number | undefined;
  /** Closes every connection, also those in use. */
  close(): Promise<void>;
  /** Ends threads alone. Connections are left to the system, which closes them when the process ends, and sooner. */
  leave(): Promise<void>;
}

const TIMEOUT = 30_000;
const ANSWER_TIMEOUT = 25_000;
/** What the code means says failure.ts. */
const ODD = { code: 'ECONNRESET' };
const CONNECTIONS = 16;
/** Whoever allows fewer connections than this gets none besides. */
const FEW = 8;
const CONNECT_TIMEOUT = 10_000;

/**
 * Sends over connections of its own, as many as needed per origin, that are written and read here, which costs half the
 * time; what goes by a proxy, and hosts whose answers are unusual, are left to undici. Gives any answer
 * whatever its status; throws as Send says.
 */
export function createTransport(options: TransportOptions): Transport {
  const connections = new Connections(options);
  return {
    send: (request) => connections.send(request),
    warm: (url, count) => connections.warm(url, count),
    delay: (host) => connections.delays.get(host),
    close: () => connections.close(),
    leave: () => connections.leave(),
  };
}

class Connections {
  readonly #options: TransportOptions;
  readonly #connector: Connector;
  readonly #lanes = new Map<string, Lane>();
  readonly #others = new Map<string, Promise<UndiciLane>>();
  readonly #retired: Promise<UndiciLane>[] = [];
  /** Origins whose answers undici understands better. */
  readonly #odd = new Set<string>();
  /** Origins that asked for fewer requests. */
  readonly #pressed = new Set<string>();
  #threads: Promise<ReadingThreads> | undefined;
  readonly delays = new Map<string, number>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#connector = new Connector(options);
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { signal, url, method, body } = request;
    if (signal?.aborted) throw abortedBy(signal);
    const via = url.protocol === 'http:' ? this.#connector.proxyFor(url) : undefined;
    if (via || this.#isOdd(url)) return this.#leave(request, via);
    const isPlain = (method === 'GET' || method === 'HEAD') && !body;
    return isPlain ? this.#read(request) : this.#write(request);
  }

  async warm(url: URL, count: number): Promise<void> {
    const via = url.protocol === 'http:' ? this.#connector.proxyFor(url) : undefined;
    if (!via && !this.#isOdd(url)) await this.#laneFor(url, 'any').warm(count);
  }

  async close(): Promise<void> {
    const closed = new HubError('ABORTED', 'the connections of this program were closed');
    this.#connector.close();
    for (const lane of this.#lanes.values()) lane.close(closed);
    await this.leave();
    const others = await Promise.all([...this.#others.values(), ...this.#retired]);
    await Promise.all(others.map((other) => other.destroy(closed)));
  }

  async leave(): Promise<void> {
    await (await this.#threads)?.close();
  }

  async #read(request: HttpRequest): Promise<HttpResponse> {
    const { url } = request;
    const head = headOf(request, headersFor(request, this.#options));
    const lane = this.#laneFor(url, this.#reachOf(request));
    if (request.fresh) lane.renew();
    const answer = await this.#readByThread(request, head);
    if (answer === 'odd') {
      this.#odd.add(url.origin);
      return this.#leave(request, undefined);
    }
    const response = answer ?? (await this.#readHere(request, head, lane));
    if (response.status === 429) {
      lane.slowDown();
      this.#pressed.add(url.origin);
    }
    return response;
  }

  async #readHere(request: HttpRequest, head: string, lane: Lane): Promise<HttpResponse> {
    const { method, expected = Number.POSITIVE_INFINITY } = request;
    const limits = this.#limitsOf(request);
    const exchange = new Exchange(request, { clock: this.#options.clock, ...limits });
    const onOdd = (): void => this.#readOdd(request, exchange);
    lane.add({ exchange, head, method, expected, onOdd, ...limits });
    return exchange.response;
  }

  /** What goes into a file, where a host is known that can be connected to once more. Undefined when nothing was sent. */
  async #readByThread(request: HttpRequest, head: string): Promise<HttpResponse | 'odd' | undefined> {
    const { into, url, method } = request;
    const { threads = {}, connectTimeout = CONNECT_TIMEOUT, connections = CONNECTIONS } = this.#options;
    if (!into || method !== 'GET' || threads === false || connections < FEW || this.#pressed.has(url.origin))
      return undefined;
    const route = this.#connector.route(url, this.#reachOf(request));
    if (!route) return undefined;
    this.#threads ??= openThreads(threads);
    const readers = await this.#threads;
    return readers.get(request, { origin: url.origin, head, route, connectTimeout, ...this.#limitsOf(request) });
  }

  async #write(request: HttpRequest): Promise<HttpResponse> {
    const { method, url } = request;
    const { clock, uploadTimeout: timeout = TIMEOUT } = this.#options;
    const limits = this.#limitsOf(request);
    const exchange = new Exchange(request, { clock, ...limits });
    const body = request.body && (await openBody(request, exchange, timeout));
    const head = headOf(request, headersFor(request, this.#options));
    const lane = this.#laneFor(url, this.#reachOf(request));
    // It may have been done, so it is not for us to do it again.
    const onOdd = (): void => {
      this.#odd.add(url.origin);
      exchange.onResponseError(undefined, ODD);
    };
    lane.add({ exchange, head, body, method, expected: Number.POSITIVE_INFINITY, onOdd, ...limits });
    const response = await exchange.response;
    if (response.status === 429) lane.slowDown();
    return response;
  }

  /** The answer cannot be read here: whoever waits for it gets the one that undici is given to the same question. */
  #readOdd(request: HttpRequest, exchange: Exchange): void {
    this.#odd.add(request.url.origin);
    this.#dispatch(request, exchange, undefined).catch((error: unknown) => exchange.fail(error));
  }

  /** Leaves a request to undici. */
  async #leave(request: HttpRequest, via: URL | undefined): Promise<HttpResponse> {
    if (via) this.#connector.checkWritten(request.url, this.#reachOf(request));
    const exchange = new Exchange(request, { clock: this.#options.clock, ...this.#limitsOf(request) });
    await this.#dispatch(request, exchange, via);
    const response = await exchange.response;
    if (!via || response.status !== 407) return response;
    response.body.cancel();
    throw refusedByProxy(response.status, via, request.url.host);
  }

  /** `via` is the proxy that gets the whole URL of a plain http request. */
  async #dispatch(request: HttpRequest, exchange: Exchange, via: URL | undefined): Promise<void> {
    const { url } = request;
    const { uploadTimeout = TIMEOUT } = this.#options;
    const other = await this.#otherFor(request, this.#reachOf(request), via);
    const path = pathOf(url);
    const headers = headersFor(request, this.#options, via);
    const limits = this.#limitsOf(request);
    await other.send(request, {
      exchange,
      path: via ? `${url.origin}${path}` : path,
      headers,
      uploadTimeout,
      ...limits,
    });
  }

  #laneFor(url: URL, reach: Reach): Lane {
    const key = `${url.origin} ${reach}`;
    const known = this.#lanes.get(key);
    if (known) return known;
    const open = (): ReturnType<Connector['open']> => this.#connector.openTapped(url, reach);
    const { host } = url;
    const onAnswer = (delay: number): void => {
      this.delays.set(host, Math.min(delay, this.delays.get(host) ?? delay));
    };
    const lane = new Lane({ host, open, connections: this.#options.connections ?? CONNECTIONS, onAnswer });
    this.#lanes.set(key, lane);
    return lane;
  }

  /** What is under way is left to end. */
  #retire(key: string): void {
    this.#retired.push(...[this.#others.get(key) ?? []].flat());
    this.#others.delete(key);
  }

  #otherFor({ url, fresh }: HttpRequest, reach: Reach, via: URL | undefined): Promise<UndiciLane> {
    const key = via ? `via ${via.href}` : `${url.origin} ${reach}`;
    if (fresh) this.#retire(key);
    const open = (): ReturnType<Connector['open']> =>
      via ? this.#connector.openProxy(via) : this.#connector.open(url, reach);
    const connections = this.#options.connections ?? CONNECTIONS;
    const other = this.#others.get(key) ?? UndiciLane.open({ url: via ?? url, open, connections });
    this.#others.set(key, other);
    return other;
  }

  #isOdd(url: URL): boolean {
    return this.#odd.size > 0 && this.#odd.has(url.origin);
  }

  #reachOf({ url, namedBy }: HttpRequest): Reach {
    return namedBy === undefined || namedBy.origin === url.origin ? 'any' : this.#connector.reachFrom(namedBy);
  }

  #limitsOf(request: HttpRequest): { readonly headersTimeout: number; readonly bodyTimeout: number } {
    const { headersTimeout = ANSWER_TIMEOUT, bodyTimeout = TIMEOUT } = this.#options;
    return {
      headersTimeout: request.headersTimeout ?? headersTimeout,
      // What is needed in one piece is small, and asked for anew when it does not come.
      bodyTimeout: request.whole ? Math.min(headersTimeout, bodyTimeout) : bodyTimeout,
    };
  }
}

async function openThreads(options: Partial<ThreadsOptions>): Promise<ReadingThreads> {
  const [{ ReadingThreads: Threads }, { THREAD_PROGRAM }] = await Promise.all([
    import('./threads.ts'),
    import('./thread-program.ts'),
  ]);
  return new Threads({ program: THREAD_PROGRAM, ...options });
}

/** The body on its way to the exchange. Throws what opening it throws, after the exchange was told. */
async function openBody(request: HttpRequest, exchange: Exchange, timeout: number): Promise<Job['body']> {
  // It may fail while the body is opened, before anybody waits for its answer.
  exchange.response.catch(() => undefined);
  try {
    const content = await openUpload(request);
    if (content === undefined || Buffer.isBuffer(content)) return content;
    exchange.response.catch(() => content.cancel());
    return { content, length: request.body?.length ?? 0, host: request.url.host, timeout };
  } catch (error) {
    exchange.fail(error);
    throw error;
  }
}

function headersFor(request: HttpRequest, options: TransportOptions, via?: URL): Record<string, string> {
  const { url, method, body } = request;
  const authorization = via && proxyAuthorization(via);
  const hasLength = body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH';
  return {
    ...options.extraHeaders?.(url.host),
    'user-agent': options.userAgent,
    // Blobs and manifests are hashed as they are stored; a compressed transfer would only be in the way.
    'accept-encoding': 'identity',
    ...request.headers,
    ...(via && { host: url.host }),
    ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    ...(hasLength && { 'content-length': String(body?.length ?? 0) }),
  };
}

/** Path and query. Each part of a URL is cut out when it is asked for, and there are hundreds of requests. */
function pathOf({ href }: URL): string {
  const start = href.indexOf('/', href.indexOf('//') + 2);
  const fragment = href.indexOf('#', start);
  return fragment === -1 ? href.slice(start) : href.slice(start, fragment);
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The request as it is written. Throws FAILED for a header that would be more than one. */
function headOf({ method, url }: HttpRequest, headers: Readonly<Record<string, string>>): string {
  const lines = [`${method} ${pathOf(url)} HTTP/1.1`];
  if (headers['host'] === undefined) lines.push(`host: ${url.host}`);
  for (const name of Object.keys(headers)) {
    const value = headers[name] ?? '';
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw new HubError(
        'FAILED',
        `the request to ${url.host} cannot be sent: malformed header ${JSON.stringify(name)}`,
      );
    }
    lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
