import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Silence } from '../../src/http/silence.ts';

const LIMIT = 30_000;
const STEP = 1000;

let now = 0;
let silences = 0;
let isWaiting = true;
let silence: Silence;

beforeEach(() => {
  now = 0;
  silences = 0;
  isWaiting = true;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  silence = new Silence({ onSilence: () => (silences += 1), isWaiting: () => isWaiting });
});

afterEach(() => {
  silence.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A step at a time, since a timer that is set anew while time passes would find the end of all of it. */
function pass(milliseconds: number): void {
  for (let passed = 0; passed < milliseconds; passed += STEP) {
    const step = Math.min(STEP, milliseconds - passed);
    now += step;
    vi.advanceTimersByTime(step);
  }
}

/** What a stopped process finds when it goes on: the clock is ahead, and each timer that is due is called once. */
function stopFor(milliseconds: number): void {
  now += milliseconds;
  vi.runOnlyPendingTimers();
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** How often it was told by the end of the turn in which so many milliseconds have passed. */
async function toldAfter(milliseconds: number): Promise<number> {
  pass(milliseconds);
  await turns(3);
  return silences;
}

describe('silence', () => {
  test('is told once the limit is over, and only once', async () => {
    silence.watch(LIMIT);
    expect(await toldAfter(LIMIT - 1)).toBe(0);
    expect(await toldAfter(1)).toBe(1);
    expect(await toldAfter(10 * LIMIT)).toBe(1);
  });

  test('begins with what was heard last', async () => {
    silence.watch(LIMIT);
    pass(20_000);
    silence.heard();
    expect(await toldAfter(20_000)).toBe(0);
    expect(await toldAfter(10_000)).toBe(1);
  });

  test('does not count while the other side is the one that waits', async () => {
    silence.watch(LIMIT);
    isWaiting = false;
    expect(await toldAfter(4 * LIMIT)).toBe(0);
    isWaiting = true;
    expect(await toldAfter(LIMIT)).toBe(1);
  });

  test('is none when what has arrived is read in the turn in which the time is up', async () => {
    silence.watch(LIMIT);
    pass(LIMIT);
    silence.heard();
    await turns(3);
    expect(silences).toBe(0);
    expect(await toldAfter(LIMIT)).toBe(1);
  });

  test('is none when what has arrived is handed over at the end of that turn', async () => {
    silence.watch(LIMIT);
    pass(LIMIT);
    await turns(1);
    silence.heard();
    await turns(3);
    expect(silences).toBe(0);
  });

  test('does not count while the process was stopped: the other side gets the whole limit again', async () => {
    silence.watch(LIMIT);
    pass(1000);
    stopFor(65_000);
    await turns(3);
    expect(silences).toBe(0);
    expect(await toldAfter(LIMIT - 1)).toBe(0);
    expect(await toldAfter(1)).toBe(1);
  });

  test('counts when the process was only late', async () => {
    silence.watch(LIMIT);
    stopFor(LIMIT + 900);
    await turns(3);
    expect(silences).toBe(1);
  });

  test('is not told after a stop, also when the time was up just before', async () => {
    silence.watch(LIMIT);
    pass(LIMIT);
    silence.stop();
    await turns(3);
    silence.watch(LIMIT);
    silence.stop();
    expect(await toldAfter(LIMIT)).toBe(0);
  });

  test('is told at the end of each limit, whichever timer an earlier one has left', async () => {
    silence.watch(LIMIT);
    pass(1000);
    silence.watch(5000);
    pass(4000);
    silence.watch(LIMIT);
    pass(LIMIT - 1);
    await turns(3);
    expect(silences).toBe(0);
    pass(1);
    await turns(3);
    expect(silences).toBe(1);
    silence.watch(5000);
    pass(5000);
    await turns(3);
    expect(silences).toBe(2);
  });

  test('needs one timer for hundreds of limits', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    for (let request = 0; request < 300; request += 1) {
      silence.watch(LIMIT);
      pass(10);
    }
    expect(set).toHaveBeenCalledTimes(1);
  });

  test('counts the time of a stop as well where that was asked for', async () => {
    silence.watch(LIMIT, 0, true);
    stopFor(65_000);
    await turns(3);
    expect(silences).toBe(1);
  });
});
