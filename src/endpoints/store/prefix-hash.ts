// How is a file hashed whose bytes do not all come in order?
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { Descriptor } from '../../spec/descriptor.ts';
import { Verifier } from '../../transfer/verify.ts';

const BLOCK = 1024 * 1024;
const read = promisify(fs.read);

/** Hashes each byte once, in order: as it arrives where that is possible, else from the file, once all before it is there. */
export class PrefixHash {
  readonly #fd: number;
  readonly #verifier: Verifier;
  #running: Promise<void> | undefined;
  #prefix = 0;

  constructor(fd: number, descriptor: Descriptor) {
    this.#fd = fd;
    this.#verifier = new Verifier(descriptor);
  }

  /** A chunk that was just written at `position`. */
  take(chunk: Uint8Array, position: number): void {
    if (position === this.#verifier.size && !this.#running) this.#verifier.update(chunk);
  }

  /** Bytes up to `prefix` are in the file: those that were not seen as they came are read from it. */
  catchUp(prefix: number): void {
    this.#prefix = Math.max(this.#prefix, prefix);
    if (this.#running || this.#verifier.size >= this.#prefix) return;
    this.#running = this.#read().finally(() => {
      this.#running = undefined;
    });
    // Whoever calls `finish` learns of it.
    this.#running.catch(() => undefined);
  }

  /** Judges the whole, of which all bytes up to `prefix` are in the file. Throws DIGEST_MISMATCH, and errors of the file. */
  async finish(prefix: number): Promise<void> {
    await this.settle();
    this.catchUp(prefix);
    await this.#running;
    this.#verifier.finish();
  }

  /** Waits until the file is not read any more. */
  async settle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #read(): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(BLOCK, this.#prefix - this.#verifier.size));
    for (let at = this.#verifier.size; at < this.#prefix; at = this.#verifier.size) {
      const { bytesRead } = await read(this.#fd, buffer, 0, Math.min(buffer.length, this.#prefix - at), at);
      if (bytesRead === 0) return;
      this.#verifier.update(buffer.subarray(0, bytesRead));
    }
  }
}
