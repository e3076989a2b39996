// Has the other side been silent for too long, or is it this program that did not run?

/** Milliseconds by which a timer is late only when the process was stopped or the machine slept. */
const STOPPED = 1000;

export interface SilenceOptions {
  /** Called once, when the limit is over. Whoever goes on after that watches anew. */
  readonly onSilence: () => void;
  /** False while it is this side that makes the other one wait; that time does not count. */
  readonly isWaiting?: (() => boolean) | undefined;
}

/**
 * A limit for how long nothing may be heard. Time in which this process could not run does not count, and what has arrived
 * is read before it is said that nothing has: when a stopped process goes on, its timers are due before its sockets are read.
 */
export class Silence {
  readonly #options: SilenceOptions;
  #limit = 0;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Immediate | undefined;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /** From now on, `limit` milliseconds at a time. */
  watch(limit: number): void {
    this.stop();
    this.#limit = limit;
    this.#last = performance.now();
    this.#wait(limit);
  }

  /** Something was heard just now. Cheap, as it is called with each piece: the timer is not set anew. */
  heard(): void {
    this.#last = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
  }

  #wait(time: number): void {
    const due = performance.now() + time;
    this.#timer = setTimeout(() => this.#onTime(due), Math.ceil(time));
  }

  #onTime(due: number): void {
    // Whoever speaks may have waited for us as well, and gets the whole time once more.
    if (performance.now() - due > STOPPED) this.#last = performance.now();
    if (this.#goesOn()) return;
    // Sockets have their turn now; what TLS gathers in it is handed over at its end, and counts one turn later.
    this.#look = setImmediate(() => {
      this.#look = setImmediate(() => this.#goesOn() || this.#options.onSilence());
    });
  }

  /** True when there is time left, for which it waits then. */
  #goesOn(): boolean {
    const { isWaiting } = this.#options;
    const left = isWaiting?.() === false ? this.#limit : this.#last + this.#limit - performance.now();
    if (left > 0) this.#wait(left);
    return left > 0;
  }
}
