import { expect, test } from 'vitest';
import { Rate } from '../../../src/cli/output/rate.ts';

test('there is no rate before there is a difference', () => {
  const rate = new Rate();
  expect(rate.perSecond(0, 0)).toBeUndefined();
  rate.add(0, 0);
  expect(rate.perSecond(100, 50)).toBeUndefined();
});

test('the rate is bytes per second since the first sample', () => {
  const rate = new Rate();
  rate.add(0, 1000);
  expect(rate.perSecond(2000, 5000)).toBe(2000);
});

test('what is older than some seconds no longer counts', () => {
  const rate = new Rate();
  for (let second = 0; second <= 10; second += 1) rate.add(second * 1000, second <= 5 ? second * 100 : 500);
  expect(rate.perSecond(10_000, 500)).toBe(0);
});

test('a count that starts again gives no negative rate', () => {
  const rate = new Rate();
  rate.add(0, 9000);
  expect(rate.perSecond(1000, 10)).toBe(0);
});
