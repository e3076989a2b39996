import { expect, test } from 'vitest';
import { Crowd } from '../../../src/endpoints/store/crowd.ts';

const MIB = 1024 * 1024;

/** What a piece has to have to be worth a thread while blobs of these sizes are under way, and after that. */
async function landFrom(sizes: readonly number[]): Promise<readonly number[]> {
  const crowd = new Crowd();
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const works = sizes.map((size) => crowd.join(size * MIB, () => ended));
  const during = crowd.landFrom();
  end();
  await Promise.all(works);
  return [during, crowd.landFrom()];
}

test.each([
  ['one alone', [4000], Infinity],
  ['two large ones', [200, 100], 32 * MIB],
  ['two that are hardly large', [40, 40], Infinity],
  ['one beside many small ones', [400, 1, 2, 3], Infinity],
])('threads read %s, or do not', async (_, sizes, expected) => {
  expect(await landFrom(sizes)).toEqual([expected, Infinity]);
});

test('work that fails counts no longer', async () => {
  const crowd = new Crowd();
  const fail = (): Promise<never> => Promise.reject(new RangeError('no'));
  await Promise.allSettled([crowd.join(400 * MIB, fail), crowd.join(400 * MIB, fail)]);
  expect(crowd.landFrom()).toBe(Infinity);
});
