// Is a registry spoken to by https or by plain http?
import type { Socket } from 'node:net';
import { HubError } from '../errors.ts';
import { isLoopback } from './addresses.ts';
import { systemClock } from './clock.ts';
import type { HttpOptions } from './client.ts';
import { Connector } from './connect.ts';
import { parseUrl } from '../util/url.ts';

export interface Origins {
  /**
   * `https://host` or `http://host`. Throws REFERENCE_INVALID for text that is no host, and UNREACHABLE, TIMEOUT or TLS
   * when a host that may speak either speaks none.
   */
  originOf(host: string): Promise<URL>;
  /** What it most likely is, for a connection that may be made before that is decided. Throws REFERENCE_INVALID. */
  guess(host: string): URL;
  /** True for a host that is decided, or about to be. */
  isKnown(host: string): boolean;
}

type OriginOptions = Pick<HttpOptions, 'tls' | 'proxy' | 'insecure' | 'timeouts' | 'clock' | 'lookup'>;

/**
 * Decides once per `host[:port]`. Hosts are https. Only loopback hosts and those that `insecure` names may be plain http
 * as well: https is tried first, and http is used when the port does not speak TLS or, where no port is written, when
 * nothing listens for https. A certificate that is not trusted never leads to http [docker insecure-registries].
 */
export function createOrigins(options: OriginOptions): Origins {
  const known = new Map<string, Promise<URL>>();
  return {
    guess: (host) => {
      const https = parseOrigin(host);
      const mayBePlain = isLoopback(https.hostname) && https.port !== '' && !options.insecure?.(host);
      return mayBePlain ? new URL(`http://${host}`) : https;
    },
    isKnown: (host) => known.has(host),
    originOf: (host) => {
      const found = known.get(host) ?? decide(host, options);
      known.set(host, found);
      found.catch(() => known.delete(host));
      return found;
    },
  };
}

async function decide(host: string, options: OriginOptions): Promise<URL> {
  const https = parseOrigin(host);
  const isInsecure = options.insecure?.(host) ?? false;
  if (!isInsecure && !isLoopback(https.hostname)) return https;
  const { clock = systemClock, timeouts = {} } = options;
  const connector = new Connector({
    ...options,
    clock,
    connectTimeout: timeouts.connect,
    handshakeTimeout: timeouts.handshake,
  });
  const http = new URL(`http://${host}`);
  try {
    const speaksTls = isInsecure ? await completesHandshake(connector, https) : await answersHello(connector, https);
    return speaksTls ? https : http;
  } catch (error) {
    if (!/:\d+$/.test(host) && reasonOf(error) === 'refused') return http;
    throw error;
  } finally {
    connector.close();
  }
}

function parseOrigin(host: string): URL {
  const url = parseUrl(`https://${host}`);
  if (url && !/[/?#@\\]/.test(host)) return url;
  throw new HubError('REFERENCE_INVALID', `${JSON.stringify(host)} is not a host`);
}

function reasonOf(error: unknown): unknown {
  return HubError.is(error) ? error.details['reason'] : undefined;
}

async function completesHandshake(connector: Connector, url: URL): Promise<boolean> {
  try {
    const socket = await connector.open(url);
    socket.destroy();
    return true;
  } catch (error) {
    // A server that takes the hello for a broken request may also just hang up.
    if (reasonOf(error) === 'plain-http' || reasonOf(error) === 'reset') return false;
    throw error;
  }
}

/** Milliseconds a server on this machine has to say something about a TLS hello. */
const PATIENCE = 2_000;
const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;

/**
 * Whether the port answers a TLS hello with TLS. Only the first byte of the answer is looked at: loading certificates for
 * a real handshake would take longer than the request that follows it.
 */
async function answersHello(connector: Connector, url: URL): Promise<boolean> {
  const plain = new URL(url);
  plain.protocol = 'http:';
  plain.port = url.port || '443';
  const socket = await connector.open(plain);
  try {
    const first = await firstByte(socket);
    return first === TLS_ALERT || first === TLS_HANDSHAKE;
  } finally {
    socket.destroy();
  }
}

async function firstByte(socket: Socket): Promise<number | undefined> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk[0]));
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
    socket.once('end', () => resolve(undefined));
    socket.setTimeout(PATIENCE, () => resolve(undefined));
    socket.write(HELLO);
  });
}

/**
 * A ClientHello of TLS 1.2 with two cipher suites that every server knows of. Its random bytes are line ends, so that a
 * server that reads lines of HTTP answers at once as well.
 */
const HELLO = Buffer.from(
  ['1603010031', '0100002d', '0303', '0d0a'.repeat(16), '00', '0004', 'c02fc030', '0100', '0000'].join(''),
  'hex',
);
