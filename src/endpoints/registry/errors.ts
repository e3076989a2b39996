// What does a registry's refusal mean, and what should the user do next?
import { HubError, type ErrorCode } from '../../errors.ts';
import { parseRateLimit, parseRetryAfter } from '../../http/headers.ts';
import type { HttpResponse } from '../../http/layer.ts';
import { redactText } from '../../http/redact.ts';
import { isDigest } from '../../spec/digest.ts';
import { collect } from '../../util/content.ts';
import { isRecord } from '../../util/json.ts';
import { safeText } from '../../util/text.ts';

const BODY_LIMIT = 64 * 1024;
const TEXT_LIMIT = 200;
/** Milliseconds. */
const LONG_WAIT = 10 * 60 * 1000;
const MISSING = 'MANIFEST_BLOB_UNKNOWN';

/** Codes of the distribution spec and of distribution itself, and what they are here [distribution-spec Error Codes]. */
const WIRE_CODES: Readonly<Record<string, ErrorCode>> = {
  BLOB_UNKNOWN: 'NOT_FOUND',
  BLOB_UPLOAD_INVALID: 'SERVER_ERROR',
  BLOB_UPLOAD_UNKNOWN: 'SERVER_ERROR',
  DIGEST_INVALID: 'DIGEST_MISMATCH',
  MANIFEST_INVALID: 'CONTENT_INVALID',
  MANIFEST_UNKNOWN: 'NOT_FOUND',
  MANIFEST_UNVERIFIED: 'CONTENT_INVALID',
  NAME_INVALID: 'REFERENCE_INVALID',
  NAME_UNKNOWN: 'NOT_FOUND',
  SIZE_INVALID: 'DIGEST_MISMATCH',
  UNAUTHORIZED: 'UNAUTHORIZED',
  DENIED: 'DENIED',
  UNSUPPORTED: 'UNSUPPORTED',
  TOOMANYREQUESTS: 'RATE_LIMITED',
  TAG_INVALID: 'REFERENCE_INVALID',
};

/** Statuses where the body may say more, but the status decides. */
const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'NOT_FOUND',
  405: 'UNSUPPORTED',
  409: 'CONFLICT',
  412: 'CONFLICT',
  413: 'UNSUPPORTED',
  416: 'UNSUPPORTED',
  429: 'RATE_LIMITED',
  507: 'DENIED',
};

export interface WireContext {
  /** What was being done: `pull manifest for app:1`. */
  readonly operation: string;
  /** The repository or registry as people write it. */
  readonly subject: string;
  /** Canonical name of the registry that was asked, whichever host answered in the end. */
  readonly registry: string;
  readonly method: string;
}

interface WireEntry {
  readonly code: string;
  readonly message: string;
  readonly detail: unknown;
}

/**
 * The error an answer stands for. The status decides where it and the body differ. Drains the body, at most 64 KiB of it;
 * text from it is made harmless. Content that a manifest needs and the registry lacks is in `details.missing`, a list of
 * digests that is empty when the registry does not name them.
 */
export async function wireError(response: HttpResponse, context: WireContext): Promise<HubError> {
  const text = context.method === 'HEAD' ? '' : await bodyText(response);
  if (context.method === 'HEAD') response.body.cancel();
  const entries = parseEntries(text, response.headers.get('content-type') ?? '');
  const [first] = entries;
  const code = errorCode(response.status, first);
  const said = reason(response, entries, text);
  const missing = entries.filter((entry) => entry.code === MISSING).map((entry) => entry.detail);
  const verdict = code === 'NOT_FOUND' ? 'not found; ' : '';
  const { tries = 1 } = response;
  return new HubError(code, `${context.operation}: ${verdict}${said}${tries > 1 ? ` (${tries} tries)` : ''}`, {
    hint: hintFor(code, response, { ...context, isIncomplete: missing.length > 0 }),
    details: {
      subject: context.subject,
      host: response.url.host,
      status: response.status,
      registryCode: first?.code || undefined,
      ...(code === 'RATE_LIMITED' && { rateLimit: parseRateLimit(response.headers) }),
      ...(missing.length > 0 && {
        missing: missing.filter((detail) => typeof detail === 'string' && isDigest(detail)),
      }),
    },
  });
}

function errorCode(status: number, entry: WireEntry | undefined): ErrorCode {
  if (status < 400 || status >= 500) return STATUS_CODES[status] ?? 'SERVER_ERROR';
  if (entry && isConflict(entry)) return 'CONFLICT';
  return STATUS_CODES[status] ?? WIRE_CODES[entry?.code ?? ''] ?? 'FAILED';
}

/** What is said with statuses and codes that mean other things elsewhere: a part is missing, or a tag must not change. */
function isConflict({ code, message }: WireEntry): boolean {
  return code === MISSING || /\bimmutab/i.test(message);
}

async function bodyText(response: HttpResponse): Promise<string> {
  try {
    return (await collect(response.body, BODY_LIMIT)).toString('utf8');
  } catch (error) {
    // The status says enough; a body that is too long or breaks off only loses its details.
    if (HubError.is(error) && error.code !== 'ABORTED') return '';
    throw error;
  }
}

function parseEntries(text: string, contentType: string): readonly WireEntry[] {
  if (!contentType.includes('json') && !text.trimStart().startsWith('{')) return [];
  const document = parseOrUndefined(text);
  if (!isRecord(document)) return [];
  if (Array.isArray(document['errors'])) return document['errors'].filter(isRecord).map(toEntry);
  const message = ['details', 'message', 'error', 'detail']
    .map((key) => document[key])
    .find((v) => typeof v === 'string');
  return message === undefined ? [] : [{ code: '', message, detail: undefined }];
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toEntry(entry: Readonly<Record<string, unknown>>): WireEntry {
  const { code, message, detail } = entry;
  return {
    code: typeof code === 'string' && /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(code) ? code.toUpperCase() : '',
    message: typeof message === 'string' ? message : '',
    detail: isRecord(detail) ? (detail['Digest'] ?? detail['digest']) : detail,
  };
}

function reason(response: HttpResponse, entries: readonly WireEntry[], text: string): string {
  const { host } = response.url;
  const [first] = entries;
  if (response.status === 413) return `${host} refuses an upload of this size (413)`;
  if (response.status === 429)
    return clip(`${host} limits the rate of requests (429)${first ? `: ${wordsOf(first)}` : ''}`);
  if (first) return clip(`${host} answered ${response.status}: ${wordsOf(first)}`);
  const isHtml = /^\s*<(?:!doctype|html)/i.test(text);
  if (isHtml) return `${host} answered ${response.status} with a web page, so it may not be a registry`;
  const line = text.trim().split('\n', 1)[0] ?? '';
  return clip(line === '' ? `${host} answered ${response.status}` : `${host} answered ${response.status}: ${line}`);
}

/** Code and message, once where they say the same. */
function wordsOf({ code, message }: WireEntry): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  if (message === '' || message.toLowerCase() === words) return words || 'no reason given';
  return words === '' || words === 'unknown' ? message : `${words}: ${message}`;
}

function clip(text: string): string {
  const safe = safeText(redactText(text));
  return safe.length > TEXT_LIMIT * 2 ? `${safe.slice(0, TEXT_LIMIT * 2)}…` : safe;
}

function hintFor(
  code: ErrorCode,
  response: HttpResponse,
  { subject, registry, isIncomplete }: WireContext & { readonly isIncomplete: boolean },
): string | undefined {
  const argument = loginArgument(registry);
  switch (code) {
    case 'UNAUTHORIZED':
      if (response.account !== undefined)
        return `asked as ${response.account}; to use others: hubctl login ${argument}`.trim();
      return `log in first: hubctl login ${argument}`.trim();
    case 'DENIED':
      if (response.status === 507) return 'the registry has no room left, or the quota of the account is used up';
      return `the account in use may not do this on ${subject}; see who you are with: hubctl auth whoami ${argument}`.trim();
    case 'NOT_FOUND':
      return `check the spelling, or list what is there: hubctl tags ${subject}; a private image needs: hubctl login ${argument}`.trim();
    case 'CONFLICT':
      return isIncomplete
        ? `the registry has lost a part of it; push the image again: hubctl push ${subject}`
        : `choose another tag; those that are taken: hubctl tags ${subject}`;
    case 'RATE_LIMITED':
      return `${rateHint(response)}: hubctl login ${argument}`.trim();
    case 'SERVER_ERROR':
      return 'the registry has a problem; try again in a while';
    case 'UNSUPPORTED':
      return response.status === 413
        ? 'a proxy before the registry limits uploads; with nginx it is client_max_body_size'
        : undefined;
    default:
      return undefined;
  }
}

/** What to type after `hubctl login`: nothing for Docker Hub. */
function loginArgument(registry: string): string {
  return registry === 'docker.io' ? '' : registry;
}

function rateHint(response: HttpResponse): string {
  const limit = parseRateLimit(response.headers);
  const now = Date.parse(response.headers.get('date') ?? '');
  const wait = parseRetryAfter(response.headers.get('retry-after'), now) ?? Number.NaN;
  const parts: string[] = [];
  if (limit?.limit !== undefined) parts.push(`limit ${limit.limit}`);
  if (limit?.remaining !== undefined) parts.push(`remaining ${limit.remaining}`);
  if (limit?.window !== undefined) parts.push(`per ${Math.round(limit.window / 60)} minutes`);
  if (!Number.isNaN(wait)) parts.push(`try again ${waitText(wait, now)}`);
  return [...parts, 'logging in raises the limit of most registries'].join('; ');
}

/** Milliseconds as people plan with them: a long wait as the time it ends, by the clock of the registry. */
function waitText(wait: number, now: number): string {
  const end = new Date(now + wait);
  if (wait < LONG_WAIT || Number.isNaN(end.getTime())) return `in ${Math.ceil(wait / 1000)} s`;
  return `after ${end
    .toISOString()
    .replace(/:\d\d\.\d+Z$/, ' UTC')
    .replace('T', ' ')}`;
}
