// What do the headers of a tar say, and how is one written?
import { Header } from 'tar/header';
import { Pax } from 'tar/pax';
import { HubError } from '../errors.ts';

export type TarKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo' | 'other';

/** One entry. Times are whole seconds since 1970; `size` is 0 for all but files. */
export interface TarEntry {
  /** As written: a leading `./` or a trailing `/` may be there when read, and is not added when written. */
  readonly path: string;
  readonly kind: TarKind;
  readonly size: number;
  readonly linkPath?: string | undefined;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly mtime?: number | undefined;
  readonly deviceMajor?: number | undefined;
  readonly deviceMinor?: number | undefined;
}

/** An entry and where its bytes are in the tar. */
export interface TarMember extends TarEntry {
  readonly offset: number;
}

/** Reads `length` bytes at `position`, fewer at the end of the file. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

export const BLOCK = 512;
/** What a tar ends with. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

const MAX_META = 1024 * 1024;
const MAX_PATH = 4096;
const MAX_ENTRIES = 200_000;
const KINDS = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'directory',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
  CharacterDevice: 'character',
  BlockDevice: 'block',
  FIFO: 'fifo',
} as const satisfies Record<string, TarKind>;
const TYPES = {
  file: 'File',
  directory: 'Directory',
  symlink: 'SymbolicLink',
  hardlink: 'Link',
  character: 'CharacterDevice',
  block: 'BlockDevice',
  fifo: 'FIFO',
} as const;

/** True when a block of 512 bytes is the header of a tar entry, or the end of an empty tar. */
export function isTarHeader(block: Buffer): boolean {
  if (block.length < BLOCK) return false;
  try {
    const header = decode(block, {}, 'the archive');
    return header.cksumValid || header.nullBlock;
  } catch (error) {
    if (HubError.is(error)) return false;
    throw error;
  }
}

/** Bytes that follow `size` bytes up to the next block. */
export function paddingAfter(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/**
 * Lists a tar of `size` bytes without reading what is in its files. GNU long names and PAX records are applied. Throws
 * CONTENT_INVALID when it is damaged, cut off, or holds more entries or longer names than any image.
 */
export async function listTar(read: ReadAt, size: number, what: string): Promise<readonly TarMember[]> {
  const reader = new HeaderReader(read, size, what);
  const members: TarMember[] = [];
  for (;;) {
    const member = await reader.next();
    if (!member) return members;
    if (members.length >= MAX_ENTRIES) throw invalid(what, `holds more than ${MAX_ENTRIES} entries`);
    members.push(member);
  }
}

type Extension = Partial<Pax>;

class HeaderReader {
  readonly #read: ReadAt;
  readonly #size: number;
  readonly #what: string;
  #position = 0;
  #global: Extension | undefined;

  constructor(read: ReadAt, size: number, what: string) {
    this.#read = read;
    this.#size = size;
    this.#what = what;
  }

  async next(): Promise<TarMember | undefined> {
    let extension: Extension | undefined;
    while (this.#position < this.#size) {
      const block = await this.#take(BLOCK);
      const header = decode(block, { extension, global: this.#global }, this.#what);
      if (header.nullBlock) return undefined;
      if (!header.cksumValid) throw invalid(this.#what, `is damaged: no header at byte ${this.#position - BLOCK}`);
      const meta = await this.#meta(header, extension);
      if (!meta) return this.#member(header, extension);
      extension = meta;
    }
    if (extension) throw invalid(this.#what, 'is cut off');
    return undefined;
  }

  /** What a header says about the entry after it; undefined for the header of an entry. */
  async #meta(header: Header, extension: Extension | undefined): Promise<Extension | undefined> {
    switch (header.type) {
      case 'ExtendedHeader':
      case 'OldExtendedHeader':
        return Pax.parse(await this.#records(header), extension, false);
      case 'GlobalExtendedHeader':
        this.#global = Pax.parse(await this.#records(header), this.#global, true);
        return extension ?? {};
      case 'NextFileHasLongPath':
      case 'OldGnuLongPath':
        return { ...extension, path: untilNul(await this.#metaText(header)) };
      case 'NextFileHasLongLinkpath':
        return { ...extension, linkpath: untilNul(await this.#metaText(header)) };
      default:
        return undefined;
    }
  }

  #member(header: Header, extension: Extension | undefined): TarMember {
    const member = entryOf(header, extension, this.#what);
    const { size } = member;
    const offset = this.#position;
    if (offset + size > this.#size) throw invalid(this.#what, `is cut off inside "${member.path}"`);
    // The padding of the last entry may be missing: so write some tools that also write no end.
    this.#position = Math.min(this.#size, offset + size + paddingAfter(size));
    return { ...member, offset };
  }

  /** PAX records. A value ends at a NUL, where the package would go on to read behind a carriage return. */
  async #records(header: Header): Promise<string> {
    const text = await this.#metaText(header);
    return text.includes('\0') ? text.replaceAll(/\0[^\n]*/g, (rest) => '\0'.repeat(Buffer.byteLength(rest))) : text;
  }

  async #metaText(header: Header): Promise<string> {
    const size = header.size ?? -1;
    if (size < 0 || size > MAX_META) throw invalid(this.#what, 'has an extended header of an impossible size');
    const bytes = await this.#take(size);
    await this.#take(paddingAfter(size));
    return bytes.toString('utf8');
  }

  async #take(length: number): Promise<Buffer> {
    if (this.#position + length > this.#size) throw invalid(this.#what, 'is cut off');
    const bytes = length === 0 ? Buffer.alloc(0) : await this.#read(this.#position, length);
    if (bytes.length < length) throw invalid(this.#what, 'is cut off');
    this.#position += length;
    return bytes;
  }
}

function decode(
  block: Buffer,
  context: { readonly extension?: Extension | undefined; readonly global?: Extension | undefined },
  what: string,
): Header {
  try {
    const header = new Header(block, 0, context.extension ?? {}, context.global ?? {});
    const clean = header.cksumValid ? withoutRests(block) : undefined;
    return clean ? new Header(clean, 0, context.extension ?? {}, context.global ?? {}) : header;
  } catch (error) {
    throw invalid(what, 'is damaged: a header holds an impossible number', error);
  }
}

/** Where names are, from and to. The last is one in the POSIX format only. */
const NAMES = [
  [0, 100],
  [157, 257],
  [345, 500],
] as const;
const CHECKSUM = 148;

/**
 * The header without what follows the NUL after a name: where that has a line break, the package would go on to read, as no
 * other tar does. Undefined when there is nothing.
 */
function withoutRests(block: Buffer): Buffer | undefined {
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const rests = (isPosix ? NAMES : NAMES.slice(0, 2)).flatMap(([start, end]) => {
    const nul = block.subarray(start, end).indexOf(0);
    return nul === -1 ? [] : [[start + nul, end] as const];
  });
  if (rests.every(([start, end]) => block.subarray(start, end).every((byte) => byte === 0))) return undefined;
  const clean = Buffer.from(block.subarray(0, BLOCK));
  for (const [start, end] of rests) clean.fill(0, start, end);
  clean.fill(0x20, CHECKSUM, CHECKSUM + 8);
  const sum = clean.reduce((total, byte) => total + byte, 0);
  clean.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1');
  return clean;
}

function entryOf(header: Header, extension: Extension | undefined, what: string): TarEntry {
  const kind: TarKind = header.type in KINDS ? KINDS[header.type as keyof typeof KINDS] : 'other';
  // Extended names replace the whole name, also where the short header has a prefix.
  const path = checkPath(extension?.path ?? header.path, what);
  const linkPath = checkPath(extension?.linkpath ?? header.linkpath, what);
  const size = kind === 'file' || kind === 'other' ? header.size : 0;
  if (naturalNumber(size) === undefined || size === undefined) throw invalid(what, `gives no valid size for "${path}"`);
  const mtime = wholeNumber(header.mtime && Math.floor(header.mtime.getTime() / 1000));
  return {
    path,
    kind,
    size,
    linkPath: linkPath === '' ? undefined : linkPath,
    mode: naturalNumber(header.mode),
    uid: naturalNumber(header.uid),
    gid: naturalNumber(header.gid),
    mtime,
    deviceMajor: naturalNumber(header.devmaj),
    deviceMinor: naturalNumber(header.devmin),
  };
}

/** PAX records may say anything; what is no number was not said. */
function wholeNumber(value: number | undefined): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}

function naturalNumber(value: number | undefined): number | undefined {
  const whole = wholeNumber(value);
  return whole !== undefined && whole >= 0 ? whole : undefined;
}

function checkPath(path: string | undefined, what: string): string {
  if (path === undefined) return '';
  if (path.length > MAX_PATH) throw invalid(what, 'holds a name longer than 4 KiB');
  return path;
}

/**
 * The header blocks of an entry, a PAX header before them where a name is long or not ASCII, or a number is large. Equal
 * entries give equal bytes. Owner 0:0, mode 0644 (0755 for directories) and time 0 unless said otherwise.
 */
export function encodeEntry(entry: TarEntry): readonly Buffer[] {
  if (entry.kind === 'other') throw new HubError('UNSUPPORTED', `"${entry.path}" is of a kind that a tar cannot hold`);
  const header = new Header({
    path: entry.path,
    mode: entry.mode ?? (entry.kind === 'directory' ? 0o755 : 0o644),
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    size: entry.kind === 'file' ? entry.size : 0,
    mtime: new Date((entry.mtime ?? 0) * 1000),
    type: TYPES[entry.kind],
    linkpath: entry.linkPath ?? '',
    uname: '',
    gname: '',
    devmaj: entry.deviceMajor ?? 0,
    devmin: entry.deviceMinor ?? 0,
  });
  const block = Buffer.alloc(BLOCK);
  if (!header.encode(block)) return [block];
  return [paxFor(entry), block];
}

function paxFor(entry: TarEntry): Buffer {
  const large = (value: number | undefined, limit: number): number | undefined =>
    value !== undefined && (value > limit || value < 0) ? value : undefined;
  const mtime = large(entry.mtime, 0o77777777777);
  return new Pax({
    path: entry.path,
    ...(entry.linkPath ? { linkpath: entry.linkPath } : {}),
    ...defined('size', large(entry.size, 0o77777777777)),
    ...defined('uid', large(entry.uid, 0o7777777)),
    ...defined('gid', large(entry.gid, 0o7777777)),
    ...(mtime === undefined ? {} : { mtime: new Date(mtime * 1000) }),
  }).encode();
}

function defined(name: 'size' | 'uid' | 'gid', value: number | undefined): Readonly<Record<string, number>> {
  return value === undefined ? {} : { [name]: value };
}

function untilNul(text: string): string {
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

function invalid(what: string, problem: string, cause?: unknown): HubError {
  return new HubError('CONTENT_INVALID', `${what} ${problem}`, { cause });
}
