// How does a part of an open file become content?
import { readSync } from 'node:fs';
import { HubError } from '../errors.ts';
import type { Content } from './content.ts';
import type { OpenFile } from './open-file.ts';
import { readBuffer, roomAt } from './read-buffer.ts';

const BUFFER = 256 * 1024;

export interface FilePart {
  /** First byte wanted. */
  readonly start: number;
  /** First byte not wanted. */
  readonly end: number;
  /** Close the file afterwards, or when the content is cancelled. */
  readonly close?: boolean | undefined;
  /** Names the content in messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes read at once; 256 KiB by default. */
  readonly bufferSize?: number | undefined;
  /** What the system has at hand is read without another thread, which costs more than the bytes. False by default. */
  readonly atOnce?: boolean | undefined;
  /** Called once, when nothing more will be read. */
  readonly onEnd?: (() => void) | undefined;
}

/** Milliseconds after which a piece was not at hand, and pieces that other threads read then. */
const SLOW = 4;
const ELSEWHERE = 16;
/** Pieces that are read in one go, so that nobody else waits long for a turn. */
const BREATH = 8;

/**
 * Buffers that nobody reads into at the moment, the one used last at the end: it is still in the cache of the processor, which
 * several files read in turns into buffers of their own are not.
 */
const spare: Buffer[] = [];
const MOST_SPARE = 8;

function takeBuffer(size: number): Buffer {
  return (size === BUFFER ? spare.pop() : undefined) ?? readBuffer(size);
}

/** Bytes of a file from `start` to `end`. Throws CONTENT_INVALID when the file turns out to be shorter. */
export function fileContent(file: OpenFile, part: FilePart): Content {
  let cancelled = false;
  const close = async (): Promise<void> => {
    part.onEnd?.();
    if (part.close) await file.close();
  };
  return {
    forEach: async (consume) => {
      const pieces = new Pieces(file, part);
      try {
        for (let position = part.start; position < part.end;) {
          const next = pieces.next(position);
          const { buffer, bytes } = next instanceof Promise ? await next : next;
          part.signal?.throwIfAborted();
          if (cancelled) throw new HubError('ABORTED', `reading ${part.what} was given up`);
          if (bytes.length === 0) throw new HubError('CONTENT_INVALID', `${part.what} ends too early`);
          position += bytes.length;
          pieces.lookAhead(position);
          const pause = consume(bytes) ?? pieces.breath();
          if (pause) await pause;
          // Not after a failure: somebody may still look at it.
          pieces.giveBack(buffer);
        }
      } finally {
        const isOpen = !cancelled;
        cancelled = true;
        // A file is not closed under a read.
        await pieces.settled();
        if (isOpen) await close();
      }
    },
    cancel: () => {
      if (cancelled) return;
      cancelled = true;
      // Nobody waits for this; a file that cannot be closed was not going to be used again.
      close().catch(() => undefined);
    },
  };
}

interface Piece {
  readonly buffer: Buffer;
  /** What was read into it. */
  readonly bytes: Buffer;
}

/** One piece may be read while the other is in use. */
class Pieces {
  readonly #file: OpenFile;
  readonly #part: FilePart;
  readonly #size: number;
  #turns = 0;
  #ahead: Promise<Piece> | undefined;
  /** So many pieces are left to other threads. */
  #elsewhere: number;

  constructor(file: OpenFile, part: FilePart) {
    this.#file = file;
    this.#part = part;
    this.#size = Math.min(part.bufferSize ?? BUFFER, part.end - part.start);
    this.#elsewhere = part.atOnce === true ? 0 : Number.POSITIVE_INFINITY;
  }

  next(position: number): Piece | Promise<Piece> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ?? (this.#elsewhere > 0 ? this.#fill(position) : this.#fillAtOnce(position));
  }

  lookAhead(position: number): void {
    if (this.#elsewhere === 0 || position >= this.#part.end) return;
    this.#elsewhere -= 1;
    this.#ahead = this.#fill(position);
  }

  /** Nobody reads what is in it any more. */
  giveBack(buffer: Buffer): void {
    if (this.#size === BUFFER && spare.length < MOST_SPARE) spare.push(buffer);
  }

  /** Lets others have their turn where reading alone does not. */
  breath(): Promise<void> | undefined {
    const isDue = !this.#ahead && this.#turns % BREATH === 0;
    return isDue ? new Promise((resolve) => setImmediate(resolve)) : undefined;
  }

  async settled(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
  }

  async #fill(position: number): Promise<Piece> {
    const { buffer, room } = this.#nextRoom(position);
    const { bytesRead } = await this.#file.read(room, 0, room.length, position);
    return { buffer, bytes: room.subarray(0, bytesRead) };
  }

  #fillAtOnce(position: number): Piece {
    const { buffer, room } = this.#nextRoom(position);
    const since = performance.now();
    const bytesRead = readSync(this.#file.fd, room, 0, room.length, position);
    if (performance.now() - since > SLOW) this.#elsewhere = ELSEWHERE;
    return { buffer, bytes: room.subarray(0, bytesRead) };
  }

  #nextRoom(position: number): { buffer: Buffer; room: Buffer } {
    this.#turns += 1;
    const buffer = takeBuffer(this.#size);
    return { buffer, room: roomAt(buffer, position, Math.min(this.#size, this.#part.end - position)) };
  }
}
