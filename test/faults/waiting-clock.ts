// What time is it for a client whose waits are shortened?
import { setTimeout as pause } from 'node:timers/promises';
import { abortedBy } from '../../src/http/failure.ts';
import type { Clock } from '../../src/http/clock.ts';

/** A wait of a second takes ten milliseconds. */
const SPEED = 100;

/**
 * A clock that goes on only when somebody has waited to the end: a busy machine makes nothing late or expired, and waits
 * still end in the order in which they would.
 */
export class WaitingClock implements Clock {
  readonly start: number = Date.now();
  #time = this.start;

  now(): number {
    return this.#time;
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const until = this.#time + milliseconds;
    try {
      await pause(milliseconds / SPEED, undefined, { signal });
    } catch (error) {
      throw signal?.aborted ? abortedBy(signal) : error;
    }
    this.#time = Math.max(this.#time, until);
  }

  /** Seconds that have passed. */
  get elapsed(): number {
    return (this.#time - this.start) / 1000;
  }
}
