import { describe, expect, test } from 'vitest';
import { SingleFlight } from '../../src/util/single-flight.ts';

describe('work of one key', () => {
  test('runs once at a time and is shared', async () => {
    const flights = new SingleFlight<number>();
    let runs = 0;
    const work = async (): Promise<number> => {
      runs += 1;
      await Promise.resolve();
      return runs;
    };
    expect(await Promise.all([flights.run('a', work), flights.run('a', work)])).toEqual([1, 1]);
    expect(await flights.run('a', work)).toBe(2);
  });

  test('that fails, fails for all who wait and may be tried again', async () => {
    const flights = new SingleFlight<string>();
    const failing = (): Promise<string> => Promise.reject(new Error('no'));
    const results = await Promise.allSettled([flights.run('a', failing), flights.run('a', failing)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flights.run('a', async () => 'yes')).toBe('yes');
  });

  test('does not hold up another key', async () => {
    const flights = new SingleFlight<string>();
    let finish: (value: string) => void = () => undefined;
    const slow = flights.run('a', () => new Promise((resolve) => (finish = resolve)));
    expect(await flights.run('b', async () => 'b')).toBe('b');
    finish('a');
    expect(await slow).toBe('a');
  });
});
