// How do several callers share one piece of work that is already under way?

/**
 * Runs work at most once at a time per key: who asks while it runs gets the same promise. A settled result is forgotten
 * at once, so a failure can be tried again; whoever wants to keep results keeps them itself.
 */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>();

  /** Gives what `work` gives, or throws what it throws, to every caller with the same key. */
  run(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running) return running;
    const started = work().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }
}
