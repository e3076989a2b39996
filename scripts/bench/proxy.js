// How far away does a registry seem? A proxy with the latency and the rates of a real line, which counts what passes.
// A process of its own, so that its work is in nobody's figures; started by `startProxy` of link.js.
import { randomUUID } from 'node:crypto';
import { Agent, createServer as createHttpServer, request as httpRequest } from 'node:http';
import { connect, createServer } from 'node:net';

/**
 * @typedef {object} ProxyOptions
 * @property {number} targetPort of a registry on 127.0.0.1
 * @property {number} [roundTrip] milliseconds
 * @property {number} [rate] bytes per second of each connection and direction
 * @property {number} [total] bytes per second of all connections together, towards the client
 * @property {number} [opening] round trips before the first byte of a new connection arrives
 * @property {boolean} [raw] bytes pass as they are, as TLS must; then requests are not counted
 * @property {string} [account] `name:password`: demands tokens, which it gives for this account
 *
 * @typedef {{ connections: number, requests: number, byKind: Record<string, number> }} Counts
 */

/** @type {ProxyOptions} */
const options = JSON.parse(process.argv[2] ?? '{}');
const { targetPort, roundTrip = 0, rate = Infinity, total = Infinity, opening = 0, raw = false, account } = options;

const SLICE = 64 * 1024;
/** Bytes on the way in one direction before the sender has to wait. */
const FULL = 4 * 1024 * 1024;
const TOKEN_LIFE = 300;

/** @type {Counts} */
let counts = { connections: 0, requests: 0, byKind: {} };
/** When the line that all share is free again. */
let sharedFree = 0;
const token = randomUUID();

/** One direction of one connection: every piece leaves when the line has had time for it, and arrives half a round trip later. */
class Line {
  /** @type {{ at: number, bytes: Buffer }[]} */
  #queue = [];
  #queued = 0;
  #free = 0;
  #ended = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {import('node:net').Socket} from
   * @param {import('node:net').Socket} to
   * @param {{ hold: number, shared: boolean }} options
   */
  constructor(from, to, { hold, shared }) {
    this.from = from;
    this.to = to;
    this.#free = performance.now() + hold;
    this.shared = shared;
    from.on('data', (bytes) => this.#take(bytes));
    from.on('end', () => this.#end());
    from.on('close', () => this.#end());
    from.on('error', () => to.destroy());
  }

  /** @param {Buffer} bytes */
  #take(bytes) {
    const now = performance.now();
    for (let start = 0; start < bytes.length; start += SLICE) {
      const slice = bytes.subarray(start, start + SLICE);
      this.#free = Math.max(this.#free, now) + (slice.length / rate) * 1000;
      if (this.shared && total !== Infinity) {
        sharedFree = Math.max(sharedFree, now) + (slice.length / total) * 1000;
        this.#free = Math.max(this.#free, sharedFree);
      }
      this.#queue.push({ at: this.#free + roundTrip / 2, bytes: slice });
      this.#queued += slice.length;
    }
    if (this.#queued > FULL) this.from.pause();
    this.#arm();
  }

  #end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#arm();
  }

  #arm() {
    if (this.#timer !== undefined) return;
    const next = this.#queue[0];
    if (next === undefined) {
      if (this.#ended) setTimeout(() => this.to.end(), roundTrip / 2);
      return;
    }
    this.#timer = setTimeout(() => this.#deliver(), Math.max(0, next.at - performance.now()));
  }

  #deliver() {
    this.#timer = undefined;
    const now = performance.now() + 0.5;
    let count = 0;
    for (const { at, bytes } of this.#queue) {
      if (at > now) break;
      this.to.write(bytes);
      this.#queued -= bytes.length;
      count++;
    }
    this.#queue.splice(0, count);
    if (this.#queued < FULL / 2 && this.from.isPaused()) this.from.resume();
    this.#arm();
  }
}

/** What a request is for, in the words of the distribution specification. @param {string} method @param {string} url */
function kindOf(method, url) {
  const path = url.split('?')[0] ?? '';
  if (path === '/token') return 'token';
  if (/^\/v2\/?$/.test(path)) return 'ping';
  if (path.includes('/blobs/uploads/')) return url.includes('mount=') ? `${method} mount` : `${method} upload`;
  const part = /\/(blobs|manifests|tags|referrers)\//.exec(path)?.[1];
  return part === undefined ? `${method} other` : `${method} ${part.replace(/s$/, '')}`;
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @returns {boolean} true when it was answered here
 */
function answerAuth(request, response) {
  if (account === undefined) return false;
  const { authorization, host } = request.headers;
  if (request.url?.startsWith('/token')) {
    const basic = `Basic ${Buffer.from(account).toString('base64')}`;
    const given = authorization === basic || request.method === 'POST';
    const body = JSON.stringify(given ? { token, access_token: token, expires_in: TOKEN_LIFE } : { errors: [] });
    response.writeHead(given ? 200 : 401, { 'content-type': 'application/json' }).end(body);
    request.resume();
    return true;
  }
  if (authorization === `Bearer ${token}`) return false;
  const repository = /^\/v2\/(.+)\/(?:blobs|manifests|tags|referrers)\//.exec(request.url ?? '')?.[1];
  const scope = repository === undefined ? '' : `,scope="repository:${repository}:pull"`;
  response
    .writeHead(401, {
      'content-type': 'application/json',
      'www-authenticate': `Bearer realm="http://${host}/token",service="bench"${scope}`,
    })
    .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
  request.resume();
  return true;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
function forward(request, response) {
  counts.requests++;
  const kind = kindOf(request.method ?? '', request.url ?? '');
  counts.byKind[kind] = (counts.byKind[kind] ?? 0) + 1;
  if (answerAuth(request, response)) return;
  const { authorization: _, ...headers } = request.headers;
  const { method, url: path } = request;
  const onward = httpRequest({ host: '127.0.0.1', port: targetPort, method, path, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => {
    if (!response.writableFinished) onward.destroy();
  });
  request.pipe(onward);
}

const inner = createHttpServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, forward);
inner.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (inner.address());
  const port = raw ? targetPort : address.port;
  const outer = createServer({ noDelay: true }, (client) => {
    counts.connections++;
    const server = connect({ host: '127.0.0.1', port, noDelay: true });
    void new Line(client, server, { hold: opening * roundTrip, shared: false });
    void new Line(server, client, { hold: 0, shared: true });
    client.on('close', () => server.destroy());
  });
  outer.listen(0, '127.0.0.1', () => {
    process.send?.({ port: /** @type {import('node:net').AddressInfo} */ (outer.address()).port });
  });
});

process.on('message', (message) => {
  if (message === 'reset') counts = { connections: 0, requests: 0, byKind: {} };
  process.send?.({ counts });
});
process.on('disconnect', () => process.exit());
