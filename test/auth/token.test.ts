import { describe, expect, test } from 'vitest';
import { basicAuthorization, fetchToken, type Token, type TokenRequest } from '../../src/auth/token.ts';
import { HubError } from '../../src/errors.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import { collect } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer, type FakeAnswer } from '../helpers/web.ts';

const REALM = new URL('https://auth.example/token?keep=1');
const ALICE = { kind: 'basic', username: 'alice', password: 'pass:word' } as const;
const REQUEST: TokenRequest = {
  realm: REALM,
  service: 'reg',
  scopes: ['repository:a:pull,push', 'repository:b:pull'],
  credential: undefined,
  clientId: 'hubctl',
  namedBy: new URL('https://reg.example/v2/'),
};

interface Exchange {
  readonly token: Promise<Token>;
  readonly seen: { request: HttpRequest; form: URLSearchParams }[];
  readonly clock: FakeClock;
}

/** Fetches a token from a service that gives these answers one after the other. */
function fetchFrom(answers: readonly FakeAnswer[], more: Partial<TokenRequest> = {}): Exchange {
  const seen: Exchange['seen'] = [];
  const clock = new FakeClock();
  const send = async (request: HttpRequest): Promise<ReturnType<typeof answer>> => {
    const body = request.body ? await collect(await request.body.open(), 10_000) : '';
    seen.push({ request, form: new URLSearchParams(body.toString()) });
    return answer(request.url, answers[seen.length - 1] ?? { status: 500 });
  };
  return { seen, clock, token: fetchToken({ ...REQUEST, ...more }, { send, clock }) };
}

function json(value: object, more: Partial<FakeAnswer> = {}): FakeAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value), ...more };
}

const GOOD = json({ token: 'tok', expires_in: 300 });

describe('the life of a token', () => {
  test.each([{ toString: 1, valueOf: 1 }, [], null, true])(
    'is that of one that says nothing when it is %j',
    async (says) => {
      const { token, clock } = fetchFrom([json({ token: 'tok', expires_in: says })]);
      expect((await token).expires - clock.now()).toBe(50_000);
    },
  );
});

describe('a token by GET', () => {
  test('names the service and every scope, and keeps the query of the realm', async () => {
    const { token, seen } = fetchFrom([GOOD]);
    expect((await token).value).toBe('tok');
    const { request } = seen[0]!;
    expect(request).toMatchObject({ method: 'GET', anonymous: true, namedBy: REQUEST.namedBy });
    expect(request.headers).toBeUndefined();
    expect([...request.url.searchParams]).toEqual([
      ['keep', '1'],
      ['service', 'reg'],
      ['scope', 'repository:a:pull,push'],
      ['scope', 'repository:b:pull'],
    ]);
  });

  test('carries the password by Basic and the account', async () => {
    const { token, seen } = fetchFrom([GOOD], { credential: ALICE, scopes: [], service: undefined });
    await token;
    const { request } = seen[0]!;
    expect(request.headers).toEqual({ authorization: basicAuthorization('alice', 'pass:word') });
    expect([...request.url.searchParams]).toEqual([
      ['keep', '1'],
      ['account', 'alice'],
    ]);
    expect(request.url.href).not.toContain('pass');
  });

  test('asks for a refresh token only at login', async () => {
    const { token, seen } = fetchFrom([json({ token: 'tok', refresh_token: 'ref' })], {
      credential: ALICE,
      offline: true,
    });
    expect((await token).refreshToken).toBe('ref');
    const { searchParams } = seen[0]!.request.url;
    expect([searchParams.get('offline_token'), searchParams.get('client_id')]).toEqual(['true', 'hubctl']);
  });
});

describe('a token by POST', () => {
  const credential = { kind: 'identity', token: 'refresh' } as const;

  test('carries the refresh token in its form', async () => {
    const { token, seen } = fetchFrom([json({ access_token: 'tok', refresh_token: 'next' })], { credential });
    expect(await token).toMatchObject({ value: 'tok', refreshToken: 'next' });
    const { request, form } = seen[0]!;
    expect(request).toMatchObject({ method: 'POST', anonymous: true, url: REALM });
    expect(request.headers).toEqual({ 'content-type': 'application/x-www-form-urlencoded' });
    expect(Object.fromEntries(form)).toEqual({
      grant_type: 'refresh_token',
      service: 'reg',
      client_id: 'hubctl',
      refresh_token: 'refresh',
      scope: 'repository:a:pull,push repository:b:pull',
    });
  });

  test.each([400, 401, 404, 405])('answered %d is tried by GET where the user is known', async (status) => {
    const { token, seen } = fetchFrom([{ status }, GOOD], { credential: { ...credential, username: 'alice' } });
    expect((await token).value).toBe('tok');
    expect(seen[1]!.request).toMatchObject({
      method: 'GET',
      headers: { authorization: basicAuthorization('alice', 'refresh') },
    });
  });

  test('is final when the user is not known, or the service fails', async () => {
    const unknown = fetchFrom([{ status: 401 }, GOOD], { credential });
    expect((await hubErrorFrom(() => unknown.token)).code).toBe('UNAUTHORIZED');
    const failing = fetchFrom([{ status: 503 }, GOOD], { credential: { ...credential, username: 'alice' } });
    expect((await hubErrorFrom(() => failing.token)).code).toBe('SERVER_ERROR');
    expect([unknown.seen.length, failing.seen.length]).toEqual([1, 1]);
  });
});

describe('the answer', () => {
  test('may call the token token or access_token, which wins', async () => {
    expect((await fetchFrom([json({ token: 'a' })]).token).value).toBe('a');
    expect((await fetchFrom([json({ access_token: 'b' })]).token).value).toBe('b');
    expect((await fetchFrom([json({ token: 'a', access_token: 'b' })]).token).value).toBe('b');
    expect((await fetchFrom([json({ token: 'a', access_token: '' })]).token).value).toBe('a');
  });

  test.each([
    [{ expires_in: 300 }, 300],
    [{ expires_in: '300' }, 300],
    [{}, 60],
    [{ expires_in: 0 }, 60],
    [{ expires_in: -5 }, 60],
    [{ expires_in: 59 }, 60],
    [{ expires_in: 'soon' }, 60],
    [{ expires_in: null }, 60],
    [{ expires_in: 1e300 }, 86_400],
    [{ expires_in: 300, issued_at: '2025-12-31T23:58:00Z' }, 180],
    [{ expires_in: 300, issued_at: '2020-01-01T00:00:00Z' }, 300],
    [{ expires_in: 300, issued_at: '2099-01-01T00:00:00Z' }, 300],
    [{ expires_in: 300, issued_at: 'yesterday' }, 300],
  ])('%j lives for %d seconds, less ten', async (fields, life) => {
    const { token, clock } = fetchFrom([json({ token: 'tok', ...fields })]);
    expect((await token).expires).toBe(clock.time + (life - 10) * 1000);
  });

  test('is dated by the clock of the service, not by ours', async () => {
    const late = json(
      { token: 'tok', expires_in: 300, issued_at: '2031-05-05T10:00:00Z' },
      { headers: { date: 'Mon, 05 May 2031 10:01:00 GMT' } },
    );
    const { token, clock } = fetchFrom([late]);
    expect((await token).expires).toBe(clock.time + (240 - 10) * 1000);
  });

  test.each([
    ['<!DOCTYPE html><p>log in', 'a web page instead of a token'],
    ['', 'an answer that is not JSON'],
    ['{"token":', 'an answer that is not JSON'],
    ['[]', 'an answer that is not JSON'],
    ['{}', 'an answer without a token'],
    ['{"token":5}', 'an answer without a token'],
    ['{"token":"a\\r\\nx: y"}', 'a token that cannot be sent'],
    [`{"token":"${'a'.repeat(64 * 1024)}"}`, 'an answer that is too large'],
  ])('%.20s is none', async (body, what) => {
    const error = await hubErrorFrom(() => fetchFrom([{ status: 200, body }]).token);
    expect(error).toMatchObject({
      code: 'SERVER_ERROR',
      message: `the token service auth.example gave ${what}`,
      details: { retry: false },
    });
  });
});

describe('a refusal', () => {
  test.each([
    [
      401,
      ALICE,
      'UNAUTHORIZED',
      'the token service auth.example refused the login (401): incorrect username or password',
    ],
    [403, ALICE, 'DENIED', 'the token service auth.example refused the login (403): incorrect username or password'],
    [
      401,
      undefined,
      'UNAUTHORIZED',
      'the token service auth.example gives no token without a login (401): incorrect username or password',
    ],
    [
      400,
      ALICE,
      'UNAUTHORIZED',
      'the token service auth.example refused the login (400): incorrect username or password',
    ],
  ] as const)('of %d is told with the words of the service', async (status, credential, code, message) => {
    const refusal = json({ details: 'incorrect username or password' }, { status });
    const error = await hubErrorFrom(() => fetchFrom([refusal], { credential }).token);
    expect(error).toMatchObject({ code, message, details: { host: 'auth.example', status, scopes: REQUEST.scopes } });
  });

  test('never repeats a secret', async () => {
    const refusal = json({ details: 'bad Authorization: Basic Y2FuYXJ5 token=canary' }, { status: 401 });
    const { message } = await hubErrorFrom(() => fetchFrom([refusal], { credential: ALICE }).token);
    expect(message).not.toMatch(/canary|Y2FuYXJ5/);
  });

  test('because of too many requests says when to come back', async () => {
    const error = await hubErrorFrom(() => fetchFrom([{ status: 429, headers: { 'retry-after': '7' } }]).token);
    expect(error).toMatchObject({
      code: 'RATE_LIMITED',
      retryable: true,
      details: { retryAfter: 7000, host: 'auth.example' },
    });
  });

  test.each([500, 503, 408])('by a failure of %d may be tried again', async (status) => {
    expect(await hubErrorFrom(() => fetchFrom([{ status }]).token)).toMatchObject({
      code: 'SERVER_ERROR',
      retryable: true,
    });
  });
});

describe('a service that does not answer', () => {
  test('is given up', async () => {
    const send = (request: HttpRequest): Promise<never> =>
      new Promise((_, reject) =>
        request.signal?.addEventListener('abort', () => reject(request.signal?.reason as Error)),
      );
    const error = await hubErrorFrom(() => fetchToken(REQUEST, { send, clock: new FakeClock(), timeout: 20 }));
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      message: 'the token service auth.example did not answer within 0 s',
      details: { reason: 'token-timeout' },
    });
  });

  test('because it cannot be reached is told as such', async () => {
    const failure = new HubError('UNREACHABLE', 'cannot connect');
    const send = (): Promise<never> => Promise.reject(failure);
    expect(await hubErrorFrom(() => fetchToken(REQUEST, { send, clock: new FakeClock() }))).toBe(failure);
  });
});
