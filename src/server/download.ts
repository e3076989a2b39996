// How do many clients read one blob while it still arrives from upstream?
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { HubError } from '../errors.ts';
import type { Content, ReadOptions } from '../transfer/endpoint.ts';
import { fileContent } from '../util/file-content.ts';
import { storageError } from '../util/fs.ts';

/** Bytes after which readers are told that there is more. */
const STEP = 256 * 1024;

/** A file that grows. Readers may come at any time; the last byte is theirs only when the whole is proven. */
export class Download {
  readonly size: number;
  readonly #path: string;
  #available = 0;
  #told = 0;
  #done = false;
  #failure: unknown;
  #wake: () => void = () => undefined;
  #more: Promise<void>;

  constructor(path: string, size: number) {
    this.#path = path;
    this.size = size;
    this.#more = this.#nextSignal();
  }

  /** Bytes from the beginning of the file that are written. */
  advance(available: number): void {
    this.#available = available;
    if (available - this.#told < STEP) return;
    this.#told = available;
    this.#signal();
  }

  /** The content is complete and proven. */
  finish(): void {
    this.#done = true;
    this.#available = this.size;
    this.#signal();
  }

  /** The content will never be complete: readers fail before the last byte. */
  fail(error: unknown): void {
    this.#failure = error;
    this.#done = true;
    this.#signal();
  }

  /** The part of the content, as far as it is here at once and the rest as it arrives. Throws STORAGE. */
  async open({ start = 0, end = this.size, signal }: ReadOptions = {}): Promise<Content> {
    const file = await open(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
      throw storageError(error, 'cannot read a download');
    });
    let cancelled = false;
    const close = async (): Promise<void> => {
      if (!cancelled) await file.close();
      cancelled = true;
    };
    return {
      forEach: async (consume) => {
        try {
          for (let position = start; position < end;) {
            const available = Math.min(end, await this.#availableAfter(position, signal));
            await part(file, position, available, consume);
            position = available;
          }
        } finally {
          await close();
        }
      },
      cancel: () => void close().catch(() => undefined),
    };
  }

  /** How far the file may be read, as soon as that is beyond `position`. */
  async #availableAfter(position: number, signal: AbortSignal | undefined): Promise<number> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      const limit = this.#done ? this.size : Math.min(this.#available, this.size - 1);
      if (limit > position) return limit;
      if (this.#done) throw new HubError('CONTENT_INVALID', 'a download ended too early');
      await this.#more;
    }
  }

  #signal(): void {
    const wake = this.#wake;
    this.#more = this.#nextSignal();
    wake();
  }

  #nextSignal(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function part(
  file: FileHandle,
  start: number,
  end: number,
  consume: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  return fileContent(file, { start, end, what: 'a download' }).forEach(consume);
}
