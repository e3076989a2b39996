// How is a compressed layer unpacked, and what may convert content on its way?
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import { ZstdFrames, type ZstdDecoder } from './zstd.ts';

/** What `sniffCompression` tells apart. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

export type Consume = (chunk: Uint8Array) => void | Promise<void>;

/** Takes bytes in order and hands their conversion on. `end` must be awaited; `cancel` gives up and is safe at any time. */
export interface Converter {
  write(chunk: Uint8Array): Promise<void>;
  end(): Promise<void>;
  cancel(): void;
}

export interface InflateOptions {
  /** Names the content in messages: `layer sha256:…`. */
  readonly what?: string | undefined;
}

/** More output than this is suspicious when it is also more than `MAX_RATIO` times the input. */
const FREE_OUTPUT = 1024 ** 3;
const MAX_RATIO = 1000;
const CHUNK = 128 * 1024;

/**
 * Inflates what is written to it. `consume` gets the plain bytes, and may pause by a promise. Throws CONTENT_INVALID for
 * damaged data and for data that inflates more than 1000-fold beyond 1 GiB, UNSUPPORTED for bzip2 and xz.
 */
export async function inflater(
  compression: Compression,
  consume: Consume,
  options: InflateOptions = {},
): Promise<Converter> {
  const what = options.what ?? 'content';
  if (compression === 'none') return passing(consume);
  if (compression === 'bzip2' || compression === 'xz') throw recompress(compression, what);
  const guard = new RatioGuard(what);
  const guarded: Consume = (chunk) => {
    guard.out(chunk.length);
    return consume(chunk);
  };
  const inner = await converterFor(compression, guarded, what);
  return {
    write: (chunk) => {
      guard.in(chunk.length);
      return inner.write(chunk);
    },
    end: () => inner.end(),
    cancel: () => inner.cancel(),
  };
}

/** The plain bytes of compressed content. Throws like `inflater`, when it is read. */
export function inflated(content: Content, compression: Compression, options: InflateOptions = {}): Content {
  return compression === 'none' ? content : converted(content, (consume) => inflater(compression, consume, options));
}

/** Content that passes through a converter; whichever fails, both are given up. */
export function converted(content: Content, open: (consume: Consume) => Promise<Converter>): Content {
  let converter: Converter | undefined;
  return {
    forEach: async (consume) => {
      const opened = await open(consume);
      converter = opened;
      try {
        await content.forEach((chunk) => opened.write(chunk));
        await opened.end();
      } catch (error) {
        opened.cancel();
        content.cancel();
        throw error;
      }
    },
    cancel: () => {
      converter?.cancel();
      content.cancel();
    },
  };
}

function passing(consume: Consume): Converter {
  return { write: async (chunk) => consume(chunk), end: async () => undefined, cancel: () => undefined };
}

/** Loaded once: to ask for it again costs more than a small layer. */
let zstd: Promise<OpenZstd> | undefined;

type OpenZstd = (onOutput: (chunk: Uint8Array) => void) => ZstdDecoder;

async function loadZstd(): Promise<OpenZstd> {
  const { Decompress } = await import('fzstd');
  return (onOutput) => new Decompress(onOutput);
}

async function converterFor(compression: 'gzip' | 'zstd', consume: Consume, what: string): Promise<Converter> {
  if (compression === 'gzip') return new TransformConverter(zlib.createGunzip({ chunkSize: CHUNK }), consume, what);
  const native: unknown = Reflect.get(zlib, 'createZstdDecompress'); // Node 22.15 and later
  if (typeof native === 'function')
    return new TransformConverter(native({ chunkSize: CHUNK }) as Transform, consume, what);
  zstd ??= loadZstd();
  return new ZstdFrames(await zstd, consume, what);
}

/** Drives a Transform of node:zlib. A written chunk is free for reuse once its promise has settled. */
class TransformConverter implements Converter {
  readonly #transform: Transform;
  readonly #what: string;
  readonly #drained: Promise<void>;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #writing: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(transform: Transform, consume: Consume, what: string) {
    this.#transform = transform;
    this.#what = what;
    this.#drained = this.#drain(consume);
    // The failure reaches the caller through write() or end(); this also keeps it from being called unhandled.
    this.#drained.then(
      () => this.#finish(),
      (error: unknown) => this.#fail(error),
    );
  }

  write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure.error);
      if (this.#hasEnded) return resolve();
      this.#writing = { resolve, reject };
      // Why nothing more is taken, is known to whoever drains.
      this.#transform.write(chunk, (error) => (error ? undefined : resolve()));
    });
  }

  async end(): Promise<void> {
    this.#writing = undefined;
    this.#transform.end();
    await this.#drained;
  }

  cancel(): void {
    this.#fail(new HubError('ABORTED', 'the conversion was given up'));
  }

  async #drain(consume: Consume): Promise<void> {
    try {
      for await (const chunk of this.#transform as AsyncIterable<Uint8Array>) {
        const pause = consume(chunk);
        if (pause) await pause;
      }
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** The stream came to its end by itself. What follows is ignored, as gzip does; node:zlib says nothing to who writes it. */
  #finish(): void {
    this.#hasEnded = true;
    this.#writing?.resolve();
  }

  /** A write waits until its output is taken, which never happens once nobody takes it any more. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#writing?.reject(this.#failure.error);
    this.#transform.destroy();
  }

  #named(error: unknown): unknown {
    if (!(error instanceof Error) || !('code' in error) || !/^(?:Z_|ZSTD_)/.test(String(error.code))) return error;
    const reason = error.code === 'Z_BUF_ERROR' ? 'it ends too early' : error.message;
    return new HubError('CONTENT_INVALID', `${this.#what} cannot be decompressed: ${reason}`, { cause: error });
  }
}

/** Stops decompression bombs without limiting what honest data may hold. */
class RatioGuard {
  readonly #what: string;
  #in = 0;
  #out = 0;

  constructor(what: string) {
    this.#what = what;
  }

  in(bytes: number): void {
    this.#in += bytes;
  }

  out(bytes: number): void {
    this.#out += bytes;
    if (this.#out <= FREE_OUTPUT || this.#out <= this.#in * MAX_RATIO) return;
    throw new HubError('CONTENT_INVALID', `${this.#what} inflates more than ${MAX_RATIO}-fold`, {
      hint: 'it is most likely made to fill the disk; nothing was stored',
    });
  }
}

function recompress(compression: 'bzip2' | 'xz', what: string): HubError {
  const [tool, suffix] = compression === 'bzip2' ? ['bzip2', 'bz2'] : ['xz', 'xz'];
  return new HubError('UNSUPPORTED', `${what} is compressed with ${compression}, which cannot be read`, {
    hint: `compress it with gzip instead: ${tool} -dc FILE.${suffix} | gzip > FILE.gz`,
  });
}
