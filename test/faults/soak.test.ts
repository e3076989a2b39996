// How many pulls and pushes get through when much fails all the time? A thousand of each by hand, a few at each `npm test`.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve, type RegistryServer } from '../../src/server/serve.ts';
import { isLong, seed } from '../helpers/random.ts';
import { publish, testImage } from './image.ts';
import { playPull, playPush, type Row } from './play.ts';

const COUNT = isLong ? 1000 : 12;
/** At a time. */
const TOGETHER = 4;
/** One of a thousand may fail. */
const LOSS = 0.001;
const image = testImage(600 * 1024);

const CHAOS: Row = {
  id: 'chaos',
  fault: '10 % reset, 5 % 503, 5 % cut short, 2 % that stand still for a second',
  rules: ({ blob }) => [
    { chance: 0.1, do: { reset: true } },
    { chance: 0.05, do: { status: 503 } },
    { chance: 0.05, method: 'GET', path: blob, do: { truncate: '50%' } },
    { chance: 0.02, method: 'GET', path: blob, do: { stallAfter: '50%', stallFor: 1000 } },
  ],
  exit: 0,
  quietly: true,
  // Waits add up, and everybody waits by the same clock.
  patience: 600,
};

let registry: RegistryServer;
beforeAll(async () => {
  registry = await serve();
  await publish(registry.host, 'app', image);
});
afterAll(() => registry.close(0));

/** What went wrong, and with which seed it can be seen again. */
async function soak(play: (seed: number) => Promise<void>): Promise<readonly string[]> {
  const failures: string[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < COUNT) {
      const own = seed + next;
      next += 1;
      await play(own).catch((error: unknown) => failures.push(`seed ${own}: ${String(error).slice(0, 2000)}`));
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, work));
  if (isLong) console.log(`${failures.length} of ${COUNT} were lost${failures.map((text) => `\n${text}`).join('')}`);
  return failures;
}

describe(`of ${COUNT} in chaos, hardly any is lost and none is wrong`, () => {
  const workers = (own: number): number => [1, 3, 8][own % 3]!;

  test('pulls', async () => {
    const failures = await soak((own) =>
      playPull(CHAOS, { host: registry.host, image, workers: workers(own), seed: own }),
    );
    expect(failures.length, failures.join('\n')).toBeLessThanOrEqual(COUNT * LOSS);
  }, 3_600_000);

  test('pushes', async () => {
    const failures = await soak((own) =>
      playPush(CHAOS, { host: registry.host, image, workers: workers(own), seed: own }, `soak-${own}`),
    );
    expect(failures.length, failures.join('\n')).toBeLessThanOrEqual(COUNT * LOSS);
  }, 3_600_000);
});
