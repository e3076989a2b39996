// How fast do bytes move right now?

const WINDOW = 4000; // milliseconds a sample counts
const STEP = 200; // milliseconds between samples

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** Bytes per second over the last seconds, from a count that only grows. Times are milliseconds of any steady clock. */
export class Rate {
  #samples: Sample[] = [];

  add(at: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last && at - last.at < STEP) return;
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > WINDOW) this.#samples.shift();
  }

  /** Undefined until there is something to tell. */
  perSecond(at: number, bytes: number): number | undefined {
    const first = this.#samples.findLast((sample) => at - sample.at >= WINDOW) ?? this.#samples[0];
    if (!first || at - first.at < STEP) return undefined;
    return Math.max(0, ((bytes - first.bytes) * 1000) / (at - first.at));
  }
}
