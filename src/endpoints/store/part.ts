// How does one blob come together in a file that survives an interruption?
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Open } from '../../transfer/endpoint.ts';
import { isErrno, storageError } from '../../util/fs.ts';
import { Filling, type FillOptions } from './filling.ts';
import type { HashThreads } from './hash-thread.ts';
import { PrefixHash } from './prefix-hash.ts';
import { Spans, type Span } from './spans.ts';

const OPEN = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const datasync = promisify(fs.fdatasync);
/** A note behind the bytes: `span`, then two numbers of six bytes. */
const NOTE = { mark: 0x7370616e, length: 16 };

/**
 * The partial file of one blob, whose lock the caller holds. Chunks are written in the same tick as they arrive: no stream,
 * no copy, no promise per chunk. While bytes come in order, the length of the file says what is there. When they do not,
 * notes behind the place of the last byte do, and a hole is never taken for data.
 */
export class PartFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #size: number;
  readonly #descriptor: Descriptor;
  readonly #threads: HashThreads | undefined;
  #present = new Spans();
  #hash: PrefixHash;
  /** Where the next note goes; undefined while bytes come in order. */
  #noteAt: number | undefined;

  /** Throws STORAGE. */
  constructor(path: string, descriptor: Descriptor, threads?: HashThreads) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#size = descriptor.size;
    this.#fd = openFile(path);
    this.#threads = threads;
    this.#hash = new PrefixHash(this.#fd, descriptor, threads);
    this.#recall();
  }

  /** Bytes that an earlier attempt left, or that came since. */
  get size(): number {
    return this.#present.total;
  }

  /**
   * Gets all bytes that are missing, and verifies the whole: bytes of an earlier attempt are hashed again. When they
   * turn out to be wrong, or the source cannot start in the middle, everything is got anew.
   * Throws DIGEST_MISMATCH, STORAGE, LOCKED, and what the source throws.
   */
  async fill(open: Open, options: FillOptions): Promise<void> {
    if (this.size > 0) {
      try {
        return await this.#complete(open, options);
      } catch (error) {
        if (!HubError.is(error, 'UNSUPPORTED') && !HubError.is(error, 'DIGEST_MISMATCH')) throw error;
      }
      await this.#hash.stop();
      this.#empty();
      options.reservation.left = this.#size;
      return this.#complete((range) => open({ ...range, fresh: true }), options);
    }
    await this.#complete(open, options);
  }

  /** Waits until the bytes are on the disk, not only on their way to it. */
  async sync(): Promise<void> {
    try {
      await datasync(this.#fd);
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
  }

  /** Closes the file. After a failure it stays for resume, unless its bytes are wrong, there are none, or the disk needs them. */
  async close(failure?: unknown): Promise<void> {
    const useless = failure !== undefined && (this.size === 0 || isHopeless(failure));
    await this.#hash.stop();
    fs.closeSync(this.#fd);
    if (useless) fs.rmSync(this.#path, { force: true });
  }

  async #complete(open: Open, options: FillOptions): Promise<void> {
    const present = this.#present;
    // What was there before is read while the rest arrives.
    this.#hash.catchUp(present.prefix);
    const filling = new Filling(open, this.#descriptor, {
      ...options,
      present,
      write: (chunk, position) => this.#write(chunk, position),
      note: (span) => this.#note(span),
      scatter: () => this.#scatter(),
    });
    const isVerified = await filling.run();
    options.signal?.throwIfAborted();
    try {
      if (!isVerified) await this.#hash.finish(present.prefix);
      if (this.#noteAt !== undefined) fs.ftruncateSync(this.#fd, this.#size);
    } catch (error) {
      throw storageError(error, `cannot read ${this.#path}`);
    }
  }

  #write(chunk: Uint8Array, position: number): void {
    try {
      for (let written = 0; written < chunk.length;) {
        written += fs.writeSync(this.#fd, chunk, written, chunk.length - written, position + written);
      }
      this.#present.add({ start: position, end: position + chunk.length });
      this.#hash.wrote(chunk, position, this.#present.prefix);
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
  }

  /** From now on bytes come in any order. */
  #scatter(): void {
    if (this.#noteAt !== undefined) return;
    this.#noteAt = this.#size;
    this.#note({ start: 0, end: this.#present.prefix });
  }

  #note({ start, end }: Span): void {
    if (this.#noteAt === undefined) return;
    const note = Buffer.alloc(NOTE.length);
    note.writeUInt32BE(NOTE.mark, 0);
    note.writeUIntBE(start, 4, 6);
    note.writeUIntBE(end, 10, 6);
    try {
      fs.writeSync(this.#fd, note, 0, note.length, this.#noteAt);
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
    this.#noteAt += note.length;
  }

  /** Finds out what an earlier attempt left. */
  #recall(): void {
    const length = fs.fstatSync(this.#fd).size;
    if (length <= this.#size) return this.#present.add({ start: 0, end: length });
    const notes = Buffer.alloc(Math.min(length - this.#size, MOST_NOTES * NOTE.length));
    const read = fs.readSync(this.#fd, notes, 0, notes.length, this.#size);
    this.#noteAt = this.#size;
    for (let at = 0; at + NOTE.length <= read; at += NOTE.length) {
      const [start, end] = [notes.readUIntBE(at + 4, 6), notes.readUIntBE(at + 10, 6)];
      // A note that is torn, or that no program of ours wrote: nothing behind it counts.
      if (notes.readUInt32BE(at) !== NOTE.mark || start > end || end > this.#size) break;
      this.#present.add({ start, end });
      this.#noteAt += NOTE.length;
    }
    if (this.size > 0) return;
    this.#shorten(0);
    this.#noteAt = undefined;
  }

  #shorten(length: number): void {
    try {
      fs.ftruncateSync(this.#fd, length);
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
  }

  #empty(): void {
    this.#shorten(0);
    this.#noteAt = undefined;
    this.#present = new Spans();
    this.#hash = new PrefixHash(this.#fd, this.#descriptor, this.#threads);
  }
}

/** One for each 16 KiB of 16 GB; pieces that are noted behind those are fetched again. */
const MOST_NOTES = 1_000_000;

function openFile(path: string): number {
  try {
    const fd = fs.openSync(path, OPEN, 0o600);
    if (fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
  } catch (error) {
    if (!isErrno(error, 'ELOOP')) throw storageError(error, `cannot write ${path}`);
  }
  // A link or a pipe that somebody put here: replaced, never followed.
  fs.rmSync(path, { force: true });
  return fs.openSync(path, OPEN | fs.constants.O_EXCL, 0o600);
}

function isHopeless(failure: unknown): boolean {
  if (!HubError.is(failure)) return false;
  const errno = failure.details['errno'];
  return failure.code === 'DIGEST_MISMATCH' || errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG';
}
