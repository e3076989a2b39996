import { describe, expect, test } from 'vitest';
import { formatAge, formatAgo, formatEta, formatRate, formatSize } from '../../../src/cli/output/units.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('formatSize', () => {
  test.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [4_500_000, '4.5MB'],
    [3_001_000, '3MB'],
    [123_456, '123kB'],
    [7_654_321_000, '7.65GB'],
    [2e12, '2TB'],
  ])('%i bytes with three digits is %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });

  test.each([
    [36_450, '36.45kB'],
    [3_001_000, '3.001MB'],
    [100_000, '100kB'],
  ])('%i bytes in progress is %s', (bytes, text) => {
    expect(formatSize(bytes, 4)).toBe(text);
  });

  test('goes to the next unit when rounding reaches it', () => {
    expect(formatSize(999_999)).toBe('1MB');
    expect(formatSize(999.6)).toBe('1kB');
  });
});

test('formatRate is a size per second', () => {
  expect(formatRate(12_340_000)).toBe('12.3MB/s');
});

test.each([
  [0, '0s'],
  [59.4, '59s'],
  [65, '1m5s'],
  [7380, '2h3m'],
  [-3, '0s'],
])('formatEta of %d seconds is %s', (seconds, text) => {
  expect(formatEta(seconds)).toBe(text);
});

describe('formatAge', () => {
  test.each([
    [999, 'Less than a second'],
    [SECOND, '1 second'],
    [59 * SECOND, '59 seconds'],
    [MINUTE, 'About a minute'],
    [2 * MINUTE, '2 minutes'],
    [59 * MINUTE, '59 minutes'],
    [HOUR, 'About an hour'],
    [89 * MINUTE, 'About an hour'],
    [90 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [48 * HOUR, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [59 * DAY, '8 weeks'],
    [60 * DAY, '2 months'],
    [729 * DAY, '24 months'],
    [730 * DAY, '2 years'],
  ])('%i ms is %s', (milliseconds, text) => {
    expect(formatAge(milliseconds)).toBe(text);
  });
});

describe('formatAgo', () => {
  const now = Date.parse('2026-01-10T00:00:00Z');

  test('tells how long ago a time was', () => {
    expect(formatAgo('2026-01-07T00:00:00Z', now)).toBe('3 days ago');
    expect(formatAgo('2026-01-09T00:00:00.123456789Z', now)).toBe('24 hours ago');
  });

  test('takes a time in the future for now', () => {
    expect(formatAgo('2027-01-01T00:00:00Z', now)).toBe('Less than a second ago');
  });

  test.each([[undefined], ['nonsense'], ['0001-01-01T00:00:00Z'], ['1970-01-01T00:00:00Z']])('%s is N/A', (time) => {
    expect(formatAgo(time, now)).toBe('N/A');
  });
});
