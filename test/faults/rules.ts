// Which request meets which fault? Rules are data, so that a table of faults can be read as one.

/** Bytes, or a part of the whole such as `50%`. */
export type Size = number | `${number}%`;

/** What goes wrong. Several of these may go wrong in one request. */
export interface Fault {
  // Before the registry hears of the request.
  /** Milliseconds of the proxy's clock. */
  readonly delay?: number | undefined;
  readonly reset?: true | undefined;
  readonly close?: true | undefined;
  /** Read, and never answered. */
  readonly stall?: true | undefined;
  /** The connection breaks, or is no longer read from, once a body is longer than this. Shorter bodies pass. */
  readonly resetUploadAfter?: Size | undefined;
  readonly stallUploadAfter?: Size | undefined;
  /** At most so many uploads are broken; all of them when absent. */
  readonly cuts?: number | undefined;
  /** One bit of the body is wrong at this offset. */
  readonly corruptUpload?: number | undefined;
  /** Answered by the proxy, with `headers` and `body`. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** 401 as the token service of the proxy asks for. */
  readonly challenge?: true | undefined;
  /** 307, or `status`, to this place; `{path}` stands for path and query, `{port}` for the port of the proxy. */
  readonly redirect?: string | undefined;
  readonly withoutRequestHeaders?: readonly string[] | undefined;
  readonly requestHeaders?: Readonly<Record<string, string>> | undefined;
  readonly rewrite?: { readonly from: string; readonly to: string } | undefined;
  // After the registry did what it was asked.
  readonly lostAnswer?: 'reset' | 'close' | 'stall' | undefined;
  readonly answerStatus?: number | undefined;
  readonly withoutHeaders?: readonly string[] | undefined;
  /** `{path}` as above. */
  readonly setHeaders?: Readonly<Record<string, string>> | undefined;
  /** Headers of the answer, changed by a pattern. */
  readonly rewriteHeaders?: Readonly<Record<string, { readonly from: RegExp; readonly to: string }>> | undefined;
  readonly resetAfter?: Size | undefined;
  /** The connection ends in the middle of the promised length. */
  readonly closeAfter?: Size | undefined;
  /** Too short, and the length says so as well. */
  readonly truncate?: Size | undefined;
  /** Too short without a length, with a clean end. */
  readonly truncateChunked?: Size | undefined;
  /** Nothing comes any more after this, for ever or for `stallFor` milliseconds. */
  readonly stallAfter?: Size | undefined;
  readonly stallFor?: number | undefined;
  readonly corrupt?: Size | undefined;
  /** So many bytes too many. */
  readonly append?: number | undefined;
  /** Bytes per second. */
  readonly rate?: number | undefined;
  readonly replace?: string | Buffer | undefined;
  /** A body of so many zeros instead; `Infinity` ends only with the connection. */
  readonly zeros?: number | undefined;
}

export interface Rule {
  readonly name?: string | undefined;
  readonly method?: string | readonly string[] | undefined;
  /** A pattern for path and query. */
  readonly path?: RegExp | undefined;
  readonly pathNot?: RegExp | undefined;
  /** Patterns for headers of the request; a name after `!` has to be absent. */
  readonly headers?: Readonly<Record<string, RegExp | true>> | undefined;
  /** Of the requests that match, counted from 1: this one, these, a stretch, or every nth. */
  readonly nth?:
    | number
    | readonly number[]
    | { readonly from?: number | undefined; readonly to?: number | undefined; readonly every?: number | undefined }
    | undefined;
  /** Count for each path by itself: "every blob fails once". */
  readonly perPath?: true | undefined;
  /** Applied at most so often. */
  readonly max?: number | undefined;
  /** Between 0 and 1, from the generator of the proxy. */
  readonly chance?: number | undefined;
  readonly do: Fault;
}

export interface Subject {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One rule with what it has counted so far. */
export class ActiveRule {
  readonly name: string;
  readonly fault: Fault;
  /** Uploads it has broken. */
  cuts = 0;
  readonly #rule: Rule;
  readonly #random: () => number;
  readonly #seen = new Map<string, number>();
  #applied = 0;

  constructor(rule: Rule, index: number, random: () => number) {
    this.#rule = rule;
    this.#random = random;
    this.fault = rule.do;
    this.name = rule.name ?? `rule ${index + 1}`;
  }

  /** True when this request is one it is for. Counts it. */
  takes(subject: Subject): boolean {
    const { nth, perPath, max, chance } = this.#rule;
    if (!matches(this.#rule, subject)) return false;
    const key = perPath ? subject.path.replace(/\?.*/s, '') : '';
    const count = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, count);
    if (!isCounted(nth, count)) return false;
    if (max !== undefined && this.#applied >= max) return false;
    if (chance !== undefined && this.#random() >= chance) return false;
    this.#applied += 1;
    return true;
  }
}

function matches({ method, path, pathNot, headers = {} }: Rule, subject: Subject): boolean {
  if (method !== undefined && ![method].flat().includes(subject.method)) return false;
  if (path && !path.test(subject.path)) return false;
  if (pathNot?.test(subject.path)) return false;
  return Object.entries(headers).every(([name, pattern]) => {
    if (name.startsWith('!')) return subject.headers[name.slice(1)] === undefined;
    const value = subject.headers[name];
    return value !== undefined && (pattern === true || pattern.test(String(value)));
  });
}

function isCounted(nth: Rule['nth'], count: number): boolean {
  if (nth === undefined) return true;
  if (typeof nth === 'number') return count === nth;
  if ('includes' in nth) return nth.includes(count);
  if (nth.every !== undefined) return count % nth.every === 0;
  return count >= (nth.from ?? 1) && count <= (nth.to ?? Infinity);
}

/** In bytes; `whole` is what a part is a part of. */
export function bytesOf(size: Size, whole: number): number {
  return typeof size === 'number' ? size : Math.floor((whole * Number.parseFloat(size)) / 100);
}
