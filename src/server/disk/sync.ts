// How do many writers make the names in a directory durable with few calls?
import { syncDirectory } from '../../util/fs.ts';

/** Calls of `sync` for one directory share the first sync that begins after they were made. */
export class DirectorySync {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();
  readonly #syncDirectory: (path: string) => Promise<void>;

  constructor(sync: (path: string) => Promise<void> = syncDirectory) {
    this.#syncDirectory = sync;
  }

  /** Resolves when every name that is in the directory now will survive a power cut. */
  sync(directory: string): Promise<void> {
    const waiting = this.#next.get(directory);
    if (waiting) return waiting;
    const next = this.#after(directory);
    this.#next.set(directory, next);
    return next;
  }

  async #after(directory: string): Promise<void> {
    // Whoever runs now may have begun too early; whether it fails is told to those who wait for it.
    await this.#running.get(directory)?.catch(() => undefined);
    await Promise.resolve();
    this.#next.delete(directory);
    const work = this.#syncDirectory(directory);
    this.#running.set(directory, work);
    try {
      await work;
    } finally {
      if (this.#running.get(directory) === work) this.#running.delete(directory);
    }
  }
}
