// How do the small chunks of a request get into a file with few calls and bounded memory?
import type { FileHandle } from 'node:fs/promises';

/** Bytes gathered before they are written, and bytes that may wait before the sender has to. */
const BATCH = 256 * 1024;
const MOST_WAITING = 512 * 1024;

/** Appends chunks to a file from a position on. Chunks are kept until they are written, not copied. */
export class ChunkWriter {
  readonly #file: FileHandle;
  #position: number;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #writing: Promise<void> | undefined;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Bytes of the file that are written. */
  get position(): number {
    return this.#position;
  }

  /** A promise when the sender should wait. It rejects with the error of the file system. */
  add(chunk: Uint8Array): void | Promise<void> {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting < BATCH) return undefined;
    const writing = (this.#writing ??= this.#writeAll(BATCH));
    if (this.#waiting >= MOST_WAITING) return writing;
    // A failure is told to whoever waits next, at the latest by `flush`.
    writing.catch(() => undefined);
    return undefined;
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    await this.#writing;
    await this.#writeAll(1);
  }

  /** Writes until less than `least` bytes wait. */
  async #writeAll(least: number): Promise<void> {
    while (this.#waiting >= least) {
      const chunks = this.#chunks;
      const size = this.#waiting;
      this.#chunks = [];
      this.#waiting = 0;
      await this.#write(chunks, size);
    }
    this.#writing = undefined;
  }

  async #write(chunks: readonly Uint8Array[], size: number): Promise<void> {
    const { bytesWritten } = await this.#file.writev([...chunks], this.#position);
    this.#position += bytesWritten;
    if (bytesWritten === size) return;
    // A short write: go on where it stopped, until the file system says why.
    let skip = bytesWritten;
    for (const chunk of chunks) {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      for (let done = 0; done < rest.length;) {
        const { bytesWritten: more } = await this.#file.write(rest, done, rest.length - done, this.#position);
        done += more;
        this.#position += more;
      }
    }
  }
}
