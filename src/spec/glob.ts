// Does a name match a shell pattern?
import { HubError } from '../errors.ts';

/** One character of the pattern: any run without `/`, any one character but `/`, or a set of ranges. */
type Token =
  | { readonly type: 'star' }
  | { readonly type: 'any' }
  | { readonly type: 'set'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

/**
 * Matches the whole text as Go's `path.Match` does: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are sets, `\` takes the
 * next character as it is. Takes time in proportion to pattern times text. Throws USAGE for a malformed pattern.
 */
export function globMatches(pattern: string, text: string): boolean {
  if (last?.pattern !== pattern) last = { pattern, head: headOf(pattern), tokens: parsePattern(pattern) };
  const { head, tokens } = last;
  // Mostly a pattern is tried on very many names, and says how they begin.
  if (!text.startsWith(head)) return false;
  if (head === pattern) return text === pattern;
  const characters = Array.from(text);
  let token = 0;
  let at = 0;
  // After a mismatch only the last star can take one character more; earlier ones took the least that works.
  let star: { readonly token: number; readonly at: number } | undefined;
  while (token < tokens.length || at < characters.length) {
    const current = tokens[token];
    if (current?.type === 'star') {
      token += 1;
      star = { token, at };
    } else if (accepts(current, characters[at])) {
      token += 1;
      at += 1;
    } else {
      if (!star || !accepts(ANY, characters[star.at])) return false;
      star = { token: star.token, at: star.at + 1 };
      ({ token, at } = star);
    }
  }
  return true;
}

/** The pattern that was used last. */
let last: { readonly pattern: string; readonly head: string; readonly tokens: readonly Token[] } | undefined;

/** What stands for itself, up to the first special character. */
function headOf(pattern: string): string {
  return pattern.slice(0, pattern.search(/[*?[\\]|$/));
}

const ANY: Token = { type: 'any' };

function accepts(token: Token | undefined, character: string | undefined): boolean {
  if (!token || character === undefined) return false;
  if (token.type !== 'set') return character !== '/';
  return token.ranges.some(([low, high]) => low <= character && character <= high) !== token.negated;
}

function parsePattern(pattern: string): readonly Token[] {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length;) {
    const character = characters[at];
    if (character === '[') {
      const { token, end } = parseSet(characters, at, pattern);
      tokens.push(token);
      at = end;
    } else if (character === '*' || character === '?') {
      tokens.push({ type: character === '*' ? 'star' : 'any' });
      at += 1;
    } else {
      const { literal, end } = parseLiteral(characters, at, pattern);
      tokens.push({ type: 'set', negated: false, ranges: [[literal, literal]] });
      at = end;
    }
  }
  return tokens;
}

function parseSet(characters: readonly string[], start: number, pattern: string): { token: Token; end: number } {
  const negated = characters[start + 1] === '^';
  const ranges: [string, string][] = [];
  let at = start + (negated ? 2 : 1);
  while (ranges.length === 0 || characters[at] !== ']') {
    if (characters[at] === '-' || characters[at] === ']') throw malformed(pattern, at);
    const low = parseLiteral(characters, at, pattern);
    at = low.end;
    if (characters[at] !== '-') {
      ranges.push([low.literal, low.literal]);
      continue;
    }
    if (characters[at + 1] === '-' || characters[at + 1] === ']') throw malformed(pattern, at + 1);
    const high = parseLiteral(characters, at + 1, pattern);
    at = high.end;
    ranges.push([low.literal, high.literal]);
  }
  return { token: { type: 'set', negated, ranges }, end: at + 1 };
}

function parseLiteral(characters: readonly string[], at: number, pattern: string): { literal: string; end: number } {
  const escaped = characters[at] === '\\';
  const literal = characters[escaped ? at + 1 : at];
  if (literal === undefined) throw malformed(pattern, at);
  return { literal, end: at + (escaped ? 2 : 1) };
}

function malformed(pattern: string, at: number): HubError {
  return new HubError('USAGE', `syntax error in pattern "${pattern}" at position ${at + 1}`, {
    hint: 'write * for any characters, ? for one, [a-z] for a set, and \\ before a special character',
    details: { pattern },
  });
}
