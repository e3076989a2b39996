// What time is it, how does one wait, and where does chance come from? Tests put their own here.
import { setTimeout as delay } from 'node:timers/promises';
import { abortedBy } from './failure.ts';

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits that many milliseconds. Throws the reason of `signal` (ABORTED or TIMEOUT) as soon as it is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds, signal) => {
    try {
      await delay(milliseconds, undefined, { signal });
    } catch (error) {
      throw signal?.aborted ? abortedBy(signal) : error;
    }
  },
};

/** Chance between 0 (included) and 1 (excluded). */
export const systemRandom: () => number = () => Math.random();
