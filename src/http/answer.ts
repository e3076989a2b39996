// What does a server say on an HTTP/1.1 connection? A strict reader; whatever is unusual is refused before it has begun.
import { HubError } from '../errors.ts';
import type { RawHeaders } from './undici.ts';

/** Who is told of the answers, in order. */
export interface AnswerListener {
  /** Also of informational answers (100 to 199). Gives true when no body follows whatever the headers say: after HEAD. */
  onHead(status: number, headers: RawHeaders): boolean;
  /** A view of what was fed, never empty. */
  onBody(bytes: Uint8Array): void;
  /** `keeps`: the connection may be used again. `idle`: milliseconds for which the server will keep it, when it says so. */
  onEnd(keeps: boolean, idle: number | undefined): void;
}

type State = 'head' | 'sized' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'until-close';

const MAX_HEAD = 32 * 1024;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const MAX_HEADERS = 256;
/** Of a chunk's size with its extensions, and of each trailer. */
const MAX_LINE = 4096;
const VERSIONS = ['HTTP/1.1 ', 'HTTP/1.0 '];
const VERSION_LENGTH = 9;
/** Where the status stands, and the digit that tells the versions apart. */
const [STATUS_AT, STATUS_END, MINOR_AT] = [9, 12, 7];
const STATUS_LINE = /^HTTP\/1\.[01] [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const HEADER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;
const NOT_ASCII = /[\x80-\xff]/;

/**
 * Reads answers one after the other (RFC 9112). What is not plainly right is refused, with `details.odd` while nothing was
 * told to the listener yet: another version than 1.1 and 1.0, folded or malformed headers, lengths that contradict each other, other
 * encodings than chunked, a switch of protocols.
 */
export class AnswerReader {
  readonly #listener: AnswerListener;
  #state: State = 'head';
  #text = '';
  #left = 0;
  #keeps = true;
  #idle: number | undefined;
  /** Bytes of the lines after the last chunk. */
  #trailers = 0;
  /** While set, `feed` stops after what it is telling. */
  paused = false;

  constructor(listener: AnswerListener) {
    this.#listener = listener;
  }

  /** True between two answers. */
  get isBetween(): boolean {
    return this.#state === 'head' && this.#text === '';
  }

  /** Takes bytes from `from` to the end. Gives the first byte that was not taken because of a pause. Throws UNREACHABLE. */
  feed(bytes: Buffer, from: number): number {
    let position = from;
    // A pause that began with the last bytes of a body holds up its end as well.
    while (!this.paused && (position < bytes.length || this.#isDue)) position = this.#step(bytes, position);
    return position;
  }

  /** The server will send no more. True when that ends the answer under way in order. */
  close(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#finish();
    return true;
  }

  #step(bytes: Buffer, position: number): number {
    switch (this.#state) {
      case 'head':
        return this.#head(bytes, position);
      case 'sized':
      case 'chunk':
        return this.#sized(bytes, position);
      case 'until-close':
        this.#listener.onBody(position === 0 ? bytes : bytes.subarray(position));
        return bytes.length;
      case 'chunk-size':
      case 'chunk-end':
      case 'trailer':
        return this.#line(bytes, position);
    }
  }

  #head(bytes: Buffer, position: number): number {
    const before = this.#text.length;
    const text = this.#text + bytes.toString('latin1', position, headEnd(bytes, position));
    const end = text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (end > MAX_HEAD || (end === -1 && text.length >= MAX_HEAD)) throw odd('large headers');
    // Something else than HTTP may wait for an answer before it goes on.
    const version = text.slice(0, VERSION_LENGTH);
    if (!VERSIONS.includes(version) && !VERSIONS.some((whole) => whole.startsWith(version)))
      throw odd('another protocol');
    if (end === -1) {
      if (/(?:^|[^\r])\n/.test(text)) throw odd('lines that end with a line feed alone');
      this.#text = text;
      return bytes.length;
    }
    this.#text = '';
    this.#begin(text.slice(0, end));
    return position + end + 4 - before;
  }

  #begin(head: string): void {
    const { status, isOld, headers } = parseHead(head);
    const framing = framingOf(headers);
    if (status < 200) {
      this.#listener.onHead(status, headers);
      return;
    }
    this.#idle = idleOf(headers['keep-alive']);
    const isEmpty = this.#listener.onHead(status, headers) || status === 204 || status === 304;
    const body = isEmpty ? 0 : framing;
    this.#keeps = !isOld && body !== 'until-close' && !listOf(headers['connection']).includes('close');
    this.#expect(body);
  }

  /** Goes on to the body. */
  #expect(framing: Framing): void {
    if (framing === 0) return this.#finish();
    if (typeof framing === 'string') {
      this.#state = framing === 'chunked' ? 'chunk-size' : 'until-close';
      return;
    }
    this.#left = framing;
    this.#state = 'sized';
  }

  /** True when all bytes of a piece have been told, but not its end. */
  get #isDue(): boolean {
    return this.#left === 0 && (this.#state === 'sized' || this.#state === 'chunk');
  }

  #sized(bytes: Buffer, position: number): number {
    if (this.#isDue) {
      if (this.#state === 'chunk') this.#state = 'chunk-end';
      else this.#finish();
      return position;
    }
    const end = Math.min(bytes.length, position + this.#left);
    this.#left -= end - position;
    const isWhole = position === 0 && end === bytes.length;
    this.#listener.onBody(isWhole ? bytes : bytes.subarray(position, end));
    return end;
  }

  /** Collects one line; the pieces of a chunked body are told apart by lines. */
  #line(bytes: Buffer, position: number): number {
    const end = bytes.indexOf(0x0a, position);
    const stop = end === -1 ? bytes.length : end + 1;
    if (this.#text.length + stop - position > MAX_LINE) throw broken('a chunked answer with an endless line');
    this.#text += bytes.toString('latin1', position, stop);
    if (end === -1) return stop;
    if (!this.#text.endsWith('\r\n')) throw broken('a chunked answer with a malformed line');
    const line = this.#text.slice(0, -2);
    this.#text = '';
    this.#endLine(line);
    return stop;
  }

  #endLine(line: string): void {
    if (this.#state === 'trailer') {
      this.#trailers += line.length;
      if (this.#trailers > MAX_HEAD) throw broken('trailers without end');
      if (line === '') this.#finish();
      return;
    }
    if (this.#state === 'chunk-end') {
      if (line !== '') throw broken('a chunk that is longer than it said');
      this.#state = 'chunk-size';
      return;
    }
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[\t\x20-\x7e]*)?$/.exec(line)?.[1];
    if (size === undefined) throw broken('a chunk without a size');
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'chunk';
  }

  #finish(): void {
    this.#trailers = 0;
    this.#state = 'head';
    this.#listener.onEnd(this.#keeps, this.#idle);
  }
}

/** Where a head that ends in these bytes does, or how far one may go: what is behind it need not become text. */
function headEnd(bytes: Buffer, position: number): number {
  const end = bytes.indexOf(END_OF_HEAD, position);
  return Math.min(end === -1 ? bytes.length : end + END_OF_HEAD.length, position + MAX_HEAD);
}

interface Head {
  readonly status: number;
  /** HTTP/1.0, whose connections end with the answer. */
  readonly isOld: boolean;
  readonly headers: RawHeaders;
}

function parseHead(head: string): Head {
  const lines = head.split('\r\n');
  const first = lines[0] ?? '';
  const status = STATUS_LINE.test(first) ? Number(first.slice(STATUS_AT, STATUS_END)) : 0;
  if (status === 0 || status === 101 || lines.length > MAX_HEADERS + 1) throw odd('a malformed answer');
  const headers = parseHeaders(lines, NOT_ASCII.test(head));
  const isOld = first[MINOR_AT] === '0';
  if (isOld) checkOld(status, headers);
  return { status, isOld, headers };
}

/** The older version has neither of these [RFC 9112 6.1, RFC 9110 15.2]. */
function checkOld(status: number, headers: RawHeaders): void {
  if (status < 200 || headers['transfer-encoding'] !== undefined) throw odd('a malformed answer');
}

/** What follows the status line. There are hundreds of answers, so nothing is made that is not kept. */
function parseHeaders(lines: readonly string[], isDecoded: boolean): RawHeaders {
  const headers = Object.create(null) as Record<string, string | string[]>;
  for (let index = 1; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (!HEADER.test(line)) throw odd('a malformed header');
    const colon = line.indexOf(':');
    const key = line.slice(0, colon).toLowerCase();
    const text = line.slice(colon + 1);
    const value = isDecoded ? decode(text) : text.trim();
    const known = headers[key];
    if (known === undefined) headers[key] = value;
    else if (typeof known === 'string') headers[key] = [known, value];
    else known.push(value);
  }
  return headers;
}

/**
 * Header values were read byte by byte; those beyond ASCII are UTF-8. Blanks go before that: `trim` would take bytes of UTF-8
 * for blanks, such as the last one of `à`.
 */
function decode(text: string): string {
  const value = text.replace(/^[ \t]+/, '').replace(/(?<![ \t])[ \t]+$/, '');
  return NOT_ASCII.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
}

/** Bytes of the body, or what tells its end (RFC 9112 6.3). */
type Framing = number | 'chunked' | 'until-close';

function framingOf(headers: RawHeaders): Framing {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (encoding !== undefined) {
    if (length !== undefined || typeof encoding !== 'string' || encoding.toLowerCase() !== 'chunked') {
      throw odd('a length that is not plain');
    }
    return 'chunked';
  }
  if (length === undefined) return 'until-close';
  if (typeof length !== 'string' || !/^\d{1,15}$/.test(length)) throw odd('a length that is not plain');
  return Number(length);
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  // Most answers have no such header, and there are hundreds of answers.
  if (value === undefined) return [];
  return [value]
    .flat()
    .flatMap((text) => text.toLowerCase().split(','))
    .map((text) => text.trim());
}

function idleOf(value: string | readonly string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /(?:^|[,;\s])timeout=(\d{1,6})(?:$|[,;\s])/i.exec([value].flat().join(','))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Something that another reader may understand. */
function odd(what: string): HubError {
  return new HubError('UNREACHABLE', `the server sent ${what}`, { details: { reason: 'protocol', odd: true } });
}

function broken(what: string): HubError {
  return new HubError('UNREACHABLE', `the server sent ${what}`, { details: { reason: 'protocol' } });
}
