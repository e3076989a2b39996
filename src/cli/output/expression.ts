// What does the inside of `{{ }}` say?
import { HubError } from '../../errors.ts';

/** An action of a template: a path into the data, a literal, or a function called with values. */
export type Expression =
  | { readonly type: 'path'; readonly base: Expression | undefined; readonly names: readonly string[] }
  | { readonly type: 'literal'; readonly value: string | number | boolean }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Expression[] };

type TokenKind = 'pipe' | 'open' | 'close' | 'string' | 'number' | 'path' | 'word';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
}

const TOKEN =
  /\s*(?:(?<pipe>\|)|(?<open>\()|(?<close>\))|(?<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?<number>-?\d+)|(?<path>\$?(?:\.[A-Za-z_]\w*)+|\$|\.)|(?<word>[A-Za-z]\w*))/y;
const KEYWORDS = new Set(['range', 'if', 'else', 'end', 'with', 'define', 'template', 'block', 'break', 'continue']);

/** Parses one action such as `.Name`, `json .Config` or `.Tags | join ", "`. Throws USAGE. */
export function parseExpression(source: string): Expression {
  const reader = new TokenReader(source);
  const expression = pipeline(reader);
  const rest = reader.next();
  if (rest) throw templateError(`unexpected ${rest.text} in {{${source}}}`);
  return expression;
}

export function templateError(message: string, hint?: string): HubError {
  return new HubError('USAGE', `template: ${message}`, { hint });
}

/** Pipes and parentheses of one action: each is a level for whoever works the action out. */
const MOST_LEVELS = 32;

class TokenReader {
  readonly source: string;
  readonly #tokens: readonly Token[];
  #index = 0;
  #levels = 0;

  constructor(source: string) {
    this.source = source;
    this.#tokens = tokens(source);
  }

  peek(): Token | undefined {
    return this.#tokens[this.#index];
  }

  next(): Token | undefined {
    const token = this.peek();
    this.#index += 1;
    return token;
  }

  /** Throws USAGE when there are too many. */
  addLevel(): void {
    this.#levels += 1;
    if (this.#levels > MOST_LEVELS) throw templateError(`an action has more than ${MOST_LEVELS} pipes and parentheses`);
  }

  take(kind: TokenKind): boolean {
    if (this.peek()?.kind !== kind) return false;
    this.#index += 1;
    return true;
  }
}

function tokens(source: string): readonly Token[] {
  const found: Token[] = [];
  let position = 0;
  const end = source.trimEnd().length;
  while (position < end) {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(source);
    const entry = Object.entries(match?.groups ?? {}).find(([, text]) => text !== undefined);
    if (!entry) throw templateError(`cannot read "${source.slice(position).trim()}" in {{${source}}}`);
    const [kind, text] = entry;
    position = TOKEN.lastIndex;
    found.push({ kind: kind as TokenKind, text, start: position - text.length });
  }
  return found;
}

function pipeline(reader: TokenReader): Expression {
  let expression = command(reader);
  while (reader.take('pipe')) {
    reader.addLevel();
    const next = command(reader);
    if (next.type !== 'call') throw templateError(`{{${reader.source}}} pipes into something that is no function`);
    expression = { ...next, args: [...next.args, expression] };
  }
  return expression;
}

function command(reader: TokenReader): Expression {
  const first = reader.peek();
  if (!first) throw templateError(`{{${reader.source}}} is not complete`);
  if (first.kind !== 'word' || isConstant(first.text)) return operand(reader);
  reader.next();
  refuseKeyword(first.text);
  const args: Expression[] = [];
  while (isOperand(reader.peek())) args.push(operand(reader));
  return { type: 'call', name: first.text, args };
}

function isOperand(token: Token | undefined): boolean {
  return token !== undefined && token.kind !== 'pipe' && token.kind !== 'close';
}

function operand(reader: TokenReader): Expression {
  const token = reader.next();
  switch (token?.kind) {
    case 'path':
      return { type: 'path', base: undefined, names: namesOf(token.text) };
    case 'string':
      return { type: 'literal', value: unquoted(token.text) };
    case 'number':
      return { type: 'literal', value: Number(token.text) };
    case 'open':
      return group(reader);
    case 'word':
      refuseKeyword(token.text);
      if (isConstant(token.text)) return { type: 'literal', value: token.text === 'true' };
      return { type: 'call', name: token.text, args: [] };
    default:
      throw templateError(`{{${reader.source}}} is not complete`);
  }
}

/** `(index .Tags 0)`, perhaps followed at once by `.Name`. */
function group(reader: TokenReader): Expression {
  reader.addLevel();
  const inner = pipeline(reader);
  const close = reader.next();
  if (close?.kind !== 'close') throw templateError(`{{${reader.source}}} has an unclosed parenthesis`);
  const after = reader.peek();
  if (after?.kind !== 'path' || after.start !== close.start + 1) return inner;
  reader.next();
  return { type: 'path', base: inner, names: namesOf(after.text) };
}

function namesOf(path: string): readonly string[] {
  return path.split('.').filter((name) => name !== '' && name !== '$');
}

function isConstant(word: string): boolean {
  return word === 'true' || word === 'false';
}

function refuseKeyword(word: string): void {
  if (!KEYWORDS.has(word)) return;
  throw templateError(`{{${word}}} is not supported`, 'print the value with --json, and work on it with jq');
}

function unquoted(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return text.slice(1, -1).replace(/\\(.)/g, (_all, character: string) => ESCAPES[character] ?? character);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
