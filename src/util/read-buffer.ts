// Where in a buffer are bytes of a file put, so that the system copies them quickly?

/** Bytes of a page of memory, and of the system's cache of files. */
const PAGE = 4096;

/** A buffer for up to `size` bytes from anywhere in a file, never part of one that others share. */
export function readBuffer(size: number): Buffer {
  return Buffer.allocUnsafeSlow(size + PAGE);
}

/**
 * The part of a buffer of `readBuffer` that is for `length` bytes from `position` of a file. They come to lie half a page away
 * from where they lie in the pages of the system's cache: where both are the same, a processor can take three times as long to
 * copy them, because it takes what it writes for what it is about to read.
 */
export function roomAt(buffer: Buffer, position: number, length: number): Buffer {
  const lead = (position + PAGE / 2) % PAGE;
  return buffer.subarray(lead, lead + length);
}
