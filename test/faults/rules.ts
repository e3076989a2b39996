// Which request meets which fault? Rules are data, so that a table of faults can be read as one.

/** Bytes, or a part of the whole such as `50%`. */
export type Size = number | `${number}%`;

/** What goes wrong. Several of these may go wrong in one request. */
export interface Fault {
  // Before the registry hears of the request.
  /** Milliseconds of the proxy's clock. */
  readonly delay?: number;
  readonly reset?: true;
  readonly close?: true;
  /** Read, and never answered. */
  readonly stall?: true;
  /** The connection breaks, or is no longer read from, once a body is longer than this. Shorter bodies pass. */
  readonly resetUploadAfter?: Size;
  readonly stallUploadAfter?: Size;
  /** At most so many uploads are broken; all of them when absent. */
  readonly cuts?: number;
  /** One bit of the body is wrong at this offset. */
  readonly corruptUpload?: number;
  /** Answered by the proxy, with `headers` and `body`. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** 401 as the token service of the proxy asks for. */
  readonly challenge?: true;
  /** 307, or `status`, to this place; `{path}` stands for path and query. */
  readonly redirect?: string;
  readonly withoutRequestHeaders?: readonly string[];
  readonly requestHeaders?: Readonly<Record<string, string>>;
  readonly rewrite?: { readonly from: string; readonly to: string };
  // After the registry did what it was asked.
  readonly lostAnswer?: 'reset' | 'close' | 'stall';
  readonly answerStatus?: number;
  readonly withoutHeaders?: readonly string[];
  /** `{path}` as above. */
  readonly setHeaders?: Readonly<Record<string, string>>;
  readonly resetAfter?: Size;
  /** The connection ends in the middle of the promised length. */
  readonly closeAfter?: Size;
  /** Too short, and the length says so as well. */
  readonly truncate?: Size;
  /** Too short without a length, with a clean end. */
  readonly truncateChunked?: Size;
  /** Nothing comes any more after this, for ever or for `stallFor` milliseconds. */
  readonly stallAfter?: Size;
  readonly stallFor?: number;
  readonly corrupt?: Size;
  /** So many bytes too many. */
  readonly append?: number;
  /** Bytes per second. */
  readonly rate?: number;
  readonly replace?: string | Buffer;
  /** A body of so many zeros instead; `Infinity` ends only with the connection. */
  readonly zeros?: number;
}

export interface Rule {
  readonly name?: string;
  readonly method?: string | readonly string[];
  /** A pattern for path and query. */
  readonly path?: RegExp;
  readonly pathNot?: RegExp;
  /** Patterns for headers of the request; a name after `!` has to be absent. */
  readonly headers?: Readonly<Record<string, RegExp | true>>;
  /** Of the requests that match, counted from 1: this one, these, a stretch, or every nth. */
  readonly nth?: number | readonly number[] | { readonly from?: number; readonly to?: number; readonly every?: number };
  /** Count for each path by itself: "every blob fails once". */
  readonly perPath?: true;
  /** Applied at most so often. */
  readonly max?: number;
  /** Between 0 and 1, from the generator of the proxy. */
  readonly chance?: number;
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
