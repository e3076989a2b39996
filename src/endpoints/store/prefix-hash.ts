// How is a file hashed whose bytes do not all come in order?
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf } from '../../spec/digest.ts';
import { Verifier, checkHash } from '../../transfer/verify.ts';
import type { FileHash } from '../../util/landing.ts';
import { readInto } from '../../util/open-file.ts';
import { readBuffer, roomAt } from '../../util/read-buffer.ts';
import type { HashThreads } from './hash-thread.ts';

const BLOCK = 1024 * 1024;

/**
 * Hashes each byte once, in order. A large file is read by a thread as it grows. Else bytes are hashed as they arrive where
 * that is possible, or read from the file once all before them are there.
 */
export class PrefixHash {
  readonly #fd: number;
  readonly #descriptor: Descriptor;
  readonly #verifier: Verifier;
  readonly #threads: HashThreads | undefined;
  #thread: FileHash | undefined;
  /** It is decided who hashes. */
  #hasBegun = false;
  #running: Promise<void> | undefined;
  #prefix = 0;
  #told = 0;

  constructor(fd: number, descriptor: Descriptor, threads?: HashThreads) {
    this.#fd = fd;
    this.#descriptor = descriptor;
    this.#verifier = new Verifier(descriptor);
    this.#threads = threads;
  }

  /** Whoever brings the bytes hashes them as well, unless that is being done already. Bytes up to `prefix` are in the file. */
  adopt(hash: FileHash, prefix: number): boolean {
    if (this.#hasBegun) return false;
    this.#hasBegun = true;
    this.#thread = hash;
    this.catchUp(prefix);
    return true;
  }

  /** A chunk that was just written at `position`; now all bytes up to `prefix` are in the file. */
  wrote(chunk: Uint8Array, position: number, prefix: number): void {
    this.#begin();
    if (!this.#thread && !this.#running && position === this.#verifier.size) this.#verifier.update(chunk);
    this.catchUp(prefix);
  }

  /** Bytes up to `prefix` are in the file: those that were not seen as they came, here or by who hashes, are read from it. */
  catchUp(prefix: number): void {
    this.#begin();
    this.#prefix = Math.max(this.#prefix, prefix);
    if (this.#thread) return this.#tell(this.#thread);
    if (this.#running || this.#verifier.size >= this.#prefix) return;
    this.#running = this.#read().finally(() => {
      this.#running = undefined;
    });
    // Whoever calls `finish` learns of it.
    this.#running.catch(() => undefined);
  }

  /** Judges the whole, of which all bytes up to `prefix` are in the file. Throws DIGEST_MISMATCH, and errors of the file. */
  async finish(prefix: number): Promise<void> {
    this.#begin();
    const hex = await this.#thread?.finish(prefix);
    this.#thread = undefined;
    if (hex !== undefined) return checkHash(this.#descriptor, prefix, hex);
    await this.#settled();
    this.catchUp(prefix);
    await this.#running;
    this.#verifier.finish();
  }

  /** Gives up. Resolves when the file is not read any more. */
  async stop(): Promise<void> {
    await this.#thread?.stop();
    this.#thread = undefined;
    this.#prefix = 0;
    await this.#settled();
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { digest, size } = this.#descriptor;
    if (this.#threads && size >= this.#threads.least) this.#thread = this.#threads.begin(this.#fd, algorithmOf(digest));
  }

  /** Not of each piece: waking a thread costs more than hashing one. */
  #tell(thread: FileHash): void {
    if (this.#prefix - this.#told < BLOCK) return;
    this.#told = this.#prefix;
    thread.advance(this.#prefix);
  }

  async #settled(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #read(): Promise<void> {
    const most = Math.min(BLOCK, this.#prefix - this.#verifier.size);
    const buffer = readBuffer(most);
    for (let at = this.#verifier.size; at < this.#prefix; at = this.#verifier.size) {
      const room = roomAt(buffer, at, Math.min(most, this.#prefix - at));
      const { bytesRead } = await readInto(this.#fd, room, 0, room.length, at);
      if (bytesRead === 0) return;
      this.#verifier.update(room.subarray(0, bytesRead));
    }
  }
}
