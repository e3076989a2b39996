import { describe, expect, onTestFinished, test } from 'vitest';
import { checkLogin, type LoginOptions, type LoginResult } from '../../src/auth/login.ts';
import { basicAuthorization } from '../../src/auth/token.ts';
import { HubError } from '../../src/errors.ts';
import { createHttp } from '../../src/http/client.ts';
import type { Send } from '../../src/http/layer.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { answer, closedPort, serve, type FakeAnswer } from '../helpers/web.ts';

const ALICE = { kind: 'basic', username: 'alice', password: 'canary' } as const;
const BASE = new URL('https://reg.example');

/** Logs in to a registry that gives these answers one after the other; notes what it was asked. */
async function login(
  answers: readonly FakeAnswer[],
  options: Partial<LoginOptions> = {},
): Promise<LoginResult & { asked: string[] }> {
  const asked: string[] = [];
  const send: Send = async (request) => {
    asked.push(`${request.method} ${request.url.href} ${request.headers?.['authorization'] ?? 'nobody'}`);
    expect(request.anonymous).toBe(true);
    return answer(request.url, answers[asked.length - 1] ?? { status: 500 });
  };
  return { ...(await checkLogin({ send, base: BASE, credential: ALICE, clientId: 'hubctl', ...options })), asked };
}

const BASIC: FakeAnswer = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
const BEARER: FakeAnswer = {
  status: 401,
  headers: { 'www-authenticate': 'Bearer realm="https://auth.example/token",service="reg"' },
};
const TOKEN: FakeAnswer = { status: 200, body: '{"token":"tok"}' };

describe('a login', () => {
  test('by Basic is checked at the registry', async () => {
    const { asked, ...result } = await login([BASIC, {}]);
    expect(result).toEqual({});
    expect(asked).toEqual([
      'GET https://reg.example/v2/ nobody',
      `GET https://reg.example/v2/ ${basicAuthorization('alice', 'canary')}`,
    ]);
  });

  test('by token asks for a refresh token and tries the token', async () => {
    const { asked, ...result } = await login([BEARER, { body: '{"token":"tok","refresh_token":"ref"}' }, {}]);
    expect(result).toEqual({ identityToken: 'ref', realm: 'https://auth.example' });
    expect(asked.slice(1)).toEqual([
      `GET https://auth.example/token?service=reg&offline_token=true&client_id=hubctl&account=alice ${basicAuthorization('alice', 'canary')}`,
      'GET https://reg.example/v2/ Bearer tok',
    ]);
  });

  test('may get no refresh token', async () => {
    const { asked: _, ...result } = await login([BEARER, TOKEN, {}]);
    expect(result).toEqual({ identityToken: undefined, realm: 'https://auth.example' });
  });

  test('at a registry that asks for nothing is fine', async () => {
    expect(await login([{}])).toEqual({ asked: ['GET https://reg.example/v2/ nobody'] });
  });

  test('with a ready token tries that token', async () => {
    const { asked } = await login([BEARER, {}], { credential: { kind: 'bearer', token: 'ready' } });
    expect(asked[1]).toBe('GET https://reg.example/v2/ Bearer ready');
  });

  test('with a refresh token exchanges it', async () => {
    const { asked } = await login([BEARER, TOKEN, {}], { credential: { kind: 'identity', token: 'ref' } });
    expect(asked[1]).toBe('POST https://auth.example/token nobody');
  });
});

describe('a login fails', () => {
  test.each([
    [401, 'UNAUTHORIZED', 'login attempt to https://reg.example/v2/ failed with status: 401 Unauthorized'],
    [403, 'DENIED', 'login attempt to https://reg.example/v2/ failed with status: 403 Forbidden'],
    [429, 'RATE_LIMITED', 'login attempt to https://reg.example/v2/ failed with status: 429 Too Many Requests'],
    [404, 'UNSUPPORTED', 'login attempt to https://reg.example/v2/ failed with status: 404 Not Found'],
    [503, 'SERVER_ERROR', 'login attempt to https://reg.example/v2/ failed with status: 503 Service Unavailable'],
    [599, 'SERVER_ERROR', 'login attempt to https://reg.example/v2/ failed with status: 599'],
  ])('by %d as %s', async (status, code, message) => {
    expect(await hubErrorFrom(() => login([BASIC, { status }]))).toMatchObject({ code, message });
  });

  test('with the words of the registry', async () => {
    const body = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}';
    const error = await hubErrorFrom(() => login([BASIC, { status: 401, body }]));
    expect(error.message).toBe(
      'login attempt to https://reg.example/v2/ failed with status: 401 Unauthorized: authentication required',
    );
    expect(error.message).not.toContain('canary');
  });

  test('by the token service', async () => {
    const error = await hubErrorFrom(() =>
      login([BEARER, { status: 401, body: '{"details":"incorrect username or password"}' }]),
    );
    expect(error).toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'the token service auth.example refused the login (401): incorrect username or password',
    });
  });

  test('by a token that the registry does not take', async () => {
    expect((await hubErrorFrom(() => login([BEARER, TOKEN, BEARER]))).code).toBe('UNAUTHORIZED');
  });

  test('when the registry does not say what it wants', async () => {
    expect((await hubErrorFrom(() => login([{ status: 401 }]))).code).toBe('UNAUTHORIZED');
  });

  test('when the token service must not get the password', async () => {
    const local = { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://127.0.0.1/token"' } };
    expect((await hubErrorFrom(() => login([local, TOKEN]))).code).toBe('REFUSED');
    const moved = await hubErrorFrom(() => login([BEARER, TOKEN], { pinnedRealm: 'https://old.example' }));
    expect(moved.message).toContain('https://old.example');
    expect((await hubErrorFrom(() => login([BEARER, TOKEN], { registry: 'docker.io' }))).code).toBe('REFUSED');
  });

  test('when it takes too long', async () => {
    const send: Send = ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    const options = { send, base: BASE, credential: ALICE, clientId: 'hubctl' };
    expect(await hubErrorFrom(() => checkLogin({ ...options, timeout: 20 }))).toMatchObject({ code: 'TIMEOUT' });
    const reason = new HubError('ABORTED', 'stop');
    const controller = new AbortController();
    const waiting = checkLogin({ ...options, signal: controller.signal });
    controller.abort(reason);
    expect(await hubErrorFrom(() => waiting)).toBe(reason);
  });
});

describe('against a real server', () => {
  test('a login works from the first byte to the last', async () => {
    const registry = await serve((request, response) => {
      if (request.url?.startsWith('/token')) {
        const isAlice = request.headers.authorization === basicAuthorization('alice', 'canary');
        return void response
          .writeHead(isAlice ? 200 : 401)
          .end(isAlice ? '{"token":"t","refresh_token":"r"}' : '{"details":"no"}');
      }
      const isFine = request.headers.authorization === 'Bearer t';
      response
        .writeHead(isFine ? 200 : 401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` })
        .end('{}');
    });
    const http = createHttp({ userAgent: 'x' });
    onTestFinished(() => http.close());
    const options = { send: http.send, base: new URL(registry.origin), clientId: 'hubctl' };
    expect(await checkLogin({ ...options, credential: ALICE })).toEqual({ identityToken: 'r', realm: registry.origin });
    const wrong = { ...ALICE, password: 'wrong' };
    expect((await hubErrorFrom(() => checkLogin({ ...options, credential: wrong }))).code).toBe('UNAUTHORIZED');
  });

  test('a login at a closed port is told as such', async () => {
    const http = createHttp({ userAgent: 'x', random: () => 0 });
    onTestFinished(() => http.close());
    const base = new URL(`http://127.0.0.1:${await closedPort()}`);
    const error = await hubErrorFrom(() =>
      checkLogin({ send: http.send, base, credential: ALICE, clientId: 'hubctl' }),
    );
    expect(error.code).toBe('UNREACHABLE');
  });
});
