// How does one blob come together in a file that survives an interruption?
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Open, ReadOptions } from '../../transfer/endpoint.ts';
import { Verifier } from '../../transfer/verify.ts';
import { isErrno, storageError } from '../../util/fs.ts';
import type { Lock } from '../../util/lock.ts';
import type { Reservation } from './space.ts';

export interface FillOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of the blob; lost when this process stood still for too long. */
  readonly lock: Lock;
  readonly reservation: Reservation;
}

const OPEN = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const BLOCK = 1024 * 1024;
/** After a pause this long somebody may have taken the lock over. */
const PAUSE = 10_000; // milliseconds
const read = promisify(fs.read);
const datasync = promisify(fs.fdatasync);

/**
 * The partial file of one blob, whose lock the caller holds. Chunks are hashed and written in the same tick as they
 * arrive: no stream, no copy, no promise per chunk.
 */
export class PartFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #descriptor: Descriptor;
  #verifier: Verifier;
  #position = 0;

  /** Throws STORAGE. */
  constructor(path: string, descriptor: Descriptor) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#verifier = new Verifier(descriptor);
    this.#fd = openFile(path);
  }

  /** Bytes that an earlier attempt left. */
  get size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  /**
   * Gets all bytes that are missing, and verifies the whole: bytes of an earlier attempt are hashed again. When they
   * turn out to be wrong, or the source cannot start in the middle, everything is got anew.
   * Throws DIGEST_MISMATCH, STORAGE, LOCKED, and what the source throws.
   */
  async fill(open: Open, options: FillOptions): Promise<void> {
    if (await this.#hashEarlier(options)) {
      try {
        if (this.#position < this.#descriptor.size) await this.#receive(open, { start: this.#position }, options);
        return this.#verifier.finish();
      } catch (error) {
        if (!HubError.is(error, 'UNSUPPORTED') && !HubError.is(error, 'DIGEST_MISMATCH')) throw error;
      }
    }
    this.#startAgain(options);
    const verified = await this.#receive(open, {}, options);
    if (!verified) this.#verifier.finish();
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
  close(failure?: unknown): void {
    const useless = failure !== undefined && (this.size === 0 || isHopeless(failure));
    fs.closeSync(this.#fd);
    if (useless) fs.rmSync(this.#path, { force: true });
  }

  /** Hashes what an earlier attempt left; false when there is nothing of use. */
  async #hashEarlier({ signal }: FillOptions): Promise<boolean> {
    const { size } = this;
    if (size === 0 || size > this.#descriptor.size) return false;
    const buffer = Buffer.allocUnsafe(Math.min(BLOCK, size));
    while (this.#position < size) {
      signal?.throwIfAborted();
      const bytesRead = await this.#read(buffer);
      if (bytesRead === 0) return false;
      this.#verifier.update(buffer.subarray(0, bytesRead));
      this.#position += bytesRead;
    }
    return true;
  }

  async #read(buffer: Buffer): Promise<number> {
    try {
      return (await read(this.#fd, buffer, 0, buffer.length, this.#position)).bytesRead;
    } catch (error) {
      throw storageError(error, `cannot read ${this.#path}`);
    }
  }

  #startAgain({ reservation }: FillOptions): void {
    try {
      fs.ftruncateSync(this.#fd, 0);
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
    this.#position = 0;
    this.#verifier = new Verifier(this.#descriptor);
    reservation.left = this.#descriptor.size;
  }

  /** True when the source has verified the whole by itself. */
  async #receive(open: Open, range: ReadOptions, options: FillOptions): Promise<boolean> {
    const { signal, lock, reservation } = options;
    const content = await open({ ...range, signal });
    const verified = content.verified === true && range.start === undefined;
    let last = performance.now();
    try {
      await content.forEach((chunk) => {
        signal?.throwIfAborted();
        const now = performance.now();
        if (now - last > PAUSE) lock.check();
        last = now;
        if (!verified) this.#verifier.update(chunk);
        this.#append(chunk);
        reservation.left -= chunk.length;
      });
    } catch (error) {
      content.cancel();
      throw error;
    }
    return verified && this.#position === this.#descriptor.size;
  }

  #append(chunk: Uint8Array): void {
    try {
      for (let written = 0; written < chunk.length;) {
        written += fs.writeSync(this.#fd, chunk, written, chunk.length - written, this.#position + written);
      }
    } catch (error) {
      throw storageError(error, `cannot write ${this.#path}`);
    }
    this.#position += chunk.length;
  }
}

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
