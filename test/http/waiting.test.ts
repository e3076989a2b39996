import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HttpRequest, HttpResponse, Send } from '../../src/http/layer.ts';
import { tellWaiting, type WaitingEvent } from '../../src/http/waiting.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { answer } from '../helpers/web.ts';

const url = new URL('https://reg.example/v2/app/manifests/1');
const PUT: HttpRequest = { method: 'PUT', url, headersTimeout: 300_000 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What is told while a request is answered after so many seconds, and whether anything is left running. */
async function toldIn(seconds: number, request: HttpRequest): Promise<readonly WaitingEvent[]> {
  const told: WaitingEvent[] = [];
  const next: Send = async ({ body }): Promise<HttpResponse> => {
    if (body) await collect(await body.open(), 100);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return answer(url, { status: 201 });
  };
  const sent = tellWaiting((event) => void told.push(event))(next)(request);
  await vi.advanceTimersByTimeAsync(seconds * 1000);
  await sent;
  expect(vi.getTimerCount()).toBe(0);
  return told;
}

test('a long wait is told of every ten seconds', async () => {
  const told = await toldIn(35, PUT);
  expect(told.map(({ seconds }) => seconds)).toEqual([10, 20, 30]);
  expect(told[0]?.host).toBe('reg.example');
});

test('it begins when the last byte was sent', async () => {
  const body = { length: 3, open: async () => contentOf(Buffer.from('abc')) };
  expect((await toldIn(15, { ...PUT, body })).map(({ seconds }) => seconds)).toEqual([10]);
});

test('a short wait, and a request without more time than usual, are not told of', async () => {
  expect(await toldIn(5, PUT)).toEqual([]);
  expect(await toldIn(35, { method: 'GET', url })).toEqual([]);
});

test('an answer that came before the whole body was sent is not waited for', async () => {
  const told: WaitingEvent[] = [];
  let finish = (): void => undefined;
  const body = {
    length: 3,
    open: async () => ({ cancel: () => undefined, forEach: () => new Promise<void>((resolve) => (finish = resolve)) }),
  };
  const next: Send = async (request) => {
    const content = await request.body?.open();
    void content?.forEach(() => undefined);
    return answer(url, { status: 413 });
  };
  await tellWaiting((event) => void told.push(event))(next)({ ...PUT, body });
  finish();
  await vi.advanceTimersByTimeAsync(60_000);
  expect({ told, timers: vi.getTimerCount() }).toEqual({ told: [], timers: 0 });
});
