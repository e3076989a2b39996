import { describe, expect, onTestFinished, test } from 'vitest';
import { createHttp, type Http, type HttpOptions } from '../../src/http/client.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import type { RetryEvent } from '../../src/http/retry.ts';
import { contentOf } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, bodyText, closedPort, serve } from '../helpers/web.ts';

function http(options: Partial<HttpOptions> = {}): Http {
  const made = createHttp({ userAgent: 'hubctl/test', random: () => 0, ...options });
  onTestFinished(() => made.close());
  return made;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: new URL(url), ...more };
}

describe('a client', () => {
  test('retries, and tells of it', async () => {
    let requests = 0;
    const server = await serve((_, response) => {
      requests += 1;
      response.writeHead(requests < 3 ? 503 : 200).end('x');
    });
    const events: RetryEvent[] = [];
    const response = await http({ onRetry: (event) => events.push(event) }).send(get(`${server.origin}/?sig=canary`));
    expect(response).toMatchObject({ status: 200, tries: 3 });
    expect(events).toHaveLength(2);
    expect(events[0]).toEqual({
      url: `${server.origin}/?[hidden]`,
      attempt: 1,
      delay: 0,
      message: `503 from ${server.host}`,
    });
    expect(await bodyText(response)).toBe('x');
  });

  test('retries with the whole body', async () => {
    const bodies: string[] = [];
    const server = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push(Buffer.concat(chunks).toString());
      response.writeHead(bodies.length < 2 ? 500 : 201).end();
    });
    const body = { length: 4, open: async () => contentOf(Buffer.from('body')) };
    expect((await http().send(get(server.origin, { method: 'PUT', body }))).status).toBe(201);
    expect(bodies).toEqual(['body', 'body']);
  });

  test('obeys Retry-After of its clock', async () => {
    const clock = new FakeClock();
    let requests = 0;
    const server = await serve((_, response) => {
      requests += 1;
      response.writeHead(requests === 1 ? 429 : 200, { 'retry-after': '120' }).end();
    });
    expect((await http({ clock }).send(get(server.origin))).status).toBe(200);
    expect(clock.sleeps).toEqual([120_000]);
  });

  test('follows redirects without the secrets of the first host', async () => {
    const seen: (string | undefined)[] = [];
    const storage = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers['x-own'] as string, request.headers['range']);
      response.end('blob');
    });
    const registry = await serve((_, response) =>
      response.writeHead(307, { location: `${storage.origin}/blob?sig=1` }).end(),
    );
    const extraHeaders = (host: string): Record<string, string> =>
      host === registry.host ? { 'x-own': 'canary' } : {};
    const headers = { authorization: 'Bearer canary', range: 'bytes=1-' };
    const response = await http({ extraHeaders }).send(get(registry.origin, { headers }));
    expect(response.url.href).toBe(`${storage.origin}/blob?sig=1`);
    expect(await bodyText(response)).toBe('blob');
    expect(seen).toEqual([undefined, undefined, 'bytes=1-']);
  });

  test('authenticates each hop on its own', async () => {
    const asked: string[] = [];
    const storage = await serve((_, response) => response.end());
    const registry = await serve((_, response) => response.writeHead(307, { location: storage.origin }).end());
    const client = http({
      authenticate: (next) => (request) => {
        asked.push(`${request.url.host} ${request.anonymous === true}`);
        return next(request);
      },
    });
    await client.send(get(registry.origin));
    expect(asked).toEqual([`${registry.host} false`, `${storage.host} true`]);
  });

  test('comes back to the registry when the storage host cannot be reached', async () => {
    const dead = await closedPort();
    let requests = 0;
    const registry = await serve((_, response) => {
      requests += 1;
      if (requests === 1) response.writeHead(200).end();
      else if (requests === 2) response.writeHead(307, { location: `http://127.0.0.1:${dead}/x` }).end();
      else response.end('from here');
    });
    const { send } = http();
    await bodyText(await send(get(registry.origin)));
    expect(await bodyText(await send(get(registry.origin)))).toBe('from here');
  });

  test('shows what it does without secrets', async () => {
    const server = await serve((_, response) => response.end('x'));
    const lines: string[] = [];
    const headers = { authorization: 'Bearer canary' };
    await http({ trace: (line) => lines.push(line) }).send(get(`${server.origin}/?sig=canary`, { headers }));
    expect(lines).toHaveLength(2);
    expect(lines.join('\n')).not.toContain('canary');
  });

  test('keeps to a rate', async () => {
    const clock = new FakeClock();
    const server = await serve((_, response) => response.end(Buffer.alloc(50_000)));
    const response = await http({ clock, limitRate: 10_000 }).send(get(server.origin));
    await response.body.forEach(() => undefined);
    expect(clock.sleeps.reduce((sum, sleep) => sum + sleep, 0)).toBeGreaterThan(4_000);
  });

  test('survives a server that closes idle connections', async () => {
    const server = await serve((_, response) => response.end('ok'), { keepAlive: 1 });
    const events: RetryEvent[] = [];
    const { send } = http({ onRetry: (event) => events.push(event) });
    for (let index = 0; index < 30; index += 1) {
      expect(await bodyText(await send(get(server.origin)))).toBe('ok');
      await new Promise((resolve) => setTimeout(resolve, index % 5));
    }
    expect(events).toEqual([]);
  });

  test('says how often it tried', async () => {
    const server = await serve((request) => request.socket.destroy());
    const error = await hubErrorFrom(() => http({ tries: 3 }).send(get(server.origin)));
    expect(error).toMatchObject({ code: 'UNREACHABLE', message: `${server.host} closed the connection (3 tries)` });
  });
});
