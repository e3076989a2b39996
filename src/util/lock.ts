// How do several processes take turns, also when one of them dies in its turn?
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HubError } from '../errors.ts';
import { hold, isAlive, readHolder, removeHeld, type Holder, type Holding } from './lock-file.ts';
import { now } from './machine.ts';
import { removeAbandoned } from './temporary.ts';

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for one holder that is alive, as long as others take no turns; without end by default. */
  readonly timeout?: number | undefined;
  /** Called once, when the lock is held by somebody else who is alive. */
  readonly onWait?: (() => void) | undefined;
  /** Milliseconds of waiting before `onWait` is called; 0 by default. */
  readonly noticeAfter?: number | undefined;
  /** Removes what processes left that were killed while they made this lock file. Reads its directory. False by default. */
  readonly sweep?: boolean | undefined;
  /** Milliseconds without a sign of life after which a holder elsewhere counts as dead, 30,000 by default. */
  readonly staleAfter?: number | undefined;
}

export interface Lock {
  /** When it was taken, by the clock of the file system, milliseconds since 1970. */
  readonly since: number;
  /** Throws LOCKED when the lock was lost, because this process stood still for too long. Call it before what others will see. */
  check(): void;
}

const STALE_AFTER = 30_000;
const FIRST_DELAY = 20; // milliseconds
const LAST_DELAY = 200;

/**
 * Runs `work` while holding the lock file at `path`; the directory is created when missing. Not for nesting: a second
 * call for the same path waits for the first, also within one process. A holder that was killed is replaced at once; one on
 * another machine, or whose process id was given to another program, after 30 seconds of silence. The lock is released
 * in any case. Throws LOCKED after `timeout`, STORAGE, the signal's reason, and what `work` throws.
 */
export async function withLock<T>(path: string, options: LockOptions, work: (lock: Lock) => Promise<T>): Promise<T> {
  const holding = await acquire(path, options);
  try {
    if (options.sweep) removeAbandoned(dirname(path), `${basename(path)}.`, now());
    return await work({ since: holding.since, check: () => holding.check() });
  } finally {
    holding.release();
  }
}

async function acquire(path: string, options: LockOptions): Promise<Holding> {
  const { signal, timeout = Number.POSITIVE_INFINITY } = options;
  const watch = new Watch(options);
  for (let delay = FIRST_DELAY; ; delay = Math.min(LAST_DELAY, delay * 1.5)) {
    signal?.throwIfAborted();
    const holding = hold(path);
    if (holding) return holding;
    const holder = readHolder(path);
    if (holder && !watch.isAlive(holder) && removeHeld(path, holder.token)) continue;
    if (watch.waited >= timeout) throw locked(path, holder);
    await pause(delay, signal);
  }
}

/** What was seen of the holders since waiting began. */
class Watch {
  readonly #staleAfter: number;
  readonly #onWait: (() => void) | undefined;
  readonly #noticeAfter: number;
  readonly #started = performance.now();
  #told = false;
  #seen: Holder | undefined;
  #since = 0;
  #turnSince = 0;

  constructor({ staleAfter = STALE_AFTER, onWait, noticeAfter = 0 }: LockOptions) {
    this.#staleAfter = staleAfter;
    this.#onWait = onWait;
    this.#noticeAfter = noticeAfter;
  }

  /** Milliseconds since waiting began. */
  get time(): number {
    return performance.now() - this.#started;
  }

  /** Milliseconds since the holder got its turn, or waiting began. While turns change, the next may be ours. */
  get waited(): number {
    return this.time - this.#turnSince;
  }

  /**
   * Age alone would condemn every holder after the machine slept, or when two clocks differ: a holder has died only
   * when its process is known to be gone, or when no sign of life came while this process was watching, too.
   */
  isAlive(holder: Holder): boolean {
    if (isAlive(holder) === false) return false;
    if (!this.#told && this.time >= this.#noticeAfter) {
      this.#told = true;
      this.#onWait?.();
    }
    if (this.#seen && this.#seen.token !== holder.token) this.#turnSince = this.time;
    if (this.#seen?.token !== holder.token || this.#seen.beat !== holder.beat) {
      this.#seen = holder;
      this.#since = this.time;
    }
    const old = now() - holder.beat > this.#staleAfter;
    return !old || this.time - this.#since <= this.#staleAfter / 3;
  }
}

async function pause(delay: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delay, undefined, { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}

function locked(path: string, holder: Holder | undefined): HubError {
  const who = holder?.pid === undefined ? 'another process' : `process ${holder.pid} on ${holder.hostname}`;
  return new HubError('LOCKED', `${path} is locked by ${who}`, {
    hint: 'wait until it has finished; if no such process runs any more, remove the file',
    details: { path, pid: holder?.pid, hostname: holder?.hostname },
  });
}
