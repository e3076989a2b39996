import { createHash, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { systemClock } from '../../src/http/clock.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import type { Lookup } from '../../src/http/dial.ts';
import { createTransport, type Transport, type TransportOptions } from '../../src/http/transport.ts';
import { contentOf, type Content } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { bodyText, closedPort, serve, serveRaw } from '../helpers/web.ts';

function transport(options: Partial<TransportOptions> = {}): Transport {
  const made = createTransport({ userAgent: 'hubctl/test', clock: systemClock, ...options });
  onTestFinished(() => made.close());
  return made;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: new URL(url), ...more };
}

function bodyOf(bytes: Uint8Array): { length: number; open: () => Promise<Content> } {
  return { length: bytes.length, open: async () => contentOf(bytes) };
}

describe('an answer', () => {
  test('has status, headers, address and body', async () => {
    const server = await serve((_, response) =>
      response.writeHead(207, { 'x-a': 'b', 'set-cookie': ['1', '2'] }).end('hello'),
    );
    const response = await transport().send(get(`${server.origin}/path?q=1`));
    expect(response.status).toBe(207);
    expect(response.headers.get('x-a')).toBe('b');
    expect(response.headers.all('set-cookie')).toEqual(['1', '2']);
    expect(response.headers.get('toString')).toBeUndefined();
    expect(response.url.href).toBe(`${server.origin}/path?q=1`);
    expect(await bodyText(response)).toBe('hello');
  });

  test('may have no body', async () => {
    const server = await serve((_, response) => response.writeHead(200, { 'content-length': '0' }).end());
    expect(await bodyText(await transport().send(get(server.origin)))).toBe('');
  });

  test('to HEAD has a length but no body, and keeps the connection', async () => {
    const server = await serve((_, response) => response.writeHead(200, { 'content-length': '12345' }).end());
    const { send } = transport();
    for (let index = 0; index < 3; index += 1) {
      const response = await send(get(server.origin, { method: 'HEAD' }));
      expect(response.headers.get('content-length')).toBe('12345');
      expect(await bodyText(response)).toBe('');
    }
    expect(server.connections).toBe(1);
  });

  test('to HEAD that has a body all the same does not spoil the next one', async () => {
    const server = await serveRaw((socket) =>
      socket.on('data', (data) => {
        const isHead = String(data).startsWith('HEAD');
        const body = isHead ? 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil' : 'good';
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      }),
    );
    const { send } = transport();
    for (let index = 0; index < 3; index += 1) {
      await send(get(server.origin, { method: 'HEAD' }));
      expect(await bodyText(await send(get(server.origin)))).toBe('good');
    }
  });

  test('is large and arrives whole', async () => {
    const bytes = randomBytes(5_000_000);
    const server = await serve((_, response) => response.end(bytes));
    const hash = createHash('sha256');
    const response = await transport().send(get(server.origin));
    await response.body.forEach((chunk) => void hash.update(chunk));
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('can be read only once', async () => {
    const server = await serve((_, response) => response.end('hello'));
    const response = await transport().send(get(server.origin));
    const first = response.body.forEach(() => undefined);
    expect((await hubErrorFrom(() => response.body.forEach(() => undefined))).code).toBe('FAILED');
    await first;
  });

  test('follows informational ones, but not without end', async () => {
    const server = await serveRaw((socket) =>
      socket.on('data', (data) => {
        const many = String(data).includes('/many');
        socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(many ? 100 : 3));
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      }),
    );
    const { send } = transport();
    expect(await bodyText(await send(get(server.origin)))).toBe('ok');
    expect((await hubErrorFrom(() => send(get(`${server.origin}/many`)))).code).toBe('SERVER_ERROR');
  });
});

describe('a request', () => {
  test('names the program and wants no compression', async () => {
    const server = await serve((request, response) => response.end(JSON.stringify(request.headers)));
    const seen = JSON.parse(
      await bodyText(await transport().send(get(server.origin, { headers: { accept: 'a/b' } }))),
    ) as object;
    expect(seen).toMatchObject({
      'user-agent': 'hubctl/test',
      'accept-encoding': 'identity',
      accept: 'a/b',
      host: server.host,
    });
  });

  test('carries the own headers of its host only', async () => {
    const server = await serve((request, response) => response.end(request.headers['x-own'] ?? 'none'));
    const extraHeaders = (host: string): Record<string, string> => (host === server.host ? { 'x-own': 'mine' } : {});
    const { send } = transport({ extraHeaders });
    expect(await bodyText(await send(get(server.origin)))).toBe('mine');
    expect(await bodyText(await send(get(`http://localhost:${server.port}`)))).toBe('none');
  });

  test.each(['POST', 'PUT', 'PATCH'] as const)('by %s without a body says that it has none', async (method) => {
    const server = await serve((request, response) => response.end(String(request.headers['content-length'])));
    expect(await bodyText(await transport().send(get(server.origin, { method })))).toBe('0');
  });

  test.each([1, 1000, 3_000_000])('carries a body of %d bytes', async (length) => {
    const bytes = randomBytes(length);
    const server = await serve(async (request, response) => {
      const hash = createHash('sha256');
      for await (const chunk of request) hash.update(chunk as Buffer);
      response.end(
        `${request.headers['content-length']} ${request.headers['transfer-encoding']} ${hash.digest('hex')}`,
      );
    });
    const response = await transport().send(get(server.origin, { method: 'PUT', body: bodyOf(bytes) }));
    expect(await bodyText(response)).toBe(`${length} undefined ${createHash('sha256').update(bytes).digest('hex')}`);
  });

  test.each([
    ['before its first byte', 0],
    ['in the middle', 100_000],
    ['after its last byte', 200_000],
  ])('fails with exactly the error of its body that comes %s', async (_, after) => {
    const server = await serve((request, response) => request.on('end', () => response.end()).resume());
    for (const error of [
      new HubError('UNREACHABLE', 'the source is away'),
      new TypeError('broke'),
      'text',
      undefined,
    ]) {
      const open = async (): Promise<Content> => ({
        forEach: async (consume) => {
          if (after > 0) await consume(Buffer.alloc(after));
          throw error;
        },
        cancel: () => undefined,
      });
      const sent = transport().send(get(server.origin, { method: 'PUT', body: { length: 200_000, open } }));
      await expect(sent).rejects.toBe(error);
    }
  });

  test('that was answered before its body failed gives that error to whoever reads the answer', async () => {
    const server = await serve((_, response) => response.writeHead(400, { 'content-length': '100000' }).write('a'));
    const broken = new TypeError('broke');
    let fail: (error: Error) => void = () => undefined;
    const failing = new Promise<never>((_, reject) => (fail = reject));
    const content: Content = {
      forEach: async (consume) => {
        await consume(Buffer.alloc(1000));
        await failing;
      },
      cancel: () => undefined,
    };
    const body = { length: 200_000, open: async () => content };
    const response = await transport().send(get(server.origin, { method: 'PUT', body }));
    expect(response.status).toBe(400);
    fail(broken);
    await expect(response.body.forEach(() => undefined)).rejects.toBe(broken);
  });

  test('with a body that cannot be opened opens no connection', async () => {
    const server = await serve((_, response) => response.end());
    const broken = new HubError('STORAGE', 'the disk is gone');
    const body = { length: 200_000, open: () => Promise.reject(broken) };
    const controller = new AbortController();
    const request = get(server.origin, { method: 'PUT', body, signal: controller.signal });
    expect(await hubErrorFrom(() => transport().send(request))).toBe(broken);
    expect(server.connections).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('fails when its body is shorter than it said', async () => {
    const server = await serve((request, response) => request.on('end', () => response.end()).resume());
    const body = { length: 200_000, open: async () => contentOf(Buffer.alloc(100_000)) };
    const error = await hubErrorFrom(() => transport().send(get(server.origin, { method: 'PUT', body })));
    expect(error.code).toBe('CONTENT_INVALID');
  });

  test('is not sent on once the answer is there, and the connection is not used again', async () => {
    const server = await serve((request, response) => {
      response.writeHead(request.method === 'PUT' ? 413 : 200, { 'content-length': 3 }).end('no!');
      request.pause();
    });
    let cancelled = false;
    const content: Content = {
      forEach: async (consume) => {
        for (let index = 0; index < 1000; index += 1) await consume(Buffer.alloc(64 * 1024));
      },
      cancel: () => {
        cancelled = true;
      },
    };
    const { send } = transport();
    const body = { length: 1000 * 64 * 1024, open: async () => content };
    const response = await send(get(server.origin, { method: 'PUT', body }));
    expect([response.status, await bodyText(response)]).toEqual([413, 'no!']);
    expect((await send(get(server.origin))).status).toBe(200);
    expect([cancelled, server.connections]).toEqual([true, 2]);
  });

  test('goes out on a connection that has answered before', async () => {
    const server = await serve((request, response) => request.on('end', () => response.end()).resume());
    const { send } = transport();
    const body = { length: 200_000, open: async () => contentOf(Buffer.alloc(200_000)) };
    for (const method of ['GET', 'POST', 'PUT', 'GET', 'PUT'] as const) {
      const response = await send(get(server.origin, { method, ...(method === 'PUT' && { body }) }));
      await bodyText(response);
    }
    expect(server.connections).toBe(1);
  });

  test('gives up an upload that the other side does not take', async () => {
    const server = await serve((request) => request.pause());
    const content: Content = {
      forEach: async (consume) => {
        for (let index = 0; index < 1000; index += 1) await consume(Buffer.alloc(64 * 1024));
      },
      cancel: () => undefined,
    };
    const body = { length: 1000 * 64 * 1024, open: async () => content };
    const { send } = transport({ uploadTimeout: 100 });
    const error = await hubErrorFrom(() => send(get(server.origin, { method: 'PUT', body })));
    expect(error).toMatchObject({ code: 'TIMEOUT', message: `${server.host} took no byte of the upload within 0.1 s` });
  });
});

describe('a reader that is slower than the network', () => {
  test('makes the sender wait', async () => {
    let sent = 0;
    const server = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (sent < 100_000_000) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const response = await transport().send(get(server.origin));
    let release: () => void = () => undefined;
    const firstChunk = new Promise<void>((started) => {
      void response.body
        .forEach(() => {
          started();
          return new Promise((resolve) => {
            release = resolve;
          });
        })
        .catch(() => undefined);
    });
    await firstChunk;
    const settled = new Promise((resolve) => setTimeout(resolve, 200));
    await settled;
    expect(sent).toBeLessThan(50_000_000);
    response.body.cancel();
    release();
  });

  test('and pauses at every piece is not given empty ones while the next is not there yet', async () => {
    let sendRest: () => void = () => undefined;
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('first');
      sendRest = () => response.end('other');
    });
    const response = await transport().send(get(server.origin));
    const pieces: string[] = [];
    await response.body.forEach(async (chunk) => {
      pieces.push(Buffer.from(chunk).toString());
      // A loop of promises alone would never let the connection have its turn, nor the time limit of this test.
      if (pieces.length > 100) throw new Error('the pieces come without end');
      if (pieces.length === 1) setImmediate(sendRest);
    });
    expect(pieces).toEqual(['first', 'other']);
  });

  test('gets every byte in order', async () => {
    const bytes = randomBytes(1_000_000);
    const server = await serve((_, response) => response.end(bytes));
    const response = await transport().send(get(server.origin));
    const hash = createHash('sha256');
    let running = 0;
    await response.body.forEach(async (chunk) => {
      running += 1;
      expect(running).toBe(1);
      const copy = Buffer.from(chunk);
      await new Promise((resolve) => setImmediate(resolve));
      hash.update(copy);
      running -= 1;
    });
    expect(running).toBe(0);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('may fail, and gets its own error back', async () => {
    const server = await serve((_, response) => response.end(randomBytes(1_000_000)));
    const { send } = transport();
    const own = new HubError('STORAGE', 'full');
    const sync = await send(get(server.origin));
    expect(
      await hubErrorFrom(() =>
        sync.body.forEach(() => {
          throw own;
        }),
      ),
    ).toBe(own);
    const later = await send(get(server.origin));
    expect(await hubErrorFrom(() => later.body.forEach(() => Promise.reject(own)))).toBe(own);
  });
});

describe('an answer that ends early', () => {
  test.each(['end', 'reset'] as const)('by %s says how much came', async (how) => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234')),
    );
    const response = await transport().send(get(server.origin));
    const error = await hubErrorFrom(() =>
      // Only now: a reset takes away what was not read yet.
      response.body.forEach(() => {
        for (const socket of server.sockets) void (how === 'end' ? socket.end() : socket.resetAndDestroy());
      }),
    );
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      retryable: true,
      message: `the connection to ${server.host} broke (after 4 of 10 bytes)`,
      details: { received: 4, expected: 10, reason: 'broken-body' },
    });
  });

  test('with chunks is noticed as well', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n')),
    );
    const response = await transport().send(get(server.origin));
    expect((await hubErrorFrom(() => response.body.forEach(() => undefined))).code).toBe('UNREACHABLE');
  });

  test('is noticed when nobody reads yet', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n1234');
        socket.end();
      }),
    );
    const response = await transport().send(get(server.origin));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await hubErrorFrom(() => response.body.forEach(() => undefined))).code).toBe('UNREACHABLE');
  });

  test('by standing still is given up', async () => {
    const server = await serve((_, response) => response.writeHead(200, { 'content-length': '10' }).write('1234'));
    const response = await transport({ bodyTimeout: 100 }).send(get(server.origin));
    const error = await hubErrorFrom(() => response.body.forEach(() => undefined));
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { reason: 'body-timeout' } });
    expect(error.message).toBe(`${server.host} stopped sending within 0.1 s (after 4 of 10 bytes)`);
  });

  test('by trickling is given up', async () => {
    const clock = { ...systemClock, now: () => time };
    let time = 0;
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      const timer = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(timer));
    });
    const response = await transport({ clock }).send(get(server.origin));
    const error = await hubErrorFrom(() => response.body.forEach(() => void (time += 20_000)));
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { reason: 'body-timeout' } });
  });
});

describe('an answer that does not come', () => {
  test('ends in a timeout that names the host', async () => {
    const server = await serve(() => undefined);
    const error = await hubErrorFrom(() => transport().send(get(server.origin, { headersTimeout: 100 })));
    expect(error).toMatchObject({ code: 'TIMEOUT', message: `${server.host} did not answer within 0.1 s` });
  });

  test('because the port is closed', async () => {
    const port = await closedPort();
    const error = await hubErrorFrom(() => transport().send(get(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: `cannot connect to 127.0.0.1:${port} (refused)`,
      details: { reason: 'refused', sent: false },
    });
  });

  test('because the connection breaks', async () => {
    const server = await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const error = await hubErrorFrom(() => transport().send(get(server.origin)));
    expect(error).toMatchObject({ code: 'UNREACHABLE', message: `${server.host} closed the connection` });
    expect(error.details).not.toHaveProperty('sent');
    expect(error.details).not.toHaveProperty('stale');
  });

  test('because it is not HTTP', async () => {
    const server = await serveRaw((socket) => socket.once('data', () => socket.end('220 smtp ready\r\n')));
    const error = await hubErrorFrom(() => transport().send(get(server.origin)));
    expect(error).toMatchObject({ code: 'UNREACHABLE', message: `${server.host} answered something that is not HTTP` });
  });

  test('because the port speaks TLS', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => socket.end(Buffer.from('15030100020246', 'hex'))),
    );
    const error = await hubErrorFrom(() => transport().send(get(server.origin)));
    expect(error).toMatchObject({ code: 'TLS', message: `${server.host} speaks HTTPS, but plain HTTP was used` });
  });

  test('because its headers are too large', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)),
    );
    expect((await hubErrorFrom(() => transport().send(get(server.origin)))).code).toBe('SERVER_ERROR');
  });
});

describe('a signal', () => {
  test('that was aborted before sends nothing', async () => {
    const server = await serve((_, response) => response.end());
    const reason = new HubError('ABORTED', 'stop');
    const error = await hubErrorFrom(() => transport().send(get(server.origin, { signal: AbortSignal.abort(reason) })));
    expect(error).toBe(reason);
    expect(server.connections).toBe(0);
  });

  test('ends the wait for an answer', async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort('any reason'));
    const error = await hubErrorFrom(() => transport().send(get(server.origin, { signal: controller.signal })));
    expect(error).toMatchObject({ code: 'ABORTED', cause: 'any reason' });
  });

  test('ends a body, even when its reader never comes back', async () => {
    const controller = new AbortController();
    const server = await serve((_, response) => response.end(Buffer.alloc(1_000_000)));
    const response = await transport().send(get(server.origin, { signal: controller.signal }));
    const reading = response.body.forEach(() => {
      controller.abort();
      return new Promise(() => undefined);
    });
    expect((await hubErrorFrom(() => reading)).code).toBe('ABORTED');
  });

  test('ends the wait for a free connection', async () => {
    const server = await serve(() => undefined);
    const { send } = transport({ connections: 1 });
    const controller = new AbortController();
    const first = send(get(server.origin)).catch(() => undefined);
    const second = send(get(server.origin, { signal: controller.signal }));
    controller.abort();
    expect((await hubErrorFrom(() => second)).code).toBe('ABORTED');
    await server.stop();
    await first;
  });

  test('ends an upload and closes its source', async () => {
    const controller = new AbortController();
    const server = await serve((request) => request.once('data', () => controller.abort()));
    let isCancelled = false;
    const content: Content = {
      forEach: async (consume) => {
        for (let index = 0; index < 1000; index += 1) await consume(Buffer.alloc(64 * 1024));
      },
      cancel: () => {
        isCancelled = true;
      },
    };
    const body = { length: 1000 * 64 * 1024, open: async () => content };
    const error = await hubErrorFrom(() =>
      transport().send(get(server.origin, { method: 'PUT', body, signal: controller.signal })),
    );
    expect(error.code).toBe('ABORTED');
    expect(isCancelled).toBe(true);
  });

  test('may be shared by many requests without a warning', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const server = await serve((_, response) => setTimeout(() => response.end('ok'), 20));
    const { signal } = new AbortController();
    const { send } = transport({ connections: 30 });
    await Promise.all(Array.from({ length: 30 }, async () => bodyText(await send(get(server.origin, { signal })))));
    expect(warnings).toEqual([]);
  });

  test('is let go of when the answer has ended', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => ((listeners += 1), add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => ((listeners -= 1), remove(...args));
    await bodyText(await transport().send(get(server.origin, { signal })));
    expect(listeners).toBe(0);
  });
});

describe('connections', () => {
  test('are kept for the next request', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const { send } = transport();
    for (let index = 0; index < 5; index += 1) await bodyText(await send(get(server.origin)));
    expect(server.connections).toBe(1);
  });

  test('are kept when a short answer is not wanted', async () => {
    const server = await serve((_, response) => response.end('not wanted'));
    const { send } = transport();
    for (let index = 0; index < 10; index += 1) (await send(get(server.origin))).body.cancel();
    expect(server.connections).toBeLessThan(4);
  });

  test('are closed when a long answer is not wanted', async () => {
    const server = await serve((_, response) => response.end(Buffer.alloc(10_000_000)));
    const response = await transport().send(get(server.origin));
    const [socket] = server.sockets;
    const closed = new Promise((resolve) => socket!.on('close', resolve));
    response.body.cancel();
    await closed;
  });

  test('are at most as many as allowed', async () => {
    let most = 0;
    let now = 0;
    const server = await serve((_, response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        response.end('ok');
      }, 5);
    });
    const { send } = transport({ connections: 3 });
    await Promise.all(Array.from({ length: 20 }, async () => bodyText(await send(get(server.origin)))));
    expect(most).toBe(3);
    expect(server.connections).toBe(3);
  });

  test('that the other side closed while idle are reported as stale', async () => {
    const server = await serveRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        socket.once('data', () => socket.destroy());
      });
    });
    const { send } = transport();
    await bodyText(await send(get(server.origin)));
    const error = await hubErrorFrom(() => send(get(server.origin)));
    expect(error).toMatchObject({ code: 'UNREACHABLE', details: { stale: true } });
  });

  test('can be opened ahead', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const { send, warm } = transport();
    await warm(new URL(server.origin), 2);
    await Promise.all([1, 2].map(async () => bodyText(await send(get(server.origin)))));
    expect(server.connections).toBe(2);
  });

  test('opened ahead may fail without a word', async () => {
    await transport().warm(new URL(`http://127.0.0.1:${await closedPort()}`), 2);
  });

  test('are all closed in the end', async () => {
    const server = await serve((request, response) => (request.url === '/hang' ? undefined : response.end('ok')));
    const { send, warm, close } = createTransport({ userAgent: 'x', clock: systemClock });
    await bodyText(await send(get(server.origin)));
    await warm(new URL(server.origin), 1);
    const hanging = hubErrorFrom(() => send(get(`${server.origin}/hang`)));
    const gone = Promise.all(
      [...server.sockets].map((socket) => new Promise((resolve) => socket.on('close', resolve))),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await close();
    expect((await hanging).code).toBe('ABORTED');
    await gone;
  });
});

describe('an address named by a server', () => {
  const registry = new URL('https://registry.example');

  test('must not be on this machine', async () => {
    const server = await serve((_, response) => response.end('secret'));
    const { send } = transport();
    const error = await hubErrorFrom(() => send(get(server.origin, { namedBy: registry })));
    expect(error.code).toBe('REFUSED');
    expect(server.connections).toBe(0);
  });

  test('must not lead to this machine by its name', async () => {
    const server = await serve((_, response) => response.end('secret'));
    const { send } = transport({ lookup: async () => [{ address: '127.0.0.1', family: 4 }] });
    const error = await hubErrorFrom(() => send(get(`http://storage.example:${server.port}`, { namedBy: registry })));
    expect(error).toMatchObject({ code: 'REFUSED', details: { address: '127.0.0.1' } });
    expect(server.connections).toBe(0);
  });

  test.each(['10.1.2.3', '192.168.1.1', '172.16.0.9', '100.64.0.1', '169.254.169.254', 'fd00::1'])(
    'must not lead into a private network: %s',
    async (address) => {
      const { send } = transport({ lookup: async () => [{ address, family: address.includes(':') ? 6 : 4 }] });
      const error = await hubErrorFrom(() => send(get('http://storage.example/', { namedBy: registry })));
      expect(error).toMatchObject({ code: 'REFUSED', details: { address } });
    },
  );

  test('must not be on this machine by any spelling of it', async () => {
    const server = await serve((_, response) => response.end('secret'));
    const { send } = transport();
    for (const host of [
      '127.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '127.0.0.1.',
      'localhost.',
    ]) {
      const error = await hubErrorFrom(() => send(get(`http://${host}:${server.port}`, { namedBy: registry })));
      expect(error.code, host).toBe('REFUSED');
    }
    expect(server.connections).toBe(0);
  });

  test('must not be one of several addresses of a name, whichever comes first', async () => {
    const addresses = ['203.0.113.5', '10.0.0.1'].map((address) => ({ address, family: 4 }));
    for (const found of [addresses, addresses.toReversed()]) {
      const { send } = transport({ lookup: async () => found });
      const error = await hubErrorFrom(() => send(get('http://storage.example/', { namedBy: registry })));
      expect(error).toMatchObject({ code: 'REFUSED', details: { address: '10.0.0.1' } });
    }
  });

  test('is the one that was looked at: a name is looked up once for a connection', async () => {
    const server = await serve((_, response) => response.end('ok'));
    let asked = 0;
    const lookup: Lookup = async () => {
      asked += 1;
      return [{ address: asked === 1 ? '127.0.0.1' : '127.0.0.9', family: 4 }];
    };
    const { send } = transport({ lookup });
    expect(await bodyText(await send(get(`http://storage.example:${server.port}`)))).toBe('ok');
    expect(asked).toBe(1);
  });

  test.each(['http', 'https'])('is not given to a proxy as it is written (%s)', async (scheme) => {
    const proxy = await serve((_, response) => response.end('secret'));
    const url = new URL(proxy.origin);
    const { send } = transport({ proxy: { http: url.href, https: url.href } });
    for (const host of ['169.254.169.254', '10.0.0.1', 'localhost']) {
      const error = await hubErrorFrom(() => send(get(`${scheme}://${host}/`, { namedBy: registry })));
      expect(error.code).toBe('REFUSED');
    }
    expect(proxy.connections).toBe(0);
  });

  test('may be on this machine when that server is', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const { send } = transport({ lookup: async () => [{ address: '127.0.0.1', family: 4 }] });
    const here = new URL(`http://registry.test:${server.port}`);
    await bodyText(await send(get(here.href)));
    expect(await bodyText(await send(get(`http://storage.test:${server.port}`, { namedBy: here })))).toBe('ok');
    expect(await bodyText(await send(get(server.origin, { namedBy: new URL('http://localhost:1') })))).toBe('ok');
  });
});

describe('without limits of the test, a host that stops', () => {
  /** Time goes on only when the test says so; bytes still come when they come. */
  const pass = async (milliseconds: number): Promise<void> => {
    await vi.advanceTimersByTimeAsync(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
  };
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  test('in the middle of an answer is waited for 30 s', async () => {
    const server = await serveRaw((socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')),
    );
    const { body } = await transport().send(get(server.origin));
    let received = 0;
    let ended: unknown;
    const reading = body
      .forEach((chunk) => void (received += chunk.length))
      .catch((error: unknown) => {
        ended = error;
      });
    while (received < 4) await new Promise((resolve) => setImmediate(resolve));
    await pass(29_900);
    expect(ended).toBeUndefined();
    await pass(200);
    await reading;
    expect(ended).toMatchObject({ code: 'TIMEOUT', details: { reason: 'body-timeout' } });
  });

  test('has not, when its bytes wait to be read by a process that did not run', async () => {
    let far: Socket | undefined;
    const server = await serveRaw((socket) => {
      far = socket;
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'));
    });
    const { body } = await transport().send(get(server.origin));
    let received = 0;
    const reading = body.forEach((chunk) => void (received += chunk.length));
    while (received < 4) await new Promise((resolve) => setImmediate(resolve));
    far?.write('second');
    // In one turn, as after a stop: the timer is due, and no socket was read before it.
    vi.advanceTimersByTime(30_000);
    await reading;
    expect(received).toBe(10);
  });

  test('before its answer is waited for 25 s', async () => {
    let asked = 0;
    const server = await serveRaw((socket) => socket.on('data', () => (asked += 1)));
    let ended: unknown;
    const answer = transport()
      .send(get(server.origin))
      .catch((error: unknown) => {
        ended = error;
      });
    while (asked === 0) await new Promise((resolve) => setImmediate(resolve));
    await pass(24_900);
    expect(ended).toBeUndefined();
    await pass(200);
    await answer;
    expect(ended).toMatchObject({ code: 'TIMEOUT', details: { reason: 'headers-timeout' } });
  });
});
