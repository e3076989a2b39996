// How many transfers run at once, and which comes next?
import pLimit, { type LimitFunction } from 'p-limit';

/** Content below this many bytes is small: one place is kept for it, so that it never waits behind large blobs. */
const SMALL = 256 * 1024;

interface Task {
  readonly size: number;
  readonly start: () => Promise<void>;
}

interface Lane {
  readonly slots: LimitFunction;
  readonly waiting: Task[];
  smallRunning: number;
}

export interface LimitOptions {
  /** Names what shares the limit: the host of a registry. */
  readonly lane: string;
  /** Bytes of the content. */
  readonly size: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs leaf transfers, `concurrency` at once per lane: the smallest first while none of the small ones is running, else
 * the largest, since the largest blob decides when a copy ends. Work that waits is dropped when its signal aborts.
 * Only work that needs no further place may hold one; recursion would deadlock.
 */
export class Limiter {
  readonly #concurrency: number;
  readonly #lanes = new Map<string, Lane>();

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  run<T>(options: LimitOptions, work: () => Promise<T>): Promise<T> {
    const lane = this.#lane(options.lane);
    return new Promise<T>((resolve, reject) => {
      const start = async (): Promise<void> => {
        if (options.signal?.aborted) return reject(options.signal.reason as Error);
        await work().then(resolve, reject);
      };
      lane.waiting.push({ size: options.size, start });
      void lane.slots(() => runNext(lane));
    });
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane: Lane = { slots: pLimit(this.#concurrency), waiting: [], smallRunning: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }
}

async function runNext(lane: Lane): Promise<void> {
  const task = takeBest(lane);
  if (!task) return;
  const small = task.size < SMALL ? 1 : 0;
  lane.smallRunning += small;
  try {
    await task.start();
  } finally {
    lane.smallRunning -= small;
  }
}

function takeBest(lane: Lane): Task | undefined {
  const wantSmall = lane.smallRunning === 0;
  let best = 0;
  for (const [index, task] of lane.waiting.entries()) {
    const current = lane.waiting[best] ?? task;
    const better = wantSmall ? task.size < current.size : task.size > current.size;
    if (better) best = index;
  }
  const [task] = lane.waiting.splice(best, 1);
  return task;
}
