// How is a connection to a host opened: directly or through a proxy, in the clear or with TLS?
import { setMaxListeners } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, TLSSocket, type ConnectionOptions, type PeerCertificate, type SecureContext } from 'node:tls';
import { HubError } from '../errors.ts';
import { bareHost, familyOf, isLoopback, isMachineLocal, isPrivateAddress } from './addresses.ts';
import type { Clock } from './clock.ts';
import { dial, forbiddenAddress, type DialOptions, type Lookup } from './dial.ts';
import type { DialledAhead } from './dial-ahead.ts';
import { authorityOf, type Route } from './direct.ts';
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

interface Dialling extends Pick<DialOptions, 'place' | 'tapped' | 'begin'> {
  readonly reach: Reach;
}

interface Secure {
  readonly context: SecureContext;
  /** False when any certificate will do. */
  readonly verify: boolean;
}

/**
 * Where a connection may lead: `network` leaves out this machine and its link, `internet` private networks as well.
 * A server that only a proxy reaches counts as one on the internet, unless it is written as a private address: its name is
 * looked up by the proxy, so nobody here knows where it is, and what is not known gets no leave to lead into private networks.
 * Names that it leads to by way of the proxy are the proxy's to judge; what is connected to from here is refused. A registry of
 * the private network that leads there belongs into NO_PROXY. That the proxy itself is near says nothing of what is behind it.
 */
export type Reach = 'any' | 'network' | 'internet';

/** Opens connections for one command; every certificate check of hubctl is made here. */
export class Connector {
  readonly #options: ConnectOptions;
  readonly #trust: Trust;
  readonly #closing = new AbortController();
  readonly #sessions = new Map<string, Buffer>();
  /** Hosts whose certificate the built-in CAs do not vouch for, so that those of the operating system are asked as well. */
  readonly #asksSystem = new Set<string>();
  readonly #onThisMachine = new Set<string>();
  /** Hosts that were connected to at an address of a private network. */
  readonly #inside = new Set<string>();
  /** Where hosts were connected to without a proxy. */
  readonly #routes = new Map<string, Route>();

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#trust = createTrust(options.tls);
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * A connection to the origin of `url`, ready for a request; https goes through the proxy if there is one. Addresses out of `reach`
   * are refused; a name that a proxy looks up is the proxy's to judge. Throws UNREACHABLE, TIMEOUT, TLS, REFUSED, CONFIG_INVALID, ABORTED.
   */
  async open(url: URL, reach: Reach = 'any'): Promise<Socket> {
    return url.protocol === 'https:' ? this.#openSecure(url, reach) : this.#dial(url, { place: url.host, reach });
  }

  /** As `open`, for a reader of our own: the connection comes with a tap, unless TLS runs over one that was there before. */
  async openTapped(url: URL, reach: Reach): Promise<Socket> {
    const isPlain = url.protocol === 'http:';
    if (!isPlain) return this.#openSecure(url, reach, true);
    const socket = await this.#dial(url, { place: url.host, reach, tapped: true });
    this.#note(url, reach, { socket });
    return socket;
  }

  /**
   * How the origin of `url` can be connected to once more, as it was before: at an address that was allowed, and with TLS
   * under the authority that vouched for it. Undefined where that is not known.
   */
  route(url: URL, reach: Reach): Route | undefined {
    return this.#routes.get(`${url.origin} ${reach}`);
  }

  /** A connection to the proxy itself, for plain http requests that it forwards. Throws as `open` does. */
  async openProxy(proxy: URL): Promise<Socket> {
    const place = `the proxy ${proxy.host}`;
    const socket = await this.#dial(proxy, { place, reach: 'any' }).catch((error: unknown) => {
      throw ofProxy(error);
    });
    if (proxy.protocol === 'http:') return socket;
    const context = await this.#trust.contextFor(proxy.host);
    return this.#handshake(proxy, socket, { context, verify: true }).catch((error: unknown) => {
      throw this.#tlsFailure(error, place);
    });
  }

  /** The proxy that a request to `url` takes; undefined when it goes directly. Throws CONFIG_INVALID. */
  proxyFor(url: URL): URL | undefined {
    return proxyFor(url, this.#options.proxy ?? {});
  }

  /**
   * How far a server may lead: one on this machine anywhere, one of a private network into private networks, any other one
   * only to the internet. What another server may do makes no difference.
   */
  reachFrom({ hostname }: URL): Reach {
    if (isLoopback(hostname) || this.#onThisMachine.has(hostname)) return 'any';
    return isPrivateAddress(hostname) || this.#inside.has(hostname) ? 'network' : 'internet';
  }

  /** For what a proxy will connect to: throws REFUSED for an address that is out of reach as it is written. */
  checkWritten({ hostname }: URL, reach: Reach): void {
    if (reach !== 'any' && outside(reach)(hostname)) throw forbiddenAddress(bareHost(hostname), bareHost(hostname));
  }

  /** Gives up connections that are being made. */
  close(): void {
    this.#closing.abort(new HubError('ABORTED', 'the connections of this program were closed'));
  }

  /** The connection that TLS to the origin runs over. */
  async #openCarrier(url: URL, reach: Reach): Promise<Socket> {
    const proxy = this.proxyFor(url);
    if (!proxy) return this.#dial(url, { place: url.host, reach });
    this.checkWritten(url, reach);
    return this.#tunnel(proxy, url);
  }

  async #openSecure(url: URL, reach: Reach, tapped = false): Promise<Socket> {
    const { host } = url;
    const verify = !(this.#options.insecure?.(host) ?? false);
    const asked = this.#asksSystem.has(host);
    try {
      const secure = { context: await this.#contextFor(host), verify };
      const isDirect = !this.proxyFor(url);
      const socket =
        tapped && isDirect
          ? await this.#dialSecure(url, reach, secure)
          : await this.#handshake(url, await this.#openCarrier(url, reach), secure);
      if (isDirect) await this.#noteSecure(url, reach, { socket, verify });
      return socket;
    } catch (error) {
      // Another connection, begun at the same time, may have found that out by now.
      const mayKnow = isUnknownAuthority(error) && !asked;
      const wider = mayKnow ? await this.#trust.contextWithSystemRoots(host) : undefined;
      if (!wider) throw await this.#explained(error, url, reach);
      this.#asksSystem.add(host);
      return this.#openSecure(url, reach, tapped);
    }
  }

  /** Without a carrier: a socket that is one with its TLS can read into a buffer of ours. */
  async #dialSecure(url: URL, reach: Reach, secure: Secure): Promise<TLSSocket> {
    const begin: DialOptions['begin'] = (where, onread) => {
      const options = { ...this.#tlsOptions(url, secure), ...where, onread };
      return connect(options);
    };
    const socket = await this.#dial(url, { place: url.host, reach, begin });
    return socket instanceof TLSSocket ? this.#secured(url, socket) : this.#handshake(url, socket, secure);
  }

  async #noteSecure(url: URL, reach: Reach, { socket, verify }: { socket: TLSSocket; verify: boolean }): Promise<void> {
    if (this.#routes.has(`${url.origin} ${reach}`)) return;
    const identity = await this.#trust.identityFor(url.host);
    this.#note(url, reach, { socket, tls: tlsOf(socket, { ...identity, verify, host: bareHost(url.hostname) }) });
  }

  #note(url: URL, reach: Reach, { socket, tls }: { socket: Socket; tls?: Route['tls'] }): void {
    const { remoteAddress: address, remotePort: port } = socket;
    if (address === undefined || port === undefined) return;
    // A chain that is not known to its end cannot be trusted by anybody else.
    if (url.protocol === 'https:' && (!tls || (tls.verify && tls.authority === undefined))) return;
    this.#routes.set(`${url.origin} ${reach}`, { host: url.host, address, port, tls });
  }

  async #contextFor(host: string): Promise<SecureContext> {
    const wider = this.#asksSystem.has(host) ? await this.#trust.contextWithSystemRoots(host) : undefined;
    return wider ?? this.#trust.contextFor(host);
  }

  async #dial(url: URL, options: Dialling): Promise<Socket> {
    const { lookup, connectTimeout: timeout = TIMEOUT } = this.#options;
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const { place, tapped = false, reach, begin } = options;
    const isForbidden = reach === 'any' ? undefined : outside(reach);
    const begun = isForbidden ? undefined : await this.#options.ahead?.take(url.hostname, port, tapped);
    const socket =
      begun ??
      (await dial(url.hostname, port, {
        place,
        timeout,
        lookup,
        isForbidden,
        tapped,
        begin,
        signal: this.#closing.signal,
      }));
    const { remoteAddress = '' } = socket;
    if (isLoopback(remoteAddress)) this.#onThisMachine.add(url.hostname);
    if (isPrivateAddress(remoteAddress)) this.#inside.add(url.hostname);
    return socket;
  }

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

  async #handshake(url: URL, carrier: Socket, secure: Secure): Promise<TLSSocket> {
    try {
      return await this.#secured(url, connect({ socket: carrier, ...this.#tlsOptions(url, secure) }));
    } catch (error) {
      carrier.destroy();
      throw error;
    }
  }

  #tlsOptions(url: URL, { context, verify }: Secure): ConnectionOptions {
    const host = bareHost(url.hostname);
    // The name of the certificate is the one that was asked for, whatever address it led to.
    return {
      ...(familyOf(host) === 0 ? { servername: host } : { host }),
      secureContext: context,
      // Always said, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment cannot turn the check off.
      rejectUnauthorized: verify,
      ALPNProtocols: ['http/1.1'],
      session: verify ? this.#sessions.get(url.host) : undefined,
    };
  }

  /** Waits until the handshake is over. */
  async #secured(url: URL, socket: TLSSocket): Promise<TLSSocket> {
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
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener('abort', abort);
    }
  }

  /** Looks at the certificate once more without trusting it, only to say what is wrong with it; nothing is sent. */
  async #explained(cause: unknown, url: URL, reach: Reach): Promise<HubError> {
    const plain = this.#tlsFailure(cause, url.host);
    if (HubError.is(cause) || plain.details['reason'] !== 'certificate') return plain;
    const certificate = await this.#peek(url, reach).catch(() => undefined);
    return this.#tlsFailure(cause, url.host, certificate);
  }

  async #peek(url: URL, reach: Reach): Promise<PeerCertificate> {
    const context = await this.#trust.contextFor(url.host);
    const socket = await this.#handshake(url, await this.#openCarrier(url, reach), { context, verify: false });
    const certificate = socket.getPeerCertificate();
    socket.destroy();
    return certificate;
  }

  #tlsFailure(error: unknown, host: string, certificate?: PeerCertificate): HubError {
    const limit = this.#options.handshakeTimeout ?? TIMEOUT;
    return tlsFailureOf(error, { host, certificate, limit, now: this.#options.clock.now() });
  }
}

function outside(reach: Exclude<Reach, 'any'>): (address: string) => boolean {
  return (address) => isMachineLocal(address) || (reach === 'internet' && isPrivateAddress(address));
}

function tlsOf(
  socket: TLSSocket,
  options: { host: string; verify: boolean; cert: string | undefined; key: string | undefined },
): Route['tls'] {
  const { host, verify, cert, key } = options;
  const servername = familyOf(host) === 0 ? host : undefined;
  return { servername, verify, authority: verify ? authorityOf(socket) : undefined, cert, key };
}

/** Tells whoever tries again that it was not the host that could not be reached. */
function ofProxy(error: unknown): unknown {
  if (!HubError.is(error)) return error;
  const { code, message, hint, cause, details } = error;
  return new HubError(code, message, { hint, cause, details: { ...details, proxy: true } });
}

/** The error for a proxy that did not let a request through. */
export function refusedByProxy(status: number, proxy: URL, target: string): HubError {
  const details = { host: proxy.host, status, reason: 'proxy', target, sent: false };
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
