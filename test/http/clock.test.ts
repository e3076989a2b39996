import { expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { systemClock, systemRandom } from '../../src/http/clock.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

test('time goes on while one sleeps', async () => {
  const before = systemClock.now();
  await systemClock.sleep(20);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before + 19);
});

test('a sleeper can be woken', async () => {
  const controller = new AbortController();
  const reason = new HubError('ABORTED', 'interrupted by SIGINT');
  const sleeping = systemClock.sleep(60_000, controller.signal);
  controller.abort(reason);
  expect(await hubErrorFrom(() => sleeping)).toBe(reason);
});

test('chance lies between 0 and 1', () => {
  for (let index = 0; index < 100; index += 1) {
    const value = systemRandom();
    expect(value >= 0 && value < 1).toBe(true);
  }
});
