// Is a registry spoken to by https or by plain http?
import type { Socket } from 'node:net';
import { HubError } from '../errors.ts';
import { isLoopback } from './addresses.ts';
import { systemClock } from './clock.ts';
import type { HttpOptions } from './client.ts';
import { Connector } from './connect.ts';
import { parseUrl } from '../util/url.ts';
import { tapOf } from './tap.ts';

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

type OriginOptions = Pick<HttpOptions, 'tls' | 'proxy' | 'insecure' | 'timeouts' | 'clock' | 'lookup' | 'ahead'>;

/**
 * Decides once per `host[:port]`. Hosts are https. Only loopback hosts and those that `insecure` names may be plain http
 * as well: https is tried first, and http is used when the port does not speak TLS or, where no port is written, when
 * nothing listens for https. A certificate that is not trusted never leads to http [docker insecure-registries].
 */
export function createOrigins(options: OriginOptions): Origins {
  const known = new Map<string, Promise<URL>>();
  const guesses = new Map<string, URL>();
  return {
    guess: (host) => {
      const guess = guesses.get(host) ?? guessOf(host, options);
      guesses.set(host, guess);
      return guess;
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

function guessOf(host: string, { insecure }: OriginOptions): URL {
  const https = parseOrigin(host);
  const mayBePlain = isLoopback(https.hostname) && https.port !== '' && !insecure?.(host);
  return mayBePlain ? new URL(`http://${host}`) : https;
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
    const speaksTls = isInsecure
      ? await completesHandshake(connector, https)
      : await answersHello(connector, https, options);
    return speaksTls ? https : http;
  } catch (error) {
    if (!/:\d+$/.test(host) && reasonOf(error) === 'refused') return http;
    throw error;
  } finally {
    connector.close();
  }
}

/** True when the other side answers the beginning of a TLS handshake in TLS, whatever it answers. */
async function answersHello(connector: Connector, url: URL, { ahead }: OriginOptions): Promise<boolean> {
  const begun = await ahead?.take(url.hostname, Number(url.port) || 443, true);
  // One that was begun a while ago may have ended for reasons of its own.
  const first = (begun && (await firstByte(begun))) ?? (await firstByte(await openPlain(connector, url)));
  return first === TLS_ALERT || first === TLS_HANDSHAKE;
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
/** No byte at all in that time. */
const SILENCE = -1;

function openPlain(connector: Connector, url: URL): Promise<Socket> {
  const plain = new URL(url);
  plain.protocol = 'http:';
  plain.port = url.port || '443';
  return connector.openTapped(plain, 'any');
}

/**
 * The first byte of the answer to a TLS hello, on a connection with a tap, which it ends; undefined when the other side
 * ended it. No more is looked at: loading certificates for a real handshake would take longer than the request that follows.
 */
async function firstByte(socket: Socket): Promise<number | undefined> {
  const tap = tapOf(socket);
  try {
    return await new Promise((resolve) => {
      const end = (): void => resolve(undefined);
      if (tap) {
        tap.take = (bytes) => {
          resolve(bytes[0]);
          return true;
        };
      }
      socket.once('error', end).once('close', end).once('end', end);
      socket.setTimeout(PATIENCE, () => resolve(SILENCE));
      socket.write(HELLO);
    });
  } finally {
    socket.destroy();
  }
}

/**
 * A ClientHello of TLS 1.2 with two cipher suites that every server knows of. Its random bytes are line ends, so that a
 * server that reads lines of HTTP answers at once as well.
 */
const HELLO = Buffer.from(
  ['1603010031', '0100002d', '0303', '0d0a'.repeat(16), '00', '0004', 'c02fc030', '0100', '0000'].join(''),
  'hex',
);
