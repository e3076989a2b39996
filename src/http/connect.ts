// How is a connection to a host opened: directly or through a proxy, in the clear or with TLS?
import { setMaxListeners } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { HubError } from '../errors.ts';
import { bareHost, isLoopback, isMachineLocal, isPrivateAddress } from './addresses.ts';
import type { Clock } from './clock.ts';
import { dial, type Lookup } from './dial.ts';
import type { DialledAhead } from './dial-ahead.ts';
import { authorityOf, type Reach } from './direct.ts';
import { failureOf } from './failure.ts';
import { proxyAuthorization, proxyFor, type ProxyOptions } from './proxy.ts';
import { isUnknownAuthority, tlsFailureOf } from './tls-failure.ts';
import { createTrust, type TlsOptions, type Trust } from './tls.ts';

export interface ConnectOptions {
  readonly clock: Clock;
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: ProxyOptions | undefined;
  /** True for a host (`example.com:5000`) whose certificate is not to be checked. */
  readonly insecure?: ((host: string) => boolean) | undefined;
  readonly lookup?: Lookup | undefined;
  /** A connection that was begun before. */
  readonly ahead?: DialledAhead | undefined;
  /** Milliseconds for each address, 10,000 by default. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds for a TLS handshake, 10,000 by default. */
  readonly handshakeTimeout?: number | undefined;
}

const TIMEOUT = 10_000;

/** Opens connections for one command; every certificate check of hubctl is made here. */
export class Connector {
  readonly #options: ConnectOptions;
  readonly #trust: Trust;
  readonly #closing = new AbortController();
  readonly #sessions = new Map<string, Buffer>();
  /** Hosts whose certificate the built-in CAs do not vouch for, so that those of the operating system are asked as well. */
  readonly #asksSystem = new Set<string>();
  readonly #onThisMachine = new Set<string>();
  /** True once the user was led to an address of a private network by what the user named. */
  #isInside = false;
  /** Where hosts were connected to without a proxy. */
  readonly #reached = new Map<string, Reach>();

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#trust = createTrust(options.tls);
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * A connection to the origin of `url`, ready for a request; https goes through the proxy if there is one. `guarded` refuses addresses of this machine, its link and private networks,
   * unless a proxy makes the connection. Throws UNREACHABLE, TIMEOUT, TLS, REFUSED, CONFIG_INVALID, ABORTED.
   */
  async open(url: URL, guarded = false): Promise<Socket> {
    return url.protocol === 'https:' ? this.#openSecure(url, guarded) : this.#dial(url, { place: url.host, guarded });
  }

  /** As `open`, for a reader of our own: a plain connection comes with a tap. */
  async openTapped(url: URL, guarded: boolean): Promise<Socket> {
    const isPlain = url.protocol === 'http:';
    if (!isPlain) return this.#openSecure(url, guarded);
    const socket = await this.#dial(url, { place: url.host, guarded, tapped: true });
    this.#note(url, guarded, { socket });
    return socket;
  }

  /**
   * How the origin of `url` can be connected to once more, as it was before: at an address that was allowed, and with TLS
   * under the authority that vouched for it. Undefined where that is not known.
   */
  reach(url: URL, guarded: boolean): Reach | undefined {
    return this.#reached.get(`${url.origin} ${guarded}`);
  }

  /** A connection to the proxy itself, for plain http requests that it forwards. Throws as `open` does. */
  async openProxy(proxy: URL): Promise<Socket> {
    const socket = await this.#dial(proxy, { place: `the proxy ${proxy.host}`, guarded: false });
    if (proxy.protocol === 'http:') return socket;
    const context = await this.#trust.contextFor(proxy.host);
    return this.#handshake(proxy, socket, { context, verify: true }).catch((error: unknown) => {
      throw this.#tlsFailure(error, `the proxy ${proxy.host}`);
    });
  }

  /** The proxy that a request to `url` takes; undefined when it goes directly. Throws CONFIG_INVALID. */
  proxyFor(url: URL): URL | undefined {
    return proxyFor(url, this.#options.proxy ?? {});
  }

  /** True for a host that is this machine, by its name or by the address it had when it was connected to. */
  isOnThisMachine(url: URL): boolean {
    return isLoopback(url.hostname) || this.#onThisMachine.has(url.hostname);
  }

  /** Gives up connections that are being made. */
  close(): void {
    this.#closing.abort(new HubError('ABORTED', 'the connections of this program were closed'));
  }

  /** The connection that TLS to the origin runs over. */
  async #openCarrier(url: URL, guarded: boolean): Promise<Socket> {
    const proxy = this.proxyFor(url);
    return proxy ? this.#tunnel(proxy, url) : this.#dial(url, { place: url.host, guarded });
  }

  async #openSecure(url: URL, guarded: boolean): Promise<Socket> {
    const { host } = url;
    const verify = !(this.#options.insecure?.(host) ?? false);
    try {
      const context = await this.#contextFor(host);
      const socket = await this.#handshake(url, await this.#openCarrier(url, guarded), { context, verify });
      if (!this.#reached.has(`${url.origin} ${guarded}`) && !this.proxyFor(url)) {
        const identity = await this.#trust.identityFor(host);
        this.#note(url, guarded, { socket, tls: tlsOf(socket, { ...identity, verify, host: bareHost(url.hostname) }) });
      }
      return socket;
    } catch (error) {
      const mayKnow = isUnknownAuthority(error) && !this.#asksSystem.has(host);
      const wider = mayKnow ? await this.#trust.contextWithSystemRoots(host) : undefined;
      if (!wider) throw await this.#explained(error, url, guarded);
      this.#asksSystem.add(host);
      return this.#openSecure(url, guarded);
    }
  }

  #note(url: URL, guarded: boolean, { socket, tls }: { socket: Socket; tls?: Reach['tls'] }): void {
    const { remoteAddress: address, remotePort: port } = socket;
    if (address === undefined || port === undefined) return;
    // A chain that is not known to its end cannot be trusted by anybody else.
    if (url.protocol === 'https:' && (!tls || (tls.verify && tls.authority === undefined))) return;
    this.#reached.set(`${url.origin} ${guarded}`, { host: url.host, address, port, tls });
  }

  async #contextFor(host: string): Promise<SecureContext> {
    const wider = this.#asksSystem.has(host) ? await this.#trust.contextWithSystemRoots(host) : undefined;
    return wider ?? this.#trust.contextFor(host);
  }

  async #dial(url: URL, options: { place: string; guarded: boolean; tapped?: boolean }): Promise<Socket> {
    const { lookup, connectTimeout: timeout = TIMEOUT } = this.#options;
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const isForbidden = options.guarded ? this.#isOutOfReach : undefined;
    const { place, tapped = false, guarded } = options;
    const begun = guarded ? undefined : await this.#options.ahead?.take(url.hostname, port, tapped);
    const socket =
      begun ??
      (await dial(url.hostname, port, {
        place,
        timeout,
        lookup,
        isForbidden,
        tapped,
        signal: this.#closing.signal,
      }));
    const { remoteAddress = '' } = socket;
    if (isLoopback(remoteAddress)) this.#onThisMachine.add(url.hostname);
    if (isPrivateAddress(remoteAddress)) this.#isInside = true;
    return socket;
  }

  /** A server on the internet has no business inside a private network, unless the user works in there. */
  readonly #isOutOfReach = (address: string): boolean =>
    isMachineLocal(address) || (!this.#isInside && isPrivateAddress(address));

  /** Asks the proxy for a tunnel to the origin. */
  async #tunnel(proxy: URL, url: URL): Promise<Socket> {
    const carrier = await this.openProxy(proxy);
    const target = `${url.hostname}:${url.port || '443'}`;
    const authorization = proxyAuthorization(proxy);
    const headers = { host: target, ...(authorization !== undefined && { 'proxy-authorization': authorization }) };
    const asked = request({ method: 'CONNECT', path: target, headers, createConnection: () => carrier });
    const { connectTimeout: limit = TIMEOUT } = this.#options;
    const place = { host: `the proxy ${proxy.host}`, limit, details: { sent: false } };
    const timer = setTimeout(() => asked.destroy(failureOf({ code: 'ETIMEDOUT' }, place)), limit);
    try {
      return await new Promise<Socket>((resolve, reject) => {
        asked.once('error', reject);
        asked.once('connect', ({ statusCode = 0 }, socket: Socket) => {
          if (statusCode === 200) return resolve(socket);
          socket.destroy();
          reject(refusedByProxy(statusCode, proxy, target));
        });
        asked.end();
      });
    } catch (error) {
      carrier.destroy();
      throw failureOf(error, place);
    } finally {
      clearTimeout(timer);
    }
  }

  async #handshake(
    url: URL,
    carrier: Socket,
    options: { context: SecureContext; verify: boolean },
  ): Promise<TLSSocket> {
    const host = bareHost(url.hostname);
    const session = options.verify ? this.#sessions.get(url.host) : undefined;
    const socket = connect({
      socket: carrier,
      host,
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: options.context,
      // Always said, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment cannot turn the check off.
      rejectUnauthorized: options.verify,
      ALPNProtocols: ['http/1.1'],
      session,
    });
    socket.on('session', (fresh: Buffer) => socket.authorized && this.#sessions.set(url.host, fresh));
    const abort = (): void => void socket.destroy(this.#closing.signal.reason as Error);
    this.#closing.signal.addEventListener('abort', abort, { once: true });
    const { handshakeTimeout: limit = TIMEOUT } = this.#options;
    const late = failureOf({ code: 'ETIMEDOUT' }, { host: url.host, limit, details: { sent: false } });
    const timer = setTimeout(() => socket.destroy(late), limit);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      });
      socket.removeAllListeners('error');
      return socket.setNoDelay(true);
    } catch (error) {
      carrier.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener('abort', abort);
    }
  }

  /** Looks at the certificate once more without trusting it, only to say what is wrong with it; nothing is sent. */
  async #explained(cause: unknown, url: URL, guarded: boolean): Promise<HubError> {
    const plain = this.#tlsFailure(cause, url.host);
    if (HubError.is(cause) || plain.details['reason'] !== 'certificate') return plain;
    const certificate = await this.#peek(url, guarded).catch(() => undefined);
    return this.#tlsFailure(cause, url.host, certificate);
  }

  async #peek(url: URL, guarded: boolean): Promise<PeerCertificate> {
    const context = await this.#trust.contextFor(url.host);
    const socket = await this.#handshake(url, await this.#openCarrier(url, guarded), { context, verify: false });
    const certificate = socket.getPeerCertificate();
    socket.destroy();
    return certificate;
  }

  #tlsFailure(error: unknown, host: string, certificate?: PeerCertificate): HubError {
    const limit = this.#options.handshakeTimeout ?? TIMEOUT;
    return tlsFailureOf(error, { host, certificate, limit, now: this.#options.clock.now() });
  }
}

function tlsOf(
  socket: TLSSocket,
  options: { host: string; verify: boolean; cert: string | undefined; key: string | undefined },
): Reach['tls'] {
  const { host, verify, cert, key } = options;
  const servername = isIP(host) === 0 ? host : undefined;
  return { servername, verify, authority: verify ? authorityOf(socket) : undefined, cert, key };
}

/** The error for a proxy that did not let a request through. */
export function refusedByProxy(status: number, proxy: URL, target: string): HubError {
  const details = { host: proxy.host, status, reason: 'proxy', sent: false };
  if (status === 407) {
    return new HubError('UNREACHABLE', `the proxy ${proxy.host} wants a user name and a password`, {
      hint: 'set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT',
      details: { ...details, retry: false },
    });
  }
  return new HubError('UNREACHABLE', `the proxy ${proxy.host} answered ${status} instead of connecting to ${target}`, {
    hint: 'hosts that need no proxy belong into NO_PROXY',
    details: { ...details, retry: status >= 500 },
  });
}
