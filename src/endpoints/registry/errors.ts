// What does a registry's refusal mean, and what should the user do next?
import { HubError, type ErrorCode } from '../../errors.ts';
import { parseRateLimit, parseRetryAfter } from '../../http/headers.ts';
import type { HttpResponse } from '../../http/layer.ts';
import { collect } from '../../util/content.ts';
import { isRecord } from '../../util/json.ts';
import { safeText } from '../../util/text.ts';

const BODY_LIMIT = 64 * 1024;
const TEXT_LIMIT = 200;

/** Codes of the distribution spec and of distribution itself, and what they are here [distribution-spec Error Codes]. */
const WIRE_CODES: Readonly<Record<string, ErrorCode>> = {
  BLOB_UNKNOWN: 'NOT_FOUND',
  BLOB_UPLOAD_INVALID: 'SERVER_ERROR',
  BLOB_UPLOAD_UNKNOWN: 'SERVER_ERROR',
  DIGEST_INVALID: 'DIGEST_MISMATCH',
  MANIFEST_BLOB_UNKNOWN: 'CONFLICT',
  MANIFEST_INVALID: 'CONTENT_INVALID',
  MANIFEST_UNKNOWN: 'NOT_FOUND',
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
  413: 'UNSUPPORTED',
  416: 'UNSUPPORTED',
  429: 'RATE_LIMITED',
};

export interface WireContext {
  /** What was being done: `pull manifest for app:1`. */
  readonly operation: string;
  /** The repository or registry as people write it. */
  readonly subject: string;
  readonly method: string;
}

interface WireEntry {
  readonly code: string;
  readonly message: string;
  readonly detail: unknown;
}

/** The error an answer stands for. Drains the body, at most 64 KiB of it; text from it is made harmless. */
export async function wireError(response: HttpResponse, context: WireContext): Promise<HubError> {
  const text = context.method === 'HEAD' ? '' : await bodyText(response);
  if (context.method === 'HEAD') response.body.cancel();
  const entries = parseEntries(text, response.headers.get('content-type') ?? '');
  const [first] = entries;
  const code = errorCode(response.status, first?.code);
  const said = reason(response, entries, text);
  const missing = entries.filter((entry) => entry.code === 'MANIFEST_BLOB_UNKNOWN').map((entry) => entry.detail);
  const verdict = code === 'NOT_FOUND' ? 'not found; ' : '';
  return new HubError(code, `${context.operation}: ${verdict}${said}`, {
    hint: hintFor(code, response, context),
    details: {
      subject: context.subject,
      host: response.url.host,
      status: response.status,
      registryCode: first?.code,
      ...(code === 'RATE_LIMITED' && { rateLimit: parseRateLimit(response.headers) }),
      ...(missing.length > 0 && { missing }),
    },
  });
}

function errorCode(status: number, wireCode: string | undefined): ErrorCode {
  const byStatus = STATUS_CODES[status];
  const byBody = wireCode === undefined ? undefined : WIRE_CODES[wireCode];
  if (byStatus) return byStatus;
  if (status >= 500) return 'SERVER_ERROR';
  return byBody ?? (status >= 400 ? 'FAILED' : 'SERVER_ERROR');
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
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' ? message : '',
    detail: isRecord(detail) && 'Digest' in detail ? detail['Digest'] : detail,
  };
}

function reason(response: HttpResponse, entries: readonly WireEntry[], text: string): string {
  const { host } = response.url;
  const [first] = entries;
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
  const safe = safeText(text);
  return safe.length > TEXT_LIMIT * 2 ? `${safe.slice(0, TEXT_LIMIT * 2)}…` : safe;
}

function hintFor(code: ErrorCode, response: HttpResponse, { subject }: WireContext): string | undefined {
  const { host } = response.url;
  switch (code) {
    case 'UNAUTHORIZED':
      return `log in first: hubctl login ${loginHost(host)}`.trim();
    case 'DENIED':
      return `the account in use may not do this on ${subject}; see who you are with: hubctl auth whoami ${loginHost(host)}`.trim();
    case 'NOT_FOUND':
      return `check the spelling, or list what is there: hubctl tags ${subject}; a private image needs: hubctl login ${loginHost(host)}`.trim();
    case 'RATE_LIMITED':
      return rateHint(response);
    case 'SERVER_ERROR':
      return 'the registry has a problem; try again in a while';
    case 'UNSUPPORTED':
      return response.status === 413 ? 'the registry or a proxy before it limits the size of an upload' : undefined;
    default:
      return undefined;
  }
}

/** What to type after `hubctl login`: nothing for Docker Hub. */
function loginHost(host: string): string {
  return host === 'registry-1.docker.io' ? '' : host;
}

function rateHint(response: HttpResponse): string {
  const limit = parseRateLimit(response.headers);
  const wait = parseRetryAfter(
    response.headers.get('retry-after'),
    Date.parse(response.headers.get('date') ?? '') || 0,
  );
  const parts: string[] = [];
  if (limit?.limit !== undefined) parts.push(`limit ${limit.limit}`);
  if (limit?.remaining !== undefined) parts.push(`remaining ${limit.remaining}`);
  if (limit?.window !== undefined) parts.push(`per ${Math.round(limit.window / 60)} minutes`);
  if (wait !== undefined) parts.push(`try again in ${Math.ceil(wait / 1000)} s`);
  return [...parts, 'logging in raises the limit of most registries'].join(', ');
}
