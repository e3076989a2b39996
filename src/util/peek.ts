// What does a stream begin with, and how is it read from the beginning all the same?
import type { Content } from './content.ts';

export interface Peeked {
  /** The first bytes: as many as were asked for, unless the stream is shorter. */
  readonly head: Buffer;
  /** The whole, first bytes included. */
  readonly content: Content;
}

/** Reads until `length` bytes are there or the stream ends. Chunks of the stream must not be reused by their source. */
export async function peek(stream: AsyncIterable<Uint8Array>, length: number): Promise<Peeked> {
  const chunks = stream[Symbol.asyncIterator]();
  const head = Buffer.alloc(length);
  const first: Uint8Array[] = [];
  let filled = 0;
  let ended = false;
  while (filled < length && !ended) {
    const next = await chunks.next();
    if (next.done === true) ended = true;
    else {
      head.set(next.value.subarray(0, length - filled), filled);
      filled = Math.min(length, filled + next.value.length);
      first.push(next.value);
    }
  }
  const cancel = (): void => {
    // Nobody waits for this, and a source that cannot be closed was not going to be read any further.
    chunks.return?.().catch(() => undefined);
  };
  const forEach: Content['forEach'] = async (consume) => {
    try {
      for (const chunk of first.splice(0)) await consume(chunk);
      for (let next = ended ? undefined : await chunks.next(); next?.done === false; next = await chunks.next()) {
        await consume(next.value);
      }
    } catch (error) {
      cancel();
      throw error;
    }
  };
  return { head: head.subarray(0, filled), content: { forEach, cancel } };
}
