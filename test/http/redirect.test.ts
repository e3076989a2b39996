import { describe, expect, test } from 'vitest';
import type { HttpMethod, HttpRequest, HttpResponse, Send } from '../../src/http/layer.ts';
import { redirect } from '../../src/http/redirect.ts';
import { contentOf } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { answer, type FakeAnswer } from '../helpers/web.ts';

const START = 'https://reg.example/v2/a/blobs/sha256:1';
const SECRETS = { authorization: 'Basic canary', cookie: 'canary', 'proxy-authorization': 'canary', 'x-own': 'canary' };

interface Web {
  readonly send: Send;
  readonly seen: HttpRequest[];
}

/** A web whose pages are answers; a list gives one answer after the other. */
function web(pages: Readonly<Record<string, FakeAnswer | FakeAnswer[]>>): Web {
  const seen: HttpRequest[] = [];
  const send: Send = async (request): Promise<HttpResponse> => {
    seen.push(request);
    const page = pages[request.url.href] ?? { status: 404 };
    const step = Array.isArray(page) ? (page.shift() ?? {}) : page;
    return answer(request.url, step);
  };
  return { seen, send: redirect()(send) };
}

function to(location: string, status = 307): FakeAnswer {
  return { status, headers: { location } };
}

function get(more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: new URL(START), ...more };
}

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('of %d is followed for GET and HEAD', async (status) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const { send, seen } = web({
        [START]: to('https://cdn.example/x?sig=1', status),
        'https://cdn.example/x?sig=1': {},
      });
      const response = await send(get({ method }));
      expect(response.url.href).toBe('https://cdn.example/x?sig=1');
      expect(seen.map((request) => request.method)).toEqual([method, method]);
    }
  });

  test.each(['/other', '../other', 'https://reg.example/v2/other', '//reg.example/other'])(
    'to %s keeps everything',
    async (location) => {
      const { send, seen } = web({ [START]: to(location) });
      await send(get({ headers: SECRETS }));
      expect(seen[1]?.headers).toEqual(SECRETS);
      expect(seen[1]?.anonymous).toBeUndefined();
      expect(seen[1]?.namedBy).toBeUndefined();
    },
  );

  test.each([
    'https://cdn.example/x',
    'https://reg.example:8443/x',
    'https://sub.reg.example/x',
    'https://user:secret@cdn.example/x',
  ])('to %s leaves secrets behind', async (location) => {
    const { send, seen } = web({ [START]: to(location) });
    const plain = { accept: 'a/b', range: 'bytes=5-', 'accept-encoding': 'identity', 'if-none-match': '"1"' };
    await send(get({ headers: { ...SECRETS, ...plain } }));
    expect(seen[1]?.headers).toEqual(plain);
    expect(seen[1]?.anonymous).toBe(true);
    expect(seen[1]?.namedBy?.href).toBe(START);
  });

  test('from http to https leaves secrets behind', async () => {
    const { send, seen } = web({ 'http://reg.example/': to('https://reg.example/') });
    await send({ method: 'GET', url: new URL('http://reg.example/'), headers: SECRETS });
    expect(seen[1]?.headers).toEqual({});
  });

  test('back to the first host does not bring them back', async () => {
    const { send, seen } = web({
      [START]: to('https://cdn.example/1'),
      'https://cdn.example/1': to('https://reg.example/2'),
    });
    await send(get({ headers: SECRETS }));
    expect(seen[2]?.headers).toEqual({});
    expect(seen[2]?.anonymous).toBe(true);
  });

  test('is given to whoever wants it', async () => {
    const { send, seen } = web({ [START]: to('https://cdn.example/x') });
    expect((await send(get({ redirect: 'manual' }))).status).toBe(307);
    expect(seen).toHaveLength(1);
  });

  test.each([300, 304, 305, 306])('of %d is none', async (status) => {
    expect((await web({ [START]: to('/x', status) }).send(get())).status).toBe(status);
  });
});

describe('a redirect is refused', () => {
  test('from https to http', async () => {
    const { send, seen } = web({ [START]: to('http://cdn.example/x') });
    const error = await hubErrorFrom(() => send(get()));
    expect(error).toMatchObject({
      code: 'REFUSED',
      message: 'reg.example redirects from https to plain http at cdn.example',
    });
    expect(seen).toHaveLength(1);
  });

  test('in a circle', async () => {
    const { send, seen } = web({
      [START]: to('https://cdn.example/?sig=canary'),
      'https://cdn.example/?sig=canary': to(START),
    });
    const error = await hubErrorFrom(() => send(get()));
    expect(error).toMatchObject({
      code: 'SERVER_ERROR',
      message: `redirect loop at ${START}`,
      details: { retry: false },
    });
    expect(seen).toHaveLength(2);
  });

  test('to itself', async () => {
    const { send, seen } = web({ [START]: to(START) });
    await hubErrorFrom(() => send(get()));
    expect(seen).toHaveLength(1);
  });

  test('after ten', async () => {
    const pages = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`https://reg.example/${index}`, to(`/${index + 1}`)]),
    );
    const { send, seen } = web(pages);
    const error = await hubErrorFrom(() => send(get({ url: new URL('https://reg.example/0') })));
    expect(error).toMatchObject({ code: 'SERVER_ERROR', message: 'reg.example redirects more than 10 times' });
    expect(seen).toHaveLength(11);
  });

  test.each([
    ['ftp://cdn.example/x', 'reg.example redirects to a ftp: address'],
    ['file:///etc/passwd', 'reg.example redirects to a file: address'],
    ['https://', 'reg.example redirects to a malformed address'],
    ['', 'reg.example answered 307 without a location'],
  ])('to "%s"', async (location, message) => {
    expect(await hubErrorFrom(() => web({ [START]: to(location) }).send(get()))).toMatchObject({
      code: 'SERVER_ERROR',
      message,
    });
  });

  test('without a location', async () => {
    const { send } = web({ [START]: { status: 302 } });
    expect((await hubErrorFrom(() => send(get()))).message).toBe('reg.example answered 302 without a location');
  });
});

describe('a change', () => {
  const body = { length: 1, open: async () => contentOf(Buffer.from('x')) };
  const METHODS: HttpMethod[] = ['POST', 'PUT', 'PATCH', 'DELETE'];

  test.each(METHODS)('by %s is sent again within its origin by 307 and 308', async (method) => {
    for (const status of [307, 308]) {
      const { send, seen } = web({ [START]: to('/other', status) });
      await send(get({ method, body, headers: SECRETS }));
      expect(seen[1]).toMatchObject({ method, body, headers: SECRETS });
    }
  });

  test.each(METHODS)('by %s is never sent elsewhere', async (method) => {
    const { send, seen } = web({ [START]: to('https://evil.example/x') });
    const error = await hubErrorFrom(() => send(get({ method, body })));
    expect(error).toMatchObject({ code: 'REFUSED', details: { target: 'evil.example' } });
    expect(seen).toHaveLength(1);
  });

  test.each(METHODS)('by %s keeps any other redirect as its answer', async (method) => {
    for (const status of [301, 302, 303]) {
      expect((await web({ [START]: to('/other', status) }).send(get({ method, body }))).status).toBe(status);
    }
  });
});

describe('a link that has expired', () => {
  test('is fetched again from the registry, once', async () => {
    const { send, seen } = web({
      [START]: [to('https://cdn.example/old'), to('https://cdn.example/new')],
      'https://cdn.example/old': { status: 403 },
      'https://cdn.example/new': {},
    });
    expect((await send(get())).status).toBe(200);
    expect(seen).toHaveLength(4);
  });

  test('may stay expired', async () => {
    const { send, seen } = web({ [START]: to('https://cdn.example/old'), 'https://cdn.example/old': { status: 403 } });
    expect((await send(get())).status).toBe(403);
    expect(seen).toHaveLength(4);
  });

  test('is something else than a refusal of the registry', async () => {
    const { send, seen } = web({ [START]: { status: 403 } });
    expect((await send(get())).status).toBe(403);
    expect(seen).toHaveLength(1);
  });
});

describe('the ranges of one content', () => {
  const CDN = 'https://cdn.example/x?sig=1';
  const range = (text: string): HttpRequest => get({ headers: { ...SECRETS, range: `bytes=${text}` } });
  const asked = ({ seen }: Web): readonly string[] =>
    seen.map(({ url, headers }) => `${url.host} ${headers?.['range']} ${headers?.['authorization'] ?? ''}`.trim());

  test('are asked for where the first one was found, without credentials', async () => {
    const pages = web({ [START]: to(CDN), [CDN]: { status: 206 } });
    for (const text of ['0-9', '10-19']) expect((await pages.send(range(text))).status).toBe(206);
    expect(asked(pages)).toEqual([
      'reg.example bytes=0-9 Basic canary',
      'cdn.example bytes=0-9',
      'cdn.example bytes=10-19',
    ]);
  });

  test('are asked for the long way when that place has nothing more to give', async () => {
    const pages = web({ [START]: to(CDN), [CDN]: [{ status: 206 }, { status: 403 }, { status: 206 }] });
    for (const text of ['0-9', '10-19']) expect((await pages.send(range(text))).status).toBe(206);
    expect(asked(pages)).toEqual([
      'reg.example bytes=0-9 Basic canary',
      'cdn.example bytes=0-9',
      'cdn.example bytes=10-19',
      'reg.example bytes=10-19 Basic canary',
      'cdn.example bytes=10-19',
    ]);
  });

  test('are asked for the long way when the first answer was no range', async () => {
    const pages = web({ [START]: to(CDN), [CDN]: { status: 200 } });
    for (const text of ['0-9', '10-19']) await pages.send(range(text));
    expect(pages.seen).toHaveLength(4);
  });
});
