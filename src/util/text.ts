// How is text from outside shown without letting it act on a terminal or break a line?

/**
 * What must not reach a terminal or a line as it is, beside C0: DEL and C1, line and paragraph separators, lone surrogates,
 * bidirectional controls, invisible joiners other than the two that scripts need, and tag characters. As ranges, because
 * Unicode properties take V8 a millisecond to look up, at every start.
 */
const ODD = String.raw`\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}`;
const UNSAFE = new RegExp(String.raw`[\0-\x1f${ODD}]`, 'gu');
/** `JSON.stringify` escapes C0 itself, but for the ends of its lines, of which there may be hundreds of thousands. */
const UNSAFE_IN_JSON = new RegExp(`[${ODD}]`, 'gu');
const HARMLESS = /^[\x20-\x7e]*$/;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text in one line, with control and bidirectional characters visible as `\n`, `\r`, `\t` or `\u{..}`. */
export function safeText(text: string): string {
  if (HARMLESS.test(text)) return text;
  return text.replace(UNSAFE, (character) => SHORT[character] ?? `\\u{${codeOf(character).toString(16)}}`);
}

/** JSON text whose controls and bidirectional characters are written as JSON escapes, so that it stays valid. */
export function safeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? 'null';
  return text.replace(UNSAFE_IN_JSON, jsonEscape);
}

/** `1 layer`, `3 layers`. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function jsonEscape(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
