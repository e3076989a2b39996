import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HttpRequest, HttpResponse, Send } from '../../src/http/layer.ts';
import { tellWaiting, type WaitingEvent } from '../../src/http/waiting.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { answer } from '../helpers/web.ts';

const url = new URL('https://reg.example/v2/app/manifests/1');
/** Bytes that do not go out with the request. */
const LARGE = 1024 * 1024;
const PUT: HttpRequest = { method: 'PUT', url, headersTimeout: 300_000 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What is told while a request is answered after so many seconds, and whether anything is left running. */
async function toldIn(seconds: number, request: HttpRequest): Promise<readonly WaitingEvent[]> {
  const told: WaitingEvent[] = [];
  const end = Date.now() + seconds * 1000;
  const next: Send = async ({ body }): Promise<HttpResponse> => {
    if (body) await collect(await body.open(), LARGE);
    await new Promise((resolve) => setTimeout(resolve, end - Date.now()));
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
  const body = {
    length: LARGE,
    open: async () => ({
      cancel: () => undefined,
      forEach: () => new Promise<void>((resolve) => setTimeout(resolve, 30_000)),
    }),
  };
  expect((await toldIn(45, { ...PUT, body })).map(({ seconds }) => seconds)).toEqual([10]);
});

test('a body that goes out with the request is waited for at once, and several requests each by themselves', async () => {
  const told: WaitingEvent[] = [];
  const body = { length: 3, open: async () => contentOf(Buffer.from('abc')) };
  const next: Send = async ({ method }): Promise<HttpResponse> => {
    await new Promise((resolve) => setTimeout(resolve, method === 'PUT' ? 12_000 : 26_000));
    return answer(url, { status: 201 });
  };
  const send = tellWaiting((event) => void told.push(event))(next);
  const first = send({ ...PUT, body });
  await vi.advanceTimersByTimeAsync(4000);
  const second = send({ ...PUT, method: 'PATCH' });
  await vi.advanceTimersByTimeAsync(26_000);
  await Promise.all([first, second]);
  expect(told.map(({ seconds }) => seconds)).toEqual([10, 10, 20]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a short wait, and a request without more time than usual, are not told of', async () => {
  expect(await toldIn(5, PUT)).toEqual([]);
  expect(await toldIn(35, { method: 'GET', url })).toEqual([]);
});

test('an answer that came before the whole body was sent is not waited for', async () => {
  const told: WaitingEvent[] = [];
  let finish = (): void => undefined;
  const body = {
    length: LARGE,
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
