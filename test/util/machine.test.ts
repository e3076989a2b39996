import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isRunning, now, ownPid, place, startLoad, watchLoad, watchedThreads } from '../../src/util/machine.ts';

test('this process runs, one that has ended does not', () => {
  expect(isRunning(ownPid)).toBe(true);
  expect(isRunning(spawnSync('true').pid)).toBe(false);
});

test('a process of another user runs, too', () => {
  expect(isRunning(1)).toBe(true);
});

test('the place stays the same', () => {
  expect(place()).toBe(place());
  expect(place()).not.toBe('');
});

test('the load is that of the busiest thread', () => {
  const load = startLoad();
  const before = load();
  const forget = watchLoad(() => 7);
  expect(load()).toBe(7);
  expect(watchedThreads()).toBe(1);
  forget();
  expect(watchedThreads()).toBe(0);
  expect(before).toBeLessThanOrEqual(1);
  expect(load()).toBeLessThanOrEqual(1);
});

test('the time is in milliseconds', () => {
  expect(now()).toBeGreaterThan(Date.UTC(2020, 0));
});
