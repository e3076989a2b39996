// How does a fuzzer get chance that it can repeat?
import { seededRandom } from '../helpers/random.ts';

/** The same decisions for the same seed. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = seededRandom(seed);
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.next() * times < 1;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Mostly small, sometimes up to `most`. */
  size(most: number): number {
    return Math.min(most, Math.floor(2 ** (this.next() * Math.log2(most + 1))));
  }
}

/** A seed that depends on the input alone, so that an input is treated the same way each time it is seen. */
export function seedOf(input: Buffer): number {
  let seed = input.length;
  const step = Math.max(1, input.length >> 4);
  for (let at = 0; at < input.length; at += step) seed = (Math.imul(seed, 31) + input[at]!) >>> 0;
  return seed;
}
