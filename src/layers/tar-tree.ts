// How does a directory become a tar, the same bytes every time?
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeEntry, paddingAfter, TAR_END, type TarEntry, type TarKind } from './tar.ts';
import { HubError } from '../errors.ts';
import type { CallOptions } from '../transfer/endpoint.ts';
import type { Content } from '../util/content.ts';
import { fileContent } from '../util/file-content.ts';
import { storageError } from '../util/fs.ts';

export interface TarTreeOptions extends CallOptions {
  /** Seconds since 1970: later times become this one [SOURCE_DATE_EPOCH]. */
  readonly latest?: number | undefined;
  /** Told about what a tar cannot hold: sockets. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

type Consume = Parameters<Content['forEach']>[0];

/**
 * The tar of what is in a directory: owners, modes, times, links, devices and pipes kept, names in byte order with each
 * directory before its content, files streamed. Nothing is followed out of the directory. Throws STORAGE, UNSUPPORTED
 * for names that are not UTF-8, CONTENT_INVALID for a file that changes while it is read.
 */
export function tarTree(directory: string, options: TarTreeOptions = {}): Content {
  let cancelled = false;
  return {
    forEach: async (consume) => {
      const writer = new TreeWriter(directory, consume, options);
      for await (const entry of walk(directory, '')) {
        options.signal?.throwIfAborted();
        if (cancelled) throw new HubError('ABORTED', `reading ${directory} was given up`);
        await writer.add(entry);
      }
      await consume(TAR_END);
    },
    cancel: () => {
      cancelled = true;
    },
  };
}

interface Found {
  /** Relative to the directory, directories with a final slash. */
  readonly path: string;
  readonly stats: BigIntStats;
}

async function* walk(directory: string, below: string): AsyncGenerator<Found> {
  for (const found of await entriesOf(directory, below)) {
    yield found;
    if (found.stats.isDirectory()) yield* walk(directory, found.path);
  }
}

/** Sorted by the name in the tar: with the final slash of directories, a whole tree comes out in byte order. */
async function entriesOf(directory: string, below: string): Promise<readonly Found[]> {
  const place = join(directory, below);
  try {
    const found: (Found & { readonly bytes: Buffer })[] = [];
    for (const name of await readdir(place, { encoding: 'buffer' })) {
      const text = utf8(name, below);
      const stats = await lstat(join(place, text), { bigint: true });
      const path = `${below}${text}${stats.isDirectory() ? '/' : ''}`;
      found.push({ path, stats, bytes: Buffer.from(path) });
    }
    return found.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  } catch (error) {
    throw storageError(error, `cannot read ${place}`);
  }
}

function utf8(name: Buffer, below: string): string {
  const text = name.toString('utf8');
  if (Buffer.from(text).equals(name)) return text;
  throw new HubError('UNSUPPORTED', `a name in "${below}" is not UTF-8: ${text}`, {
    hint: 'make the tar with tar -cf, and import that',
  });
}

class TreeWriter {
  readonly #directory: string;
  readonly #consume: Consume;
  readonly #options: TarTreeOptions;
  /** First path of a file with several names, by device and inode. */
  readonly #linked = new Map<string, string>();

  constructor(directory: string, consume: Consume, options: TarTreeOptions) {
    this.#directory = directory;
    this.#consume = consume;
    this.#options = options;
  }

  async add({ path, stats }: Found): Promise<void> {
    const kind = kindOf(stats);
    if (kind === undefined) return this.#options.onWarning?.(`${path} is a socket and is left out`);
    const first = kind === 'file' ? this.#firstName(path, stats) : undefined;
    if (first !== undefined)
      return this.#header({ ...facts(path, stats, this.#options), kind: 'hardlink', linkPath: first });
    if (kind === 'file') return this.#file(path, stats);
    const linkPath = kind === 'symlink' ? await this.#linkTarget(path) : undefined;
    const device = kind === 'character' || kind === 'block' ? deviceNumbers(stats.rdev) : {};
    return this.#header({ ...facts(path, stats, this.#options), kind, linkPath, ...device });
  }

  #firstName(path: string, stats: BigIntStats): string | undefined {
    if (stats.nlink <= 1n) return undefined;
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#linked.get(inode);
    if (first === undefined) this.#linked.set(inode, path);
    return first;
  }

  async #file(path: string, stats: BigIntStats): Promise<void> {
    const size = Number(stats.size);
    const file = await this.#open(path);
    try {
      const now = await file.stat({ bigint: true });
      if (!now.isFile() || now.ino !== stats.ino || now.size !== stats.size) throw changed(path);
      await this.#header({ ...facts(path, stats, this.#options), kind: 'file', size });
      await fileContent(file, { start: 0, end: size, what: path, signal: this.#options.signal }).forEach(this.#consume);
    } finally {
      await file.close();
    }
    await this.#consume(new Uint8Array(paddingAfter(size)));
  }

  #open(path: string): ReturnType<typeof open> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return open(join(this.#directory, path), flags).catch((error: unknown) => {
      throw storageError(error, `cannot read ${path}`);
    });
  }

  async #linkTarget(path: string): Promise<string> {
    return utf8(await readlink(join(this.#directory, path), { encoding: 'buffer' }), path);
  }

  async #header(entry: TarEntry): Promise<void> {
    for (const block of encodeEntry(entry)) await this.#consume(block);
  }
}

function kindOf(stats: BigIntStats): Exclude<TarKind, 'other'> | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'character';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}

function facts(path: string, stats: BigIntStats, { latest }: TarTreeOptions): Omit<TarEntry, 'kind'> {
  const modified = Number(stats.mtimeNs / 1_000_000_000n);
  return {
    path,
    size: 0,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: latest === undefined ? modified : Math.min(modified, latest),
  };
}

/** How Linux packs both numbers into one [makedev(3), glibc]. */
function deviceNumbers(device: bigint): Pick<TarEntry, 'deviceMajor' | 'deviceMinor'> {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return { deviceMajor: Number(major), deviceMinor: Number(minor) };
}

function changed(path: string): HubError {
  return new HubError('CONTENT_INVALID', `"${path}" changed while it was read`, {
    hint: 'try again when nothing writes there',
  });
}
