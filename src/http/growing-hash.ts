// How does a thread hash a file that it, and others, are writing?
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { readBuffer, roomAt } from '../util/read-buffer.ts';

const BLOCK = 1024 * 1024;

/**
 * Hashes each byte of a file once, in order: as it passes where that is possible, or read from the file once all before it
 * are there. Reads a block a turn, so that sockets are not kept waiting.
 */
export class GrowingHash {
  readonly #fd: number;
  readonly #hash: Hash;
  readonly #onEnd: (hex: string | undefined) => void;
  #buffer: Buffer | undefined;
  #at = 0;
  #known = 0;
  #size: number | undefined;
  #isReading = false;
  #hasEnded = false;

  /** `onEnd` is told once: the hash in hex, or undefined when the file could not be read. Throws for an unknown algorithm. */
  constructor(fd: number, algorithm: string, onEnd: (hex: string | undefined) => void) {
    this.#fd = fd;
    this.#hash = createHash(algorithm);
    this.#onEnd = onEnd;
  }

  /** These bytes are at `position` of the file now. */
  wrote(bytes: Uint8Array, position: number): void {
    if (position !== this.#at || this.#hasEnded) return;
    this.#hash.update(bytes);
    this.#at += bytes.length;
  }

  /** Bytes up to `prefix` can be read. */
  advance(prefix: number): void {
    this.#known = Math.max(this.#known, prefix);
    this.#next();
  }

  /** The file has this many bytes, and all are there. */
  finish(size: number): void {
    this.#size = size;
    this.advance(size);
  }

  /** The file is not read any more. */
  stop(): void {
    this.#end(undefined);
  }

  #next(): void {
    if (this.#isReading || this.#hasEnded) return;
    if (this.#at < this.#known) {
      this.#isReading = true;
      setImmediate(() => this.#read());
    } else if (this.#size !== undefined) this.#end(this.#hash.digest('hex'));
  }

  #read(): void {
    this.#isReading = false;
    if (this.#hasEnded) return;
    const length = Math.min(BLOCK, this.#known - this.#at);
    if (length > 0) {
      this.#buffer ??= readBuffer(BLOCK);
      const room = roomAt(this.#buffer, this.#at, length);
      const read = this.#readInto(room);
      if (read === 0) return this.#end(undefined);
      this.wrote(room.subarray(0, read), this.#at);
    }
    this.#next();
  }

  #readInto(room: Buffer): number {
    try {
      return readSync(this.#fd, room, 0, room.length, this.#at);
    } catch {
      // Whoever asked reads it again, and says what is wrong.
      return 0;
    }
  }

  #end(hex: string | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#buffer = undefined;
    this.#onEnd(hex);
  }
}
