// Which errors does a registry answer with, and how do they look on the wire?
import { HubError, type ErrorCode } from '../errors.ts';

export type WireCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'RANGE_INVALID'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

interface WireFacts {
  /** Status of the answer, unless the case at hand has a better one. */
  readonly status: number;
  /** What it is for the rest of the program. */
  readonly code: ErrorCode;
  readonly message: string;
}

/** Codes of the distribution spec, and those of distribution that clients know as well [OCI distribution-spec, Error Codes]. */
const WIRE_ERRORS: Readonly<Record<WireCode, WireFacts>> = {
  BLOB_UNKNOWN: { status: 404, code: 'NOT_FOUND', message: 'blob unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 400, code: 'CONTENT_INVALID', message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, code: 'NOT_FOUND', message: 'blob upload unknown to registry' },
  DENIED: { status: 403, code: 'DENIED', message: 'requested access to the resource is denied' },
  DIGEST_INVALID: { status: 400, code: 'DIGEST_MISMATCH', message: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, code: 'NOT_FOUND', message: 'blob unknown to registry' },
  MANIFEST_INVALID: { status: 400, code: 'CONTENT_INVALID', message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, code: 'NOT_FOUND', message: 'manifest unknown' },
  NAME_INVALID: { status: 400, code: 'REFERENCE_INVALID', message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, code: 'NOT_FOUND', message: 'repository name not known to registry' },
  PAGINATION_NUMBER_INVALID: { status: 400, code: 'USAGE', message: 'invalid number of results requested' },
  RANGE_INVALID: { status: 416, code: 'CONTENT_INVALID', message: 'invalid content range' },
  SIZE_INVALID: { status: 400, code: 'CONTENT_INVALID', message: 'provided length did not match content length' },
  TAG_INVALID: { status: 400, code: 'REFERENCE_INVALID', message: 'invalid tag name' },
  TOOMANYREQUESTS: { status: 429, code: 'RATE_LIMITED', message: 'too many requests' },
  UNAUTHORIZED: { status: 401, code: 'UNAUTHORIZED', message: 'authentication required' },
  UNAVAILABLE: { status: 503, code: 'SERVER_ERROR', message: 'service unavailable' },
  UNKNOWN: { status: 500, code: 'FAILED', message: 'unknown error' },
  UNSUPPORTED: { status: 405, code: 'UNSUPPORTED', message: 'the operation is unsupported' },
};

export interface Refused {
  /** What exactly was wrong with which object; the text of the code by default. */
  readonly message?: string | undefined;
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** One error of the answer for each; one without detail by default. */
  readonly details?: readonly unknown[] | undefined;
}

/** An answer that is thrown: the client asked for what cannot be given. */
export function refusal(wire: WireCode, refused: Refused = {}): HubError {
  const { code, message } = WIRE_ERRORS[wire];
  return new HubError(code, refused.message ?? message, { details: { wire, refused } });
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

/** The answer an error stands for; for anything that is no refusal one that tells nothing about this machine. */
export function wireAnswer(error: unknown): WireAnswer {
  const { wire, refused } = refusalOf(error) ?? { wire: otherCode(error), refused: {} };
  const facts = WIRE_ERRORS[wire];
  const message = refused.message ?? facts.message;
  const errors = (refused.details ?? [undefined]).map((detail) => ({
    code: wire,
    message,
    ...(detail !== undefined && { detail }),
  }));
  return {
    status: refused.status ?? (isDiskFull(error) ? 507 : facts.status),
    headers: { 'content-type': 'application/json', ...refused.headers },
    body: JSON.stringify({ errors }),
  };
}

/** True for an answer that is the client's doing; anything else is worth a line of the operator's attention. */
export function isRefusal(error: unknown): boolean {
  return refusalOf(error) !== undefined;
}

function refusalOf(error: unknown): { readonly wire: WireCode; readonly refused: Refused } | undefined {
  if (!HubError.is(error)) return undefined;
  const { wire, refused } = error.details;
  if (typeof wire !== 'string' || !Object.hasOwn(WIRE_ERRORS, wire)) return undefined;
  return { wire: wire as WireCode, refused: refused as Refused };
}

/** Content that was deleted between the question and the answer is simply not there. */
function otherCode(error: unknown): WireCode {
  if (HubError.is(error, 'NOT_FOUND')) return 'BLOB_UNKNOWN';
  return isDiskFull(error) ? 'UNAVAILABLE' : 'UNKNOWN';
}

function isDiskFull(error: unknown): boolean {
  return HubError.is(error, 'STORAGE') && ['ENOSPC', 'EDQUOT'].includes(String(error.details['errno']));
}
