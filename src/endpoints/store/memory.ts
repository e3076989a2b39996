// How does a store remember small things that help later and that it can do without?
import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno, storageError, writeFileAtomic } from '../../util/fs.ts';
import { lstatIfExistsSync, readIfExistsSync } from '../../util/fs-sync.ts';
import { withLock } from '../../util/lock.ts';

export interface MemoryOptions<T> {
  /** Undefined for a line that is not understood: it is skipped. */
  readonly parse: (value: unknown) => T | undefined;
  /** Bytes after which the older half is forgotten, 4 MiB by default. */
  readonly limit?: number | undefined;
}

const LIMIT = 4 * 1024 * 1024;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** A file of JSON lines that only grows, so that processes need no lock to add, until its older half is forgotten. */
export class Memory<T extends object> {
  readonly #path: string;
  readonly #options: MemoryOptions<T>;
  #known: { readonly size: number; readonly records: readonly T[] } | undefined;

  constructor(path: string, options: MemoryOptions<T>) {
    this.#path = path;
    this.#options = options;
  }

  /** Everything that is remembered, the oldest first; the same array until there is more. Throws STORAGE. */
  async records(): Promise<readonly T[]> {
    const size = lstatIfExistsSync(this.#path)?.size ?? 0;
    if (this.#known?.size === size) return this.#known.records;
    const bytes = readIfExistsSync(this.#path) ?? Buffer.alloc(0);
    this.#known = { size: bytes.length, records: this.#parse(bytes) };
    return this.#known.records;
  }

  /** Throws STORAGE. */
  async add(records: readonly T[]): Promise<void> {
    if (records.length === 0) return;
    // A line feed in front as well: the line before may have been cut off.
    const lines = `\n${records.map((record) => `${JSON.stringify(record)}\n`).join('')}`;
    try {
      const size = append(this.#path, lines);
      if (size > (this.#options.limit ?? LIMIT)) await this.#forget();
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
  }

  /** What others add at this very moment may be lost: it was a hint. */
  async #forget(): Promise<void> {
    await withLock(`${this.#path}.lock`, {}, async () => {
      const bytes = readIfExistsSync(this.#path) ?? Buffer.alloc(0);
      const limit = this.#options.limit ?? LIMIT;
      if (bytes.length <= limit) return;
      const middle = bytes.indexOf('\n', bytes.length - limit / 2) + 1;
      await writeFileAtomic(this.#path, bytes.subarray(middle), { alone: true });
    });
  }

  #parse(bytes: Buffer): readonly T[] {
    const records: T[] = [];
    for (const line of bytes.toString('utf8').split('\n')) {
      const record = this.#options.parse(valueOf(line));
      if (record) records.push(record);
    }
    return records;
  }
}

/** One write per call, so that the lines of two processes do not mix. Gives the size of the file. */
function append(path: string, lines: string): number {
  const file = openToAppend(path);
  try {
    writeSync(file, lines);
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

function openToAppend(path: string): number {
  try {
    return openSync(path, APPEND, 0o600);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, APPEND, 0o600);
}

/** The last line may be cut off. */
function valueOf(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
