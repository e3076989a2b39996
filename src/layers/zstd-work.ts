// How much work does a block of zstd ask for, before a decoder that trusts its input does it?
import { HubError } from '../errors.ts';

/** A decoding table of finite state entropy [RFC 8878 4.1]. */
interface Table {
  /** Bits of the first state. */
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly next: Uint16Array;
}

/** One of the three kinds of codes that a sequence is made of. */
interface Codes {
  /** Extra bits of each code; a code beyond them does not exist. */
  readonly extra: readonly number[];
  /** The least value of each code. */
  readonly least: readonly number[];
  readonly maxLog: number;
  /** The table where a block names none. */
  readonly table: Table;
}

type Tables = Readonly<Record<'literals' | 'offsets' | 'matches', Table>>;

const MAX_BLOCK = 128 * 1024;

/** `[0, 0, 1, 2]` for `[[0, 2], [1, 1], [2, 1]]`. */
function repeated(...runs: readonly (readonly [value: number, times: number])[]): readonly number[] {
  return runs.flatMap(([value, times]) => Array.from({ length: times }, () => value));
}

/** Each code begins where the one before ends. */
function leastOf(extra: readonly number[], first: number): readonly number[] {
  let least = first;
  return extra.map((bits) => {
    const own = least;
    least += 2 ** bits;
    return own;
  });
}

const UP = (from: number, to: number): readonly (readonly [number, 1])[] =>
  Array.from({ length: to - from + 1 }, (_, index) => [from + index, 1] as const);
const LITERAL_BITS = repeated([0, 16], [1, 4], [2, 2], [3, 2], [4, 1], ...UP(6, 16));
const MATCH_BITS = repeated([0, 32], [1, 4], [2, 2], [3, 2], [4, 2], [5, 1], ...UP(7, 16));

/** RFC 8878 3.1.1.3.2.1 and 3.1.1.3.2.2. */
const LITERALS: Codes = {
  extra: LITERAL_BITS,
  least: leastOf(LITERAL_BITS, 0),
  maxLog: 9,
  table: tableOf(repeated([4, 1], [3, 1], [2, 11], [1, 3], [2, 9], [3, 1], [2, 1], [1, 5], [-1, 4]), 6),
};
const OFFSETS: Codes = {
  extra: Array.from({ length: 32 }, (_, code) => code),
  least: [],
  maxLog: 8,
  table: tableOf(repeated([1, 6], [2, 3], [1, 15], [-1, 5]), 5),
};
const MATCHES: Codes = {
  extra: MATCH_BITS,
  least: leastOf(MATCH_BITS, 3),
  maxLog: 9,
  table: tableOf(repeated([1, 1], [4, 1], [3, 1], [2, 6], [1, 37], [-1, 7]), 6),
};

/**
 * Adds up what the sequences of a compressed block copy [RFC 8878 3.1.1.3.2]. The decoder copies as much as each of them says,
 * wherever that leads: 65,536 sequences of 128 KiB each take it minutes, and come in a block of 20 bytes.
 */
export class BlockWork {
  #tables: Tables | undefined;

  /** Tables can be used again within a frame. */
  startFrame(): void {
    this.#tables = undefined;
  }

  /** `block` without its header; `most` bytes may come out of it. Throws CONTENT_INVALID for one that would give more, or that is damaged. */
  check(block: Buffer, most: number): void {
    const { size, end } = literalsOf(block);
    const [count, from] = sequencesOf(block, end);
    const limit = Math.min(most, MAX_BLOCK);
    if (size > limit) throw damaged('is too large');
    if (count === 0) return;
    const { tables, end: start } = this.#readTables(block, from);
    const copied = this.#sum(tables, block.subarray(start), { count, literals: size });
    if (size + copied > limit) throw damaged('is too large');
  }

  #readTables(block: Buffer, from: number): { readonly tables: Tables; readonly end: number } {
    const modes = byteAt(block, from);
    if ((modes & 3) !== 0) throw damaged('has reserved bits');
    let at = from + 1;
    const read = (codes: Codes, mode: number, last: Table | undefined): Table => {
      if (mode === 0) return codes.table;
      if (mode === 3) {
        if (!last) throw damaged('repeats a table that is not there');
        return last;
      }
      if (mode === 1) return single(codes, byteAt(block, at++));
      const { table, end } = readTable(block, at, codes);
      at = end;
      return table;
    };
    const tables = {
      literals: read(LITERALS, modes >> 6, this.#tables?.literals),
      offsets: read(OFFSETS, (modes >> 4) & 3, this.#tables?.offsets),
      matches: read(MATCHES, (modes >> 2) & 3, this.#tables?.matches),
    };
    this.#tables = tables;
    return { tables, end: at };
  }

  /** Bytes that are copied from what came before. */
  #sum(tables: Tables, stream: Buffer, { count, literals }: { count: number; literals: number }): number {
    const bits = new BackwardBits(stream);
    const lengths = new Walk(tables.literals, LITERALS, bits);
    const offsets = new Walk(tables.offsets, OFFSETS, bits);
    const matches = new Walk(tables.matches, MATCHES, bits);
    let used = 0;
    let copied = 0;
    for (let left = count; left > 0; left -= 1) {
      offsets.value();
      copied += matches.value();
      used += lengths.value();
      if (bits.left < 0) throw damaged('ends too early');
      if (used > literals || copied > MAX_BLOCK) throw damaged('is too large');
      if (left === 1) break;
      lengths.next();
      matches.next();
      offsets.next();
    }
    return copied;
  }
}

/** Where one kind of codes is in its table. */
class Walk {
  readonly #table: Table;
  readonly #codes: Codes;
  readonly #bits: BackwardBits;
  #state: number;

  constructor(table: Table, codes: Codes, bits: BackwardBits) {
    this.#table = table;
    this.#codes = codes;
    this.#bits = bits;
    this.#state = bits.take(table.log);
  }

  /** What the present code stands for, which is not right for an offset. */
  value(): number {
    const { least, extra } = this.#codes;
    const code = this.#table.symbols[this.#state] ?? 0;
    return (least[code] ?? 0) + this.#bits.take(extra[code] ?? 0);
  }

  next(): void {
    const { next, bits } = this.#table;
    this.#state = (next[this.#state] ?? 0) + this.#bits.take(bits[this.#state] ?? 0);
  }
}

/** Bytes of the literals, and where their section ends [RFC 8878 3.1.1.3.1]. */
function literalsOf(block: Buffer): { readonly size: number; readonly end: number } {
  const first = byteAt(block, 0);
  const [kind, format] = [first & 3, (first >> 2) & 3];
  if (kind < 2) {
    const header = [1, 2, 1, 3][format] ?? 3;
    const size = little(block, 0, header) >> (header === 1 ? 3 : 4);
    return { size, end: header + (kind === 1 ? 1 : size) };
  }
  const header = Math.max(3, format + 2);
  const width = [10, 10, 14, 18][format] ?? 18;
  const value = little(block, 0, header);
  const sizes = Math.floor(value / 16);
  return { size: sizes % 2 ** width, end: header + Math.floor(sizes / 2 ** width) };
}

/** Count, and where what follows begins. */
function sequencesOf(block: Buffer, at: number): readonly [count: number, next: number] {
  const first = byteAt(block, at);
  if (first < 128) return [first, at + 1];
  if (first < 255) return [(first - 128) * 256 + byteAt(block, at + 1), at + 2];
  return [byteAt(block, at + 1) + byteAt(block, at + 2) * 256 + 0x7f00, at + 3];
}

function single({ extra }: Codes, symbol: number): Table {
  if (symbol >= extra.length) throw damaged('has a code that does not exist');
  return { log: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), next: new Uint16Array(1) };
}

/** A table as it is written in a block [RFC 8878 4.1.1]. */
function readTable(
  block: Buffer,
  at: number,
  { maxLog, extra }: Codes,
): { readonly table: Table; readonly end: number } {
  const log = (byteAt(block, at) & 15) + 5;
  if (log > maxLog) throw damaged('has a table that is too large');
  const counts: number[] = [];
  let bit = at * 8 + 4;
  for (let left = 1 << log; left > 0;) {
    const bits = 32 - Math.clz32(left + 1);
    const few = (1 << bits) - 1 - (left + 1);
    const low = (1 << (bits - 1)) - 1;
    let value = bitsAt(block, bit) & ((1 << bits) - 1);
    const isShort = (value & low) < few;
    if (isShort) value &= low;
    else if (value > low) value -= few;
    bit += isShort ? bits - 1 : bits;
    counts.push(value - 1);
    left -= Math.abs(value - 1);
    if (value === 1) bit = skipNone(block, bit, counts);
    if (left < 0 || counts.length > extra.length) throw damaged('has a damaged table');
  }
  return { table: tableOf(counts, log), end: Math.ceil(bit / 8) };
}

/** After a code that does not occur comes how many more do not. */
function skipNone(block: Buffer, from: number, counts: number[]): number {
  for (let bit = from; ; bit += 2) {
    const more = bitsAt(block, bit) & 3;
    for (let index = 0; index < more; index += 1) counts.push(0);
    if (more < 3) return bit + 2;
  }
}

/** The states for how often each code occurs; -1 is for less than once [RFC 8878 4.1.1]. */
function tableOf(counts: readonly number[], log: number): Table {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const seen = counts.map((count) => Math.abs(count));
  let high = size;
  for (const [symbol, count] of counts.entries()) if (count === -1) symbols[(high -= 1)] = symbol;
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let left = count; left > 0; left -= 1) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  }
  const bits = new Uint8Array(size);
  const next = new Uint16Array(size);
  for (let state = 0; state < size; state += 1) {
    const symbol = symbols[state] ?? 0;
    const value = seen[symbol] ?? 1;
    seen[symbol] = value + 1;
    const width = log - (31 - Math.clz32(value));
    bits[state] = width;
    next[state] = (value << width) - size;
  }
  return { log, symbols, bits, next };
}

/** Bits from the last one to the first, with a mark before them. */
class BackwardBits {
  readonly #bytes: Buffer;
  /** Bits that are left; negative once more were taken than there are. */
  left: number;

  constructor(bytes: Buffer) {
    const mark = bytes.at(-1) ?? 0;
    if (mark === 0) throw damaged('has no end');
    this.#bytes = bytes;
    this.left = bytes.length * 8 - 1 - (Math.clz32(mark) - 24);
  }

  /** The value is right for 16 bits at most. */
  take(count: number): number {
    this.left -= count;
    return this.left < 0 ? 0 : bitsAt(this.#bytes, this.left) & ((1 << count) - 1);
  }
}

/** At least 17 bits from there on. */
function bitsAt(bytes: Buffer, bit: number): number {
  const at = bit >> 3;
  return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) >> (bit & 7);
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw damaged('ends too early');
  return byte;
}

function little(bytes: Buffer, at: number, count: number): number {
  if (bytes.length < at + count) throw damaged('ends too early');
  return bytes.readUIntLE(at, count);
}

function damaged(how: string): HubError {
  return new HubError('CONTENT_INVALID', `a block of it ${how}`);
}
