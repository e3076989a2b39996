// How is one member of a JSON text changed while every other byte stays as it is?

interface Member {
  readonly key: string;
  /** Index of the quote that opens the key. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

interface ObjectSpan {
  readonly members: readonly Member[];
  /** Index of `{`. */
  readonly start: number;
  /** Index of the closing `}`. */
  readonly end: number;
}

interface Style {
  readonly newline: string;
  readonly indent: string;
}

/** What docker writes. */
const DOCKER_STYLE: Style = { newline: '\n', indent: '\t' };

/**
 * The text with the member at `path` set to `value`, missing objects on the way made. `text` has to be a valid JSON object,
 * or blank for a new one. Key order, indentation, number spellings and the end of the file stay as they are; new members
 * come last in their object, in the indentation of the text. A value on the way that is no object is replaced.
 */
export function setMember(text: string, path: readonly string[], value: unknown): string {
  const base = text.trim() === '' ? '{}' : text;
  const style = styleOf(base);
  let object = objectAt(base, firstToken(base));
  for (const [depth, key] of path.entries()) {
    const member = object.members.findLast((candidate) => candidate.key === key);
    const rest = path.slice(depth + 1);
    if (member === undefined) return insert(base, object, { key, value: nest(rest, value), depth: depth + 1, style });
    if (rest.length === 0 || base[member.valueStart] !== '{') {
      const rendered = render(nest(rest, value), depth + 1, styleInside(base, object, style));
      return base.slice(0, member.valueStart) + rendered + base.slice(member.valueEnd);
    }
    object = objectAt(base, member.valueStart);
  }
  return base;
}

/** The text without the member at `path`, and with it when there is none. */
export function deleteMember(text: string, path: readonly string[]): string {
  if (text.trim() === '') return text;
  const last = path.at(-1);
  let object = objectAt(text, firstToken(text));
  for (const key of path.slice(0, -1)) {
    const member = object.members.findLast((candidate) => candidate.key === key);
    if (member === undefined || text[member.valueStart] !== '{') return text;
    object = objectAt(text, member.valueStart);
  }
  const index = object.members.findLastIndex((candidate) => candidate.key === last);
  return index === -1 ? text : deleteMember(cut(text, object, index), path);
}

/** A new document in the style docker writes: tabs, no final newline. */
export function renderDocument(value: unknown): string {
  return render(value, 0, DOCKER_STYLE);
}

function cut(text: string, object: ObjectSpan, index: number): string {
  const { members } = object;
  const member = members[index];
  if (member === undefined) return text;
  if (members.length === 1) return text.slice(0, object.start + 1) + text.slice(object.end);
  const next = members[index + 1];
  if (next !== undefined) return text.slice(0, member.start) + text.slice(next.start);
  return text.slice(0, members[index - 1]?.valueEnd) + text.slice(member.valueEnd);
}

function insert(
  text: string,
  object: ObjectSpan,
  { key, value, depth, style }: { key: string; value: unknown; depth: number; style: Style },
): string {
  const inside = styleInside(text, object, style);
  const colon = inside.newline === '' ? ':' : ': ';
  const member = JSON.stringify(key) + colon + render(value, depth, inside);
  const lead = inside.newline + inside.indent.repeat(depth);
  const last = object.members.at(-1);
  if (last !== undefined) return `${text.slice(0, last.valueEnd)},${lead}${member}${text.slice(last.valueEnd)}`;
  const close = inside.newline + inside.indent.repeat(depth - 1);
  return text.slice(0, object.start + 1) + lead + member + close + text.slice(object.end);
}

/** An object written on one line stays on one line. */
function styleInside(text: string, object: ObjectSpan, style: Style): Style {
  const first = object.members[0];
  const compact = first !== undefined && !text.slice(object.start, first.start).includes('\n');
  return compact ? { newline: '', indent: '' } : style;
}

function styleOf(text: string): Style {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = /\{[^\S\n]*\n([ \t]+)"/.exec(text)?.[1];
  if (indent !== undefined) return { newline, indent };
  const oneLine = /\{\s*"/.test(text) && !text.trim().includes('\n');
  return oneLine ? { newline: '', indent: '' } : { ...DOCKER_STYLE, newline };
}

function render(value: unknown, depth: number, { newline, indent }: Style): string {
  const text = JSON.stringify(value, undefined, indent);
  return indent === '' ? text : text.replaceAll('\n', newline + indent.repeat(depth));
}

function nest(path: readonly string[], value: unknown): unknown {
  return path.reduceRight((inner: unknown, key) => Object.fromEntries([[key, inner]]), value);
}

function objectAt(text: string, start: number): ObjectSpan {
  const members: Member[] = [];
  let index = skipBlank(text, start + 1);
  while (index < text.length && text[index] !== '}') {
    const keyEnd = endOfString(text, index);
    const key = JSON.parse(text.slice(index, keyEnd)) as string;
    const valueStart = skipBlank(text, skipBlank(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    members.push({ key, start: index, valueStart, valueEnd });
    index = skipBlank(text, valueEnd);
    if (text[index] === ',') index = skipBlank(text, index + 1);
  }
  return { members, start, end: index };
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  let index = start;
  while (index < text.length) {
    const character = text[index] ?? '';
    if (character === '"') index = endOfString(text, index) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    index += 1;
    if (depth === 0 && isEndOfScalar(character, text[index])) return index;
  }
  return index;
}

/** A string, object or array ends with its own character, a number or word before the next delimiter. */
function isEndOfScalar(character: string, next: string | undefined): boolean {
  return '"}]'.includes(character) || next === undefined || ',}] \t\r\n'.includes(next);
}

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index + 1;
  }
  return text.length;
}

function firstToken(text: string): number {
  return skipBlank(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
}

function skipBlank(text: string, start: number): number {
  let index = start;
  while (index < text.length && ' \t\r\n'.includes(text[index] ?? '')) index += 1;
  return index;
}
