import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createHttp } from '../../src/http/client.ts';
import type { HttpRequest, HttpResponse, Layer } from '../../src/http/layer.ts';
import { createOrigins } from '../../src/http/origin.ts';
import { plainFirst, type EarlierRuns } from '../../src/http/plain-first.ts';
import { contentOf } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { bodyText, CA_FILE, closedPort, serve, serveRaw } from '../helpers/web.ts';

interface Caller {
  originOf(host: string): Promise<string>;
  ask(host: string, request?: Partial<HttpRequest>): Promise<HttpResponse>;
}

interface CallerOptions {
  readonly mayAsk?: boolean;
  readonly insecure?: boolean;
  /** Sent once the server has said 401. */
  readonly secret?: string;
  readonly earlier?: EarlierRuns;
  readonly onLikely?: (origin: URL) => void;
}

const TOKEN = 'Bearer token';
const content = { length: 3, open: async () => contentOf(Buffer.from('abc')) };

/** Sent TOKEN, and content, to all origins; keeps those that are forgotten. */
function earlierRuns(): EarlierRuns & { readonly forgotten: string[] } {
  const forgotten: string[] = [];
  return {
    forgotten,
    hadAuthorization: (_origin, authorization) => authorization === TOKEN,
    hadContent: async () => true,
    forget: (origin) => void forgotten.push(origin),
  };
}

function newCaller({
  mayAsk = true,
  insecure = false,
  secret = 'Basic c2VjcmV0',
  earlier,
  onLikely,
}: CallerOptions = {}): Caller {
  const common = { tls: { caFiles: [CA_FILE] }, ...(insecure && { insecure: () => true }) };
  const plain = plainFirst({ origins: createOrigins(common), mayAsk: () => mayAsk, earlier, onLikely });
  const login: Layer = (next) => async (request) => {
    const response = await next(request);
    if (response.status !== 401) return response;
    response.body.cancel();
    return next({ ...request, headers: { ...request.headers, authorization: secret } });
  };
  const authenticate: Layer = (next) => login(plain.inner(next));
  const http = createHttp({ ...common, userAgent: 'test', authenticate, random: () => 0, tries: 2 });
  const send = plain.outer(http.send);
  return {
    originOf: async (host) => (await plain.originOf(host)).origin,
    ask: async (host, request) =>
      send({ method: 'GET', ...request, url: new URL('/v2/a', await plain.originOf(host)) }),
  };
}

/** A port that says something else to a request in the clear than to a TLS hello, and keeps what it got in the clear. */
async function twoFaced(says: string): Promise<{ readonly host: string; readonly heard: () => string }> {
  let heard = '';
  const server = await serveRaw((socket: Socket) =>
    socket.on('data', (data) => {
      if (data[0] === 0x16) socket.end(Buffer.from('15030100020246', 'hex'));
      else {
        heard += data.toString('latin1');
        socket.end(says);
      }
    }),
  );
  return { host: server.host, heard: () => heard };
}

const UNAUTHORIZED = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

describe('a port of this machine that speaks plain http', () => {
  test('is asked at once, over the one connection that is needed', async () => {
    const server = await serve((_, response) => response.end('hello'));
    const { ask, originOf } = newCaller();
    expect(await bodyText(await ask(server.host))).toBe('hello');
    expect(await bodyText(await ask(server.host))).toBe('hello');
    expect(await originOf(server.host)).toBe(server.origin);
    expect(server.connections).toBe(1);
  });

  test('gets an Authorization header after it was asked for TLS, once', async () => {
    const server = await serve((request, response) => {
      response.statusCode = request.headers.authorization === undefined ? 401 : 200;
      response.end();
    });
    const { ask } = newCaller();
    expect((await ask(server.host)).status).toBe(200);
    expect((await ask(server.host)).status).toBe(200);
    expect(server.connections).toBe(2);
  });

  test.each([400, 301, 403, 404])('that answers %i is asked for TLS, and its answer stands', async (status) => {
    const server = await serve((_, response) => {
      response.statusCode = status;
      response.end('no');
    });
    const response = await newCaller().ask(server.host, { redirect: 'manual' });
    expect([response.status, await bodyText(response)]).toEqual([status, 'no']);
    expect(server.connections).toBe(2);
  });

  test('that answers 404 as a registry does is not', async () => {
    const server = await serve((_, response) => {
      response.writeHead(404, { 'docker-distribution-api-version': 'registry/2.0' }).end();
    });
    expect((await newCaller().ask(server.host)).status).toBe(404);
    expect(server.connections).toBe(1);
  });

  test('gets no body before it has answered', async () => {
    const server = await serve((request, response) => request.resume().on('end', () => response.end()));
    const { ask } = newCaller();
    expect((await ask(server.host, { method: 'PUT', body: content })).status).toBe(200);
    expect(server.connections).toBe(2);
  });

  test('gets at once what an earlier run has sent it', async () => {
    const server = await serve((request, response) => request.resume().on('end', () => response.end()));
    const { ask } = newCaller({ earlier: earlierRuns() });
    expect((await ask(server.host, { headers: { authorization: TOKEN } })).status).toBe(200);
    expect(server.connections).toBe(1);
    const put = newCaller({ earlier: earlierRuns() });
    expect((await put.ask(server.host, { method: 'PUT', body: content })).status).toBe(200);
    expect(server.connections).toBe(2);
  });

  test('is asked for TLS before it gets anything else that is secret', async () => {
    const server = await serve((request, response) => {
      response.statusCode = request.headers.authorization === TOKEN ? 401 : 200;
      response.end();
    });
    const { ask } = newCaller({ earlier: earlierRuns() });
    expect((await ask(server.host, { headers: { authorization: TOKEN } })).status).toBe(200);
    expect(server.connections).toBe(2);
  });

  test('is asked again when its connection broke', async () => {
    let count = 0;
    const server = await serve((request, response) => {
      count += 1;
      if (count === 1) request.socket.destroy();
      else response.end('hello');
    });
    expect(await bodyText(await newCaller().ask(server.host))).toBe('hello');
  });

  test('that is not there is told so', async () => {
    const host = `127.0.0.1:${await closedPort()}`;
    const error = await hubErrorFrom(() => newCaller().ask(host));
    expect(error.message).toContain(`cannot connect to ${host} (refused)`);
  });
});

describe('a port of this machine that speaks TLS', () => {
  test('is asked in the clear once, and with TLS from then on', async () => {
    const server = await serve((_, response) => response.end('hello'), { tls: 'server' });
    const host = `localhost:${server.port}`;
    const { ask, originOf } = newCaller();
    const response = await ask(host);
    expect(response.url.protocol).toBe('https:');
    expect(await bodyText(response)).toBe('hello');
    const before = server.connections;
    expect(await bodyText(await ask(host))).toBe('hello');
    expect(await originOf(host)).toBe(`https://${host}`);
    expect(server.connections).toBe(before);
  });

  test('is told of before that is known for sure, by an answer as such ports give it', async () => {
    const likely: string[] = [];
    const onLikely = (origin: URL): void => void likely.push(origin.origin);
    const says = async (status: number): Promise<string> => {
      const server = await serve((_, response) => {
        response.statusCode = status;
        response.end();
      });
      await newCaller({ onLikely }).ask(server.host);
      return server.host;
    };
    const host = await says(400);
    expect(likely).toEqual([`https://${host}`]);
    await says(200);
    await says(401);
    await says(404);
    expect(likely).toHaveLength(1);
  });

  test('is asked with TLS also for a URL made before that was known', async () => {
    const server = await serve((_, response) => response.end('hello'), { tls: 'server' });
    const host = `localhost:${server.port}`;
    const { ask } = newCaller();
    const both = await Promise.all([ask(host), ask(host)]);
    expect(both.map(({ url }) => url.protocol)).toEqual(['https:', 'https:']);
  });

  test.each([
    ['says 400', 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'],
    ['leads to https', 'HTTP/1.1 301 Moved\r\nLocation: https://localhost:1/\r\nContent-Length: 0\r\n\r\n'],
    ['says nothing', ''],
    ['asks for a login', UNAUTHORIZED],
  ])('and %s in the clear gets no secret there', async (_, says) => {
    const { host, heard } = await twoFaced(says);
    const error = await hubErrorFrom(() => newCaller().ask(host));
    expect(error.code).toBe('TLS');
    expect(heard()).toContain('GET /v2/a');
    expect(heard()).not.toMatch(/authorization/i);
  });

  test('and answers in the clear as well gets no secret there either', async () => {
    const { host, heard } = await twoFaced(OK);
    const { ask } = newCaller();
    expect((await ask(host)).status).toBe(200);
    const error = await hubErrorFrom(() => ask(host, { headers: { authorization: 'Basic c2VjcmV0' } }));
    expect(error.code).toBe('TLS');
    expect(heard()).not.toMatch(/authorization/i);
  });

  test.each<[string, Partial<HttpRequest>]>([
    ['a token', { headers: { authorization: TOKEN } }],
    ['content', { method: 'PUT', body: content }],
  ])(
    'by now gets %s that an earlier run sent it in the clear, and is spoken to with TLS from then on',
    async (_, request) => {
      const server = await serve((asked, response) => asked.resume().on('end', () => response.end('hello')), {
        tls: 'server',
      });
      const host = `localhost:${server.port}`;
      const earlier = earlierRuns();
      const { ask, originOf } = newCaller({ earlier });
      const response = await ask(host, request);
      expect([response.url.protocol, await bodyText(response)]).toEqual(['https:', 'hello']);
      expect(await originOf(host)).toBe(`https://${host}`);
      expect(earlier.forgotten).toEqual([`http://${host}`]);
    },
  );

  test.each<[string, Partial<HttpRequest>]>([
    ['another token', { headers: { authorization: 'Bearer another' } }],
    ['a password', { headers: { authorization: 'Basic c2VjcmV0' } }],
    ['a refresh token', { method: 'POST', body: content }],
  ])('by now does not get %s, however it answered in the clear', async (_, request) => {
    const { host, heard } = await twoFaced(OK);
    const { ask } = newCaller({ earlier: earlierRuns() });
    expect((await ask(host, { headers: { authorization: TOKEN } })).status).toBe(200);
    expect((await hubErrorFrom(() => ask(host, request))).code).toBe('TLS');
    expect(heard().match(/authorization|abc/gi)).toEqual(['authorization']);
    expect(heard()).toContain(TOKEN);
  });

  test('gets nothing in the clear when the first request is a secret', async () => {
    const { host, heard } = await twoFaced(OK);
    const { ask, originOf } = newCaller({ mayAsk: false });
    expect(await originOf(host)).toBe(`https://${host}`);
    expect((await hubErrorFrom(() => ask(host))).code).toBe('TLS');
    expect(heard()).toBe('');
  });
});

test.each([
  ['reg.example:5000', 'https://reg.example:5000'],
  ['localhost:80', 'https://localhost:80'],
])('%s is not asked in the clear', async (host, origin) => {
  const asked: string[] = [];
  const origins = {
    ...createOrigins({}),
    originOf: async (name: string) => {
      asked.push(name);
      return new URL(origin);
    },
  };
  expect((await plainFirst({ origins, mayAsk: () => true }).originOf(host)).origin).toBe(origin);
  expect(asked).toEqual([host]);
});

test('a host whose certificate is not to be checked is asked for TLS first', async () => {
  const server = await serve((_, response) => response.end('hello'), { tls: 'other' });
  const { originOf } = newCaller({ insecure: true });
  expect(await originOf(server.host)).toBe(server.origin);
});
