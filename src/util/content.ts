// How do bytes travel from whoever has them to whoever wants them, without a stream pipeline per chunk?
import { Readable } from 'node:stream';
import { HubError } from '../errors.ts';

/**
 * Bytes in order. `forEach` may be called once. `consume` sees every chunk once; a chunk is valid only during the
 * call, because buffers may be reused; a promise it returns pauses the source. Whoever opened a content either
 * drains it or calls `cancel`.
 */
export interface Content {
  /** True when `forEach` itself fails with DIGEST_MISMATCH unless all of the content is as promised: nobody need hash it again. */
  readonly verified?: boolean | undefined;
  /** True when chunks stay valid, since they are part of what is in memory anyway. */
  readonly lasting?: boolean | undefined;
  /** True when it is just the part that was asked for, and nothing had to be thrown away for that. */
  readonly isPart?: boolean | undefined;
  /**
   * With `landed`, content that was asked for into a file (see landing.ts) may put its bytes there by itself and tell how
   * many more are there, instead of giving them to `consume`.
   */
  forEach(consume: (chunk: Uint8Array) => void | Promise<void>, landed?: (bytes: number) => void): Promise<void>;
  cancel(): void;
}

/** Content of bytes in memory. */
export function contentOf(bytes: Uint8Array): Content {
  return {
    lasting: true,
    forEach: async (consume) => {
      if (bytes.length > 0) await consume(bytes);
    },
    cancel: () => undefined,
  };
}

/** The same content for somebody who keeps chunks for longer than they are valid. */
export function copiedContent(content: Content): Content {
  return {
    forEach: (consume) => content.forEach((chunk) => consume(Buffer.from(chunk))),
    cancel: () => content.cancel(),
  };
}

/** Content of a Node stream; the stream is destroyed when the consumer fails or cancels. */
export function contentFrom(stream: Readable): Content {
  return {
    forEach: async (consume) => {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        const pause = consume(chunk);
        if (pause) await pause;
      }
    },
    cancel: () => void stream.destroy(),
  };
}

/** A Node stream of a content, for libraries that want one. Copies each chunk, since it may be reused. */
export function readableFrom(content: Content): Readable {
  let wake: (() => void) | undefined;
  const stream = new Readable({
    highWaterMark: 1024 * 1024,
    read: () => wake?.(),
    destroy: (error, done) => {
      content.cancel();
      wake?.();
      done(error);
    },
  });
  const push = (chunk: Uint8Array): void | Promise<void> => {
    if (stream.destroyed) throw new HubError('ABORTED', 'the reader of a stream went away');
    if (stream.push(Buffer.from(chunk))) return undefined;
    return new Promise((resolve) => {
      wake = resolve;
    });
  };
  content.forEach(push).then(
    () => stream.push(null),
    (error: unknown) => stream.destroy(error as Error),
  );
  return stream;
}

/** All bytes of a small content. Throws CONTENT_INVALID as soon as it exceeds `limit` bytes. */
export async function collect(content: Content, limit: number, what = 'content'): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    await content.forEach((chunk) => {
      size += chunk.length;
      if (size > limit) throw new HubError('CONTENT_INVALID', `${what} is larger than ${limit} bytes`);
      chunks.push(content.lasting ? viewOf(chunk) : Buffer.from(chunk));
    });
  } catch (error) {
    content.cancel();
    throw error;
  }
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
