// What does a client do when the registry, or the way to it, fails? A proxy that stands in front of a real registry,
// fails as its rules say, and writes down everything that it sees.
import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as sendRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/http/clock.ts';
import { seededRandom } from '../helpers/random.ts';
import { ActiveRule, bytesOf, type Fault, type Rule } from './rules.ts';
import { refusal, TokenService, type Said, type TokenServiceOptions } from './token-service.ts';

export interface FaultProxyOptions {
  /** `127.0.0.1:41234`, in plain http. */
  readonly target: string;
  readonly rules?: readonly Rule[] | undefined;
  readonly tokens?: TokenServiceOptions | undefined;
  readonly seed?: number | undefined;
  /** Also speaks TLS, if given. PEM. */
  readonly tls?: { readonly key: string | undefined; readonly cert: string };
  /** Says when requests came, and how long a delay is; the clock of the client, so that its waits can be told. */
  readonly clock: Clock;
}

/** One request as the proxy saw it. */
export interface Seen {
  readonly at: number;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** The port of the client tells its connections apart. */
  readonly connection: number;
  /** 0 until an answer began. */
  status: number;
  contentRange: string | undefined;
  /** Name of the rule that was applied. */
  fault: string | undefined;
  requestBytes: number;
  answerBytes: number;
}

export interface FaultProxy {
  /** `127.0.0.1:41234` */
  readonly host: string;
  readonly origin: string;
  readonly log: readonly Seen[];
  /** Tokens it has given out. */
  readonly tokens: readonly string[];
  /** Requests that match, without those to its token service unless asked for. */
  requests(method?: string | readonly string[], path?: RegExp): readonly Seen[];
  stop(): Promise<void>;
}

const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'trailer']);
/** Milliseconds in which a client reads what was sent before a reset, which would discard it. */
const FLUSH = 20;

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const log: Seen[] = [];
  const sockets = new Set<Socket>();
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const random = seededRandom(options.seed ?? 1);
  const rules = (options.rules ?? []).map((rule, index) => new ActiveRule(rule, index, random));
  const tokens = options.tokens && new TokenService(options.tokens);
  const place = { ...options, agent, rules, tokens, log, origin: () => origin };
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    outgoing.on('error', () => undefined);
    incoming.on('error', () => undefined);
    new Exchange(place, incoming, outgoing).run().catch(() => outgoing.destroy());
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const origin = `${options.tls ? 'https' : 'http'}://${host}`;
  return {
    host,
    origin,
    log,
    tokens: tokens?.given ?? [],
    requests: (method, path) =>
      log.filter(
        (seen) =>
          (method === undefined || [method].flat().includes(seen.method)) &&
          (path ? path.test(seen.path) : !seen.path.startsWith('/token')),
      ),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        agent.destroy();
      }),
  };
}

interface Place extends Pick<FaultProxyOptions, 'target' | 'clock'> {
  readonly agent: Agent;
  readonly rules: readonly ActiveRule[];
  readonly tokens: TokenService | undefined;
  readonly log: Seen[];
  origin(): string;
}

/** One request on its way to the registry, and its answer on the way back. */
class Exchange {
  readonly #place: Place;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #seen: Seen;
  readonly #rule: ActiveRule | undefined;
  readonly #fault: Fault;

  constructor(place: Place, incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#place = place;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    const { method = '', url: path = '', headers } = incoming;
    this.#seen = {
      at: place.clock.now(),
      method,
      path,
      headers,
      range: headers.range,
      authorization: headers.authorization,
      connection: incoming.socket.remotePort ?? 0,
      status: 0,
      contentRange: undefined,
      fault: undefined,
      requestBytes: 0,
      answerBytes: 0,
    };
    place.log.push(this.#seen);
    this.#rule = place.rules.find((rule) => rule.takes({ method, path, headers }));
    this.#fault = this.#rule?.fault ?? {};
    this.#seen.fault = this.#rule?.name;
  }

  async run(): Promise<void> {
    const { delay } = this.#fault;
    if (delay !== undefined) await this.#place.clock.sleep(delay);
    if (this.#fault.reset) return reset(this.#outgoing);
    if (this.#fault.close) return void this.#outgoing.socket?.destroy();
    if (this.#fault.stall) return this.#drain();
    const said = this.#own();
    if (said) {
      await this.#drain();
      return this.#say(said);
    }
    await this.#forward();
  }

  /** What the proxy answers by itself. */
  #own(): Said | undefined {
    const { path, method } = this.#seen;
    const { status, headers, body, challenge, redirect } = this.#fault;
    const { tokens } = this.#place;
    const asked = (error?: string): Said | undefined => tokens?.challenge(this.#self, method, path, error);
    if (challenge) return asked('invalid_token');
    if (redirect !== undefined) {
      return { status: status ?? 307, headers: { location: this.#filled(redirect), ...headers }, body: '' };
    }
    if (status !== undefined) {
      return {
        ...refusal(status, 'UNKNOWN', `a fault of status ${status}`),
        headers,
        ...(body !== undefined && { body }),
      };
    }
    if (!tokens) return undefined;
    if (path.startsWith('/token')) return this.#tokenAnswer(tokens.token(this.#incoming.headers));
    return tokens.accepts(this.#incoming.headers) ? undefined : asked();
  }

  #filled(text: string): string {
    const port = new URL(this.#place.origin()).port;
    return text.replace('{path}', this.#seen.path).replace('{port}', port);
  }

  /** The proxy under the name that the client has for it. */
  get #self(): string {
    return this.#place.origin().replace(/\/\/.*/, `//${this.#incoming.headers.host}`);
  }

  #tokenAnswer(said: Said): Said {
    const { replace } = this.#fault;
    return replace === undefined ? said : { status: 200, body: String(replace) };
  }

  #say({ status, headers, body }: Said): void {
    if (this.#outgoing.destroyed) return;
    this.#seen.status = status;
    const type = /^\s*</.test(body) ? 'text/html' : 'application/json';
    const length = Buffer.byteLength(body);
    this.#outgoing.writeHead(status, { 'content-type': type, 'content-length': length, ...headers });
    if (this.#seen.method === 'HEAD') return void this.#outgoing.end();
    this.#seen.answerBytes = length;
    this.#outgoing.end(body);
  }

  async #drain(): Promise<void> {
    for await (const chunk of this.#incoming as AsyncIterable<Buffer>) this.#seen.requestBytes += chunk.length;
  }

  async #forward(): Promise<void> {
    const upstream = this.#open();
    this.#outgoing.on('close', () => {
      if (!this.#outgoing.writableFinished) upstream.destroy();
    });
    const answered = new Promise<IncomingMessage | undefined>((resolve) => {
      upstream.on('response', resolve).on('close', () => resolve(undefined));
    });
    upstream.on('error', () => undefined);
    const sending = this.#send(upstream);
    const answer = await answered;
    if (!answer) {
      // Whoever broke it has seen to the client.
      if ((await sending) && !this.#outgoing.destroyed) this.#outgoing.destroy();
      return;
    }
    await this.#relay(answer);
  }

  #open(): ClientRequest {
    const { rewrite, withoutRequestHeaders = [], requestHeaders } = this.#fault;
    const { target, agent, tokens } = this.#place;
    const { method, path } = this.#seen;
    const headers: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(this.#incoming.headers)) {
      if (!HOP.has(name) && !withoutRequestHeaders.includes(name)) headers[name] = value;
    }
    if (this.#incoming.headers['transfer-encoding']) headers['transfer-encoding'] = 'chunked';
    if (tokens) delete headers['authorization'];
    const [hostname = '', port = ''] = target.split(':');
    return sendRequest({
      hostname,
      port,
      agent,
      method,
      path: rewrite ? path.replace(new RegExp(rewrite.from), rewrite.to) : path,
      headers: { ...headers, ...requestHeaders },
    });
  }

  /** False when a fault broke it. */
  async #send(upstream: ClientRequest): Promise<boolean> {
    const { resetUploadAfter, stallUploadAfter, corruptUpload, cuts = Infinity } = this.#fault;
    const length = Number(this.#incoming.headers['content-length'] ?? 0);
    const limit = bytesOf(resetUploadAfter ?? stallUploadAfter ?? Infinity, length);
    try {
      for await (let chunk of this.#incoming as AsyncIterable<Buffer>) {
        const start = this.#seen.requestBytes;
        this.#seen.requestBytes += chunk.length;
        if (this.#seen.requestBytes > limit && this.#mayCut(cuts)) {
          await this.#cut(upstream);
          return false;
        }
        if (corruptUpload !== undefined) chunk = flipped(chunk, corruptUpload - start);
        if (!upstream.write(chunk)) await drained(upstream);
      }
      upstream.end();
      return true;
    } catch {
      upstream.destroy();
      return false;
    }
  }

  async #cut(upstream: ClientRequest): Promise<void> {
    if (this.#fault.resetUploadAfter !== undefined) {
      upstream.destroy();
      reset(this.#outgoing);
    }
    // Nothing more is read, and nobody is told, until the client gives up.
    await once(this.#outgoing, 'close');
  }

  #mayCut(cuts: number): boolean {
    if (!this.#rule || this.#rule.cuts >= cuts) return false;
    this.#rule.cuts += 1;
    return true;
  }

  async #relay(answer: IncomingMessage): Promise<void> {
    const { lostAnswer, answerStatus, zeros } = this.#fault;
    if (lostAnswer) {
      answer.resume();
      await once(answer, 'end');
      if (lostAnswer === 'reset') reset(this.#outgoing);
      if (lostAnswer === 'close') this.#outgoing.socket?.destroy();
      return;
    }
    if (this.#outgoing.destroyed) return;
    const { headers, whole, ending, limit } = this.#shape(answer);
    this.#seen.status = answerStatus ?? answer.statusCode ?? 0;
    this.#seen.contentRange = answer.headers['content-range'];
    this.#outgoing.writeHead(this.#seen.status, headers);
    if (this.#seen.method === 'HEAD' || this.#seen.status === 204) {
      answer.resume();
      return void this.#outgoing.end();
    }
    const { replace } = this.#fault;
    let body: AsyncIterable<Buffer> | Iterable<Buffer> = answer;
    if (replace !== undefined) body = [Buffer.from(replace)];
    if (zeros !== undefined) body = zeroBytes(zeros);
    if (body !== answer) answer.resume();
    await this.#body(body, { whole, ending, limit });
  }

  /** The headers of the answer, and where its body is cut and how. */
  #shape(answer: IncomingMessage): {
    readonly headers: OutgoingHttpHeaders;
    readonly whole: number;
    readonly ending: Ending;
    readonly limit: number;
  } {
    const {
      withoutHeaders = [],
      setHeaders = {},
      rewriteHeaders = {},
      replace,
      zeros,
      truncate,
      truncateChunked,
      append,
    } = this.#fault;
    const { resetAfter, closeAfter, stallAfter } = this.#fault;
    const headers: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(answer.headers)) {
      if (!HOP.has(name) && !withoutHeaders.includes(name)) headers[name] = value;
    }
    for (const [name, value] of Object.entries(setHeaders)) headers[name] = this.#filled(value);
    for (const [name, { from, to }] of Object.entries(rewriteHeaders)) {
      headers[name] = String(headers[name] ?? '').replace(from, to);
    }
    const declared = Number(answer.headers['content-length'] ?? 0);
    const whole = replace === undefined ? declared : Buffer.byteLength(replace);
    if (replace !== undefined) headers['content-length'] = whole;
    if (zeros !== undefined) delete headers['content-length'];
    if (append !== undefined) headers['content-length'] = whole + append;
    const at = (size: NonNullable<Fault['truncate']>): number => bytesOf(size, whole);
    if (truncate !== undefined) {
      headers['content-length'] = at(truncate);
      return { headers, whole, ending: 'end', limit: at(truncate) };
    }
    if (truncateChunked !== undefined) {
      delete headers['content-length'];
      return { headers, whole, ending: 'end', limit: at(truncateChunked) };
    }
    if (resetAfter !== undefined) return { headers, whole, ending: 'reset', limit: at(resetAfter) };
    if (closeAfter !== undefined) return { headers, whole, ending: 'close', limit: at(closeAfter) };
    if (stallAfter !== undefined) return { headers, whole, ending: 'stall', limit: at(stallAfter) };
    return { headers, whole, ending: 'end', limit: Infinity };
  }

  async #body(
    body: AsyncIterable<Buffer> | Iterable<Buffer>,
    { whole, ending, limit }: { readonly whole: number; readonly ending: Ending; readonly limit: number },
  ): Promise<void> {
    const { corrupt, append, rate } = this.#fault;
    const wrong = corrupt === undefined ? -1 : bytesOf(corrupt, whole);
    let left = limit;
    for await (const raw of body) {
      const chunk = flipped(raw, wrong - this.#seen.answerBytes);
      const head = chunk.length <= left ? chunk : chunk.subarray(0, left);
      left -= head.length;
      await this.#write(head, rate);
      if (this.#outgoing.destroyed) return;
      if (left > 0) continue;
      if (ending !== 'stall' || this.#fault.stallFor === undefined) return this.#end(ending);
      await this.#place.clock.sleep(this.#fault.stallFor);
      left = Infinity;
      await this.#write(chunk.subarray(head.length), rate);
    }
    if (append !== undefined) await this.#write(Buffer.alloc(append, 'A'), rate);
    this.#outgoing.end();
  }

  async #end(ending: Ending): Promise<void> {
    if (ending === 'end') return void this.#outgoing.end();
    if (ending === 'stall') return void (await once(this.#outgoing, 'close'));
    // What was counted as sent is sent first; how long that takes tells the load of the machine.
    if (ending === 'close') return this.#outgoing.socket?.destroySoon();
    await pause(FLUSH);
    reset(this.#outgoing);
  }

  async #write(bytes: Buffer, rate: number | undefined): Promise<void> {
    const step = rate === undefined ? bytes.length : Math.max(1, Math.floor(rate / 20));
    for (let from = 0; from < bytes.length; from += step) {
      if (this.#outgoing.destroyed) return;
      const piece = bytes.subarray(from, from + step);
      this.#seen.answerBytes += piece.length;
      if (!this.#outgoing.write(piece)) await drained(this.#outgoing);
      if (rate !== undefined) await this.#place.clock.sleep((piece.length / rate) * 1000);
    }
  }
}

type Ending = 'end' | 'reset' | 'close' | 'stall';

function reset(outgoing: ServerResponse): void {
  // An answer that has to wait for another one on its connection has no socket yet; its request has.
  const { socket } = outgoing.req;
  if (!socket.destroyed) socket.resetAndDestroy();
}

/** Until it takes more, or never will. */
async function drained(stream: ServerResponse | ClientRequest): Promise<void> {
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

function flipped(chunk: Buffer, at: number): Buffer {
  if (at < 0 || at >= chunk.length) return chunk;
  const copy = Buffer.from(chunk);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function* zeroBytes(count: number): Generator<Buffer> {
  const block = Buffer.alloc(256 * 1024);
  for (let left = count; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}
