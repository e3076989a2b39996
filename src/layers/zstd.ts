// How is zstd inflated piece by piece by a decoder that trusts its input?
import { HubError } from '../errors.ts';
import { BlockWork } from './zstd-work.ts';

/** The streaming decoder of fzstd: hands output on synchronously, from inside `push`. */
export interface ZstdDecoder {
  push(chunk: Uint8Array, final?: boolean): void;
}

type OnOutput = (chunk: Uint8Array) => void;

/** RFC 8878 recommends 8 MiB at least; 128 MiB is what `zstd --long` needs and what other decoders accept. */
const MAX_WINDOW = 128 * 1024 * 1024;
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50; // 16 of them, RFC 8878 section 3.1.2
const CHECKSUM = 4;
const MAX_BLOCK = 128 * 1024;
const MAX_BLOCK_WINDOW = 7 << 3; // the window descriptor of 128 KiB
const WINDOW_BYTE = 5;
/** Every frame costs the decoder its window, however short the frame: bytes of windows that are not suspicious yet. */
const FREE_WINDOWS = 16 * 1024 ** 3;
const WINDOWS_PER_BYTE = 4096;
/** Every block costs the decoder a move of its whole window, however short the block: the same for bytes that are moved. */
const FREE_MOVES = 32 * 1024 ** 3;
const MOVES_PER_BYTE = 128 * 1024;

type State = 'magic' | 'header' | 'block' | 'checksum' | 'skip';

/**
 * Cuts a zstd stream into frames and blocks, and gives them to a decoder one block at a time: so the memory a frame asks
 * for is checked before it is allocated, output comes in pieces of at most 128 KiB, and the consumer can pause.
 * Throws CONTENT_INVALID for damaged data and for windows above 128 MiB.
 */
export class ZstdFrames {
  readonly #open: (onOutput: OnOutput) => ZstdDecoder;
  readonly #consume: (chunk: Uint8Array) => void | Promise<void>;
  readonly #what: string;
  #decoder: ZstdDecoder | undefined;
  #output: Uint8Array[] = [];
  /** The piece being collected, in a room that grows with what is needed; the largest is a block with its header. */
  #piece: Buffer = Buffer.alloc(64);
  #filled = 0;
  #state: State = 'magic';
  #needed = 4;
  #header: Buffer = Buffer.alloc(0);
  #frame: FrameHeader = { length: 0, window: 0, single: false, hasChecksum: false };
  readonly #work = new BlockWork();
  #windows = 0;
  #moved = 0;
  /** Of the decoder of this frame. */
  #window = 0;
  #seen = 0;

  constructor(
    open: (onOutput: OnOutput) => ZstdDecoder,
    consume: (chunk: Uint8Array) => void | Promise<void>,
    what: string,
  ) {
    this.#open = open;
    this.#consume = consume;
    this.#what = what;
  }

  async write(chunk: Uint8Array): Promise<void> {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#seen += rest.length;
    while (rest.length > 0) {
      if (this.#state === 'skip') rest = this.#skip(rest);
      else rest = await this.#gather(rest);
    }
  }

  async end(): Promise<void> {
    if (this.#state !== 'magic' || this.#filled > 0) throw this.#damaged('it ends too early');
  }

  cancel(): void {
    this.#decoder = undefined;
  }

  #skip(bytes: Buffer): Buffer {
    const count = Math.min(this.#needed, bytes.length);
    this.#needed -= count;
    if (this.#needed === 0) this.#expect('magic', 4);
    return bytes.subarray(count);
  }

  async #gather(bytes: Buffer): Promise<Buffer> {
    const count = Math.min(this.#needed - this.#filled, bytes.length);
    bytes.copy(this.#piece, this.#filled, 0, count);
    this.#filled += count;
    if (this.#filled === this.#needed) await this.#advance(this.#piece.subarray(0, this.#filled));
    return bytes.subarray(count);
  }

  async #advance(piece: Buffer): Promise<void> {
    switch (this.#state) {
      case 'magic':
        return this.#onMagic(piece);
      case 'header':
        return this.#onHeader(piece);
      case 'block':
        return this.#onBlock(piece);
      case 'checksum':
        return this.#endFrame(piece);
      case 'skip':
        return undefined;
    }
  }

  #onMagic(piece: Buffer): void {
    const magic = piece.readUInt32LE(0);
    if (magic === FRAME_MAGIC) return this.#more('header', 5);
    if ((magic & 0xfffffff0) >>> 0 !== SKIPPABLE_MAGIC)
      throw this.#damaged('it has no zstd frame where one must begin');
    if (piece.length < 8) return this.#more('magic', 8);
    const size = piece.readUInt32LE(4);
    this.#expect(size === 0 ? 'magic' : 'skip', size === 0 ? 4 : size);
  }

  #onHeader(piece: Buffer): void {
    const frame = readFrameHeader(piece);
    if (piece.length < frame.length) return this.#more('header', frame.length);
    if (frame.window > MAX_WINDOW) throw this.#damaged(`it needs a window of ${frame.window} bytes`);
    this.#frame = frame;
    this.#header = Buffer.from(piece);
    this.#expect('block', 3);
  }

  async #onBlock(piece: Buffer): Promise<void> {
    const head = piece.readUIntLE(0, 3);
    const [last, kind, size] = [(head & 1) === 1, (head >> 1) & 3, head >> 3];
    if (kind === 3 || size > MAX_BLOCK) throw this.#damaged('a block of it has an impossible header');
    const length = 3 + (kind === 1 ? 1 : size);
    if (piece.length < length) return this.#more('block', length);
    if (this.#header.length > 0) this.#begin(last);
    this.#moved += this.#window;
    if (this.#moved > FREE_MOVES + this.#seen * MOVES_PER_BYTE) throw this.#damaged('its blocks want too much work');
    if (kind === 2) this.#check(piece.subarray(3));
    this.#push(piece);
    await this.#flush();
    if (!last) return this.#expect('block', 3);
    if (this.#frame.hasChecksum) return this.#expect('checksum', CHECKSUM);
    return this.#endFrame(Buffer.alloc(0));
  }

  /** Opens the decoder with the first block, since a frame of one block needs no window larger than a block. */
  #begin(onlyBlock: boolean): void {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    this.#work.startFrame();
    if (onlyBlock && this.#frame.window > MAX_BLOCK) {
      if (this.#frame.single) throw this.#damaged('a frame of it is shorter than it says');
      header.writeUInt8(MAX_BLOCK_WINDOW, WINDOW_BYTE);
      this.#window = MAX_BLOCK;
    } else {
      this.#window = this.#frame.window;
      this.#windows += this.#frame.window;
    }
    if (this.#windows > FREE_WINDOWS + this.#seen * WINDOWS_PER_BYTE)
      throw this.#damaged('its frames want too much memory');
    this.#decoder = this.#open((output) => void this.#output.push(output));
    this.#push(header);
  }

  async #endFrame(checksum: Buffer): Promise<void> {
    this.#push(checksum, true);
    this.#decoder = undefined;
    this.#expect('magic', 4);
    await this.#flush();
  }

  #check(block: Buffer): void {
    this.#trying(() => this.#work.check(block, this.#window));
  }

  #push(piece: Buffer, final = false): void {
    // A copy, because the decoder keeps what it cannot use yet.
    this.#trying(() => this.#decoder?.push(Buffer.from(piece), final));
  }

  #trying(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw this.#damaged(error instanceof Error ? error.message : String(error), error);
    }
  }

  async #flush(): Promise<void> {
    const output = this.#output;
    this.#output = [];
    for (const chunk of output) if (chunk.length > 0) await this.#consume(chunk);
  }

  /** The next piece begins. */
  #expect(state: State, needed: number): void {
    this.#more(state, needed);
    this.#filled = 0;
  }

  /** The present piece turns out to be longer. */
  #more(state: State, needed: number): void {
    this.#state = state;
    this.#needed = needed;
    if (state === 'skip' || needed <= this.#piece.length) return;
    const room = Buffer.alloc(Math.min(MAX_BLOCK + 3, Math.max(needed, 2 * this.#piece.length)));
    this.#piece.copy(room, 0, 0, this.#filled);
    this.#piece = room;
  }

  #damaged(reason: string, cause?: unknown): HubError {
    return new HubError('CONTENT_INVALID', `${this.#what} cannot be decompressed: ${reason}`, { cause });
  }
}

interface FrameHeader {
  /** Bytes from the magic number to the first block. */
  readonly length: number;
  readonly window: number;
  /** The window is the whole content, whose size is in the header. */
  readonly single: boolean;
  readonly hasChecksum: boolean;
}

/** Reads as much as is there; `window` is right once all `length` bytes are [RFC 8878 section 3.1.1.1]. */
function readFrameHeader(piece: Buffer): FrameHeader {
  const flags = piece.readUInt8(4);
  const single = ((flags >> 5) & 1) === 1;
  const dictionary = [0, 1, 2, 4][flags & 3] ?? 0;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  const windowBytes = single ? 0 : 1;
  const length = 5 + windowBytes + dictionary + sizeBytes;
  const hasChecksum = ((flags >> 2) & 1) === 1;
  if (piece.length < length) return { length, window: 0, single, hasChecksum };
  if (!single) {
    const descriptor = piece.readUInt8(5);
    const base = 2 ** (10 + (descriptor >> 3));
    return { length, window: base + (base / 8) * (descriptor & 7), single, hasChecksum };
  }
  return { length, window: contentSize(piece, 5 + dictionary, sizeBytes), single, hasChecksum };
}

function contentSize(piece: Buffer, offset: number, bytes: number): number {
  if (bytes === 8) return Number(piece.readBigUInt64LE(offset));
  return piece.readUIntLE(offset, bytes) + (bytes === 2 ? 256 : 0);
}
