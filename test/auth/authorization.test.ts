import { describe, expect, test } from 'vitest';
import { Authorizations, type AuthorizationOptions, type AuthorizationPurpose } from '../../src/auth/authorization.ts';
import { TokenCache } from '../../src/auth/token-cache.ts';
import { basicAuthorization } from '../../src/auth/token.ts';
import type { Credential } from '../../src/credentials/credentials.ts';
import { HubError } from '../../src/errors.ts';
import type { HttpRequest, Send } from '../../src/http/layer.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer, type FakeAnswer } from '../helpers/web.ts';

const BEARER = { scheme: 'bearer', realm: 'https://auth.example/token', service: 'reg' } as const;
const BASIC = { scheme: 'basic' } as const;
const ALICE: Credential = { kind: 'basic', username: 'alice', password: 'pw' };

interface Desk {
  readonly authorizations: Authorizations;
  readonly purpose: (more?: Partial<AuthorizationPurpose>) => AuthorizationPurpose;
  readonly seen: HttpRequest[];
  readonly tokens: TokenCache;
}

function desk(
  credential: Credential | undefined,
  options: Partial<AuthorizationOptions> = {},
  reply: FakeAnswer = {},
): Desk {
  const seen: HttpRequest[] = [];
  const tokens = new TokenCache();
  const send: Send = async (request) => {
    seen.push(request);
    return answer(request.url, { body: '{"token":"tok","refresh_token":"fresh"}', ...reply });
  };
  const authorizations = new Authorizations({
    find: async () => credential && { credential, source: 'helper pass' },
    clientId: 'hubctl',
    clock: new FakeClock(),
    tokens,
    pinnedRealm: async () => 'https://auth.example',
    ...options,
  });
  const purpose: Desk['purpose'] = (more = {}) => ({
    url: new URL('https://reg.example/v2/'),
    target: { registry: 'reg.example', repository: 'a' },
    scopes: ['repository:a:pull'],
    mayFetch: true,
    send,
    ...more,
  });
  return { authorizations, purpose, seen, tokens };
}

describe('a credential', () => {
  test.each([
    [ALICE, BASIC, basicAuthorization('alice', 'pw')],
    [ALICE, BEARER, 'Bearer tok'],
    [{ kind: 'identity', token: 'id' }, BEARER, 'Bearer tok'],
    [{ kind: 'identity', token: 'id' }, BASIC, undefined],
    [{ kind: 'identity', username: 'alice', token: 'id' }, BASIC, basicAuthorization('alice', 'id')],
    [{ kind: 'bearer', token: 'reg' }, BEARER, 'Bearer reg'],
    [{ kind: 'bearer', token: 'reg' }, BASIC, 'Bearer reg'],
    [undefined, BASIC, undefined],
    [undefined, BEARER, 'Bearer tok'],
  ] as const)('%j answers %j', async (credential, known, header) => {
    const { authorizations, purpose } = desk(credential);
    expect(await authorizations.answer(known, purpose())).toBe(header);
  });

  test('is looked up once for a registry and a repository', async () => {
    const asked: string[] = [];
    const { authorizations, purpose } = desk(undefined, {
      find: async (registry, repository) => {
        asked.push(`${registry}/${repository}`);
        return undefined;
      },
    });
    await Promise.all([authorizations.answer(BASIC, purpose()), authorizations.answer(BASIC, purpose())]);
    await authorizations.answer(BASIC, purpose({ target: { registry: 'reg.example', repository: 'b' } }));
    expect(asked).toEqual(['reg.example/a', 'reg.example/b']);
  });

  test('that cannot be looked up is a failure, not an anonymous request', async () => {
    const failure = new HubError('CREDENTIALS_UNAVAILABLE', 'no keychain');
    const { authorizations, purpose, seen } = desk(undefined, { find: () => Promise.reject(failure) });
    expect(await hubErrorFrom(() => authorizations.answer(BEARER, purpose()))).toBe(failure);
    expect(seen).toEqual([]);
  });

  test('is not looked up for a host that must not get one', async () => {
    const { authorizations, purpose } = desk(ALICE, { find: () => Promise.reject(new HubError('FAILED', 'asked')) });
    expect(await authorizations.answer(BASIC, purpose({ target: undefined }))).toBeUndefined();
    expect(await authorizations.answer(BEARER, purpose({ target: undefined }))).toBe('Bearer tok');
  });

  test('is sent over plain http to this machine and to hosts that the user called insecure, else never', async () => {
    const ask = (credential: Credential | undefined, url: string): Promise<string | undefined> => {
      const { authorizations, purpose } = desk(credential, { insecure: (host) => host === 'vm:5000' });
      return authorizations.answer(BASIC, purpose({ url: new URL(url) }));
    };
    const header = basicAuthorization('alice', 'pw');
    expect(await ask(ALICE, 'http://localhost:5000/')).toBe(header);
    expect(await ask(ALICE, 'http://vm:5000/')).toBe(header);
    expect(await ask(undefined, 'http://other:5000/')).toBeUndefined();
    expect(await hubErrorFrom(() => ask(ALICE, 'http://other:5000/'))).toMatchObject({
      code: 'REFUSED',
      message: 'the password for other:5000 will not be sent over plain http',
    });
  });
});

test('a host that the user called insecure with the port of its scheme gets a password over plain http', async () => {
  const { authorizations, purpose } = desk(ALICE, { insecure: (host) => host === 'vm:80' });
  const url = new URL('http://vm:80/');
  expect(await authorizations.answer(BASIC, purpose({ url }))).toBe(basicAuthorization('alice', 'pw'));
});

describe('a token', () => {
  test('is kept for its account only', async () => {
    let credential: Credential = ALICE;
    const { authorizations, purpose, seen } = desk(undefined, {
      find: async () => ({ credential, source: 'x' }),
    });
    await authorizations.answer(BEARER, purpose());
    await authorizations.answer(BEARER, purpose());
    expect(seen).toHaveLength(1);
    credential = { ...ALICE, username: 'bob' };
    await authorizations.answer(BEARER, purpose({ target: { registry: 'reg.example', repository: 'other' } }));
    expect(seen).toHaveLength(2);
  });

  test('is not fetched when one at hand would do', async () => {
    const { authorizations, purpose, seen } = desk(undefined);
    expect(await authorizations.answer(BEARER, purpose({ mayFetch: false }))).toBeUndefined();
    await authorizations.answer(BEARER, purpose());
    expect(await authorizations.answer(BEARER, purpose({ mayFetch: false, scopes: [] }))).toBe('Bearer tok');
    expect(seen).toHaveLength(1);
  });

  test('is forgotten when it was refused', async () => {
    const { authorizations, purpose, seen, tokens } = desk(undefined);
    const header = await authorizations.answer(BEARER, purpose());
    authorizations.drop(header!);
    expect(tokens.entries()).toEqual([]);
    await authorizations.answer(BEARER, purpose());
    expect(seen).toHaveLength(2);
  });

  test('may come with a new refresh token, which is handed on', async () => {
    const fresh: string[] = [];
    const onRefreshToken = (registry: string, token: string): void => void fresh.push(`${registry} ${token}`);
    for (const credential of [
      { kind: 'identity', token: 'old' },
      { kind: 'identity', token: 'fresh' },
      ALICE,
    ] as const) {
      const { authorizations, purpose } = desk(credential, { onRefreshToken });
      await authorizations.answer(BEARER, purpose());
    }
    expect(fresh).toEqual(['reg.example fresh']);
  });

  test('that is refused says whose credentials they were', async () => {
    const { authorizations, purpose } = desk(ALICE, {}, { status: 401, body: '{"details":"wrong password"}' });
    const error = await hubErrorFrom(() => authorizations.answer(BEARER, purpose()));
    expect(error).toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'the token service auth.example refused the login (401): wrong password',
      hint: 'the credentials came from helper pass; to replace them: hubctl login reg.example',
      details: { registry: 'reg.example', source: 'helper pass', status: 401 },
    });
  });

  test('that is refused to nobody in particular says how to log in', async () => {
    const { authorizations, purpose } = desk(undefined, {}, { status: 403 });
    const error = await hubErrorFrom(() => authorizations.answer(BEARER, purpose()));
    expect(error).toMatchObject({ code: 'DENIED', hint: 'log in with: hubctl login reg.example' });
  });
});

describe('a token service', () => {
  test('that was not accepted at login gets no password, but may give anonymous tokens', async () => {
    const pinnedRealm = async (): Promise<string> => 'https://other.example';
    const withPassword = desk(ALICE, { pinnedRealm });
    const error = await hubErrorFrom(() => withPassword.authorizations.answer(BEARER, withPassword.purpose()));
    expect(error.code).toBe('REFUSED');
    expect(withPassword.seen).toEqual([]);
    const anonymous = desk(undefined, { pinnedRealm });
    expect(await anonymous.authorizations.answer(BEARER, anonymous.purpose())).toBe('Bearer tok');
  });

  test.each(['http://auth.example/token', 'https://127.0.0.1/token', 'https://user:pw@auth.example/'])(
    'at %s is not asked at all',
    async (realm) => {
      for (const credential of [ALICE, undefined]) {
        const { authorizations, purpose, seen } = desk(credential);
        expect((await hubErrorFrom(() => authorizations.answer({ ...BEARER, realm }, purpose()))).code).toBe('REFUSED');
        expect(seen).toEqual([]);
      }
    },
  );

  test('is asked in the name of the registry that named it', async () => {
    const { authorizations, purpose, seen } = desk(ALICE);
    await authorizations.answer(BEARER, purpose());
    expect(seen[0]).toMatchObject({ anonymous: true, namedBy: new URL('https://reg.example/v2/') });
  });
});
