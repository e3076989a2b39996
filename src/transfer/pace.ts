// Do more transfers at once bring more, or do they only share the same line?
import { startLoad } from '../util/machine.ts';

const PLACES = 8;
const MOST_PLACES = 16;
/** Milliseconds for which the first places show what they bring, and for which more of them do after they got going. */
const FIRST_LOOK = 60;
const SECOND_LOOK = 300;
/** Milliseconds after the first bytes from which on the load is measured. */
const SETTLING = 20;
const STARTING = 200;
/** More places stay when they bring this much more. */
const GAIN = 1.15;
/** Milliseconds after which it shows, and bytes per second below which it may be, that the line limits a transfer. */
const SLOW_AFTER = 500;
const SLOW = 150e6;
/** Share of the time that this program works in its busiest thread; above it, the line is not what it waits for. */
const BUSY = 0.6;

interface Look {
  readonly since: number;
  bytes: number;
}

/** Watches what comes in one lane, and decides how many transfers it takes at once. */
export class Pace {
  #places: number;
  readonly #now: () => number;
  #load: (() => number) | undefined;
  #isDecided: boolean;
  #look: Look | undefined;
  #all: Look | undefined;
  /** Bytes a millisecond that the first places brought. */
  #before: number | undefined;

  /** `fixed` places when the user said so. `now` gives milliseconds, `load` the share of the time spent working; both are measured otherwise. */
  constructor(fixed?: number, now: () => number = () => performance.now(), load?: () => number) {
    this.#load = load;
    this.#places = fixed ?? PLACES;
    this.#isDecided = fixed !== undefined;
    this.#now = now;
  }

  get places(): number {
    return this.#places;
  }

  /** True when what comes is less than what this program could take. */
  get isSlow(): boolean {
    if (!this.#all) return false;
    const time = this.#now() - this.#all.since;
    if (time <= SLOW_AFTER || (this.#all.bytes / time) * 1000 >= SLOW) return false;
    return !this.#isBusy();
  }

  /**
   * So many bytes came; `busy` says that all places are taken and more would be, `far` that each request to the
   * source takes its time. Gives the number of places.
   */
  moved(bytes: number, busy: boolean, far = false): number {
    const now = this.#now();
    this.#all ??= { since: now, bytes: 0 };
    this.#all.bytes += bytes;
    // Not before: most copies are over by then, and Node.js takes a millisecond to load what it measures with.
    if (now - this.#all.since >= SETTLING) this.#load ??= startLoad();
    if (!this.#isDecided) this.#watch(now, bytes, { busy, far });
    return this.#places;
  }

  #isBusy(): boolean {
    this.#load ??= startLoad();
    return this.#load() >= BUSY;
  }

  #watch(now: number, bytes: number, { busy, far }: { readonly busy: boolean; readonly far: boolean }): void {
    // Places that are not all taken tell nothing.
    if (!busy && this.#places < MOST_PLACES) {
      this.#look = undefined;
      return;
    }
    this.#look ??= { since: now + (this.#before === undefined ? 0 : STARTING), bytes: 0 };
    // Far away a connection takes longer to be opened than the first look does: what comes is what the first places bring.
    if (far) this.#places = MOST_PLACES;
    const time = now - this.#look.since;
    if (time < 0) return;
    this.#look.bytes += bytes;
    const length = this.#before === undefined ? FIRST_LOOK : SECOND_LOOK;
    if (time < length) return;
    const rate = this.#look.bytes / time;
    this.#look = undefined;
    if (this.#before === undefined) return this.#endFirst(rate, far);
    this.#isDecided = true;
    if (rate < this.#before * GAIN) this.#places = PLACES;
  }

  /**
   * More connections bring nothing to a program that has its hands full. Far away that is no sign yet: handshakes and threads
   * that start keep it busy, while the connections have only begun to bring something.
   */
  #endFirst(rate: number, far: boolean): void {
    this.#isDecided = !far && this.#isBusy();
    this.#places = this.#isDecided ? PLACES : MOST_PLACES;
    this.#before = rate;
  }
}
