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
 * One timer serves one limit after the other: to set one for each request would cost more than to look when it is due. It does
 * not keep the process; what is waited for does.
 */
export class Silence {
  readonly #options: SilenceOptions;
  #limit = 0;
  #last = 0;
  #countsAll = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is to look next. */
  #due = 0;
  #look: NodeJS.Immediate | undefined;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /** From `now` on, `limit` milliseconds at a time; `countsAll` where it makes no difference whether the process could run. */
  watch(limit: number, now: number = performance.now(), countsAll = false): void {
    this.#limit = limit;
    this.#last = now;
    this.#countsAll = countsAll;
    if (this.#look) this.#lookAway();
    if (this.#timer && this.#due <= now + limit) return;
    clearTimeout(this.#timer);
    this.#wait(limit, now);
  }

  /** Something was heard just now. Cheap, as it is called with each piece: the timer is not set anew. */
  heard(now: number = performance.now()): void {
    this.#last = now;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#look) this.#lookAway();
  }

  #lookAway(): void {
    clearImmediate(this.#look);
    this.#look = undefined;
  }

  #wait(time: number, now: number): void {
    this.#due = now + time;
    this.#timer = setTimeout(() => this.#onTime(), Math.ceil(time)).unref();
  }

  #onTime(): void {
    this.#timer = undefined;
    const now = performance.now();
    // Whoever speaks may have waited for us as well, and gets the whole time once more.
    if (!this.#countsAll && now - this.#due > STOPPED) this.#last = now;
    if (this.#goesOn(now)) return;
    // Sockets have their turn now; what TLS gathers in it is handed over at its end, and counts one turn later.
    this.#look = setImmediate(() => {
      this.#look = setImmediate(() => this.#decide());
    });
  }

  #decide(): void {
    this.#look = undefined;
    if (!this.#goesOn(performance.now())) this.#options.onSilence();
  }

  /** True when there is time left, for which it waits then. */
  #goesOn(now: number): boolean {
    const { isWaiting } = this.#options;
    const left = isWaiting?.() === false ? this.#limit : this.#last + this.#limit - now;
    if (left > 0) this.#wait(left, now);
    return left > 0;
  }
}
