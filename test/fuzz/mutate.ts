// How is an input changed into one that nobody thought of?
import type { Chance } from './chance.ts';

type Mutator = (input: Buffer, chance: Chance, context: Context) => Buffer;

export interface Context {
  readonly words: readonly Buffer[];
  /** Another input of the same kind. */
  readonly other: () => Buffer;
  /** Bytes. */
  readonly limit: number;
}

const BYTES = Buffer.from('\0\t\n\r "\'\\%&+,-./0189:;<=>?@AZ[]^_`az{|}~\x1b\x7f\x80\x9f\xc2\xe2\xf0\xff', 'latin1');
const NUMBERS = [
  '0',
  '1',
  '-1',
  '00',
  '007',
  '1e3',
  '1e400',
  '0x10',
  '255',
  '256',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740991',
  '9007199254740992',
  '9223372036854775807',
  '18446744073709551616',
  '99999999999999999999999999',
  'NaN',
  'Infinity',
].map((text) => Buffer.from(text));
/** What UTF-8 has to offer: controls, bidirectional marks, wide and combining characters, the ends of planes, broken sequences. */
const PIECES = Array.from(
  '\u0085\u00a0\u00ad\u0301\u061c\u200b\u200d\u200e\u2028\u202e\u2066\u3000\u4e2d\ufeff\ufffd\uffff\u{1f600}\u{e0041}\u{10ffff}',
)
  .map((character) => Buffer.from(character))
  .concat([Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0x80]), Buffer.from([0xf5, 0x80, 0x80, 0x80])]);
const LENGTHS = [0, 1, 2, 3, 127, 128, 255, 256, 511, 512, 65_535, 65_536, 0x7fffff, 0x7fffffff, 0xffffffff];
const MOST_REPEATS = 4096;

function replace(input: Buffer, start: number, end: number, middle: Buffer): Buffer {
  const result = Buffer.allocUnsafe(start + middle.length + input.length - end);
  input.copy(result, 0, 0, start);
  middle.copy(result, start);
  input.copy(result, start + middle.length, end);
  return result;
}

function insert(input: Buffer, chance: Chance, piece: Buffer): Buffer {
  const at = chance.below(input.length + 1);
  return replace(input, at, at, piece);
}

function overwrite(input: Buffer, chance: Chance, piece: Buffer): Buffer {
  const at = chance.below(input.length + 1);
  return replace(input, at, Math.min(input.length, at + chance.size(piece.length)), piece);
}

function range(input: Buffer, chance: Chance): [start: number, end: number] {
  const start = chance.below(input.length + 1);
  return [start, start + chance.size(input.length - start)];
}

function changed(input: Buffer, at: number, byte: number): Buffer {
  const result = Buffer.from(input);
  if (result.length > 0) result[at] = byte;
  return result;
}

function flipBit(input: Buffer, chance: Chance): Buffer {
  const at = chance.below(input.length);
  return changed(input, at, (input[at] ?? 0) ^ (1 << chance.below(8)));
}

/** The digits of a number in a text become another number. */
function otherNumber(input: Buffer, chance: Chance): Buffer {
  const isDigit = (at: number): boolean => input[at]! >= 0x30 && input[at]! <= 0x39;
  const from = chance.below(input.length + 1);
  let start = from;
  while (start < input.length && !isDigit(start)) start += 1;
  let end = start;
  while (end < input.length && isDigit(end)) end += 1;
  return replace(input, start, end, chance.pick(NUMBERS));
}

/** A number in binary, as lengths are written. */
function otherLength(input: Buffer, chance: Chance): Buffer {
  const size = chance.below(4) + 1;
  if (input.length < size) return input;
  const result = Buffer.from(input);
  const at = chance.below(input.length - size + 1);
  const value = chance.pick(LENGTHS) % 2 ** (8 * size);
  if (chance.once(2)) result.writeUIntLE(value, at, size);
  else result.writeUIntBE(value, at, size);
  return result;
}

/** Some bytes many times over: what takes time with the square of its length shows so. */
function repeat(input: Buffer, chance: Chance, { limit }: Context): Buffer {
  const start = chance.below(input.length + 1);
  const end = Math.min(input.length, start + 1 + chance.size(8));
  const piece = input.subarray(start, end);
  const most = chance.once(16) ? limit : MOST_REPEATS;
  const times = Math.floor(chance.size(most) / Math.max(1, piece.length));
  const many = Buffer.alloc(times * piece.length, piece.length > 0 ? piece : 0);
  return replace(input, end, end, many);
}

function splice(input: Buffer, chance: Chance, { other }: Context): Buffer {
  const second = other();
  const [start, end] = range(second, chance);
  if (chance.once(2)) return insert(input, chance, second.subarray(start, end));
  const cut = chance.below(input.length + 1);
  return replace(input, cut, input.length, second.subarray(start));
}

function move(input: Buffer, chance: Chance): Buffer {
  const [start, end] = range(input, chance);
  const piece = input.subarray(start, end);
  const rest = chance.once(2) ? input : replace(input, start, end, Buffer.alloc(0));
  return insert(rest, chance, piece);
}

const MUTATORS: readonly Mutator[] = [
  flipBit,
  flipBit,
  (input, chance) => changed(input, chance.below(input.length), chance.below(256)),
  (input, chance) => changed(input, chance.below(input.length), BYTES[chance.below(BYTES.length)]!),
  (input, chance) => insert(input, chance, Buffer.from([BYTES[chance.below(BYTES.length)]!])),
  (input, chance, { words }) => (words.length === 0 ? input : insert(input, chance, chance.pick(words))),
  (input, chance, { words }) => (words.length === 0 ? input : insert(input, chance, chance.pick(words))),
  (input, chance, { words }) => (words.length === 0 ? input : overwrite(input, chance, chance.pick(words))),
  (input, chance) => replace(input, ...range(input, chance), Buffer.alloc(0)),
  (input, chance) => insert(input, chance, chance.pick(PIECES)),
  otherNumber,
  otherLength,
  splice,
  move,
  (input, chance, context) => (chance.once(4) ? repeat(input, chance, context) : flipBit(input, chance)),
  (input, chance) => (chance.once(4) ? input.subarray(0, chance.below(input.length + 1)) : move(input, chance)),
];

/** One to a few changes, never longer than the limit. */
export function mutate(input: Buffer, chance: Chance, context: Context): Buffer {
  let result = input;
  do result = chance.pick(MUTATORS)(result, chance, context);
  while (chance.once(2));
  return result.length > context.limit ? result.subarray(0, context.limit) : result;
}
