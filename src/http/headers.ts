// What do the headers of an answer say?
import type { HttpHeaders } from './layer.ts';

type Raw = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers as undici gives them: names in lower case, a repeated header as a list. */
export function headersOf(raw: Raw): HttpHeaders {
  return new AnswerHeaders(raw);
}

class AnswerHeaders implements HttpHeaders {
  readonly #raw: Raw;

  constructor(raw: Raw) {
    this.#raw = raw;
  }

  get(name: string): string | undefined {
    const value = Object.hasOwn(this.#raw, name) ? this.#raw[name] : undefined;
    if (typeof value === 'string' || value === undefined) return value;
    return value.length === 0 ? undefined : value.join(', ');
  }

  all(name: string): readonly string[] {
    const value = Object.hasOwn(this.#raw, name) ? this.#raw[name] : undefined;
    if (value === undefined) return NONE;
    return typeof value === 'string' ? [value] : value;
  }
}

const NONE: readonly string[] = [];

/** The API that a registry of Docker's making says it speaks, such as `registry/2.0`; it says so in all its answers, also in 404. */
export function apiVersionOf(headers: HttpHeaders): string | undefined {
  return headers.get('docker-distribution-api-version');
}

export interface Link {
  /** As written; resolve it against the URL of the answer. */
  readonly url: string;
  readonly rel: string;
}

/** The links of `Link` headers (RFC 8288); what is malformed is left out. */
export function parseLink(values: readonly string[]): readonly Link[] {
  return values.flatMap((value) =>
    [...value.slice(0, 16_384).matchAll(LINK)].flatMap(([, url = '', parameters = '']) => {
      const rel = [...parameters.matchAll(PARAMETER)].find(([, name]) => name?.toLowerCase() === 'rel');
      const names = (rel?.[2] ?? rel?.[3] ?? '').toLowerCase().split(/\s+/);
      return names.map((name) => ({ url, rel: name }));
    }),
  );
}

const LINK = /<([^<>]*)>((?:\s*;\s*[^\s;,="]+\s*(?:=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g;
const PARAMETER = /;\s*([^\s;,="]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?/g;

export interface ContentRange {
  /** First byte; absent in the answer to a range that cannot be given. */
  readonly start?: number | undefined;
  /** The byte after the last one. */
  readonly end?: number | undefined;
  /** Bytes of the whole; absent when the sender does not know. */
  readonly total?: number | undefined;
}

/** `bytes 0-99/1000`, a size of `*`, or `bytes *` for a range that was refused; undefined for anything else. */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/.exec(value?.trim() ?? '');
  if (!match) return undefined;
  const last = numberOf(match[2]);
  const range = {
    start: numberOf(match[1]),
    end: last === undefined ? undefined : last + 1,
    total: numberOf(match[3]),
  };
  const isOrdered =
    (range.start ?? 0) < (range.end ?? 1) && (range.end ?? 0) <= (range.total ?? Number.POSITIVE_INFINITY);
  return isOrdered ? range : undefined;
}

/** Milliseconds to wait from `now` on: a number of seconds or a date, 0 for a date in the past; undefined for anything else. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1000;
  const date = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export interface RateLimit {
  /** Pulls per window. */
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  /** Seconds. */
  readonly window?: number | undefined;
  /** Address or account that is counted. */
  readonly source?: string | undefined;
}

/** The pull rate limit that Docker Hub reports, such as `100;w=21600`; undefined when there is none. */
export function parseRateLimit(headers: HttpHeaders): RateLimit | undefined {
  const [limit, window] = quota(headers.get('ratelimit-limit'));
  const [remaining, remainingWindow] = quota(headers.get('ratelimit-remaining'));
  if (limit === undefined && remaining === undefined) return undefined;
  return { limit, remaining, window: window ?? remainingWindow, source: headers.get('docker-ratelimit-source') };
}

function quota(value: string | undefined): readonly [number | undefined, number | undefined] {
  const match = /^\s*(\d{1,15})(?:\s*;\s*w=(\d{1,15}))?/.exec(value ?? '');
  return [numberOf(match?.[1]), numberOf(match?.[2])];
}

/** The texts of `Warning: 299 - "text"` headers, the only kind a registry may send [OCI distribution-spec, Warnings]. */
export function parseWarning(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => {
    const text = /^\s*299 - "((?:[^"\\]|\\.)*)"/.exec(value.slice(0, 4096))?.[1];
    return text === undefined ? [] : [text.replaceAll(/\\(.)/g, '$1')];
  });
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
