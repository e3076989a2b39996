import { describe, expect, it } from 'vitest';
import { Limiter } from '../../src/transfer/limit.ts';

interface Gate {
  readonly name: string;
  open(): void;
  readonly done: Promise<void>;
}

/** Starts work of the given sizes in one lane and notes the order in which it begins. */
function start(limiter: Limiter, sizes: readonly number[], lane = 'host') {
  const begun: number[] = [];
  const gates: Gate[] = sizes.map((size) => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const done = limiter.run({ lane, size }, async () => {
      begun.push(size);
      await opened;
    });
    return { name: String(size), open, done };
  });
  return { begun, gates };
}

const MB = 1024 * 1024;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Limiter', () => {
  it('runs no more at once than its concurrency', async () => {
    const { begun, gates } = start(new Limiter(2), [5 * MB, 4 * MB, 3 * MB]);
    await tick();
    expect(begun).toHaveLength(2);
    for (const gate of gates) gate.open();
    await Promise.all(gates.map((gate) => gate.done));
    expect(begun).toHaveLength(3);
  });

  it('takes the smallest first, then the largest', async () => {
    const { begun, gates } = start(new Limiter(2), [3 * MB, 1 * MB, 10, 9 * MB]);
    for (const gate of gates) gate.open();
    await Promise.all(gates.map((gate) => gate.done));
    expect(begun.slice(0, 2)).toEqual([10, 9 * MB]);
  });

  it('keeps lanes apart', async () => {
    const limiter = new Limiter(1);
    const first = start(limiter, [MB], 'one');
    const second = start(limiter, [MB], 'two');
    await tick();
    expect([first.begun.length, second.begun.length]).toEqual([1, 1]);
    for (const gate of [...first.gates, ...second.gates]) gate.open();
    await Promise.all([...first.gates, ...second.gates].map((gate) => gate.done));
  });

  it('never begins work whose signal aborted while it waited', async () => {
    const limiter = new Limiter(1);
    const { gates } = start(limiter, [MB]);
    const stop = new AbortController();
    let began = false;
    const waiting = limiter.run({ lane: 'host', size: 1, signal: stop.signal }, async () => {
      began = true;
    });
    stop.abort(new Error('stopped'));
    gates[0]!.open();
    await expect(waiting).rejects.toThrow('stopped');
    expect(began).toBe(false);
  });

  it('goes on after work that failed', async () => {
    const limiter = new Limiter(1);
    const failing = limiter.run({ lane: 'host', size: 1 }, async () => {
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    await expect(limiter.run({ lane: 'host', size: 1 }, async () => 'fine')).resolves.toBe('fine');
  });

  it('lets small ones that may go together share a place', async () => {
    const limiter = new Limiter(1);
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await tick();
      await tick();
      running -= 1;
    };
    const small = { lane: 'host', size: 1000, together: true };
    await Promise.all(Array.from({ length: 40 }, () => limiter.run(small, work)));
    expect(most).toBe(8);
  });

  it('gives places that nobody waits for to work that can be shared', async () => {
    const limiter = new Limiter(4);
    let left = 10;
    let running = 0;
    let most = 0;
    const part = (): Promise<void> | undefined => {
      if (left === 0) return undefined;
      left -= 1;
      running += 1;
      most = Math.max(most, running);
      return tick().then(() => void (running -= 1));
    };
    await limiter.run({ lane: 'host', size: 100 * MB, far: () => true }, async (share) => {
      share.offer(part);
      while (left > 0 || running > 0) await tick();
    });
    expect(most).toBe(3);
  });

  it('shares nothing while one connection is as good as several', async () => {
    const limiter = new Limiter(4);
    let asked = 0;
    await limiter.run({ lane: 'host', size: 100 * MB }, async (share) => {
      share.offer(() => {
        asked += 1;
        return Promise.resolve();
      });
      await tick();
    });
    expect(asked).toBe(0);
  });

  it('cuts what is far away into pieces for the places that are free, and what is near into few', async () => {
    const limiter = new Limiter(4);
    const pieces: number[] = [];
    const ask = (far: boolean, missing: number): Promise<void> =>
      limiter.run(
        { lane: 'host', size: missing, far: () => far },
        async (share) => void pieces.push(share.piece(missing)),
      );
    await ask(true, 4 * MB);
    await ask(true, MB);
    await ask(true, 1000 * MB);
    await ask(false, 1000 * MB);
    expect(pieces).toEqual([MB, 0.75 * MB, 8 * MB, 64 * MB]);
  });

  it('cuts what is left into ever smaller pieces once all places are taken', async () => {
    const limiter = new Limiter(4);
    const pieces: number[] = [];
    let end = (): void => undefined;
    const other = new Promise<void>((resolve) => {
      end = resolve;
    });
    const offered: Promise<void>[] = [];
    const work = limiter.run({ lane: 'host', size: 100 * MB, far: () => true }, async (share) => {
      share.offer(() => {
        if (offered.length === 3) return undefined;
        offered.push(other);
        return other;
      });
      await new Promise((resolve) => setImmediate(resolve));
      for (const missing of [100, 20, 12, 4]) pieces.push(share.piece(missing * MB));
    });
    await work;
    end();
    expect(offered).toHaveLength(3);
    expect(pieces).toEqual([8 * MB, 5 * MB, 3 * MB, 2 * MB]);
  });

  it.each([
    ['what is far away and not small sixteen places, as soon as bytes come', 5 * MB, true, 16],
    ['what is small no more than eight for that', MB / 10, true, 8],
    ['what is near no more than eight for that', 5 * MB, false, 8],
  ])('gives %s', async (_, size, far, expected) => {
    const limiter = new Limiter();
    let begun = 0;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const work = Array.from({ length: 20 }, () =>
      limiter.run({ lane: 'host', size, far: () => far }, () => {
        begun += 1;
        return ended;
      }),
    );
    await tick();
    expect(begun).toBe(8);
    limiter.moved('host', 1);
    await tick();
    expect(begun).toBe(expected);
    end();
    await Promise.all(work);
  });

  it('gives each of many its own place, and no other, when all are taken', async () => {
    const limiter = new Limiter(2);
    const pieces: number[] = [];
    const ask = (): Promise<void> =>
      limiter.run({ lane: 'host', size: 5 * MB, far: () => true }, async (share) => {
        await new Promise((resolve) => setImmediate(resolve));
        pieces.push(share.piece(5 * MB));
      });
    await Promise.all([ask(), ask(), ask(), ask()]);
    expect(pieces[0]).toBe(5 * MB);
  });
});
