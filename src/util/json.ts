// How is JSON text from outside turned into a value that is safe to look at?
import { HubError } from '../errors.ts';
import { jsonErrorAt } from './json-error.ts';

/** Deeper nesting is refused, so that no later walk over the value can exhaust the stack. */
const MAX_DEPTH = 64;
/** Characters. What is shorter is taken apart first: to look at each of its characters costs Node.js more. */
const SHORT = 256 * 1024;

export interface ParseJsonOptions {
  /** CONTENT_INVALID by default; CONFIG_INVALID for files of the user. */
  readonly code?: 'CONTENT_INVALID' | 'CONFIG_INVALID' | undefined;
  readonly hint?: string | undefined;
}

/**
 * Parses JSON; a byte order mark is skipped. `what` names the document for the message: `manifest of alpine:3`,
 * `~/.docker/config.json`. Throws CONTENT_INVALID (or the code asked for) for text that is not JSON or nests deeper than
 * 64 levels. The message names line and column and never quotes the text, which may hold secrets.
 */
export function parseJson(text: string, what: string, options: ParseJsonOptions = {}): unknown {
  const { code = 'CONTENT_INVALID', hint } = options;
  const clean = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const tooDeep = (): HubError => new HubError(code, `${what} is nested deeper than ${MAX_DEPTH} levels`, { hint });
  const isShort = clean.length <= SHORT;
  if (!isShort && isTooDeep(clean)) throw tooDeep();
  let value: unknown;
  try {
    value = JSON.parse(clean);
  } catch {
    if (isShort && isTooDeep(clean)) throw tooDeep();
    // What JSON.parse says quotes the text, so it is no cause either.
    const position = jsonErrorAt(clean) ?? clean.length;
    throw new HubError(code, `${what} is not valid JSON (${placeOf(clean, position)})`, { hint });
  }
  if (isShort && hasLevels(value, MAX_DEPTH + 1)) throw tooDeep();
  return value;
}

/** True for a JSON object: not null, not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Looks no deeper than that. */
function hasLevels(value: unknown, count: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return count === 1 || Object.values(value).some((child) => hasLevels(child, count - 1));
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) depth += 1;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index;
    if (code === BACKSLASH) index += 1;
  }
  return text.length;
}

function placeOf(text: string, position: number): string {
  const before = text.slice(0, position).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
