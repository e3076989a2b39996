// How does a test get chance that it can repeat?

/** Numbers between 0 (included) and 1 (excluded), the same ones for the same seed [mulberry32]. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Bytes that do not compress, the same ones for the same generator. */
export function randomBytes(random: () => number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0; index < size; index += 1) bytes[index] = random() * 256;
  return bytes;
}

/** HUBCTL_TEST_LONG=1 asks for the long form of tests that have one. */
export const isLong: boolean = process.env['HUBCTL_TEST_LONG'] === '1';

/** The seed of a run: HUBCTL_TEST_SEED, or always the same one. */
export const seed: number = Number(process.env['HUBCTL_TEST_SEED'] ?? 20_261_125);
