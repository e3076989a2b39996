import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { createRate, limitRate } from '../../src/http/rate.ts';
import { collect, contentOf, type Content } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer } from '../helpers/web.ts';

const url = new URL('https://reg.example/');

function chunks(count: number, size: number): Content {
  return {
    forEach: async (consume) => {
      for (let index = 0; index < count; index += 1) await consume(Buffer.alloc(size));
    },
    cancel: () => undefined,
  };
}

describe('a rate', () => {
  test('lets bytes pass in the time they are worth', () => {
    const clock = new FakeClock();
    const rate = createRate(1000, clock);
    expect(rate.spend(600)).toBe(500);
    expect(rate.spend(500)).toBe(1000);
    clock.time += 1000;
    expect(rate.spend(500)).toBe(500);
  });

  test('saves up no more than a tenth of a second', () => {
    const clock = new FakeClock();
    const rate = createRate(1000, clock);
    clock.time += 60_000;
    expect(rate.spend(100)).toBe(0);
    expect(rate.spend(1000)).toBe(1000);
  });
});

describe('the limit', () => {
  test('holds for the answers of all requests together', async () => {
    const clock = new FakeClock();
    const start = clock.time;
    const send = limitRate(10_000, clock)(async (request) => ({ ...answer(request.url), body: chunks(10, 1000) }));
    const bodies = await Promise.all([1, 2, 3].map(async () => (await send({ method: 'GET', url })).body));
    for (const body of bodies) expect(await collect(body, 20_000)).toHaveLength(10_000);
    expect(clock.time - start).toBe(2900);
  });

  test('holds for what is sent', async () => {
    const clock = new FakeClock();
    const start = clock.time;
    const send = limitRate(
      10_000,
      clock,
    )(async (request) => {
      await request.body?.open().then((content) => content.forEach(() => undefined));
      return answer(request.url);
    });
    await send({ method: 'PUT', url, body: { length: 10_000, open: async () => chunks(10, 1000) } });
    expect(clock.time - start).toBe(900);
  });

  test('still waits for a reader that is slower', async () => {
    let isReady = false;
    const send = limitRate(1_000_000_000, new FakeClock())(async () => ({ ...answer(url), body: chunks(1, 10) }));
    const { body } = await send({ method: 'GET', url });
    await body.forEach(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      isReady = true;
    });
    expect(isReady).toBe(true);
  });

  test('does not outlive an interruption', async () => {
    const controller = new AbortController();
    const reason = new HubError('ABORTED', 'stop');
    const send = limitRate(1, new FakeClock())(async () => ({ ...answer(url), body: contentOf(Buffer.alloc(100)) }));
    const { body } = await send({ method: 'GET', url, signal: controller.signal });
    controller.abort(reason);
    expect(await hubErrorFrom(() => body.forEach(() => undefined))).toBe(reason);
  });

  test('passes a cancellation on', async () => {
    let isCancelled = false;
    const content = { ...contentOf(Buffer.alloc(1)), cancel: () => void (isCancelled = true) };
    const send = limitRate(1, new FakeClock())(async () => ({ ...answer(url), body: content }));
    (await send({ method: 'GET', url })).body.cancel();
    expect(isCancelled).toBe(true);
  });
});
