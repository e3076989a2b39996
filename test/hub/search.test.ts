import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { createHttp, type Http } from '../../src/http/client.ts';
import {
  listCatalog,
  parseIndexUrl,
  searchIndex,
  searchRegistry,
  type FindLogin,
  type SearchIndex,
  type SearchRequest,
  type SearchableRegistry,
} from '../../src/hub/search.ts';
import { manyResults, startIndex, type IndexOptions } from '../helpers/index-server.ts';
import { startLocalServer, type LocalServer } from '../helpers/local-server.ts';

let http: Http;
let server: LocalServer | undefined;

beforeEach(() => {
  http = createHttp({ userAgent: 'hubctl/test', insecure: () => true, tries: 1 });
});

afterEach(async () => {
  await http.close();
  await server?.stop();
  server = undefined;
});

async function indexOf(options: IndexOptions, more: Partial<SearchIndex> = {}): Promise<SearchIndex> {
  server = await startIndex(options);
  return { url: parseIndexUrl(server.origin), send: http.send, ...more };
}

function wanting(limit: number, request: Partial<SearchRequest> = {}): SearchRequest {
  return { words: 'image', limit, filters: {}, ...request };
}

function pathsAsked(): readonly string[] {
  return (server?.log ?? []).map((entry) => entry.path);
}

describe('an index', () => {
  test('is asked once, in the words of docker, for what fits on a page', async () => {
    const hits = await searchIndex(await indexOf({ results: manyResults(300) }), wanting(25, { words: 'a b/c' }));
    expect(hits).toHaveLength(25);
    expect(pathsAsked()).toEqual(['/v1/search?q=a+b%2Fc&n=25']);
    expect(server?.log[0]?.headers['x-docker-token']).toBe('true');
  });

  test('gives more than a page when more is wanted, each image once', async () => {
    const hits = await searchIndex(await indexOf({ results: manyResults(300) }), wanting(250));
    expect(hits).toHaveLength(250);
    expect(new Set(hits.map((hit) => hit.name)).size).toBe(250);
    expect(pathsAsked()).toEqual([
      '/v1/search?q=image&n=100',
      '/v1/search?q=image&n=100&page=2',
      '/v1/search?q=image&n=100&page=3',
    ]);
  });

  test('is asked for further pages until enough images passed the filters', async () => {
    const hits = await searchIndex(
      await indexOf({ results: manyResults(300) }),
      wanting(15, { filters: { official: true } }),
    );
    expect(hits.map((hit) => hit.name).at(-1)).toBe('image-150');
    expect(hits).toHaveLength(15);
    expect(pathsAsked()).toHaveLength(2);
  });

  test('is not asked beyond its last page', async () => {
    const hits = await searchIndex(
      await indexOf({ results: manyResults(120) }),
      wanting(500, { filters: { minStars: 100 } }),
    );
    expect(hits).toHaveLength(21);
    expect(pathsAsked()).toHaveLength(2);
  });

  test('that ignores page= is left alone when its first page comes again', async () => {
    const hits = await searchIndex(await indexOf({ results: manyResults(300), paged: false }), wanting(250));
    expect(hits).toHaveLength(100);
    expect(pathsAsked()).toHaveLength(2);
  });

  test('is asked for 20 pages at most', async () => {
    const hits = await searchIndex(
      await indexOf({ results: manyResults(5000) }),
      wanting(10, { filters: { automated: true } }),
    );
    expect(hits).toEqual([]);
    expect(pathsAsked()).toHaveLength(20);
  });

  test('that sends more than was asked for is cut', async () => {
    const results = manyResults(50);
    const body = JSON.stringify({ results });
    const index = await indexOf({ results, reply: () => ({ status: 200, body }) });
    expect(await searchIndex(index, wanting(5))).toHaveLength(5);
  });

  test('without hits gives none', async () => {
    expect(await searchIndex(await indexOf({ results: [] }), wanting(25))).toEqual([]);
  });
});

describe('a failing index', () => {
  test.each([
    [401, 'UNAUTHORIZED'],
    [403, 'DENIED'],
    [404, 'UNSUPPORTED'],
    [418, 'FAILED'],
    [500, 'SERVER_ERROR'],
  ] as const)('that answers %i fails with %s and names host, status and words', async (status, code) => {
    const index = await indexOf({ results: [], reply: () => ({ status, body: 'no way' }) });
    const failure = searchIndex(index, wanting(25));
    await expect(failure).rejects.toMatchObject({
      code,
      message: `search "image": ${server?.host} answered ${status}: no way`,
      details: { host: server?.host, status },
    });
  });

  test('that limits requests says how long to wait', async () => {
    const reply = { status: 429, headers: { 'retry-after': '17' }, body: '{"detail":"slow down"}' };
    const index = await indexOf({ results: [], reply: () => reply });
    await expect(searchIndex(index, wanting(25))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringContaining('slow down') as string,
      hint: 'try again in 17 s, or log in',
    });
  });

  test('fails as a whole when a later page fails', async () => {
    const index = await indexOf({
      results: manyResults(300),
      reply: (page) => (page === 2 ? { status: 503, body: 'busy' } : undefined),
    });
    await expect(searchIndex(index, wanting(150))).rejects.toMatchObject({ code: 'SERVER_ERROR' });
  });
});

describe('the login for an index', () => {
  const login: FindLogin = async () => ({ credential: { kind: 'basic', username: 'bob', password: 'pass' } });
  const expected = `Basic ${Buffer.from('bob:pass').toString('base64')}`;

  test('is that of its own host and is sent with every page', async () => {
    const asked: string[] = [];
    const find: FindLogin = (registry) => {
      asked.push(registry);
      return login(registry);
    };
    await searchIndex(await indexOf({ results: manyResults(150) }, { find }), wanting(150));
    expect(asked).toEqual([server?.host]);
    expect(server?.log.map((entry) => entry.headers.authorization)).toEqual([expected, expected]);
  });

  test('does not follow a redirect to another origin', async () => {
    const other = await startIndex({ results: manyResults(3) });
    const index = await indexOf(
      { results: [], reply: () => ({ status: 302, headers: { location: `${other.origin}/v1/search?q=image&n=25` } }) },
      { find: login },
    );
    const hits = await searchIndex(index, wanting(25));
    const [redirected] = other.log;
    await other.stop();
    expect(hits).toHaveLength(3);
    expect(server?.log[0]?.headers.authorization).toBe(expected);
    expect(redirected?.headers.authorization).toBeUndefined();
  });

  test('is not sent over plain http to another machine', async () => {
    const seen: (string | undefined)[] = [];
    const index: SearchIndex = {
      url: parseIndexUrl('http://index.example.com/v1/'),
      find: login,
      send: async (request) => {
        seen.push(request.headers?.['authorization']);
        throw new HubError('UNREACHABLE', 'no such host');
      },
    };
    await expect(searchIndex(index, wanting(25))).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(seen).toEqual([undefined]);
  });

  test('that the index refuses is left out with a warning', async () => {
    const warnings: string[] = [];
    const results = manyResults(2);
    server = await startLocalServer(({ headers }) =>
      headers.authorization === undefined
        ? { status: 200, body: JSON.stringify({ results }) }
        : { status: 401, body: 'bad login' },
    );
    const index = { url: parseIndexUrl(server.origin), send: http.send, find: login };
    const hits = await searchIndex({ ...index, onWarning: (text) => warnings.push(text) }, wanting(25));
    expect(hits).toHaveLength(2);
    expect(warnings).toEqual([`${server.host} refused the stored login: searching without it`]);
  });

  test('is done without when the keychain is locked', async () => {
    const warnings: string[] = [];
    const find: FindLogin = async () => {
      throw new HubError('CREDENTIALS_UNAVAILABLE', 'the keychain is locked');
    };
    const index = await indexOf({ results: manyResults(2) }, { find, onWarning: (text) => warnings.push(text) });
    expect(await searchIndex(index, wanting(25))).toHaveLength(2);
    expect(warnings).toEqual(['searching without a login: the keychain is locked']);
  });

  test('is that of docker.io on Docker Hub, whose official images lose library/', async () => {
    const asked: string[] = [];
    const body = Buffer.from(JSON.stringify({ results: [{ name: 'library/redis' }, { name: 'bob/library' }] }));
    const hits = await searchIndex(
      {
        url: parseIndexUrl('https://index.docker.io/v1/'),
        find: async (registry) => void asked.push(registry),
        send: async ({ url }) => ({
          status: 200,
          url,
          headers: { get: () => undefined, all: () => [] },
          body: { forEach: async (consume) => consume(body), cancel: () => undefined },
        }),
      },
      wanting(25),
    );
    expect(asked).toEqual(['docker.io']);
    expect(hits.map((hit) => hit.name)).toEqual(['redis', 'bob/library']);
  });
});

describe('the URL of an index', () => {
  test.each([
    ['https://index.docker.io/v1/', 'https://index.docker.io/v1/'],
    ['https://index.docker.io/v1', 'https://index.docker.io/v1/'],
    ['http://localhost:5000', 'http://localhost:5000/v1/'],
    ['https://mirror.example.com/hub/?x=1#y', 'https://mirror.example.com/hub/v1/'],
  ])('%s means %s', (text, url) => {
    expect(parseIndexUrl(text).href).toBe(url);
  });

  test.each(['', 'index.docker.io', 'ftp://index.docker.io/'])('%s is refused', (text) => {
    expect(() => parseIndexUrl(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('must not hold a password, and the message does not repeat it', () => {
    const parse = (): URL => parseIndexUrl('https://bob:hunter2@index.example.com/v1/');
    expect(parse).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(parse).not.toThrow(/hunter2/);
  });
});

describe('a registry', () => {
  function registryOf(names: readonly string[], answer: (path: string) => number | object): SearchableRegistry {
    return {
      name: 'localhost:5000',
      get: async (path) => {
        const said = answer(path);
        const body = Buffer.from(typeof said === 'number' ? '' : JSON.stringify(said));
        return {
          status: typeof said === 'number' ? said : 200,
          url: new URL(path, 'http://localhost:5000'),
          headers: { get: () => undefined, all: () => [] },
          body: { forEach: async (consume) => consume(body), cancel: () => undefined },
        };
      },
      catalog: async function* () {
        yield* names;
      },
    };
  }
  const names = ['team/base', 'database', 'base', 'Baseline', 'other'];

  test('without search is asked for its catalog: the exact name first, then what begins with it', async () => {
    const hits = await searchRegistry(
      registryOf(names, () => 404),
      wanting(25, { words: 'BASE' }),
    );
    expect(hits.map((hit) => hit.name)).toEqual([
      'localhost:5000/base',
      'localhost:5000/Baseline',
      'localhost:5000/team/base',
      'localhost:5000/database',
    ]);
    expect(hits[0]).toEqual({
      name: 'localhost:5000/base',
      description: '',
      stars: 0,
      official: false,
      automated: false,
    });
  });

  test('without search keeps the exact name even when it comes last', async () => {
    const hits = await searchRegistry(
      registryOf(['a-base', 'b-base', 'base'], () => 404),
      wanting(2, { words: 'base' }),
    );
    expect(hits.map((hit) => hit.name)).toEqual(['localhost:5000/base', 'localhost:5000/a-base']);
  });

  test('lists everything up to the limit for no words', async () => {
    const hits = await searchRegistry(
      registryOf(names, () => 404),
      wanting(2, { words: '' }),
    );
    expect(hits.map((hit) => hit.name)).toEqual(['localhost:5000/team/base', 'localhost:5000/database']);
  });

  test('is not asked for its catalog when no name could pass the filters', async () => {
    const registry = registryOf([], () => 404);
    const catalog = (): never => {
      throw new Error('was asked');
    };
    const request = wanting(25, { filters: { minStars: 1 } });
    expect(await searchRegistry({ ...registry, catalog }, request)).toEqual([]);
  });

  test('of the v1 protocol searches by itself', async () => {
    const registry = registryOf([], (path) =>
      path === '/v1/_ping' ? {} : { results: [{ name: 'team/base', description: 'x' }] },
    );
    const hits = await searchRegistry(registry, wanting(25));
    expect(hits.map((hit) => hit.name)).toEqual(['localhost:5000/team/base']);
  });

  test('whose web pages answer everything is asked for its catalog', async () => {
    const registry = registryOf(['base'], () => ({ page: 'hello' }));
    const hits = await searchRegistry(registry, wanting(25, { words: 'base' }));
    expect(hits.map((hit) => hit.name)).toEqual(['localhost:5000/base']);
  });

  test('that wants a login for everything but its catalog is asked for that', async () => {
    const get = async (): Promise<never> => {
      throw new HubError('UNAUTHORIZED', 'who are you');
    };
    const hits = await searchRegistry({ ...registryOf(['base'], () => 404), get }, wanting(25, { words: 'base' }));
    expect(hits).toHaveLength(1);
  });

  test.each(['UNREACHABLE', 'RATE_LIMITED', 'ABORTED'] as const)(
    'that fails with %s is not asked again',
    async (code) => {
      const get = async (): Promise<never> => {
        throw new HubError(code, 'no');
      };
      const catalog = (): never => {
        throw new Error('was asked');
      };
      await expect(searchRegistry({ name: 'x', get, catalog }, wanting(25))).rejects.toMatchObject({ code });
    },
  );

  test.each([
    ['DENIED', 'UNSUPPORTED', 'registry localhost:5000 does not offer a catalog'],
    ['NOT_FOUND', 'UNSUPPORTED', 'registry localhost:5000 does not offer a catalog'],
    ['UNSUPPORTED', 'UNSUPPORTED', 'registry localhost:5000 does not offer a catalog'],
    ['UNAUTHORIZED', 'UNAUTHORIZED', 'registry localhost:5000 does not offer a catalog without a login'],
  ] as const)('whose catalog fails with %s has none: %s', async (cause, code, message) => {
    const registry: SearchableRegistry = {
      ...registryOf([], () => 404),
      catalog: () => {
        throw new HubError(cause, 'refused');
      },
    };
    await expect(searchRegistry(registry, wanting(25))).rejects.toMatchObject({ code, message });
  });

  test('that cannot be reached fails as such', async () => {
    const registry: SearchableRegistry = {
      ...registryOf([], () => 404),
      catalog: () => {
        throw new HubError('UNREACHABLE', 'no route');
      },
    };
    await expect(listCatalog(registry).next()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
