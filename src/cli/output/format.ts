// How does a template such as '{{.Repository}}:{{.Tag}}' turn a value into text?
import { safeJson, safeText } from '../../util/text.ts';
import { parseExpression, templateError, type Expression } from './expression.ts';

/**
 * The part of Go templates that docker users write: paths, pipes, parentheses, literals, and docker's functions json,
 * split, join, title, lower, upper, pad, truncate with index and len. No variables and no control structures.
 */
export interface Template {
  /** Text for a value; fields are looked up among its own properties only. Throws USAGE for a field that is not there. */
  render(value: unknown): string;
  /** The header line for a table of this template, from the header of each field. */
  header(headers: Readonly<Record<string, string>>): string;
}

type Piece = { readonly text: string } | { readonly action: Expression };
type TemplateFunction = (args: readonly unknown[]) => unknown;

/** Marks text of `json`, which is safe already and must stay valid JSON. */
class Json {
  readonly text: string;
  constructor(value: unknown) {
    this.text = safeJson(value instanceof Json ? JSON.parse(value.text) : value);
  }
}

const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['json', ([value]) => new Json(value ?? null)],
  ['upper', ([value]) => textOf(value).toUpperCase()],
  ['lower', ([value]) => textOf(value).toLowerCase()],
  ['title', ([value]) => textOf(value).replace(/(?<![\p{L}\p{N}_'])\p{L}/gu, (letter) => letter.toUpperCase())],
  ['split', ([value, separator]) => textOf(value).split(textOf(separator))],
  ['join', ([value, separator]) => listOf(value, 'join').map(textOf).join(textOf(separator))],
  ['truncate', ([value, length]) => Array.from(textOf(value)).slice(0, numberOf(length, 'truncate')).join('')],
  ['pad', ([value, left, right]) => pad(textOf(value), numberOf(left, 'pad'), numberOf(right, 'pad'))],
  ['index', ([value, ...keys]) => keys.reduce(item, value)],
  ['len', ([value]) => lengthOf(value)],
  ['print', (args) => args.map(textOf).join('')],
  ['println', (args) => `${args.map(textOf).join(' ')}\n`],
]);

/** What functions give in a header: the header as it is, padded where the cells are. */
const HEADER_PAD = FUNCTIONS.get('pad');

/** Parses a template; `\t` and `\n` in it are a tab and a line feed. Throws USAGE. */
export function compileTemplate(source: string): Template {
  const pieces = split(source.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
  const fill = (show: (action: Expression) => string): string =>
    pieces.map((piece) => ('text' in piece ? piece.text : show(piece.action))).join('');
  return {
    render: (value) => fill((action) => shown(evaluate(action, value, callFunction))),
    header: (headers) => fill((action) => textOf(evaluate(action, headers, callHeader))),
  };
}

function split(source: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let position = 0;
  let trimNext = false;
  while (position < source.length) {
    const open = source.indexOf('{{', position);
    const text = source.slice(position, open === -1 ? undefined : open);
    const trimEnd = open !== -1 && /^-\s/.test(source.slice(open + 2, open + 4));
    pieces.push({ text: trimmed(text, trimNext, trimEnd) });
    if (open === -1) break;
    const close = source.indexOf('}}', open);
    if (close === -1) throw templateError(`{{ is not closed in "${source}"`);
    const inside = source.slice(open + 2, close);
    trimNext = /\s-$/.test(inside);
    position = close + 2;
    const action = inside.replace(/^-\s/, '').replace(/\s-$/, '').trim();
    if (!action.startsWith('/*')) pieces.push({ action: parseExpression(action) });
  }
  return pieces;
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const left = start ? text.trimStart() : text;
  return end ? left.trimEnd() : left;
}

type Call = (name: string, args: readonly unknown[]) => unknown;

function evaluate(expression: Expression, data: unknown, call: Call): unknown {
  if (expression.type === 'literal') return expression.value;
  if (expression.type === 'call') {
    return call(
      expression.name,
      expression.args.map((arg) => evaluate(arg, data, call)),
    );
  }
  const base = expression.base ? evaluate(expression.base, data, call) : data;
  return expression.names.reduce(field, base);
}

function callFunction(name: string, args: readonly unknown[]): unknown {
  const known = FUNCTIONS.get(name);
  if (!known)
    throw templateError(`function "${name}" is not defined`, `functions: ${[...FUNCTIONS.keys()].join(', ')}`);
  if (args.length === 0) throw templateError(`function "${name}" wants a value`);
  return known(args);
}

function callHeader(name: string, args: readonly unknown[]): unknown {
  return name === 'pad' && HEADER_PAD ? HEADER_PAD(args) : args.find((arg) => typeof arg === 'string');
}

function field(value: unknown, name: string): unknown {
  if (value === null || value === undefined) return undefined;
  const record = typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  if (Object.hasOwn(record, name)) return record[name];
  const fields = Object.keys(record);
  throw templateError(`no field .${name}`, fields.length > 0 ? `fields: ${fields.join(', ')}` : undefined);
}

function item(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) && typeof key === 'number') {
    if (key >= 0 && key < value.length) return value[key];
    throw templateError(`index ${key} is out of range: the list has ${value.length} entries`);
  }
  if (typeof value === 'object' && value !== null && typeof key === 'string') {
    return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  throw templateError(`index wants a list with a number, or an object with a name`);
}

/** What `{{ }}` prints: never a control character, whatever the value was. */
function shown(value: unknown): string {
  return value instanceof Json ? value.text : safeText(textOf(value));
}

/** As Go prints it: `[a b]`, `map[key:value]`, `<nil>`. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (value instanceof Json) return value.text;
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, entry]) => `${key}:${textOf(entry)}`).join(' ')}]`;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw templateError(`${name} wants a list`);
}

function numberOf(value: unknown, name: string): number {
  if (typeof value === 'number') return value;
  throw templateError(`${name} wants a number`);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

/** Wider than any screen. */
const MOST_BLANKS = 1000;

function pad(text: string, left: number, right: number): string {
  if (left > MOST_BLANKS || right > MOST_BLANKS) throw templateError(`pad takes at most ${MOST_BLANKS} blanks`);
  return text === '' ? text : `${' '.repeat(Math.max(0, left))}${text}${' '.repeat(Math.max(0, right))}`;
}
