// How many transfers run at once, and which comes next?
import pLimit, { type LimitFunction } from 'p-limit';
import type { Share } from './endpoint.ts';
import { Pace } from './pace.ts';

/** Content below this many bytes is small: one place is kept for it, so that it never waits behind large blobs. */
const SMALL = 1024 * 1024;
/** Small transfers that one place takes at once where their requests may follow each other closely. */
const TOGETHER = 8;
const MOST_PIECE = 8 * 1024 * 1024;
const LEAST_PIECE = 768 * 1024;
/** So large are pieces at least that others will fetch besides, once all places are taken. */
const LEAST_SHARED = 2 * 1024 * 1024;
/** Near by, one connection is as good as several, until it shows that it is not. */
const NEAR_PIECE = 64 * 1024 * 1024;

interface Task {
  readonly size: number;
  readonly together: boolean;
  readonly start: () => Promise<void>;
}

interface Lane {
  readonly slots: LimitFunction;
  readonly waiting: Task[];
  /** Work that has more parts than transfers, the largest first. */
  readonly offers: Set<() => Promise<void> | undefined>;
  readonly pace: Pace;
  /** As the last work that came said. */
  far: () => boolean;
  running: number;
  smallRunning: number;
}

export interface LimitOptions {
  /** Names what shares the limit: the host of a registry. */
  readonly lane: string;
  /** Bytes of the content. */
  readonly size: number;
  readonly signal?: AbortSignal | undefined;
  /** True when each request takes its time, whatever it brings: then even small content is worth several. */
  readonly far?: (() => boolean) | undefined;
  /** Several small ones may share a place. */
  readonly together?: boolean | undefined;
}

/**
 * Runs leaf transfers, `concurrency` at once per lane: the smallest first while none of the small ones is running, else
 * the largest, since the largest blob decides when a copy ends. Places that nobody waits for take parts of what runs.
 * Without `concurrency`, a lane begins with 8 places and gets 16 while those bring more. Work that waits is dropped when
 * its signal aborts. Only work that needs no further place may hold one; recursion would deadlock.
 */
export class Limiter {
  readonly #concurrency: number | undefined;
  readonly #lanes = new Map<string, Lane>();

  constructor(concurrency?: number) {
    this.#concurrency = concurrency;
  }

  run<T>(options: LimitOptions, work: (share: Share) => Promise<T>): Promise<T> {
    const lane = this.#lane(options.lane);
    if (options.far) lane.far = options.far;
    return new Promise<T>((resolve, reject) => {
      const start = async (): Promise<void> => {
        if (options.signal?.aborted) return reject(options.signal.reason as Error);
        const share = new Sharing(lane, options.far);
        await work(share).then(resolve, reject);
        share.end();
      };
      lane.waiting.push({ size: options.size, together: options.together === true, start });
      void lane.slots(() => runNext(lane));
    });
  }

  /** Tells that so many bytes came in a lane just now. */
  moved(name: string, bytes: number): void {
    const lane = this.#lane(name);
    // What is small follows closely on few connections.
    const isFar = lane.running > lane.smallRunning && lane.far();
    const places = lane.pace.moved(bytes, isBusy(lane), isFar);
    if (places === lane.slots.concurrency) return;
    lane.slots.concurrency = places;
    fill(lane);
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known) return known;
    const pace = new Pace(this.#concurrency);
    const lane: Lane = {
      slots: pLimit(pace.places),
      waiting: [],
      offers: new Set(),
      pace,
      far: () => false,
      running: 0,
      smallRunning: 0,
    };
    this.#lanes.set(name, lane);
    return lane;
  }
}

/** What one work offers to others. */
class Sharing implements Share {
  readonly #lane: Lane;
  readonly #far: () => boolean;
  #offer: (() => Promise<void> | undefined) | undefined;

  constructor(lane: Lane, far: () => boolean = () => false) {
    this.#lane = lane;
    this.#far = far;
  }

  piece(missing: number): number {
    const isSlow = this.#far() || this.#lane.pace.isSlow;
    if (!isSlow) return NEAR_PIECE;
    const { slots, running, waiting } = this.#lane;
    const free = Math.max(LEAST_PIECE, Math.ceil(missing / (1 + idlePlaces(this.#lane))));
    // The last pieces are the smaller ones, so that all places end at about the same time.
    const hands = Math.max(1, Math.floor(slots.concurrency / Math.max(1, running + waiting.length)));
    const fair = Math.max(LEAST_SHARED, Math.ceil(missing / hands));
    return Math.min(MOST_PIECE, free, fair);
  }

  offer(next: () => Promise<void> | undefined): void {
    this.end();
    this.#offer = () => (this.#far() || this.#lane.pace.isSlow ? next() : undefined);
    this.#lane.offers.add(this.#offer);
    fill(this.#lane);
  }

  end(): void {
    if (this.#offer) this.#lane.offers.delete(this.#offer);
  }
}

function idlePlaces({ slots, waiting }: Lane): number {
  return Math.max(0, slots.concurrency - slots.activeCount - waiting.length);
}

/** True when more places would be used. */
function isBusy(lane: Lane): boolean {
  return lane.slots.activeCount >= lane.slots.concurrency && lane.waiting.length + lane.offers.size > 0;
}

/** Gives places that nobody waits for to work that can be shared. */
function fill(lane: Lane): void {
  const { slots, offers } = lane;
  for (const offer of offers) {
    while (slots.activeCount + slots.pendingCount < slots.concurrency) {
      const part = offer();
      if (!part) break;
      void slots(async () => {
        await part;
        setImmediate(fill, lane);
      });
    }
  }
}

async function runNext(lane: Lane): Promise<void> {
  const task = takeBest(lane);
  if (!task) return;
  const isSmall = task.size < SMALL;
  lane.running += 1;
  lane.smallRunning += isSmall ? 1 : 0;
  try {
    if (isSmall && task.together) await Promise.all([task.start(), alongside(lane)]);
    else await task.start();
  } finally {
    lane.running -= 1;
    lane.smallRunning -= isSmall ? 1 : 0;
    setImmediate(fill, lane);
  }
}

/** Small transfers beside the one that holds a place, until no small one waits. */
async function alongside(lane: Lane): Promise<void> {
  // Those that belong together come in the same turn.
  await new Promise((resolve) => setImmediate(resolve));
  const small = lane.waiting.filter(({ size, together }) => together && size < SMALL).length;
  const streams = Math.min(TOGETHER - 1, Math.ceil(small / lane.slots.concurrency));
  await Promise.all(
    Array.from({ length: streams }, async () => {
      for (let task = takeSmall(lane); task; task = takeSmall(lane)) await task.start();
    }),
  );
}

function takeSmall(lane: Lane): Task | undefined {
  const index = lane.waiting.findIndex(({ size, together }) => together && size < SMALL);
  return index === -1 ? undefined : lane.waiting.splice(index, 1)[0];
}

function takeBest(lane: Lane): Task | undefined {
  const wantSmall = lane.smallRunning === 0;
  let best = 0;
  let size = lane.waiting[0]?.size ?? 0;
  // Asked for each transfer of all that wait: no iterator, which makes two objects of each.
  for (let index = 1; index < lane.waiting.length; index += 1) {
    const other = lane.waiting[index]?.size ?? size;
    if (wantSmall ? other >= size : other <= size) continue;
    [best, size] = [index, other];
  }
  const [task] = lane.waiting.splice(best, 1);
  return task;
}
