// How does a test get content that comes in pieces, from a source that reuses its buffer?
import type { Content } from '../../src/util/content.ts';

/** Content in pieces of a given size that reuses one buffer, as sources may. */
export function pieces(bytes: Uint8Array, size: number): Content {
  return {
    forEach: async (consume) => {
      const buffer = Buffer.alloc(size);
      for (let start = 0; start < bytes.length; start += size) {
        const piece = bytes.subarray(start, start + size);
        buffer.set(piece);
        await consume(buffer.subarray(0, piece.length));
        buffer.fill(0xff);
      }
    },
    cancel: () => undefined,
  };
}
