// When are the blobs under way worth threads that read them?

/** A piece of at least this many bytes is worth a thread of its own. */
const LARGE_PIECE = 32 * 1024 * 1024;
/** Bytes of all large blobs together from which on threads are worth what they cost. */
const ENOUGH = 256 * 1024 * 1024;

/**
 * The large blobs that are being written at this moment. One alone is done sooner by two: the main thread reads, a thread
 * hashes. Several of them keep all processors busy anyway, and cost least when each stays with one.
 */
export class Crowd {
  #blobs = 0;
  #bytes = 0;

  /** Bytes of a piece from which on a thread of its own is worth it, as things are now. */
  readonly landFrom = (): number => (this.#blobs > 1 && this.#bytes >= ENOUGH ? LARGE_PIECE : Number.POSITIVE_INFINITY);

  /** Counts a blob of `size` bytes until the work is done. */
  async join<T>(size: number, work: () => Promise<T>): Promise<T> {
    if (size < LARGE_PIECE) return work();
    this.#blobs += 1;
    this.#bytes += size;
    try {
      return await work();
    } finally {
      this.#blobs -= 1;
      this.#bytes -= size;
    }
  }
}
