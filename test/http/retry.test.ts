import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { createGate } from '../../src/http/gate.ts';
import type { HttpRequest, HttpResponse, Layer, Send } from '../../src/http/layer.ts';
import { retry, type RetryEvent, type RetryOptions } from '../../src/http/retry.ts';
import { uploadOf } from '../../src/http/upload.ts';
import { collect, contentOf, type Content } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer, type FakeAnswer } from '../helpers/web.ts';

type Step = FakeAnswer | HubError;

const REQUEST: HttpRequest = { method: 'GET', url: new URL('https://reg.example/v2/?token=canary') };

interface Run {
  readonly clock: FakeClock;
  readonly send: Send;
  readonly events: RetryEvent[];
  readonly times: number[];
  readonly cancelled: () => number;
}

/** A retrying sender over a script of outcomes; the last one repeats. */
function script(steps: readonly Step[], options: Partial<RetryOptions> = {}): Run {
  const clock = new FakeClock();
  const start = clock.time;
  const events: RetryEvent[] = [];
  const times: number[] = [];
  let cancelled = 0;
  const gate = createGate(clock);
  const layer = retry({
    clock,
    gate,
    random: () => 0.5,
    show: (url) => url.host,
    onRetry: (event) => events.push(event),
    ...options,
  });
  const next: Send = async (request): Promise<HttpResponse> => {
    const step = steps[Math.min(times.length, steps.length - 1)]!;
    times.push(clock.time - start);
    if (step instanceof HubError) throw step;
    const response = answer(request.url, step);
    return { ...response, body: { ...response.body, cancel: () => void (cancelled += 1) } };
  };
  return { clock, events, times, send: layer(gate.layer(next)), cancelled: () => cancelled };
}

function failure(reason: string, more: object = {}): HubError {
  return new HubError('UNREACHABLE', `failed by ${reason}`, {
    hint: 'try',
    details: { host: 'reg.example', reason, ...more },
  });
}

const OK: FakeAnswer = { status: 200 };
/** An earlier answer of the host, after which it counts as reached. */
async function reach(run: Run): Promise<void> {
  await run.send(REQUEST);
}

describe('an answer', () => {
  test('that is final is given at once', async () => {
    for (const status of [200, 206, 302, 400, 401, 403, 404, 405, 416, 501]) {
      const run = script([{ status }, OK]);
      const response = await run.send(REQUEST);
      expect(response.status).toBe(status);
      expect(response.tries).toBeUndefined();
      expect(run.clock.sleeps).toEqual([]);
    }
  });

  test.each([408, 429, 499, 500, 502, 503, 504, 522])('of %d is asked for again', async (status) => {
    const run = script([{ status }, OK]);
    expect(await run.send(REQUEST)).toMatchObject({ status: 200, tries: 2 });
    expect(run.clock.sleeps).toEqual([125]);
    expect(run.cancelled()).toBe(1);
  });

  test('that stays bad is given after six tries, with doubling waits', async () => {
    const run = script([{ status: 503 }]);
    expect(await run.send(REQUEST)).toMatchObject({ status: 503, tries: 6 });
    expect(run.clock.sleeps).toEqual([125, 250, 500, 1000, 2000]);
    expect(run.times).toHaveLength(6);
    expect(run.cancelled()).toBe(5);
  });

  test('is waited for between nothing and 20 seconds', async () => {
    const longest = script([{ status: 503 }], { random: () => 0.999_999, tries: 12 });
    await longest.send(REQUEST);
    expect(Math.max(...longest.clock.sleeps)).toBeLessThan(20_000);
    expect(Math.max(...longest.clock.sleeps)).toBeGreaterThan(19_999);
    const shortest = script([{ status: 503 }], { random: () => 0 });
    await shortest.send(REQUEST);
    expect(shortest.clock.sleeps).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('Retry-After', () => {
  test.each([
    ['5', 5000],
    ['0', 0],
    [new Date(Date.UTC(2026, 0, 1, 0, 1)).toUTCString(), 60_000],
    [new Date(Date.UTC(2020, 0, 1)).toUTCString(), 0],
    ['soon', 125],
    ['', 125],
  ])('of "%s" waits %d ms', async (value, wait) => {
    const run = script([{ status: 429, headers: { 'retry-after': value } }, OK]);
    expect((await run.send(REQUEST)).status).toBe(200);
    expect(run.clock.sleeps[0]).toBe(wait);
  });

  test('that is too long gives the answer at once', async () => {
    for (const status of [429, 503]) {
      const run = script([{ status, headers: { 'retry-after': '1000000000' } }, OK]);
      expect((await run.send(REQUEST)).status).toBe(status);
      expect(run.clock.sleeps).toEqual([]);
    }
    const run = script([{ status: 429, headers: { 'retry-after': '10' } }, OK], { maxWait: 9_999 });
    expect((await run.send(REQUEST)).status).toBe(429);
  });

  test('is never undercut, and not waited for a seventh time', async () => {
    const run = script([{ status: 429, headers: { 'retry-after': '7' } }]);
    expect(await run.send(REQUEST)).toMatchObject({ status: 429, tries: 6 });
    expect(run.times).toEqual([0, 7000, 14_000, 21_000, 28_000, 35_000]);
  });

  test('of a token service counts as well', async () => {
    const error = new HubError('RATE_LIMITED', 'later', { details: { host: 'auth.example', retryAfter: 3000 } });
    const run = script([error, OK]);
    await run.send(REQUEST);
    expect(run.clock.sleeps).toEqual([3000]);
  });

  test('holds back every request to that host, and to no other', async () => {
    const clock = new FakeClock();
    const gate = createGate(clock);
    const times: [string, number][] = [];
    const start = clock.time;
    const layer = retry({ clock, gate, random: () => 0, show: String });
    const send = layer(
      gate.layer(async ({ url }) => {
        times.push([url.host, clock.time - start]);
        const isFirst = times.length === 1;
        return answer(url, isFirst ? { status: 429, headers: { 'retry-after': '30' } } : OK);
      }),
    );
    const other = { ...REQUEST, url: new URL('https://other.example') };
    gate.close('reg.example', clock.time);
    await send(REQUEST);
    await Promise.all([send(REQUEST), send(other)]);
    expect(times[0]).toEqual(['reg.example', 0]);
    expect(times.slice(1).every(([host, time]) => host === 'other.example' || time >= 30_000)).toBe(true);
  });
});

describe('an error', () => {
  test.each(['reset', 'protocol', 'name-service', 'broken-body'])('by %s is retried six times', async (reason) => {
    const run = script([failure(reason)]);
    const error = await hubErrorFrom(() => run.send(REQUEST));
    expect(error).toMatchObject({
      message: `failed by ${reason} (6 tries)`,
      hint: 'try',
      details: { reason, tries: 6 },
    });
    expect(error.cause).toMatchObject({ message: `failed by ${reason}` });
    expect(run.times).toHaveLength(6);
  });

  test('may go away', async () => {
    const run = script([failure('reset'), failure('reset'), OK]);
    expect(await run.send(REQUEST)).toMatchObject({ status: 200, tries: 3 });
  });

  test.each([
    ['refused', 1],
    ['no-such-host', 1],
    ['connect-timeout', 2],
    ['no-route', 2],
    ['token-timeout', 2],
  ])('by %s of a host that was never reached is final after %d', async (reason, tries) => {
    const run = script([failure(reason)]);
    await hubErrorFrom(() => run.send(REQUEST));
    expect(run.times).toHaveLength(tries);
  });

  test('by a refusal of this machine gets a second chance', async () => {
    const run = script([failure('refused')]);
    await hubErrorFrom(() => run.send({ ...REQUEST, url: new URL('http://localhost:5000') }));
    expect(run.times).toHaveLength(2);
  });

  test.each(['refused', 'no-such-host', 'name-service', 'no-route', 'connect-timeout'])(
    'by %s of a host that answered before is retried for half a minute',
    async (reason) => {
      const run = script([OK, failure(reason)]);
      await reach(run);
      const before = run.clock.time;
      const error = await hubErrorFrom(() => run.send(REQUEST));
      expect(run.clock.time - before).toBeGreaterThanOrEqual(30_000);
      expect(run.clock.time - before).toBeLessThan(36_000);
      expect(Math.max(...run.clock.sleeps)).toBeLessThanOrEqual(5000);
      expect(error.message).toMatch(/\(\d+ tries\)$/);
    },
  );

  test.each([
    ['a proxy that is out of reach', failure('refused', { host: 'the proxy 10.0.0.1:3128', proxy: true })],
    [
      'a proxy that does not reach it',
      failure('proxy', { host: '10.0.0.1:3128', status: 503, target: 'reg.example:443' }),
    ],
  ])('by %s, of a host that answered before, is retried for half a minute', async (_, error) => {
    const run = script([OK, error]);
    await reach(run);
    const before = run.clock.time;
    await hubErrorFrom(() => run.send(REQUEST));
    expect(run.clock.time - before).toBeGreaterThanOrEqual(30_000);
    expect(run.clock.time - before).toBeLessThan(36_000);
  });

  test.each([
    ['does not reach where a redirect led', { status: 503, target: 'storage.example:443' }],
    ['failed in itself', { status: 500, target: 'reg.example:443' }],
  ])('by a proxy that %s is no outage of the host', async (_, details) => {
    const run = script([OK, failure('proxy', { host: '10.0.0.1:3128', ...details })]);
    await reach(run);
    await hubErrorFrom(() => run.send(REQUEST));
    expect(run.times).toHaveLength(7);
  });

  test('by a proxy that is out of reach from the beginning is final at once', async () => {
    const run = script([failure('refused', { host: 'the proxy 10.0.0.1:3128', proxy: true })]);
    await hubErrorFrom(() => run.send(REQUEST));
    expect(run.times).toHaveLength(1);
  });

  test('of another host, where a redirect led, is no outage of this one', async () => {
    const run = script([OK, failure('refused', { host: 'storage.example' })]);
    await reach(run);
    await hubErrorFrom(() => run.send(REQUEST));
    expect(run.times).toHaveLength(7);
  });

  test('of a host that is out of reach for a while is over when it is back', async () => {
    const run = script([OK, ...Array.from({ length: 8 }, () => failure('refused')), OK]);
    await reach(run);
    expect(await run.send(REQUEST)).toMatchObject({ status: 200, tries: 9 });
  });

  test('that waiting does not mend is final', async () => {
    for (const error of [
      new HubError('TLS', 'bad'),
      new HubError('UNAUTHORIZED', 'no'),
      new HubError('ABORTED', 'no'),
      new HubError('SERVER_ERROR', 'loop', { details: { retry: false } }),
    ]) {
      const run = script([error, OK]);
      expect(await hubErrorFrom(() => run.send(REQUEST))).toBe(error);
      expect(run.times).toHaveLength(1);
    }
  });

  test('that is a bug passes through', async () => {
    const bug = new TypeError('bug');
    const layer = retry({ clock: new FakeClock(), gate: createGate(new FakeClock()), random: () => 0, show: String });
    await expect(layer(() => Promise.reject(bug))(REQUEST)).rejects.toBe(bug);
  });

  test('of a connection closed while idle is retried at once and not counted', async () => {
    const stale = failure('reset', { stale: true });
    const run = script([stale, stale, stale, stale, stale, stale, stale, stale, OK]);
    const response = await run.send(REQUEST);
    expect(response.status).toBe(200);
    expect(response.tries).toBeUndefined();
    expect(run.clock.sleeps).toEqual([]);
    expect(run.events).toEqual([]);
  });

  test('of that kind does not go on for ever', async () => {
    const run = script([failure('reset', { stale: true })]);
    await hubErrorFrom(() => run.send(REQUEST));
    expect(run.times.length).toBeLessThan(80);
  });
});

describe('a request', () => {
  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'POST'] as const)('by %s is repeated', async (method) => {
    expect((await script([{ status: 503 }, OK]).send({ ...REQUEST, method })).status).toBe(200);
  });

  test('by PATCH is not repeated', async () => {
    const patch = { ...REQUEST, method: 'PATCH' } as const;
    expect((await script([{ status: 503 }, OK]).send(patch)).status).toBe(503);
    const error = failure('reset', { stale: true });
    expect(await hubErrorFrom(() => script([error, OK]).send(patch))).toBe(error);
  });

  test('by PATCH that never left is repeated', async () => {
    const run = script([OK, failure('connect-timeout', { sent: false }), OK]);
    await reach(run);
    expect((await run.send({ ...REQUEST, method: 'PATCH' })).status).toBe(200);
  });

  test('may say itself whether it is repeated', async () => {
    expect((await script([{ status: 503 }, OK]).send({ ...REQUEST, repeatable: false })).status).toBe(503);
    expect((await script([{ status: 503 }, OK]).send({ ...REQUEST, method: 'PATCH', repeatable: true })).status).toBe(
      200,
    );
  });

  test('that is aborted is not sent again', async () => {
    const controller = new AbortController();
    const reason = new HubError('ABORTED', 'stop');
    const run = script([failure('reset')], { onRetry: () => controller.abort(reason) });
    expect(await hubErrorFrom(() => run.send({ ...REQUEST, signal: controller.signal }))).toBe(reason);
    expect(run.times).toHaveLength(1);
  });
});

test('each wait is announced without secrets', async () => {
  const run = script([{ status: 503 }, failure('reset'), OK]);
  await run.send(REQUEST);
  expect(run.events).toEqual([
    { url: 'reg.example', attempt: 1, delay: 125, message: '503 from reg.example' },
    { url: 'reg.example', attempt: 2, delay: 250, message: 'failed by reset' },
  ]);
});

test('what the source of a body throws is thrown as it is, also after another try', async () => {
  const run = script([{ status: 503 }]);
  const broken = new HubError('UNREACHABLE', 'the source is away', {
    details: { host: 'source.example', stale: true },
  });
  let opened = 0;
  const open = async (): Promise<Content> => {
    opened += 1;
    if (opened === 1) return contentOf(Buffer.from('body'));
    throw broken;
  };
  const clock = new FakeClock();
  const upload: Layer = (next) => async (request) => {
    await uploadOf(request, { timeout: 1000, onFailure: () => undefined });
    return next(request);
  };
  const layer = retry({ clock, gate: createGate(clock), random: () => 0.5, show: (url) => url.host });
  const send = layer(upload(run.send));
  const request: HttpRequest = { ...REQUEST, method: 'PUT', body: { length: 4, open } };
  expect(await hubErrorFrom(() => send(request))).toBe(broken);
  expect(opened).toBe(2);
});

describe('an answer that is wanted whole', () => {
  const whole = { limit: 10, what: 'the page' };

  /** Sends over these bodies; a body is text, or breaks off. */
  function bodies(...texts: readonly (string | HubError)[]): { send: Send; count: () => number } {
    const clock = new FakeClock();
    let count = 0;
    const next: Send = async ({ url }) => {
      const text = texts[Math.min(count, texts.length - 1)]!;
      count += 1;
      const broken: Content = {
        cancel: () => undefined,
        forEach: async () => {
          throw text as HubError;
        },
      };
      return {
        ...answer(url, { status: 200 }),
        body: typeof text === 'string' ? contentOf(Buffer.from(text)) : broken,
      };
    };
    const layer = retry({ clock, gate: createGate(clock), random: () => 0.5, show: (url) => url.host });
    return { send: layer(next), count: () => count };
  }

  test('is asked for again when its body breaks off', async () => {
    const { send, count } = bodies(failure('broken-body'), 'content');
    const response = await send({ ...REQUEST, whole });
    expect((await collect(response.body, 10)).toString()).toBe('content');
    expect(count()).toBe(2);
  });

  test('is given up after as many tries as any other', async () => {
    const { send, count } = bodies(failure('broken-body'));
    expect((await hubErrorFrom(() => send({ ...REQUEST, whole }))).message).toBe('failed by broken-body (6 tries)');
    expect(count()).toBe(6);
  });

  test('is refused at once when it is too long, and named', async () => {
    const { send, count } = bodies('content without end');
    const error = await hubErrorFrom(() => send({ ...REQUEST, whole }));
    expect(error).toMatchObject({ code: 'CONTENT_INVALID', message: 'the page is larger than 10 bytes' });
    expect(count()).toBe(1);
  });

  test('is left to the reader when nobody asked for the whole of it', async () => {
    const { send, count } = bodies(failure('broken-body'), 'content');
    await send(REQUEST);
    expect(count()).toBe(1);
  });
});

describe('an answer that was lost', () => {
  const there = (): Promise<HttpResponse> => Promise.resolve(answer(REQUEST.url, { status: 201 }));
  const put: HttpRequest = { ...REQUEST, method: 'PUT' };

  test('is not needed when the request has done its work', async () => {
    const run = script([failure('reset')]);
    const response = await run.send({ ...put, settled: there });
    expect({ status: response.status, sent: run.times.length }).toEqual({ status: 201, sent: 1 });
  });

  test('is asked about even when the connection looks as if it had been closed before', async () => {
    const run = script([failure('reset', { stale: true })]);
    await run.send({ ...put, settled: there });
    expect(run.times).toHaveLength(1);
  });

  test('is followed by the request once more when it has not', async () => {
    const run = script([failure('reset'), OK]);
    const response = await run.send({ ...put, settled: async () => undefined });
    expect({ status: response.status, sent: run.times.length }).toEqual({ status: 200, sent: 2 });
  });

  test('is not asked about when nothing was sent', async () => {
    const run = script([failure('refused', { sent: false }), OK]);
    let asked = 0;
    await run
      .send({
        ...put,
        settled: async () => {
          asked += 1;
          return undefined;
        },
      })
      .catch(() => undefined);
    expect(asked).toBe(0);
  });

  test('and that nobody can be asked about is followed by the request once more', async () => {
    const run = script([failure('reset'), OK]);
    const response = await run.send({ ...put, settled: () => Promise.reject(failure('reset')) });
    expect(response.status).toBe(200);
  });
});

describe('an answer that never comes is waited for', () => {
  const tries = async (more: Partial<HttpRequest>, reason = 'headers-timeout'): Promise<number> => {
    const run = script([OK, failure(reason)]);
    await reach(run);
    await hubErrorFrom(() => run.send({ ...REQUEST, ...more }));
    return run.times.length - 1;
  };

  test('twice', async () => {
    expect(await tries({})).toBe(2);
  });

  test('as often as the request says', async () => {
    expect(await tries({ silences: 1 })).toBe(1);
  });

  test('six times where it will be large', async () => {
    expect(await tries({ expected: 2 * 1024 * 1024 })).toBe(6);
  });

  test('twice where it stops before its end and is needed in one piece', async () => {
    expect(await tries({ whole: { limit: 100, what: 'it' } }, 'body-timeout')).toBe(2);
    expect(await tries({}, 'body-timeout')).toBe(6);
  });
});

test('a host that asks to be left alone is left alone by all, even when the request itself may not be repeated', async () => {
  const run = script([{ status: 429, headers: { 'retry-after': '7' } }, OK]);
  await run.send({ ...REQUEST, method: 'PATCH' });
  await run.send(REQUEST);
  expect(run.times).toEqual([0, 7000]);
});
