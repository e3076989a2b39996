// What a server does to a connection is in transport.test.ts; here undici is played by the test.
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { Exchange } from '../../src/http/exchange.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import type { DispatchController } from '../../src/http/undici.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock } from '../helpers/web.ts';

interface Stage {
  readonly exchange: Exchange;
  readonly controller: DispatchController;
  readonly calls: string[];
  readonly clock: FakeClock;
}

function stage(more: Partial<HttpRequest> = {}): Stage {
  const calls: string[] = [];
  const controller: DispatchController = {
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    abort: (reason) => void calls.push(`abort ${reason.message}`),
  };
  const clock = new FakeClock();
  const exchange = new Exchange(
    { method: 'GET', url: new URL('https://reg.example/'), ...more },
    { clock, headersTimeout: 30_000, bodyTimeout: 30_000 },
  );
  return { exchange, controller, calls, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an answer', () => {
  test('waits for its reader', async () => {
    const { exchange, controller, calls } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, { 'content-length': '3' });
    const { body } = await exchange.response;
    expect(calls).toEqual(['pause']);
    const read: string[] = [];
    const reading = body.forEach((chunk) => void read.push(Buffer.from(chunk).toString()));
    await turn();
    expect(calls).toEqual(['pause', 'resume']);
    exchange.onResponseData(controller, Buffer.from('abc'));
    exchange.onResponseEnd();
    await reading;
    expect(read).toEqual(['abc']);
  });

  test('without a body is given when it is complete, and needs no reader', async () => {
    const { exchange, controller, calls } = stage({ method: 'HEAD' });
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, { 'content-length': '3' });
    let isGiven = false;
    void exchange.response.then(() => (isGiven = true));
    await turn();
    expect(isGiven).toBe(false);
    exchange.onResponseEnd();
    const { body } = await exchange.response;
    await body.forEach(() => undefined);
    expect(calls).toEqual([]);
  });

  test('that nobody wants is read to its end when little is left, and cut off else', async () => {
    const short = stage();
    short.exchange.onRequestStart(short.controller, false);
    short.exchange.onResponseStart(short.controller, 404, { 'content-length': '100' });
    (await short.exchange.response).body.cancel();
    await turn();
    expect(short.calls).toEqual(['pause', 'resume']);
    const long = stage();
    long.exchange.onRequestStart(long.controller, false);
    long.exchange.onResponseStart(long.controller, 200, { 'content-length': '1000000' });
    const { body } = await long.exchange.response;
    body.cancel();
    body.cancel();
    expect(long.calls).toEqual(['pause', 'abort the answer is no longer wanted']);
    expect((await hubErrorFrom(() => body.forEach(() => undefined))).code).toBe('ABORTED');
  });

  test('of unknown length that nobody wants is cut off when it turns out to be long', async () => {
    const { exchange, controller, calls } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, {});
    (await exchange.response).body.cancel();
    await turn();
    exchange.onResponseData(controller, Buffer.alloc(60_000));
    expect(calls).toEqual(['pause', 'resume']);
    exchange.onResponseData(controller, Buffer.alloc(60_000));
    expect(calls).toEqual(['pause', 'resume', 'abort the answer is no longer wanted']);
  });

  test('is too slow when little comes in a minute, not when its reader began late or was busy', async () => {
    const { exchange, controller, clock } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, {});
    const { body } = await exchange.response;
    clock.time += 600_000;
    let pause: Promise<void> | undefined;
    const reading = hubErrorFrom(() => body.forEach(() => pause));
    await turn();
    const arrive = (bytes: number, after: number): void => {
      clock.time += after;
      exchange.onResponseData(controller, Buffer.alloc(bytes));
    };
    arrive(10, 1000);
    arrive(100_000, 30_000);
    arrive(10, 29_000);
    pause = Promise.resolve();
    arrive(10, 30_000);
    pause = undefined;
    arrive(10, 30_000);
    arrive(10, 30_000);
    arrive(10, 30_000);
    expect(await reading).toMatchObject({
      code: 'TIMEOUT',
      message: 'reg.example sends less than 1 KiB a second for 60 s (after 100060 bytes)',
    });
  });

  test('is not too slow because the machine slept, or its clock was set, between two pieces', async () => {
    const { exchange, controller, clock } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, {});
    const reading = (await exchange.response).body.forEach(() => undefined);
    await turn();
    for (const jump of [1000, 65_000, 1000, -3_600_000, 1000, 3_600_000, 1000]) {
      clock.time += jump;
      exchange.onResponseData(controller, Buffer.alloc(10));
    }
    exchange.onResponseEnd();
    await expect(reading).resolves.toBeUndefined();
  });

  test('hands on no empty pieces, which a parser gives when it is resumed with nothing to parse', async () => {
    const { exchange, controller, calls } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, {});
    let count = 0;
    const reading = (await exchange.response).body.forEach(async () => void (count += 1));
    await turn();
    calls.length = 0;
    exchange.onResponseData(controller, Buffer.alloc(0));
    expect([count, calls]).toEqual([0, []]);
    exchange.onResponseEnd();
    await reading;
  });

  test('pauses while its reader is busy', async () => {
    const { exchange, controller, calls } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, {});
    let finish: () => void = () => undefined;
    const reading = (await exchange.response).body.forEach(() => new Promise((resolve) => (finish = resolve)));
    await turn();
    calls.length = 0;
    exchange.onResponseData(controller, Buffer.from('abc'));
    await turn();
    expect(calls).toEqual(['pause']);
    finish();
    await turn();
    expect(calls).toEqual(['pause', 'resume']);
    exchange.onResponseEnd();
    await reading;
  });
});

describe('an error', () => {
  test('before the answer on a kept connection is marked as stale', async () => {
    for (const isReused of [true, false]) {
      const { exchange, controller } = stage();
      exchange.onRequestStart(controller, isReused);
      exchange.onResponseError(controller, Object.assign(new Error('x'), { code: 'ECONNRESET' }));
      const error = await hubErrorFrom(() => exchange.response);
      expect(error.details['stale']).toBe(isReused ? true : undefined);
      expect(error.details['sent']).toBeUndefined();
    }
  });

  test('by a timeout on a kept connection is not', async () => {
    const { exchange, controller } = stage();
    exchange.onRequestStart(controller, true);
    exchange.onResponseError(controller, Object.assign(new Error('x'), { code: 'UND_ERR_HEADERS_TIMEOUT' }));
    expect((await hubErrorFrom(() => exchange.response)).details).toEqual({
      host: 'reg.example',
      reason: 'headers-timeout',
    });
  });

  test('before anything was sent is marked as such', async () => {
    const { exchange } = stage();
    exchange.onResponseError(undefined, Object.assign(new Error('x'), { code: 'ECONNRESET' }));
    expect((await hubErrorFrom(() => exchange.response)).details['sent']).toBe(false);
  });

  test('after the end changes nothing', async () => {
    const { exchange, controller } = stage();
    exchange.onRequestStart(controller, false);
    exchange.onResponseStart(controller, 200, { 'content-length': '0' });
    exchange.onResponseEnd();
    exchange.onResponseError(controller, new HubError('FAILED', 'late'));
    exchange.fail(new HubError('FAILED', 'later'));
    expect((await exchange.response).status).toBe(200);
  });

  test('of TLS after the handshake is told as one', async () => {
    const { exchange, controller } = stage();
    exchange.onRequestStart(controller, false);
    const code = 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED';
    exchange.onResponseError(controller, Object.assign(new Error('x'), { code }));
    expect(await hubErrorFrom(() => exchange.response)).toMatchObject({
      code: 'TLS',
      details: { reason: 'certificate' },
    });
  });
});

test('a request that was given up while it waited for a connection is not sent', async () => {
  const abort = new AbortController();
  const { exchange, controller, calls } = stage({ signal: abort.signal });
  abort.abort(new HubError('ABORTED', 'stop'));
  await hubErrorFrom(() => exchange.response);
  exchange.onRequestStart(controller, false);
  expect(calls).toEqual(['abort stop']);
});
