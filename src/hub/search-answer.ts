// What did an index answer to a search?
import { HubError, type ErrorCode } from '../errors.ts';
import { parseRetryAfter } from '../http/headers.ts';
import type { HttpResponse } from '../http/layer.ts';
import { collect } from '../util/content.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { safeText } from '../util/text.ts';
import type { SearchHit } from './search-query.ts';

const PAGE_LIMIT = 8 * 1024 * 1024; // bytes
const ERROR_LIMIT = 64 * 1024; // bytes
const TEXT_LIMIT = 200; // characters shown of an error text

const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'UNSUPPORTED',
  405: 'UNSUPPORTED',
  410: 'UNSUPPORTED',
  429: 'RATE_LIMITED',
};

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  /** Pages there are, as the index says; 1 when it does not say. */
  readonly pages: number;
}

/**
 * The hits of one answer [v1 search]. Hits without a name are dropped, other fields may be missing or null. Throws
 * SERVER_ERROR for what is no search result.
 */
export async function readSearchPage(response: HttpResponse): Promise<SearchPage> {
  const { host } = response.url;
  const bytes = await collect(response.body, PAGE_LIMIT, `search answer of ${host}`);
  const document = parseAnswer(bytes.toString('utf8'), host);
  const { results, num_pages: pages } = document;
  if (results !== undefined && results !== null && !Array.isArray(results))
    throw nonsense(host, 'without a list of results');
  return {
    hits: (results ?? []).filter(isRecord).flatMap((result: Readonly<Record<string, unknown>>) => toHit(result) ?? []),
    pages: typeof pages === 'number' && pages >= 1 ? pages : 1,
  };
}

/** What a refusal means. Drains the body, at most 64 KiB of it. */
export async function searchError(response: HttpResponse, words: string): Promise<HubError> {
  const { status, url } = response;
  const code = STATUS_CODES[status] ?? (status >= 500 || status < 400 ? 'SERVER_ERROR' : 'FAILED');
  const said = await saidBy(response);
  const message = `search "${safeText(words)}": ${url.host} answered ${status}${said === '' ? '' : `: ${said}`}`;
  return new HubError(code, message, { hint: hintFor(code, response), details: { host: url.host, status } });
}

function parseAnswer(text: string, host: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = parseJson(text, `search answer of ${host}`);
  } catch (cause) {
    throw nonsense(host, text.trimStart().startsWith('<') ? 'with a web page' : 'with invalid JSON', cause);
  }
  if (!isRecord(document)) throw nonsense(host, 'with no JSON object');
  if (!('results' in document)) throw nonsense(host, 'without a list of results');
  return document;
}

function toHit(result: Readonly<Record<string, unknown>>): SearchHit | undefined {
  const { name, description, star_count: stars } = result;
  if (typeof name !== 'string' || name === '') return undefined;
  return {
    name,
    description: typeof description === 'string' ? description : '',
    stars: typeof stars === 'number' && stars > 0 ? Math.min(Math.floor(stars), Number.MAX_SAFE_INTEGER) : 0,
    official: result['is_official'] === true,
    // Old indexes say trusted.
    automated: result['is_automated'] === true || result['is_trusted'] === true,
  };
}

function nonsense(host: string, what: string, cause?: unknown): HubError {
  return new HubError('SERVER_ERROR', `${host} answered a search ${what}`, {
    cause,
    hint: 'is it a search index? see --index, or try again in a while',
    details: { host },
  });
}

async function saidBy(response: HttpResponse): Promise<string> {
  let text: string;
  try {
    text = (await collect(response.body, ERROR_LIMIT)).toString('utf8').trim();
  } catch (error) {
    // The status says enough; a body that is too long or breaks off only loses its text.
    if (HubError.is(error) && error.code !== 'ABORTED') return '';
    throw error;
  }
  if (text.startsWith('<')) return 'a web page';
  const line = messageIn(text) ?? text.split('\n', 1)[0] ?? '';
  const safe = safeText(line.trim());
  return safe.length > TEXT_LIMIT ? `${safe.slice(0, TEXT_LIMIT)}…` : safe;
}

function messageIn(text: string): string | undefined {
  if (!text.startsWith('{')) return undefined;
  let document: unknown;
  try {
    document = parseJson(text, 'error answer');
  } catch {
    return undefined;
  }
  if (!isRecord(document)) return undefined;
  const [first] = Array.isArray(document['errors']) ? document['errors'].filter(isRecord) : [];
  const candidates = [first?.['message'], document['message'], document['error'], document['detail']];
  return candidates.find((value): value is string => typeof value === 'string');
}

function hintFor(code: ErrorCode, response: HttpResponse): string | undefined {
  switch (code) {
    case 'UNAUTHORIZED':
    case 'DENIED':
      return `log in first: hubctl login ${response.url.host === 'index.docker.io' ? '' : response.url.host}`.trim();
    case 'RATE_LIMITED': {
      const date = Date.parse(response.headers.get('date') ?? '');
      const wait = parseRetryAfter(response.headers.get('retry-after'), Number.isNaN(date) ? 0 : date);
      return wait === undefined ? 'wait a while, or log in' : `try again in ${Math.ceil(wait / 1000)} s, or log in`;
    }
    case 'UNSUPPORTED':
      return 'it does not speak the v1 search protocol; see --index';
    case 'SERVER_ERROR':
      return 'the index has a problem; try again in a while';
    default:
      return undefined;
  }
}
