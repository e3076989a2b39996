// Lanes, the connections in them (wire.ts) and how those read (tap.ts), as a transport uses them.
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/http/clock.ts';
import type { HttpRequest, HttpResponse } from '../../src/http/layer.ts';
import { createTransport, type Transport, type TransportOptions } from '../../src/http/transport.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { bodyText, serve, serveRaw, type WebServer } from '../helpers/web.ts';

function transport(options: Partial<TransportOptions> = {}): Transport {
  const made = createTransport({ userAgent: 'hubctl/test', clock: systemClock, ...options });
  onTestFinished(() => made.close());
  return made;
}

const small = (server: WebServer, path: number | string): HttpRequest => ({
  method: 'GET',
  url: new URL(`${server.origin}/${path}`),
  expected: 100,
});

/** Answers each request with its path, once `after` of them have come on the connection. */
function answering(after: number, answer: (socket: Socket, path: string, index: number) => void) {
  return (socket: Socket): void => {
    let text = '';
    let answered = 0;
    socket.on('data', (data) => {
      text += String(data);
      const paths = [...text.matchAll(/GET \/(\S*) HTTP/g)].map(([, path = '']) => path);
      if (paths.length < after || !text.endsWith('\r\n\r\n')) return;
      for (const path of paths.slice(answered)) answer(socket, path, (answered += 1));
    });
  };
}

function reply(text: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
}

async function textsOf(responses: readonly Promise<HttpResponse>[]): Promise<readonly string[]> {
  return Promise.all(responses.map(async (response) => bodyText(await response)));
}

const NUMBERS = Array.from({ length: 8 }, (_, index) => String(index));

describe('small requests', () => {
  test('follow each other on one connection without waiting for answers', async () => {
    // It would wait for ever if they were sent one by one.
    const server = await serveRaw(answering(8, (socket, path) => socket.write(reply(path))));
    const { send } = transport({ connections: 1 });
    expect(await textsOf(NUMBERS.map((path) => send(small(server, path))))).toEqual(NUMBERS);
    expect(server.connections).toBe(1);
  });

  test('are at most eight on a connection', async () => {
    let most = 0;
    let open = 0;
    const server = await serve((_, response) => {
      open += 1;
      most = Math.max(most, open);
      setImmediate(() => {
        open -= 1;
        response.end('x');
      });
    });
    const { send } = transport({ connections: 2 });
    await textsOf(Array.from({ length: 40 }, (_, index) => send(small(server, index))));
    expect(most).toBeLessThanOrEqual(16);
    expect(server.connections).toBe(2);
  });

  test('get their own answers, all of them, when the connection breaks after some', async () => {
    const server = await serveRaw(
      answering(1, (socket, path, index) => {
        if (index <= 3) socket.write(reply(path));
        else socket.resetAndDestroy();
      }),
    );
    const { send } = transport({ connections: 1 });
    const get = async (path: string): Promise<string> => {
      for (;;) {
        try {
          return await bodyText(await send(small(server, path)));
        } catch {
          continue; // retry.ts does this in earnest
        }
      }
    };
    expect(await Promise.all(NUMBERS.map(get))).toEqual(NUMBERS);
    expect(server.connections).toBeGreaterThan(1);
  });

  test('that nobody got to yet when a connection broke are sent again without a word', async () => {
    let first = true;
    const server = await serveRaw((socket) => {
      if (!first) return answering(1, (other, path) => other.write(reply(path)))(socket);
      first = false;
      return answering(8, (other) => other.destroy())(socket);
    });
    const { send } = transport({ connections: 1 });
    const results = await Promise.allSettled(NUMBERS.map(async (path) => bodyText(await send(small(server, path)))));
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'broke'))).toEqual([
      'broke',
      ...NUMBERS.slice(1),
    ]);
  });

  test('that are given up while others are before them do not disturb those', async () => {
    const stop = new AbortController();
    const held: (() => void)[] = [];
    const server = await serveRaw(
      answering(3, (socket, path) => {
        held.push(() => socket.write(reply(path)));
        // All of them are on their way by now, and none is answered.
        if (held.length === 3) stop.abort();
      }),
    );
    const { send } = transport({ connections: 1 });
    const [one, two, three] = [
      send(small(server, 'one')),
      send({ ...small(server, 'two'), signal: stop.signal }),
      send(small(server, 'three')),
    ];
    expect((await hubErrorFrom(() => two)).code).toBe('ABORTED');
    for (const answer of held) answer();
    expect(await textsOf([one, three])).toEqual(['one', 'three']);
  });
});

describe('large requests', () => {
  test('have a connection each, and never more than allowed', async () => {
    let most = 0;
    let open = 0;
    const server = await serve((_, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end('x');
      }, 5);
    });
    const { send } = transport();
    const get = (path: number): Promise<HttpResponse> => send({ ...small(server, path), expected: 1e9 });
    await textsOf(Array.from({ length: 50 }, (_, index) => get(index)));
    expect(most).toBeLessThanOrEqual(16);
    expect(server.connections).toBe(16);
  });
});

describe('a request after damage', () => {
  test.each(['large', 'small'])('goes by another connection, as does what follows it (%s)', async (size) => {
    const server = await serveRaw(answering(1, (socket, path) => socket.write(reply(path))));
    const { send } = transport({ connections: 4 });
    const expected = size === 'large' ? 1e9 : 100;
    const get = async (path: string, fresh = false): Promise<string> =>
      bodyText(await send({ ...small(server, path), expected, fresh }));
    await get('a');
    await get('b');
    expect(server.connections).toBe(1);
    await get('c', true);
    await get('d');
    expect(server.connections).toBe(2);
  });

  test('lets what is under way end', async () => {
    const held: (() => void)[] = [];
    const server = await serveRaw(
      answering(1, (socket, path) => {
        if (path === 'slow') held.push(() => socket.write(reply(path)));
        else socket.write(reply(path));
      }),
    );
    const { send } = transport({ connections: 4 });
    const slow = send({ ...small(server, 'slow'), expected: 1e9 });
    await bodyText(await send({ ...small(server, 'a'), expected: 1e9 }));
    await bodyText(await send({ ...small(server, 'b'), expected: 1e9, fresh: true }));
    for (const answer of held) answer();
    expect(await bodyText(await slow)).toBe('slow');
    expect(server.connections).toBe(3);
  });

  test('goes by another connection of undici too', async () => {
    const server = await serveRaw(
      answering(1, (socket, path) =>
        socket.write(`HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\n${path}`),
      ),
    );
    const { send } = transport();
    const get = async (path: string, fresh = false): Promise<string> =>
      bodyText(await send({ ...small(server, path), fresh }));
    await get('a');
    await get('b');
    const before = server.connections;
    await get('c', true);
    expect(server.connections).toBe(before + 1);
  });
});

describe('a host', () => {
  test('that has too many requests gets half as many connections', async () => {
    const held: (() => void)[] = [];
    let isBusy = true;
    let open = 0;
    let most = 0;
    const server = await serve((_, response) => {
      open += 1;
      most = Math.max(most, open);
      const answer = (): void => {
        open -= 1;
        response.writeHead(isBusy ? 429 : 200).end('x');
      };
      if (!isBusy) return void setTimeout(answer, 5);
      held.push(answer);
      if (held.length === 8) for (const next of held) next();
    });
    const { send } = transport({ connections: 8 });
    const get = (path: number): Promise<HttpResponse> => send({ ...small(server, path), expected: 1e9 });
    await textsOf(Array.from({ length: 8 }, (_, index) => get(index)));
    [isBusy, most] = [false, 0];
    await textsOf(Array.from({ length: 30 }, (_, index) => get(index)));
    expect(most).toBe(4);
  });

  test('is known by the quickest answer that nothing was before', async () => {
    let time = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => time);
    onTestFinished(() => now.mockRestore());
    const server = await serve((request, response) => {
      time += Number(request.url?.slice(1));
      response.end('x');
    });
    const made = transport({ connections: 1 });
    const known: (number | undefined)[] = [made.delay(server.host)];
    for (const delay of [60, 7, 40]) {
      await bodyText(await made.send(small(server, delay)));
      known.push(made.delay(server.host));
    }
    expect(known).toEqual([undefined, 60, 7, 7]);
  });

  test('whose answers are unusual is left to undici, which asks once more', async () => {
    const asked: string[] = [];
    const server = await serveRaw((socket) =>
      socket.on('data', (data) => {
        asked.push(/^\S+ \S+/.exec(String(data))?.[0] ?? '');
        socket.end('HTTP/2.0 200 OK\r\ncontent-length: 3\r\n\r\nold');
      }),
    );
    const { send } = transport();
    expect(await bodyText(await send(small(server, 'a')))).toBe('old');
    expect(await bodyText(await send(small(server, 'b')))).toBe('old');
    expect(asked).toEqual(['GET /a', 'GET /a', 'GET /b']);
  });

  test('that speaks before it is asked loses the connection, not the request', async () => {
    let connections = 0;
    const server = await serveRaw((socket) => {
      connections += 1;
      if (connections === 1) socket.write('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n');
      else answering(1, (other, path) => other.write(reply(path)))(socket);
    });
    const { send, warm } = transport({ connections: 2 });
    await warm(new URL(server.origin), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await bodyText(await send(small(server, 'a')))).toBe('a');
  });
});

describe('a connection', () => {
  test('is not used for longer than the server says it keeps it', async () => {
    const server = await serveRaw(
      answering(1, (socket, path) =>
        socket.write(`HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: ${path.length}\r\n\r\n${path}`),
      ),
    );
    const { send } = transport();
    for (const path of ['a', 'b']) expect(await bodyText(await send(small(server, path)))).toBe(path);
    expect(server.connections).toBe(2);
  });

  test('holds a piece back until its reader is done with it, also the last one', async () => {
    const server = await serveRaw(answering(1, (socket, path) => socket.write(reply(path.repeat(1000)))));
    const { send } = transport({ connections: 1 });
    const [first, second] = [send(small(server, 'a')), send(small(server, 'b'))];
    const kept: string[] = [];
    await (
      await first
    ).body.forEach(async (chunk) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      kept.push(Buffer.from(chunk).toString());
    });
    expect(kept.join('')).toBe('a'.repeat(1000));
    expect(await bodyText(await second)).toBe('b'.repeat(1000));
  });

  test('gives what came before the server closed it', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end')),
    );
    const response = await transport().send(small(server, 'a'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await bodyText(response)).toBe('to the end');
  });
});
