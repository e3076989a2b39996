import { describe, expect, test } from 'vitest';
import { Pace } from '../../src/transfer/pace.ts';

/** Lets bytes come for some milliseconds, at a rate per millisecond that may depend on the places. */
function run(
  pace: Pace,
  clock: { time: number },
  milliseconds: number,
  rate: (places: number) => number,
  far = false,
): void {
  for (const end = clock.time + milliseconds; clock.time < end; clock.time += 10)
    pace.moved(rate(pace.places) * 10, true, far);
}

function started(load = 0): { pace: Pace; clock: { time: number } } {
  const clock = { time: 0 };
  return {
    clock,
    pace: new Pace(
      undefined,
      () => clock.time,
      () => load,
    ),
  };
}

describe('the number of places', () => {
  test('grows from 8 to 16 where each connection has a rate of its own', () => {
    const { pace, clock } = started();
    expect(pace.places).toBe(8);
    run(pace, clock, 1000, (places) => places * 20_000);
    expect(pace.places).toBe(16);
  });

  test('goes back where all share one line', () => {
    const { pace, clock } = started();
    run(pace, clock, 200, () => 20_000);
    expect(pace.places).toBe(16);
    run(pace, clock, 1000, () => 20_000);
    expect(pace.places).toBe(8);
  });

  test('stays where this program is what takes the time', () => {
    const { pace, clock } = started(0.9);
    run(pace, clock, 1000, (places) => places * 20_000);
    expect(pace.places).toBe(8);
  });

  test('grows all the same where each request has a long way, and stays when that brings more', () => {
    const { pace, clock } = started(0.9);
    // New connections bring nothing before they are open.
    run(pace, clock, 1000, (places) => (clock.time < 100 ? 8 : places) * 20_000, true);
    expect(pace.places).toBe(16);
  });

  test('grows at once there, as soon as the first are taken', () => {
    const { pace } = started();
    expect(pace.moved(1, false, true)).toBe(8);
    expect(pace.moved(1, true, true)).toBe(16);
  });

  test('goes back there as well when that brings no more', () => {
    const { pace, clock } = started(0.9);
    run(pace, clock, 200, () => 20_000, true);
    expect(pace.places).toBe(16);
    run(pace, clock, 1000, () => 20_000, true);
    expect(pace.places).toBe(8);
  });

  test('stays while places are free', () => {
    const { pace, clock } = started();
    for (; clock.time < 2000; clock.time += 10) pace.moved(10_000, false);
    expect(pace.places).toBe(8);
  });

  test('is what the user said', () => {
    const clock = { time: 0 };
    const pace = new Pace(3, () => clock.time);
    run(pace, clock, 2000, (places) => places * 20_000);
    expect(pace.places).toBe(3);
  });
});

describe('a lane is slow', () => {
  test('when little came for a while, though this program had nothing else to do', () => {
    const { pace, clock } = started();
    run(pace, clock, 400, () => 20_000);
    expect(pace.isSlow).toBe(false);
    run(pace, clock, 400, () => 20_000);
    expect(pace.isSlow).toBe(true);
  });

  test('not when much comes', () => {
    const { pace, clock } = started();
    run(pace, clock, 1000, () => 300_000);
    expect(pace.isSlow).toBe(false);
  });

  test('not when this program is what takes the time', () => {
    const { pace, clock } = started(0.9);
    run(pace, clock, 1000, () => 20_000);
    expect(pace.isSlow).toBe(false);
  });
});
