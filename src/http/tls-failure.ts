// Why was a TLS connection not made, in words, and what can be done about it?
import type { PeerCertificate } from 'node:tls';
import { HubError } from '../errors.ts';
import { codeOf, failureOf, type FailureReason } from './failure.ts';

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
]);

/** OpenSSL's ways to say that what came back is no TLS record. */
const NOT_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_UNKNOWN_PROTOCOL',
  'ERR_SSL_RECORD_LAYER_FAILURE',
]);

/** What the other side says when it wants another certificate of ours [RFC 8446 6.2]. */
const ABOUT_OURS =
  /CERTIFICATE_REQUIRED|ALERT_(?:(?:BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_(?:UNKNOWN|EXPIRED|REVOKED)|UNKNOWN_CA|HANDSHAKE_FAILURE)/;

const BAD_CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_REVOKED: 'was revoked',
  CERT_REJECTED: 'was rejected',
  INVALID_PURPOSE: 'may not be used for a server',
  CERT_CHAIN_TOO_LONG: 'has a chain that is too long',
  INVALID_CA: 'was signed by a certificate that is no CA',
  PATH_LENGTH_EXCEEDED: 'was signed by a CA that may not sign it',
  CERT_SIGNATURE_FAILURE: 'has a wrong signature',
  EE_KEY_TOO_SMALL: 'has a key that is too short',
  CA_KEY_TOO_SMALL: 'was signed with a key that is too short',
  CA_MD_TOO_WEAK: 'was signed with a weak hash',
};

/** True when the certificate is in order but nobody known vouches for it. */
export function isUnknownAuthority(error: unknown): boolean {
  return UNKNOWN_AUTHORITY.has(codeOf(error));
}

/** Node.js knows no name for these reasons of OpenSSL, and gives their texts alone. */
const NAMELESS: Readonly<Record<string, string>> = {
  'EE certificate key too weak': 'EE_KEY_TOO_SMALL',
  'CA certificate key too weak': 'CA_KEY_TOO_SMALL',
  'CA signature digest algorithm too weak': 'CA_MD_TOO_WEAK',
};

export interface TlsPlace {
  readonly host: string;
  /** The certificate the host showed, as far as it could be read. */
  readonly certificate?: PeerCertificate | undefined;
  /** Milliseconds since 1970, to tell a wrong clock from an old certificate. */
  readonly now: number;
  /** Milliseconds of the handshake limit. */
  readonly limit: number;
}

/**
 * The HubError for a failed handshake: code TLS for what waiting does not mend, else what failureOf says.
 * `details.reason` is `plain-http` when the other side does not speak TLS, `certificate` when it is not trusted.
 */
export function tlsFailureOf(error: unknown, place: TlsPlace): HubError {
  if (HubError.is(error)) return error;
  const code = codeOf(error);
  if (NOT_TLS.has(code) || isHttpAnswer(error)) return plainHttp(error, place.host);
  const certificate = certificateFailure(error, place);
  if (certificate) return certificate;
  if (ABOUT_OURS.test(code)) {
    return tlsError(error, place.host, {
      says: `${place.host} asks for a client certificate, or refuses the one it got`,
      hint: `give one with --tls-cert FILE --tls-key FILE, or put it into /etc/docker/certs.d/${place.host}/`,
    });
  }
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_TLS_') && code !== 'EPROTO') {
    return failureOf(error, { host: place.host, limit: place.limit });
  }
  const why = code
    .replace(/^ERR_(?:SSL|TLS)_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
  return tlsError(error, place.host, {
    says: `no TLS connection with ${place.host} could be agreed on (${why})`,
    hint: 'the host has to offer TLS 1.2 or newer',
  });
}

function certificateFailure(error: unknown, place: TlsPlace): HubError | undefined {
  const code = codeOf(error);
  if (isUnknownAuthority(error)) return unknownAuthority(error, place);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return wrongName(error, place);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return datedFailure(error, code, place);
  const text = error instanceof Error && code === 'UNSPECIFIED' ? error.message : '';
  const what =
    BAD_CERTIFICATE[NAMELESS[text] ?? code] ?? (text === '' ? undefined : `is not accepted (${oneName(text)})`);
  return what === undefined
    ? undefined
    : tlsError(error, place.host, { says: `the certificate of ${place.host} ${what}` });
}

function unknownAuthority(error: unknown, { host, certificate }: TlsPlace): HubError {
  const issuer = oneName(certificate?.issuer?.CN ?? certificate?.issuer?.O);
  return tlsError(error, host, {
    says: `the certificate of ${host} is signed by an unknown authority${issuer === '' ? '' : ` (${issuer})`}`,
    hint: `trust its CA with --tls-ca FILE or /etc/docker/certs.d/${host}/ca.crt; to skip the check: --insecure ${host}`,
  });
}

function wrongName(error: unknown, { host, certificate }: TlsPlace): HubError {
  const names = certificate?.subjectaltname?.replaceAll(/(?:DNS|IP Address):/g, '') ?? certificate?.subject?.CN;
  return tlsError(error, host, {
    says: `the certificate of ${host} is for ${oneName(names) || 'another host'}`,
    hint: 'use the name the certificate is for',
  });
}

function datedFailure(error: unknown, code: string, place: TlsPlace): HubError {
  const isExpired = code === 'CERT_HAS_EXPIRED';
  const limit = dayOf(isExpired ? place.certificate?.valid_to : place.certificate?.valid_from);
  const when = limit === undefined ? '' : ` ${isExpired ? 'on' : 'before'} ${limit}`;
  return tlsError(error, place.host, {
    says: `the certificate of ${place.host} ${isExpired ? 'expired' : 'is not valid'}${when || (isExpired ? '' : ' yet')}`,
    hint: `this machine says it is ${dayOf(place.now)}; if that is right, the host needs a new certificate`,
  });
}

function plainHttp(error: unknown, host: string): HubError {
  return tlsError(error, host, {
    says: `${host} speaks plain HTTP, not HTTPS`,
    hint: `to use it without encryption: --insecure ${host}`,
    reason: 'plain-http',
  });
}

interface TlsText {
  readonly says: string;
  readonly hint?: string | undefined;
  readonly reason?: FailureReason | undefined;
}

function tlsError(cause: unknown, host: string, text: TlsText): HubError {
  const isCertificate = text.says.includes('certificate');
  const reason = text.reason ?? (isCertificate ? 'certificate' : 'tls');
  return new HubError('TLS', text.says, { cause, hint: text.hint, details: { host, reason } });
}

/** Before OpenSSL 3 every answer that is no TLS was EPROTO with the reason in the text only. */
function isHttpAnswer(error: unknown): boolean {
  return (
    codeOf(error) === 'EPROTO' &&
    error instanceof Error &&
    /wrong version|http request|unknown protocol/i.test(error.message)
  );
}

function dayOf(date: string | number | undefined): string | undefined {
  const value = new Date(date ?? Number.NaN);
  return Number.isNaN(value.getTime()) ? undefined : value.toISOString().slice(0, 10);
}

/** Names in a certificate come from the network: printable ASCII only, and not many of them. */
function oneName(name: unknown): string {
  return typeof name === 'string' ? name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 100) : '';
}
