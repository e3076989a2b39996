// How are ten thousand entries of an index read quickly, when they stand there as hubctl writes them?
import { IMAGE_NAME, REF_NAME } from '../../spec/annotations.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { MEDIA_TYPES } from '../../spec/media-types.ts';

/** What an index of such entries is made of. */
export interface EntryMakers<T> {
  /** For an entry that says nothing but what it is and how it is called; `text` is undefined for one without a name. */
  plain(descriptor: Descriptor, text: string | undefined, json: string): T;
  /** For any other, as a parser of JSON reads it; `at` is its place in the list. */
  other(raw: unknown, at: number): T;
}

/** The fields of an index as hubctl writes it, up to its list. */
const HEAD = `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.ociIndex}","manifests":[`;
const END = ']}';
const [TYPE, DIGEST, SIZE] = ['{"mediaType":"', '","digest":"', '","size":'];
const NAME = `,"annotations":{"${IMAGE_NAME}":"`;
const LENGTH_OF_DIGEST = 'sha256:'.length + 64;
const MOST_DIGITS = 15;
/** Characters of a JSON text that stand for themselves. */
const PLAIN = String.raw`[^"\\\x00-\x1f]+`;
const ENTRY = new RegExp(
  `${escaped(TYPE)}${PLAIN}${DIGEST}sha256:[a-f0-9]{64}${SIZE}(?:0|[1-9][0-9]{0,${MOST_DIGITS - 1}})` +
    `(?:${escaped(NAME)}${PLAIN}","${escaped(REF_NAME)}":"${PLAIN}"[}])?[}]`,
  'y',
);

/**
 * Reads an index that is written so from its first character to its last. Undefined for any other text: that is for a parser of
 * JSON to read, and to say what is wrong with it.
 */
export function readPlainIndex<T>(text: string, makers: EntryMakers<T>): T[] | undefined {
  if (!text.startsWith(HEAD) || !text.endsWith(END)) return undefined;
  const entries: T[] = [];
  const end = text.length - END.length;
  for (let at = HEAD.length; at < end;) {
    ENTRY.lastIndex = at;
    const isPlain = ENTRY.test(text);
    const next = isPlain ? ENTRY.lastIndex : endOfObject(text, at);
    if (next === undefined || !endsEntry(text, next, end)) return undefined;
    const json = text.slice(at, next);
    const raw = isPlain ? undefined : valueOf(json);
    if (!isPlain && raw === undefined) return undefined;
    entries.push(isPlain ? plainEntry(text, at, json, makers) : makers.other(raw, entries.length));
    at = next + 1;
  }
  return entries;
}

/** True where the list ends, or another entry has to begin. */
function endsEntry(text: string, at: number, end: number): boolean {
  return at === end || (text[at] === ',' && at + 1 < end);
}

/** Every text that is made here is made ten thousand times. */
function plainEntry<T>(text: string, start: number, json: string, { plain }: EntryMakers<T>): T {
  const type = start + TYPE.length;
  const endOfType = text.indexOf('"', type);
  const digest = endOfType + DIGEST.length;
  const size = digest + LENGTH_OF_DIGEST + SIZE.length;
  const descriptor = {
    mediaType: text.slice(type, endOfType),
    digest: text.slice(digest, digest + LENGTH_OF_DIGEST),
    size: Number.parseInt(text.slice(size, size + MOST_DIGITS), 10),
  };
  const brace = text.indexOf('{', start + 1);
  if (brace === -1 || brace >= start + json.length) return plain(descriptor, undefined, json);
  const name = text.indexOf(NAME, size) + NAME.length;
  return plain(descriptor, text.slice(name, text.indexOf('"', name)), json);
}

export interface ObjectLimits {
  /** Characters. */
  readonly longest?: number;
  /** Braces within each other. */
  readonly deepest?: number;
}

/** Just behind the brace that closes the one at `start`; undefined where there is none, or only one farther away or deeper. */
export function endOfObject(text: string, start: number, limits: ObjectLimits = {}): number | undefined {
  const { longest = text.length, deepest = 64 } = limits;
  const limit = Math.min(text.length, start + longest);
  let depth = 0;
  for (let at = start; at < limit; at += 1) {
    const character = text[at] ?? '';
    if (character === '"') at = endOfString(text, at, limit);
    depth += BRACES[character] ?? 0;
    if (depth > deepest) return undefined;
    if (depth === 0) return character === '}' ? at + 1 : undefined;
  }
  return undefined;
}

function endOfString(text: string, start: number, limit: number): number {
  let at = start + 1;
  while (at < limit && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

const BRACES: Readonly<Record<string, number>> = { '{': 1, '}': -1 };

/** Undefined for what is no JSON. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.{}[\]]/g, String.raw`\$&`);
}
