// What JSON is likely to be taken for something that it is not?
import type { Chance } from './chance.ts';

/** Names that objects have without having them. */
export const NAMES = ['__proto__', 'constructor', 'toString', 'valueOf', 'length', 'hasOwnProperty', 'toJSON', ''];

const ODD: readonly ((chance: Chance) => unknown)[] = [
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -1,
  () => 0.5,
  () => 1e308,
  () => 2 ** 53,
  () => -(2 ** 31),
  () => '',
  () => ' ',
  () => '\0',
  () => '\u001b[31m\u202e\n',
  () => '\ud800',
  () => [],
  () => ({}),
  () => [[]],
  () => [null],
  () => ({ toString: 1, valueOf: 1 }),
  (chance) => Object.fromEntries([[chance.pick(NAMES), 1]]),
  (chance) => 'x'.repeat(chance.size(5000)),
  (chance) => deep(chance.size(100)),
];

/** The value with some of its parts replaced, removed, doubled or renamed. */
export function strangeJson(value: unknown, chance: Chance, words: readonly string[]): unknown {
  if (chance.once(6)) return strange(chance, words);
  if (Array.isArray(value)) {
    const items = value.flatMap((item: unknown) => {
      if (chance.once(12)) return [];
      const kept = strangeJson(item, chance, words);
      return chance.once(12) ? [kept, kept] : [kept];
    });
    return items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    if (chance.once(12)) return [];
    return [[chance.once(16) ? name(chance, words) : key, chance.once(2) ? item : strangeJson(item, chance, words)]];
  });
  if (chance.once(8)) entries.push([name(chance, words), strange(chance, words)]);
  return Object.fromEntries(entries);
}

/** A text of it: compact, indented, or with the spaces of somebody else. */
export function jsonText(value: unknown, chance: Chance): string {
  const indent = chance.pick([undefined, undefined, 2, '\t', '   ']);
  const text = JSON.stringify(value, undefined, indent) ?? 'null';
  if (chance.once(16)) return `\ufeff${text}`;
  return chance.once(16) ? text.replaceAll('\n', '\r\n') : text;
}

function strange(chance: Chance, words: readonly string[]): unknown {
  return chance.once(3) && words.length > 0 ? chance.pick(words) : chance.pick(ODD)(chance);
}

function name(chance: Chance, words: readonly string[]): string {
  return chance.once(3) || words.length === 0 ? chance.pick(NAMES) : chance.pick(words);
}

function deep(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}
