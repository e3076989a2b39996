import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isRunning, now, ownPid, place } from '../../src/util/machine.ts';

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

test('the time is in milliseconds', () => {
  expect(now()).toBeGreaterThan(Date.UTC(2020, 0));
});
