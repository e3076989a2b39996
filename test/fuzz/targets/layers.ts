// Are tars and compressed streams listed and unpacked as others do it, or refused?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { Parser } from 'tar';
import { HubError } from '../../../src/errors.ts';
import { inflater } from '../../../src/layers/compression.ts';
import {
  encodeEntry,
  isTarHeader,
  listTar,
  paddingAfter,
  TAR_END,
  type TarEntry,
  type TarMember,
} from '../../../src/layers/tar.ts';
import { sniffCompression } from '../../../src/spec/media-types.ts';
import { pattern, ZSTD_HELLO } from '../../helpers/zstd.ts';
import { Chance, seedOf } from '../chance.ts';
import type { Target } from '../target.ts';

function tarOf(entries: readonly (readonly [Partial<TarEntry> & { readonly path: string }, string?])[]): Buffer {
  const parts = entries.flatMap(([entry, text = '']) => {
    const bytes = Buffer.from(text);
    const full: TarEntry = { kind: 'file', size: bytes.length, ...entry };
    return [...encodeEntry(full), bytes, Buffer.alloc(paddingAfter(bytes.length))];
  });
  return Buffer.concat([...parts, TAR_END]);
}

const LONG = 'd/'.repeat(120);
const TARS = [
  tarOf([[{ path: 'a.txt' }, 'hello']]),
  tarOf([
    [{ path: 'd/', kind: 'directory' }],
    [{ path: 'd/l', kind: 'symlink', linkPath: '../a' }],
    [{ path: 'd/h', kind: 'hardlink', linkPath: 'd/x' }],
  ]),
  tarOf([
    [{ path: `${LONG}long` }, 'x'],
    [{ path: 'é', mtime: 1_700_000_000, uid: 3_000_000 }, 'y'],
  ]),
  tarOf([[{ path: 'dev', kind: 'character', deviceMajor: 1, deviceMinor: 3 }], [{ path: 'p', kind: 'fifo' }]]),
  gnuLong('g/'.repeat(80)),
  tarOf([]),
  Buffer.concat([pax('g', 'uid=5\nmtime=1.5\npath=all'), tarOf([[{ path: 'x' }, 'z']])]),
  Buffer.concat([pax('x', 'size=2\nmtime=x\npath=other'), tarOf([[{ path: 'x' }, 'zz']])]),
];

/** The header of one kind of entry, with the right checksum. */
function header(type: string, size: number): Buffer {
  const [block = Buffer.alloc(512)] = encodeEntry({ path: '././@LongLink', kind: 'file', size });
  block.write(type, 156);
  return block;
}

function extension(type: string, bytes: Buffer): Buffer {
  return summed(Buffer.concat([header(type, bytes.length), bytes, Buffer.alloc(paddingAfter(bytes.length))]));
}

function gnuLong(name: string): Buffer {
  return Buffer.concat([extension('L', Buffer.from(`${name}\0`)), tarOf([[{ path: 'short' }, 'x']])]);
}

function pax(type: string, records: string): Buffer {
  const lines = records.split('\n').map((record) => {
    const rest = ` ${record}\n`;
    const length = Buffer.byteLength(rest);
    const digits = String(length + String(length + 2).length).length;
    return `${length + digits}${rest}`;
  });
  return extension(type, Buffer.from(lines.join('')));
}

/** Chance rarely hits the sum, without which nothing else is looked at: each block that was a header gets the right one. */
function summed(tar: Buffer): Buffer {
  const result = Buffer.from(tar);
  for (let at = 0; at + 512 <= result.length; at += 512) {
    const block = result.subarray(at, at + 512);
    const isHeader = block.toString('latin1', 257, 262) === 'ustar' || at === 0;
    if (!isHeader || block.every((byte) => byte === 0)) continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return result;
}

interface Listed {
  readonly path: string;
  readonly size: number;
  readonly linkPath: string | undefined;
  readonly type: string;
}

/** What the package tar makes of it. Undefined when it finds fault with it. */
function listWithPackage(bytes: Buffer): readonly Listed[] | undefined {
  const found: Listed[] = [];
  let isFaulty = false;
  const parser = new Parser({
    strict: false,
    maxMetaEntrySize: 1024 * 1024,
    onwarn: () => {
      isFaulty = true;
    },
    onReadEntry: (entry) => {
      found.push({ path: entry.path, size: entry.size, linkPath: entry.linkpath || undefined, type: entry.type });
      entry.resume();
    },
  });
  parser.on('error', () => {
    isFaulty = true;
  });
  try {
    parser.end(bytes);
  } catch {
    return undefined;
  }
  return isFaulty ? undefined : found;
}

const isNatural = (number: number | undefined): boolean =>
  number === undefined || (Number.isSafeInteger(number) && number >= 0);

function checkMember(member: TarMember, bytes: Buffer): void {
  const { size, offset, path, mtime, mode, uid, gid } = member;
  ok(
    Number.isSafeInteger(size) && size >= 0 && offset >= 512 && offset + size <= bytes.length,
    'bytes outside of the tar',
  );
  ok(path.length <= 4096 && !path.includes('\0'));
  ok([mode, uid, gid].every(isNatural), 'a number that is none');
  ok(mtime === undefined || Number.isSafeInteger(mtime), 'a time that is none');
  if (member.kind === 'other' || size > 0) return;
  // What is read can be written and read again.
  ok(encodeEntry(member).every((block) => block.length % 512 === 0));
}

async function runTar(input: Buffer): Promise<string> {
  const bytes = seedOf(input) % 4 === 0 ? input : summed(input);
  let reads = 0;
  const read = async (position: number, length: number): Promise<Buffer> => {
    reads += 1;
    ok(position >= 0 && length >= 0 && Number.isSafeInteger(position + length), 'a read that is none');
    return bytes.subarray(position, position + length);
  };
  const members = await listTar(read, bytes.length, 'it');
  ok(reads <= 3 * (bytes.length / 512 + 1), 'more reads than there are blocks');
  for (const [index, member] of members.entries()) {
    checkMember(member, bytes);
    ok(index === 0 || member.offset >= members[index - 1]!.offset + members[index - 1]!.size, 'entries that overlap');
  }
  if (bytes.length >= 512 && members.length > 0) ok(isTarHeader(bytes.subarray(0, 512)));
  comparePackage(bytes, members);
  return `${Math.min(members.length, 4)} ${[...new Set(members.map(({ kind }) => kind))].join(' ')}`;
}

/** Both list the same where the package finds nothing to complain about. */
function comparePackage(bytes: Buffer, members: readonly TarMember[]): void {
  // It takes what begins so for compressed.
  if (bytes.length < 1024 || sniffCompression(bytes) !== 'none') return;
  const others = listWithPackage(bytes);
  if (!others || others.length !== members.length) return;
  for (const [index, other] of others.entries()) {
    const own = members[index]!;
    // It reads on after a NUL when a line break follows, and takes a prefix that is empty for one.
    if (own.kind === 'other' || /[\0\r\n\u2028\u2029]/.test(other.path) || other.path === `/${own.path}`) continue;
    same(own.path.replace(/\/$/, ''), other.path.replace(/\/$/, ''));
    if (own.kind === 'file') same(own.size, other.size);
  }
}

export const tar: Target = {
  name: 'tar',
  together: 4,
  limit: 64 * 1024,
  executions: 200_000,
  seeds: TARS,
  words: [
    'ustar\x0000',
    'ustar  \0',
    '\0'.repeat(512),
    '0000000\0',
    '7777777\0',
    '-1',
    '\x80\0\0\0\0\0\0\0\0\0\x02\0',
    '\xff'.repeat(12),
    '././@LongLink',
    'path=',
    '11 size=-1\n',
    '12 size=-512\n',
    '13 size=1e30\n',
    '12 mtime=NaN\n',
    '14 linkpath=x\n',
    '20 path=../../../x\n',
    'L',
    'K',
    'x',
    'g',
    'S',
    'V',
    '5',
    '2',
    '1',
    '../',
    '/',
  ],
  codes: ['CONTENT_INVALID'],
  run: runTar,
};

class Enough extends Error {}
/** Bytes of output after which nobody wants to know more. */
const MOST_OUTPUT = 512 * 1024;

/** What comes out, all of it or the beginning, the code of the error if there was one, and its reason. */
async function inflateOurs(
  input: Buffer,
  kind: 'gzip' | 'zstd',
  cuts: readonly number[],
): Promise<{ output: Buffer; code: string; reason: string }> {
  const pieces: Buffer[] = [];
  let size = 0;
  const converter = await inflater(kind, (chunk) => {
    size += chunk.length;
    pieces.push(Buffer.from(chunk));
    if (size > MOST_OUTPUT) throw new Enough();
  });
  let code = 'ok';
  let reason = '';
  try {
    let at = 0;
    for (const end of [...cuts, input.length]) {
      await converter.write(Buffer.from(input.subarray(at, end)));
      at = end;
    }
    await converter.end();
  } catch (error) {
    if (!(error instanceof Enough) && !HubError.is(error, 'CONTENT_INVALID')) throw error;
    code = error instanceof Enough ? 'enough' : 'CONTENT_INVALID';
    reason = error.message.replaceAll(/[\d.]+/g, '');
  } finally {
    converter.cancel();
  }
  return { output: Buffer.concat(pieces), code, reason };
}

function cutsOf(input: Buffer): readonly number[] {
  const chance = new Chance(seedOf(input));
  return Array.from({ length: chance.below(4) }, () => chance.below(input.length + 1)).toSorted((a, b) => a - b);
}

async function runGzip(input: Buffer): Promise<string> {
  const { output, code } = await inflateOurs(input, 'gzip', cutsOf(input));
  let expected: Buffer | undefined;
  try {
    expected = gunzipSync(input, { maxOutputLength: 4 * MOST_OUTPUT });
  } catch {
    expected = undefined;
  }
  if (code === 'ok') same(output.equals(expected ?? Buffer.alloc(0)), true);
  // An empty stream is taken for one by zlib when it is fed in pieces, and for the beginning of one at once.
  if (code === 'CONTENT_INVALID') same(expected, undefined);
  return `${code} ${output.length > 0} ${output.length > 1000}`;
}

/** Members whose data is stored, so that chance changes what comes out and the sums are right. */
function gzipMember(text: string, chance: Chance): Buffer {
  const bytes = Buffer.from(text);
  const body = deflateRawSync(bytes, { level: chance.pick([0, 1, 9]) });
  const flags = chance.pick([0, 0, 8, 16, 4, 2]);
  const extra = { 0: '', 8: 'name\0', 16: 'comment\0', 4: '\x03\0abc', 2: '\0\0' }[flags]!;
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(bytes), 0);
  end.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]),
    Buffer.from(extra, 'latin1'),
    body,
    end,
  ]);
}

export const gzip: Target = {
  name: 'gzip',
  together: 16,
  limit: 64 * 1024,
  executions: 200_000,
  seeds: [
    gzipSync('hello'),
    gzipSync(''),
    Buffer.concat([gzipSync('a'), gzipSync('b')]),
    gzipSync(pattern(5000)),
    gzipSync(Buffer.alloc(20_000)),
    Buffer.alloc(0),
  ],
  words: ['\x1f\x8b\x08', '\x03\0', '\x01\0\0\xff\xff', '\0\0\0\0'],
  codes: ['CONTENT_INVALID'],
  make: (chance) =>
    Buffer.concat(
      Array.from({ length: chance.below(3) + 1 }, () => gzipMember('text '.repeat(chance.size(300)), chance)),
    ),
  run: runGzip,
};

/** Moving large windows takes the time that it takes; how often that may be has a test of its own. */
function smallWindows(input: Buffer): Buffer {
  const bytes = Buffer.from(input);
  for (let at = bytes.indexOf(ZSTD_MAGIC); at !== -1; at = bytes.indexOf(ZSTD_MAGIC, at + 4)) {
    const flags = bytes[at + 4] ?? 0;
    const size = at + 5 + [0, 1, 2, 4][flags & 3]!;
    if ((flags & 0x20) === 0 && at + 5 < bytes.length) bytes[at + 5] = Math.min(bytes[at + 5]!, 0x10);
    // The content is the window, and its size is in two bytes, four or eight.
    else if (flags >> 6 > 1)
      bytes.fill(0, Math.min(size + 2, bytes.length), Math.min(size + (flags >> 6 === 2 ? 4 : 8), bytes.length));
  }
  return bytes;
}

async function runZstd(given: Buffer): Promise<string> {
  const input = smallWindows(given);
  const cuts = cutsOf(input);
  const pieces = await inflateOurs(input, 'zstd', cuts);
  // The same, however it comes.
  if (cuts.length > 0 && seedOf(input) % 4 === 0) {
    const whole = await inflateOurs(input, 'zstd', []);
    same(whole.code, pieces.code);
    if (pieces.code === 'ok') same(whole.output.equals(pieces.output), true);
  }
  return `${pieces.code} ${pieces.reason} ${pieces.output.length > 0} ${pieces.output.length > 1000}`;
}

/** A frame of blocks that are stored, or one byte many times [RFC 8878 3.1.1.2]. */
function zstdFrame(chance: Chance): Buffer {
  const count = chance.below(4) + 1;
  const blocks = Array.from({ length: count }, (_, index) => {
    const last = index === count - 1 ? 1 : 0;
    const isRun = chance.once(2);
    const size = chance.size(isRun && chance.once(20) ? 100_000 : 300);
    const head = Buffer.alloc(3);
    head.writeUIntLE(last | ((isRun ? 1 : 0) << 1) | (size << 3), 0, 3);
    return Buffer.concat([head, isRun ? Buffer.from('r') : Buffer.alloc(size, 'x')]);
  });
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, chance.pick([0, 0x38, 0x58, chance.below(256)])]),
    ...blocks,
  ]);
}

const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const SKIPPABLE = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

export const zstd: Target = {
  name: 'zstd',
  limit: 4 * 1024,
  executions: 1_000_000,
  seeds: [ZSTD_HELLO, Buffer.concat([SKIPPABLE, ZSTD_HELLO, ZSTD_HELLO]), Buffer.alloc(0)],
  words: ['\x28\xb5\x2f\xfd', '\x50\x2a\x4d\x18', '\x01\0\0', '\x03\0\0', '\0\0\0\0'],
  codes: ['CONTENT_INVALID'],
  make: zstdFrame,
  run: runZstd,
};
