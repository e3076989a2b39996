// What went wrong on the way to a host, in words and with a next step?
import { HubError, type ErrorCode } from '../errors.ts';

/**
 * Machine-readable cause in `details.reason` of the errors made here; the retry layer decides by it:
 * - refused, no-such-host, no-route, connect-timeout: nothing was sent
 * - reset, headers-timeout, body-timeout, broken-body, protocol: the connection broke after it was open
 */
export type FailureReason =
  | 'refused'
  | 'no-such-host'
  | 'no-route'
  | 'connect-timeout'
  | 'name-service'
  | 'proxy'
  | 'reset'
  | 'headers-timeout'
  | 'body-timeout'
  | 'broken-body'
  | 'protocol'
  | 'plain-http'
  | 'certificate'
  | 'tls';

interface Failure {
  readonly code: ErrorCode;
  readonly reason: FailureReason;
  readonly says: (host: string, limit: string) => string;
  readonly hint?: (host: string) => string;
}

const REFUSED: Failure = {
  code: 'UNREACHABLE',
  reason: 'refused',
  says: (host) => `cannot connect to ${host} (refused)`,
  hint: (host) => `is ${host} running, and is the port right?`,
};
const NO_SUCH_HOST: Failure = {
  code: 'UNREACHABLE',
  reason: 'no-such-host',
  says: (host) => `no such host ${host}`,
  hint: () => 'check the spelling; behind a proxy set HTTPS_PROXY',
};
const NO_ROUTE: Failure = {
  code: 'UNREACHABLE',
  reason: 'no-route',
  says: (host) => `${host} is not reachable from this network`,
  hint: () => 'check the network; behind a proxy set HTTPS_PROXY',
};
const CONNECT_TIMEOUT: Failure = {
  code: 'TIMEOUT',
  reason: 'connect-timeout',
  says: (host, limit) => `cannot connect to ${host}${limit}`,
  hint: () => 'check the network and firewall; behind a proxy set HTTPS_PROXY',
};
const NAME_SERVICE: Failure = {
  code: 'UNREACHABLE',
  reason: 'name-service',
  says: (host) => `the name ${host} cannot be looked up at the moment`,
  hint: () => 'check the network and the name server',
};
const RESET: Failure = { code: 'UNREACHABLE', reason: 'reset', says: (host) => `${host} closed the connection` };
const NOT_HTTP: Failure = {
  code: 'UNREACHABLE',
  reason: 'protocol',
  says: (host) => `${host} answered something that is not HTTP`,
};

/** What error codes of sockets, name lookups and undici mean. */
const FAILURES: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: REFUSED,
  ENOTFOUND: NO_SUCH_HOST,
  EAI_NONAME: NO_SUCH_HOST,
  EAI_NODATA: NO_SUCH_HOST,
  EAI_AGAIN: NAME_SERVICE,
  EAI_FAIL: NAME_SERVICE,
  ESERVFAIL: NAME_SERVICE,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  ENETDOWN: NO_ROUTE,
  EADDRNOTAVAIL: NO_ROUTE,
  ETIMEDOUT: CONNECT_TIMEOUT,
  UND_ERR_CONNECT_TIMEOUT: CONNECT_TIMEOUT,
  ECONNRESET: RESET,
  ECONNABORTED: RESET,
  EPIPE: RESET,
  UND_ERR_SOCKET: RESET,
  UND_ERR_INFO: RESET,
  UND_ERR_HEADERS_TIMEOUT: {
    code: 'TIMEOUT',
    reason: 'headers-timeout',
    says: (host, limit) => `${host} did not answer${limit}`,
  },
  UND_ERR_BODY_TIMEOUT: {
    code: 'TIMEOUT',
    reason: 'body-timeout',
    says: (host, limit) => `${host} stopped sending${limit}`,
  },
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: RESET,
  UND_ERR_HEADERS_OVERFLOW: {
    code: 'SERVER_ERROR',
    reason: 'protocol',
    says: (host) => `the headers of the answer of ${host} are too large`,
  },
};

/** Errors that mean a mistake on this side of the connection; code for code, they are never tried again. */
const OWN_FAULTS: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_INVALID_ARG: 'FAILED',
  UND_ERR_NOT_SUPPORTED: 'UNSUPPORTED',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'CONTENT_INVALID',
  UND_ERR_DESTROYED: 'ABORTED',
  UND_ERR_CLOSED: 'ABORTED',
};

export interface FailurePlace {
  /** Host and port as the user knows them. */
  readonly host: string;
  /** Milliseconds of the limit that may have been exceeded, for the message. */
  readonly limit?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The HubError for anything a socket, a name lookup or undici reports. A HubError is given back as it is. */
export function failureOf(error: unknown, place: FailurePlace): HubError {
  if (HubError.is(error)) return error;
  const code = codeOf(error);
  const own = OWN_FAULTS[code];
  if (own) return new HubError(own, ownFault(own, error, place.host), { cause: error });
  const failure = FAILURES[code] ?? (isParserError(error) ? notHttp(error) : unknownFailure(error));
  const limit = place.limit === undefined ? '' : ` within ${seconds(place.limit)}`;
  return new HubError(failure.code, failure.says(place.host, limit), {
    cause: error,
    hint: failure.hint?.(place.host),
    details: { host: place.host, reason: failure.reason, ...place.details },
  });
}

/** The error of an aborted signal: its own HubError, TIMEOUT for `AbortSignal.timeout`, else ABORTED. */
export function abortedBy(signal: AbortSignal): HubError {
  const reason: unknown = signal.reason;
  if (HubError.is(reason)) return reason;
  const isTimeout = reason instanceof Error && reason.name === 'TimeoutError';
  return isTimeout
    ? new HubError('TIMEOUT', 'the time for this operation is over', { cause: reason })
    : new HubError('ABORTED', 'interrupted', { cause: reason });
}

/** `30 s`, `1.5 s`. */
export function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 100) / 10} s`;
}

/** The `code` of an error of Node or undici, '' when it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function ownFault(code: ErrorCode, error: unknown, host: string): string {
  if (code === 'ABORTED') return `the connection to ${host} was closed by this program`;
  if (code === 'CONTENT_INVALID') return `the body for ${host} does not have the length it should have`;
  return `the request to ${host} cannot be sent: ${messageOf(error)}`;
}

/** undici does not always give these errors a code. */
function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}

function notHttp(error: unknown): Failure {
  const data: unknown = typeof error === 'object' && error !== null && 'data' in error ? error.data : undefined;
  // A TLS server answers a plain request with an alert record: type 21, version 3.x.
  const isTls = typeof data === 'string' ? data.startsWith('\u0015\u0003') : false;
  if (!isTls) return NOT_HTTP;
  return {
    code: 'TLS',
    reason: 'protocol',
    says: (host) => `${host} speaks HTTPS, but plain HTTP was used`,
    hint: () => 'use an https address',
  };
}

function unknownFailure(error: unknown): Failure {
  return {
    code: 'UNREACHABLE',
    reason: 'reset',
    says: (host) => `the connection to ${host} failed: ${messageOf(error)}`,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
