import { describe, expect, onTestFinished, test } from 'vitest';
import { authenticate, type AuthenticateOptions } from '../../src/auth/authenticate.ts';
import { basicAuthorization } from '../../src/auth/token.ts';
import { TokenCache } from '../../src/auth/token-cache.ts';
import type { Credential, FindCredential } from '../../src/credentials/credentials.ts';
import { HubError } from '../../src/errors.ts';
import { createHttp } from '../../src/http/client.ts';
import type { HttpRequest, HttpResponse, Send } from '../../src/http/layer.ts';
import { contentOf } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer, bodyText, serve, type FakeAnswer } from '../helpers/web.ts';

const REG = 'https://reg.example';
const AUTH = 'https://auth.example/token';
const ALICE: Credential = { kind: 'basic', username: 'alice', password: 'canary' };
const ALICE_BASIC = basicAuthorization('alice', 'canary');
const PULL = 'repository:a:pull';
const PUSH = 'repository:a:pull,push';

type Handler = (request: HttpRequest) => FakeAnswer | Promise<FakeAnswer>;

interface World {
  readonly send: Send;
  /** `GET /v2/a alice`: what was asked of the registry, and with which Authorization. */
  readonly asked: string[];
  /** Scopes of every token request, with its Authorization. */
  readonly tokens: string[];
  readonly clock: FakeClock;
}

interface WorldOptions extends Partial<AuthenticateOptions> {
  readonly credential?: Credential | undefined;
  readonly registry?: Handler;
  readonly service?: Handler;
}

/** A registry and a token service behind the layer. The registry takes any token that names what is wanted. */
function world(options: WorldOptions = {}): World {
  const asked: string[] = [];
  const tokens: string[] = [];
  const clock = new FakeClock();
  const { credential, registry = bearerRegistry(), service = tokenService(), ...more } = options;
  const find: FindCredential = async () => credential && { credential, source: 'file ~/.docker/config.json' };
  const next: Send = async (request): Promise<HttpResponse> => {
    const { authorization = 'nobody' } = request.headers ?? {};
    const isToken = request.url.pathname === '/token';
    if (isToken) tokens.push(`${request.url.searchParams.getAll('scope').join(' ')} ${authorization}`.trim());
    else asked.push(`${request.method} ${request.url.pathname} ${authorization}`);
    return answer(request.url, await (isToken ? service(request) : registry(request)));
  };
  const layer = authenticate({
    find,
    clientId: 'hubctl',
    clock,
    pinnedRealm: async () => 'https://auth.example',
    registryOf: (url) => (url.host.startsWith('reg.example') ? { registry: url.host, repository: 'a' } : undefined),
    ...more,
  });
  return { send: layer(next), asked, tokens, clock };
}

function challenge(value: string | readonly string[], body = ''): FakeAnswer {
  return { status: 401, headers: { 'www-authenticate': value }, body };
}

function bearer(scope?: string): string {
  return `Bearer realm="${AUTH}",service="reg"${scope === undefined ? '' : `,scope="${scope}"`}`;
}

/** Wants a token whose name begins with what the method needs. */
function bearerRegistry(): Handler {
  return ({ method, headers }) => {
    const wanted = method === 'GET' ? PULL : PUSH;
    const token = headers?.['authorization']?.replace('Bearer ', '') ?? '';
    return token.includes(method === 'GET' ? 'pull' : 'push') ? { status: 200 } : challenge(bearer(wanted));
  };
}

/** Gives tokens that are named for their scopes and numbered. */
function tokenService(): Handler {
  let count = 0;
  return ({ url }) => {
    count += 1;
    const token = `${url.searchParams
      .getAll('scope')
      .join('+')
      .replaceAll(/[^\w,+]/g, '-')}#${count}`;
    return { status: 200, body: JSON.stringify({ token, expires_in: 300 }) };
  };
}

function get(more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: new URL(`${REG}/v2/a`), scopes: [PULL], ...more };
}

describe('a registry that asks for nothing', () => {
  test('gets no credentials, which are not even looked for', async () => {
    const find = (): Promise<never> => Promise.reject(new HubError('FAILED', 'looked'));
    const { send, asked } = world({ find, registry: () => ({ status: 200 }) });
    await send(get());
    expect(asked).toEqual(['GET /v2/a nobody']);
  });

  test('may refuse with 403, which is final', async () => {
    const { send, asked } = world({ credential: ALICE, registry: () => ({ status: 403 }) });
    expect((await send(get())).status).toBe(403);
    expect(asked).toHaveLength(1);
  });
});

describe('a registry that wants a token', () => {
  test('gets an anonymous one when there are no credentials', async () => {
    const { send, asked, tokens } = world();
    expect((await send(get())).status).toBe(200);
    expect(asked).toEqual(['GET /v2/a nobody', 'GET /v2/a Bearer repository-a-pull#1']);
    expect(tokens).toEqual([`${PULL} nobody`]);
  });

  test('gets one for the account', async () => {
    const { send, tokens } = world({ credential: ALICE });
    expect((await send(get())).status).toBe(200);
    expect(tokens).toEqual([`${PULL} ${ALICE_BASIC}`]);
  });

  test('gets it at once from then on', async () => {
    const { send, asked, tokens } = world();
    for (let index = 0; index < 3; index += 1) await send(get());
    expect(asked).toHaveLength(4);
    expect(tokens).toHaveLength(1);
  });

  test('gets the token for what is known to be needed, before it asks', async () => {
    const { send, asked, tokens } = world();
    await send(get());
    await send(get({ method: 'PUT', scopes: [PUSH] }));
    expect(asked.slice(2)).toEqual(['PUT /v2/a Bearer repository-a-pull,push#2']);
    expect(tokens).toHaveLength(2);
  });

  test('gets a wider token for a narrower request', async () => {
    const { send, tokens } = world();
    await send(get({ method: 'PUT', scopes: [PUSH] }));
    await send(get());
    await send(get({ scopes: undefined }));
    expect(tokens).toEqual([`${PUSH} nobody`]);
  });

  test('names the scope that comes first, then comes what the request needs', async () => {
    const { send, tokens } = world();
    await send(get({ scopes: ['repository:b:pull', 'repository:a:delete'] }));
    expect(tokens).toEqual(['repository:a:pull,delete repository:b:pull nobody']);
  });

  test('gets a new one when the old one has expired', async () => {
    const { send, asked, tokens, clock } = world();
    await send(get());
    clock.time += 289_000;
    await send(get());
    clock.time += 2_000;
    await send(get());
    expect(tokens).toHaveLength(2);
    expect(asked).toHaveLength(4);
  });

  test('gets a new one when it no longer takes the old one', async () => {
    const revoked = new Set<string>();
    const { send, asked, tokens } = world({
      registry: ({ headers }) => {
        const token = headers?.['authorization'];
        return token === undefined || revoked.has(token)
          ? challenge(`${bearer(PULL)},error="invalid_token"`)
          : { status: 200 };
      },
    });
    await send(get());
    revoked.add('Bearer repository-a-pull#1');
    expect((await send(get())).status).toBe(200);
    expect((await send(get())).status).toBe(200);
    expect(tokens).toHaveLength(2);
    expect(asked.map((line) => line.split('#')[1])).toEqual([undefined, '1', '1', '2', '2']);
  });

  test('gets a wider one when the first does not do', async () => {
    const { send, tokens } = world({
      registry: ({ headers }) =>
        headers?.['authorization']?.includes('push')
          ? { status: 200 }
          : challenge(`${bearer(PUSH)},error="insufficient_scope"`),
    });
    expect((await send(get())).status).toBe(200);
    expect(tokens).toEqual([`${PUSH} nobody`]);
  });

  test('is asked twice and no more', async () => {
    const { send, asked, tokens } = world({ credential: ALICE, registry: () => challenge(bearer(PULL), 'still no') });
    const response = await send(get());
    expect(response.status).toBe(401);
    expect(await bodyText(response)).toBe('still no');
    expect(response.account).toBe('alice, with credentials from file ~/.docker/config.json');
    expect([asked.length, tokens.length]).toEqual([2, 1]);
    await send(get());
    expect([asked.length, tokens.length]).toEqual([4, 3]);
  });

  test('is asked again when its token was used up by others', async () => {
    const uses = new Map<string, number>();
    const registry: Handler = ({ headers }) => {
      const { authorization } = headers ?? {};
      const count = (uses.get(authorization ?? '') ?? 0) + 1;
      uses.set(authorization ?? '', count);
      return authorization !== undefined && count === 1 ? { status: 200 } : challenge(bearer(PULL));
    };
    const { send, tokens } = world({ credential: ALICE, registry });
    const responses = await Promise.all([send(get()), send(get())]);
    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    expect(tokens).toHaveLength(2);
  });

  test('gets the body of a request again', async () => {
    let opened = 0;
    const body = { length: 1, open: async () => ((opened += 1), contentOf(Buffer.from('x'))) };
    const registry = bearerRegistry();
    const { send } = world({ registry: async (request) => (await request.body?.open(), registry(request)) });
    expect((await send(get({ method: 'PATCH', repeatable: false, body }))).status).toBe(200);
    expect(opened).toBe(2);
  });

  test('may want no scope at all', async () => {
    const { send, tokens } = world({
      registry: ({ headers }) => (headers?.['authorization'] ? { status: 200 } : challenge(bearer())),
    });
    expect((await send(get({ scopes: undefined }))).status).toBe(200);
    expect(tokens).toEqual(['nobody']);
  });

  test('is not asked for a token before it says which, when nobody knows', async () => {
    const { send, tokens } = world();
    await send(get());
    await send(get({ url: new URL(`${REG}/v2/b`), method: 'PUT', scopes: undefined }));
    expect(tokens).toEqual([`${PULL} nobody`, `${PUSH} nobody`]);
  });
});

describe('many requests at a time', () => {
  test('fetch one token', async () => {
    const service = tokenService();
    const { send, tokens } = world({
      service: async (request) => {
        await new Promise((resolve) => setImmediate(resolve));
        return service(request);
      },
    });
    const responses = await Promise.all(Array.from({ length: 20 }, async () => send(get())));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(tokens).toHaveLength(1);
  });

  test('that lose their token together fetch one new one', async () => {
    let valid = 1;
    const { send, tokens } = world({
      registry: async ({ headers }) => {
        await new Promise((resolve) => setImmediate(resolve));
        return Number(headers?.['authorization']?.split('#')[1] ?? 0) >= valid
          ? { status: 200 }
          : challenge(bearer(PULL));
      },
    });
    await send(get());
    valid = 2;
    const responses = await Promise.all(Array.from({ length: 10 }, async () => send(get())));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(tokens).toHaveLength(2);
  });

  test('are not stopped when one of them is', async () => {
    const controller = new AbortController();
    let give: () => void = () => undefined;
    const { send } = world({
      service: async () => {
        await new Promise<void>((resolve) => (give = resolve));
        return { status: 200, body: JSON.stringify({ token: 'pull' }) };
      },
    });
    const impatient = send(get({ signal: controller.signal }));
    const patient = send(get());
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new HubError('ABORTED', 'stop'));
    expect((await hubErrorFrom(() => impatient)).message).toBe('stop');
    give();
    expect((await patient).status).toBe(200);
  });
});

describe('a registry that wants Basic', () => {
  const registry: Handler = ({ headers }) =>
    headers?.['authorization'] === ALICE_BASIC ? { status: 200 } : challenge('Basic realm="x"', 'basic please');

  test('gets the password, and at once from then on', async () => {
    const { send, asked, tokens } = world({ credential: ALICE, registry });
    await send(get());
    await send(get());
    expect(asked).toEqual(['GET /v2/a nobody', `GET /v2/a ${ALICE_BASIC}`, `GET /v2/a ${ALICE_BASIC}`]);
    expect(tokens).toEqual([]);
  });

  test('is not asked again without a password, or with the same one', async () => {
    const anonymous = world({ registry });
    const response = await anonymous.send(get());
    expect([response.status, await bodyText(response)]).toEqual([401, 'basic please']);
    expect(anonymous.asked).toHaveLength(1);
    const wrong = world({ credential: { kind: 'basic', username: 'bob', password: 'x' }, registry });
    expect((await wrong.send(get())).status).toBe(401);
    expect((await wrong.send(get())).status).toBe(401);
    expect(wrong.asked).toHaveLength(3);
  });

  test('gets a token when it takes tokens as well', async () => {
    const { send, tokens } = world({
      credential: ALICE,
      registry: ({ headers }) =>
        headers?.['authorization'] ? { status: 200 } : challenge(['Basic realm="x"', bearer(PULL)]),
    });
    await send(get());
    expect(tokens).toHaveLength(1);
  });
});

describe('a challenge', () => {
  test('of an unknown scheme is told', async () => {
    const { send } = world({ registry: () => challenge(['Negotiate', 'NTLM, DPoP x="\u001b"']) });
    expect(await hubErrorFrom(() => send(get()))).toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'reg.example wants a login by negotiate, ntlm, dpop, which hubctl cannot do',
    });
  });

  test('that is malformed is told', async () => {
    const { send } = world({ registry: () => challenge('Bearer realm="x') });
    const error = await hubErrorFrom(() => send(get()));
    expect(error.message).toBe('reg.example wants a login with a WWW-Authenticate header that is not understood');
    expect(error.details['header']).toBe('Bearer realm="x');
  });

  test('that is missing is looked for at the base of the registry', async () => {
    const registry: Handler = ({ url, headers }) => {
      if (headers?.['authorization']) return { status: 200 };
      return url.pathname === '/v2/' ? challenge(bearer()) : { status: 401 };
    };
    const { send, asked, tokens } = world({ registry });
    expect((await send(get())).status).toBe(200);
    expect(asked.slice(0, 2)).toEqual(['GET /v2/a nobody', 'GET /v2/ nobody']);
    expect(tokens).toEqual([`${PULL} nobody`]);
  });

  test('that is nowhere leaves the answer as it is', async () => {
    const { send, asked } = world({ registry: ({ url }) => ({ status: url.pathname === '/v2/' ? 404 : 401 }) });
    expect((await send(get())).status).toBe(401);
    expect(asked).toHaveLength(2);
  });

  test('is known from an earlier run', async () => {
    const challenges = new Map([[REG, { scheme: 'bearer', realm: AUTH, service: 'reg' } as const]]);
    const { send, asked } = world({ challenges });
    await send(get());
    expect(asked).toEqual(['GET /v2/a Bearer repository-a-pull#1']);
  });
});

describe('what an earlier run left', () => {
  const earlier = { scheme: 'bearer', realm: AUTH, service: 'reg', earlier: true } as const;
  const place = { registry: REG, realm: AUTH, service: 'reg', credential: ALICE };

  function leftBy(value: string, scopes: readonly string[] = [PULL]): Partial<WorldOptions> {
    const cache = new TokenCache();
    const { salt } = cache;
    const key = cache.keyFor(place);
    const token = { key, registry: REG, scopes, value, since: 0, expires: Number.MAX_SAFE_INTEGER };
    return { credential: ALICE, challenges: new Map([[REG, earlier]]), tokens: new TokenCache([token], salt) };
  }

  test('is sent with the first request', async () => {
    const { send, asked, tokens } = world(leftBy('left-pull'));
    expect((await send(get())).status).toBe(200);
    expect([asked, tokens]).toEqual([['GET /v2/a Bearer left-pull'], []]);
  });

  test('is fetched anew, once, when the registry no longer takes it', async () => {
    const { send, asked, tokens } = world(leftBy('expired'));
    expect((await send(get())).status).toBe(200);
    expect(asked).toEqual(['GET /v2/a Bearer expired', 'GET /v2/a Bearer repository-a-pull#1']);
    expect(tokens).toHaveLength(1);
  });

  test('is fetched anew when it does not allow enough, for rights may have been given since', async () => {
    const registry: Handler = ({ headers }) => ({ status: headers?.['authorization']?.includes('left') ? 403 : 200 });
    const { send, asked } = world({ ...leftBy('left'), registry });
    expect((await send(get())).status).toBe(200);
    expect(asked).toHaveLength(2);
  });

  test('a token of this run that does not allow enough is not fetched anew', async () => {
    const registry: Handler = ({ headers }) => (headers?.['authorization'] ? { status: 403 } : challenge(bearer(PULL)));
    const { send, tokens } = world({ credential: ALICE, registry });
    expect((await send(get())).status).toBe(403);
    expect((await send(get())).status).toBe(403);
    expect(tokens).toHaveLength(1);
  });

  test('is no use to another account', async () => {
    const { send, asked } = world({ ...leftBy('left-pull'), credential: { ...ALICE, username: 'bob' } });
    await send(get());
    expect(asked).toEqual(['GET /v2/a Bearer repository-a-pull#1']);
  });

  test('gives way to what the registry asks for now when its token service has moved', async () => {
    const moved = { ...earlier, realm: 'https://gone.example/token' };
    const working = tokenService();
    const service: Handler = (request) => (request.url.host === 'gone.example' ? { status: 404 } : working(request));
    const { send, asked, tokens } = world({ challenges: new Map([[REG, moved]]), service });
    expect((await send(get())).status).toBe(200);
    expect(asked).toEqual(['GET /v2/a nobody', 'GET /v2/a Bearer repository-a-pull#1']);
    expect(tokens).toHaveLength(2);
  });

  test('does not send a password to another token service than the pinned one', async () => {
    const moved = { ...earlier, realm: 'https://evil.example/token' };
    const pinnedRealm = async (): Promise<string> => 'https://auth.example';
    const { send, tokens } = world({ credential: ALICE, challenges: new Map([[REG, moved]]), pinnedRealm });
    expect((await send(get())).status).toBe(200);
    expect(tokens).toEqual([`${PULL} ${ALICE_BASIC}`]);
  });
});

describe('a request that is none of its business', () => {
  test('to another host goes out as it is', async () => {
    const { send, asked } = world({ credential: ALICE, registry: () => challenge(bearer(PULL)) });
    expect((await send(get({ url: new URL('https://elsewhere.example/v2/a') }))).status).toBe(401);
    expect(asked).toHaveLength(1);
  });

  test('with its own Authorization goes out as it is', async () => {
    const { send, asked } = world({ credential: ALICE, registry: () => challenge(bearer(PULL)) });
    await send(get({ headers: { authorization: 'Bearer own' } }));
    expect(asked).toEqual(['GET /v2/a Bearer own']);
  });

  test('that is anonymous gets no credentials, not even when it is asked', async () => {
    for (const wanted of [bearer(PULL), 'Basic realm="x"']) {
      const { send, asked, tokens } = world({ credential: ALICE, registry: () => challenge(wanted) });
      expect((await send(get({ anonymous: true, scopes: undefined }))).status).toBe(401);
      expect([asked, tokens]).toEqual([['GET /v2/a nobody'], []]);
    }
  });

  test('that was redirected may get a token that anybody may have, for what that host wants', async () => {
    const { send, asked, tokens } = world({ credential: ALICE });
    const response = await send(
      get({ url: new URL('https://elsewhere.example/v2/z'), anonymous: true, scopes: ['repository:own:pull'] }),
    );
    expect(response.status).toBe(200);
    expect(tokens).toEqual([`${PULL} nobody`]);
    expect(asked).toHaveLength(2);
  });
});

describe('between real hosts', () => {
  const everywhere: string[] = [];

  test('a password reaches its registry and nobody else', async () => {
    everywhere.length = 0;
    const note = (name: string, value: string | undefined): void =>
      void everywhere.push(`${name} ${value ?? 'nobody'}`);
    const evil = await serve((request, response) => {
      note('evil', request.headers.authorization);
      if (request.url === '/blob') return void response.end('blob');
      response.writeHead(401, { 'www-authenticate': `Basic realm="x"` }).end();
    });
    const registry = await serve((request, response) => {
      note('registry', request.headers.authorization);
      if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else response.writeHead(307, { location: `${evil.origin}${request.url}` }).end();
    });
    const http = createHttp({
      userAgent: 'x',
      authenticate: authenticate({
        find: async () => ({ credential: ALICE, source: 'test' }),
        registryOf: () => ({ registry: registry.host }),
        clientId: 'hubctl',
      }),
    });
    onTestFinished(() => http.close());
    expect(await bodyText(await http.send({ method: 'GET', url: new URL(`${registry.origin}/blob`) }))).toBe('blob');
    const refused = await http.send({ method: 'GET', url: new URL(`${registry.origin}/other`) });
    expect(refused.status).toBe(401);
    expect(everywhere).toEqual([
      'registry nobody',
      `registry ${ALICE_BASIC}`,
      'evil nobody',
      `registry ${ALICE_BASIC}`,
      'evil nobody',
    ]);
  });

  test('a token service that redirects does not take the password along', async () => {
    const seen: string[] = [];
    const evil = await serve((request, response) => {
      seen.push(request.headers.authorization ?? 'nobody');
      response.end(JSON.stringify({ token: 'evil' }));
    });
    const registry = await serve((request, response) => {
      const { authorization, host } = request.headers;
      if (request.url?.startsWith('/token')) response.writeHead(302, { location: evil.origin }).end();
      else if (authorization?.startsWith('Bearer')) response.end();
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token"` }).end();
    });
    const http = createHttp({
      userAgent: 'x',
      authenticate: authenticate({
        find: async () => ({ credential: ALICE, source: 'test' }),
        registryOf: () => ({ registry: registry.host }),
        clientId: 'hubctl',
      }),
    });
    onTestFinished(() => http.close());
    await http.send({ method: 'GET', url: new URL(registry.origin) });
    expect(seen).toEqual(['nobody']);
  });

  test('a token service that fails once is asked again with the whole request', async () => {
    let tokens = 0;
    const registry = await serve((request, response) => {
      if (request.url?.startsWith('/token')) {
        tokens += 1;
        return void response.writeHead(tokens === 1 ? 503 : 200).end('{"token":"t"}');
      }
      const isFine = request.headers.authorization === 'Bearer t';
      response.writeHead(isFine ? 200 : 401, { 'www-authenticate': 'Bearer realm="/token"' }).end();
    });
    const http = createHttp({
      userAgent: 'x',
      random: () => 0,
      authenticate: authenticate({
        find: async () => undefined,
        registryOf: () => ({ registry: 'r' }),
        clientId: 'hubctl',
      }),
    });
    onTestFinished(() => http.close());
    expect((await http.send({ method: 'GET', url: new URL(registry.origin) })).status).toBe(200);
    expect(tokens).toBe(2);
  });
});
