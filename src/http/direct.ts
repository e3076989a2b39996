// How is a host connected to once more, at the address and under the certificate that it was found with?
import { connect as connectPlain, type Socket } from 'node:net';
import {
  connect as connectSecure,
  createSecureContext,
  type ConnectionOptions,
  type DetailedPeerCertificate,
  type TLSSocket,
} from 'node:tls';
import { failureOf } from './failure.ts';
import { openGathering, openTapped } from './tap.ts';

/** Where a host was reached, in a form that another thread can be given. */
export interface Route {
  /** Of messages: `example.com:5000`. */
  readonly host: string;
  /** The address that was allowed, and connected to. */
  readonly address: string;
  readonly port: number;
  /** Undefined for plain http. */
  readonly tls?: RouteTls | undefined;
}

export interface RouteTls {
  readonly servername: string | undefined;
  /** False for a host whose certificate is not checked. */
  readonly verify: boolean;
  /** The one authority, as PEM, that vouched for the certificate. No other will do. */
  readonly authority: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** A connection, with a tap, that is ready for a request. Throws what the operating system and OpenSSL say, and TIMEOUT. */
export async function openDirect(route: Route, timeout: number): Promise<Socket> {
  const { host, address, port, tls } = route;
  const where = { host: address, port };
  // TLS hands what it does not know of to the socket below.
  const socket = tls
    ? openGathering((onread) => connectSecure({ ...where, onread, ...secure(tls) } as ConnectionOptions))
    : openTapped((onread) => connectPlain({ ...where, onread }));
  const late = failureOf({ code: 'ETIMEDOUT' }, { host, limit: timeout, details: { sent: false } });
  const timer = setTimeout(() => socket.destroy(late), timeout);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(tls ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    return socket.setNoDelay(true);
  } finally {
    clearTimeout(timer);
  }
}

function secure({ servername, verify, authority, cert, key }: RouteTls): ConnectionOptions {
  return {
    // Without a name, the certificate is checked against the address.
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: verify,
    ALPNProtocols: ['http/1.1'],
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      ...(authority !== undefined && { ca: authority }),
      ...(cert !== undefined && { cert, key }),
    }),
  };
}

/** The authority that a verified chain ends with, as PEM; undefined when the chain is not known to its end. */
export function authorityOf(socket: TLSSocket): string | undefined {
  let certificate: Partial<DetailedPeerCertificate> | null = socket.getPeerCertificate(true);
  for (let length = 0; certificate?.raw && length < MOST_CERTIFICATES; length += 1) {
    const issuer: Partial<DetailedPeerCertificate> | undefined = certificate.issuerCertificate;
    if (issuer?.raw && issuer.raw.equals(certificate.raw)) return pem(certificate.raw);
    certificate = issuer ?? null;
  }
  return undefined;
}

const MOST_CERTIFICATES = 12;

function pem(bytes: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}
