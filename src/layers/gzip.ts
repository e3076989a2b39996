// How is a layer packed with gzip on all processors, so that the same bytes come out every time?
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw, type InputType, type ZlibOptions } from 'node:zlib';
import type { Content } from '../util/content.ts';
import { converted, type Consume, type Converter } from './compression.ts';

export interface GzipOptions {
  /** Blocks that are packed at once: one more than there are processors, at most 16. Never changes the result. */
  readonly atOnce?: number | undefined;
}

/**
 * Bytes of a block. Blocks are packed independently, each with the end of the one before as its dictionary, by the threads
 * that Node.js keeps for such work. That costs 5 bytes a block, nothing that shows in the ratio.
 */
const BLOCK = 512 * 1024;
/** How far deflate looks back [RFC 1951 section 2]. */
const WINDOW = 32 * 1024;
const LEVEL = 6;
const MOST_AT_ONCE = 16;
/** No name, no time, no flags, an unknown operating system [RFC 1952 section 2.3]. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

const deflate = promisify<InputType, ZlibOptions, Buffer>(deflateRaw);

/** The gzip of content: level 6, no name, no time, so that equal input and equal zlib give equal bytes. */
export function gzipped(content: Content, options: GzipOptions = {}): Content {
  return converted(content, async (consume) => gzipper(consume, options));
}

/** Compresses what is written to it, like `gzipped`. */
export function gzipper(consume: Consume, options: GzipOptions = {}): Converter {
  return new BlockGzip(consume, options.atOnce ?? Math.min(availableParallelism() + 1, MOST_AT_ONCE));
}

class BlockGzip implements Converter {
  readonly #consume: Consume;
  readonly #atOnce: number;
  #block: Buffer = Buffer.allocUnsafe(BLOCK);
  #filled = 0;
  #dictionary: Buffer | undefined;
  #crc = 0;
  #size = 0;
  #hasBegun = false;
  /** Packed blocks, and those that will be, in order. */
  #packed: Promise<Buffer>[] = [];

  constructor(consume: Consume, atOnce: number) {
    this.#consume = consume;
    this.#atOnce = atOnce;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#crc = crc32(chunk, this.#crc);
    this.#size += chunk.length;
    for (let start = 0; start < chunk.length;) {
      const piece = chunk.subarray(start, start + BLOCK - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.length;
      start += piece.length;
      if (this.#filled === BLOCK) await this.#pack(false);
    }
  }

  async end(): Promise<void> {
    await this.#pack(true);
    while (this.#packed.length > 0) await this.#hand();
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#size % 2 ** 32, 4);
    await this.#consume(trailer);
  }

  cancel(): void {
    this.#packed = [];
  }

  async #pack(isLast: boolean): Promise<void> {
    const block = this.#block.subarray(0, this.#filled);
    const work = deflate(block, {
      level: LEVEL,
      dictionary: this.#dictionary,
      finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
      chunkSize: BLOCK + WINDOW,
    });
    // A failure reaches whoever waits for the block; this only keeps it from being called unhandled after a cancel.
    work.catch(() => undefined);
    this.#packed.push(work);
    this.#dictionary = Buffer.from(block.subarray(-WINDOW));
    this.#block = isLast ? Buffer.alloc(0) : Buffer.allocUnsafe(BLOCK);
    this.#filled = 0;
    if (this.#packed.length >= this.#atOnce) await this.#hand();
  }

  /** The oldest block goes on. */
  async #hand(): Promise<void> {
    const bytes = await this.#packed.shift();
    if (bytes === undefined) return;
    if (!this.#hasBegun) await this.#consume(Buffer.from(HEADER));
    this.#hasBegun = true;
    await this.#consume(bytes);
  }
}
