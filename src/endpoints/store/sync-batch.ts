// When do small files go to the disk? Several at once, because the disk takes as long for one as for many.

/** A file that is complete and has to get to the disk. */
export interface Unsynced {
  readonly size: number;
  /** Gets it there; resolves when it is. */
  readonly sync: () => Promise<void>;
}

/**
 * So many wait for each other. A journal that is written out for each file by itself holds up whoever creates the next
 * one meanwhile.
 */
const MOST_FILES = 32;
const MOST_BYTES = 8 * 1024 * 1024;

export class SyncBatch {
  #waiting: (() => void)[] = [];
  #bytes = 0;

  /** Resolves when the file is on the disk, which may be not before `flush`. Rejected as its `sync`. */
  add({ size, sync }: Unsynced): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push(() => void sync().then(resolve, reject));
    });
    this.#bytes += size;
    if (this.#waiting.length >= MOST_FILES || this.#bytes >= MOST_BYTES) this.flush();
    return done;
  }

  /** Whatever waits goes now. */
  flush(): void {
    const begin = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const start of begin) start();
  }
}
