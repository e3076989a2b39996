import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { systemClock } from '../../src/http/clock.ts';
import type { HttpResponse } from '../../src/http/layer.ts';
import type { Report } from '../../src/http/thread-messages.ts';
import { ReadingThread } from '../../src/http/thread.ts';
import { THREAD_PROGRAM } from '../../src/http/thread-program.ts';
import { createTransport, type Transport, type TransportOptions } from '../../src/http/transport.ts';
import type { FileHash, Landing } from '../../src/util/landing.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { threadProgram } from '../helpers/thread-program.ts';
import { bodyText, CA_FILE, serve, serveRaw, type ServeOptions, type WebServer } from '../helpers/web.ts';

const bytes = randomBytes(3_000_000);

interface File extends Landing {
  /** Who offered to hash it. */
  hash: FileHash | undefined;
}

function fileOf(size = bytes.length, algorithm = 'sha256'): File {
  const path = join(folder(), 'file');
  const fd = openSync(path, 'w+');
  onTestFinished(() => closeSync(fd));
  const file: File = {
    fd,
    path,
    size,
    algorithm,
    hash: undefined,
    adopt: (hash) => {
      file.hash = hash;
      return true;
    },
  };
  return file;
}

interface Ground {
  readonly server: WebServer;
  readonly transport: Transport;
}

/** A server that was connected to, and a transport that has threads. */
async function ground(
  handle: (response: ServerResponse, range: { start: number; end: number }) => unknown,
  { serving = {}, ...options }: Partial<TransportOptions> & { serving?: ServeOptions } = {},
): Promise<Ground> {
  const server = await serve((request, response) => {
    if (request.method === 'HEAD') return response.end();
    const [, start = 0, last = bytes.length - 1] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    return handle(response, { start: Number(start), end: Number(last) + 1 });
  }, serving);
  return { server, transport: await reaching(server, options) };
}

async function reaching(server: WebServer, options: Partial<TransportOptions> = {}): Promise<Transport> {
  const threads = { program: await threadProgram() };
  const transport = createTransport({ userAgent: 'hubctl/test', clock: systemClock, threads, ...options });
  onTestFinished(() => transport.close());
  const response = await transport.send({ method: 'HEAD', url: new URL(server.origin) });
  response.body.cancel();
  return transport;
}

function give(response: ServerResponse, { start, end }: { start: number; end: number }): void {
  const headers = { 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
  response.writeHead(206, headers).end(bytes.subarray(start, end));
}

const WHOLE = { 'content-length': bytes.length, 'content-range': `bytes 0-${bytes.length - 1}/${bytes.length}` };

interface AskOptions {
  readonly start?: number;
  readonly end?: number;
  readonly signal?: AbortSignal;
}

function ask({ server, transport }: Ground, landing: Landing, options: AskOptions = {}): Promise<HttpResponse> {
  const { start = 0, end = bytes.length, signal } = options;
  return transport.send({
    method: 'GET',
    url: new URL('/blob?secret', server.origin),
    headers: { range: `bytes=${start}-${end - 1}` },
    expected: end - start,
    into: { landing, position: start },
    signal,
  });
}

interface Taken {
  landed: number;
  passed: number;
  error?: HubError | undefined;
}

/** What came into the file by itself, and what had to be taken. */
async function take(response: HttpResponse, onLanded?: (bytes: number) => void): Promise<Taken> {
  const taken: Taken = { landed: 0, passed: 0 };
  const work = response.body.forEach(
    (chunk) => void (taken.passed += chunk.length),
    (count) => {
      taken.landed += count;
      onLanded?.(count);
    },
  );
  const error = await hubErrorFrom(() => work, { optional: true });
  return error ? { ...taken, error } : taken;
}

const sha256 = createHash('sha256').update(bytes).digest('hex');

describe('the answer to a request for a file', () => {
  test('is written to it by a thread, and hashed', async () => {
    const place = await ground(give);
    const file = fileOf();
    const response = await ask(place, file);
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes 0-2999999/3000000`);
    expect(response.url.pathname).toBe('/blob');
    expect(await take(response)).toEqual({ landed: bytes.length, passed: 0 });
    expect(readFileSync(file.path).equals(bytes)).toBe(true);
    expect(await file.hash?.finish(bytes.length)).toBe(sha256);
  });

  test('comes in parts over one connection more', async () => {
    const place = await ground(give);
    const file = fileOf();
    for (const start of [0, 1_000_000, 2_000_000]) {
      await take(await ask(place, file, { start, end: start + 1_000_000 }));
    }
    expect(readFileSync(file.path).equals(bytes)).toBe(true);
    expect(await file.hash?.finish(bytes.length)).toBe(sha256);
    expect(place.server.connections).toBe(2);
  });

  test('is the same with TLS, however long it has to wait in between', async () => {
    const place = await ground(give, { serving: { tls: 'server' }, tls: { caFiles: [CA_FILE] } });
    for (let round = 0; round < 3; round += 1) {
      const file = fileOf();
      const response = await ask(place, file);
      // Meanwhile more arrives than was asked to be read.
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await take(response)).toEqual({ landed: bytes.length, passed: 0 });
      expect(readFileSync(file.path).equals(bytes)).toBe(true);
      expect(await file.hash?.finish(bytes.length)).toBe(sha256);
    }
  });

  test('is given to the caller piece by piece when it is not a plain file', async () => {
    const range = { 'content-range': 'bytes 0-4/3000000', 'content-length': 5 };
    const encoded = { ...range, 'content-encoding': 'gzip' };
    const answers: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
      chunked: (response) =>
        response.writeHead(206, { 'content-range': 'bytes 0-4/3000000' }).write('he') && response.end('llo'),
      encoded: (response) => response.writeHead(206, encoded).end('hello'),
      long: (response) => response.writeHead(206, { ...range, 'content-length': 11 }).end('hello hello'),
      elsewhere: (response) => response.writeHead(206, { ...range, 'content-range': 'bytes 1-5/3000000' }).end('hello'),
      nowhere: (response) => response.writeHead(206, { 'content-length': 5 }).end('hello'),
      denied: (response) => response.writeHead(403, { 'content-length': 5 }).end('hello'),
    };
    for (const [name, answer] of Object.entries(answers)) {
      const place = await ground((response) => answer(response));
      const file = fileOf(5);
      const { landed, passed } = await take(await ask(place, file, { end: 5 }));
      expect({ name, landed, passed }).toEqual({ name, landed: 0, passed: name === 'long' ? 11 : 5 });
      expect(readFileSync(file.path)).toHaveLength(0);
    }
  });

  test('that is all of it comes by itself only to the beginning of the file', async () => {
    const place = await ground((response) => response.end('0123456789'));
    expect(await take(await ask(place, fileOf(10), { end: 5 }))).toEqual({ landed: 10, passed: 0 });
    expect(await take(await ask(place, fileOf(10), { start: 5, end: 10 }))).toEqual({ landed: 0, passed: 10 });
    expect(await take(await ask(place, fileOf(9), { end: 5 }))).toEqual({ landed: 0, passed: 10 });
  });

  test('may be empty', async () => {
    const place = await ground((response) => response.writeHead(200, { 'content-length': 0 }).end());
    expect(await take(await ask(place, fileOf(0)))).toEqual({ landed: 0, passed: 0 });
  });

  test('may be left unread, and the thread is there for the next one', async () => {
    const place = await ground(give);
    const file = fileOf();
    (await ask(place, file)).body.cancel();
    expect(await take(await ask(place, file))).toEqual({ landed: bytes.length, passed: 0 });
    expect(readFileSync(file.path).equals(bytes)).toBe(true);
  });

  test('that our reader does not understand is read by another', async () => {
    const server = await serveRaw((socket) =>
      socket.on('data', (data) => {
        const isHead = String(data).startsWith('HEAD');
        socket.write(
          isHead ? 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' : 'HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nold',
        );
        if (!isHead) socket.end();
      }),
    );
    const transport = await reaching(server);
    expect(await bodyText(await ask({ server, transport }, fileOf()))).toBe('old');
  });
});

describe('what goes wrong in a thread', () => {
  test('is told with what had come, and what had come is in the file', async () => {
    const place = await ground((response) => {
      response.writeHead(206, WHOLE);
      response.write(bytes.subarray(0, 1_500_000), () => response.socket?.destroy());
    });
    const file = fileOf();
    const { landed, passed, error } = await take(await ask(place, file));
    expect(error).toMatchObject({ code: 'UNREACHABLE', details: { reason: 'broken-body', received: landed } });
    expect({ landed, passed }).toEqual({ landed: readFileSync(file.path).length, passed: 0 });
    expect(readFileSync(file.path).equals(bytes.subarray(0, landed))).toBe(true);
  });

  test('is told when a server falls silent', async () => {
    const stalled = (response: ServerResponse): void => {
      response.writeHead(206, WHOLE);
      response.write(bytes.subarray(0, 1000));
    };
    const place = await ground(stalled, { bodyTimeout: 100 });
    const { landed, error } = await take(await ask(place, fileOf()));
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { reason: 'body-timeout' } });
    expect(landed).toBe(1000);
    const mute = await ground(() => undefined, { headersTimeout: 100 });
    expect(await hubErrorFrom(() => ask(mute, fileOf()))).toMatchObject({ code: 'TIMEOUT' });
  });

  test('is told when the file cannot be written, and is not worth another try', async () => {
    const place = await ground(give);
    const file = fileOf();
    const readOnly = { ...file, fd: openSync(file.path, 'r') };
    onTestFinished(() => closeSync(readOnly.fd));
    const { error } = await take(await ask(place, readOnly));
    expect(error).toMatchObject({ code: 'STORAGE', retryable: false });
    expect(error?.message).toContain(file.path);
  });

  test('does not keep the request from being sent when there was no connection', async () => {
    let isDown = false;
    const place = await ground(give);
    const closing = await reaching(place.server);
    await place.server.stop();
    isDown = true;
    const error = await hubErrorFrom(() => ask({ ...place, transport: closing }, fileOf()));
    expect(isDown && error.code).toBe('UNREACHABLE');
    expect(error.message).toContain('refused');
  });

  test('ends the thread, and the answer breaks off as if the connection had', async () => {
    const program = `
      const { parentPort } = require('node:worker_threads');
      parentPort.on('message', (order) => {
        if (order.do === 'get') parentPort.postMessage({ is: 'head', status: 206, headers: { 'content-length': '10', 'content-range': 'bytes 0-9/10' } });
        if (order.do === 'land') throw new Error('out of memory, say');
      });`;
    const place = await ground(give, { threads: { program, most: 1 } });
    const file = fileOf();
    const { error } = await take(await ask(place, file));
    expect(error).toMatchObject({ code: 'UNREACHABLE', retryable: true, details: { reason: 'broken-body' } });
    expect(await file.hash?.finish(10)).toBeUndefined();
    // From now on, whoever asks gets the bytes.
    expect(await take(await ask(place, file))).toEqual({ landed: 0, passed: bytes.length });
  });

  test('before there was an answer is nobody else’s business: the request is sent without a thread', async () => {
    for (const program of ['throw new Error("broken")', new URL('./no-such-program.js', THREAD_PROGRAM)]) {
      const place = await ground(give, { threads: { program } });
      expect(await take(await ask(place, fileOf()))).toEqual({ landed: 0, passed: bytes.length });
    }
  });

  test('is not noticed by a hash of an unknown kind before it is asked for', async () => {
    const place = await ground(give);
    const file = fileOf(bytes.length, 'no-such-hash');
    expect(await take(await ask(place, file))).toEqual({ landed: bytes.length, passed: 0 });
    expect(await file.hash?.finish(bytes.length)).toBeUndefined();
  });
});

test('a file that may have been taken over during a long pause is left alone until that is known', async () => {
  const server = await serve((_, response) => response.end('0123456789'));
  const url = new URL(server.origin);
  const route = { host: url.host, address: '127.0.0.1', port: server.port };
  const limits = { connectTimeout: 5000, headersTimeout: 5000, bodyTimeout: 5000 };
  const file = fileOf(10);
  const reports: Report[] = [];
  let wake: () => void = () => undefined;
  const thread = new ReadingThread({
    postMessage: (report: Report) => {
      reports.push(report);
      wake();
    },
  });
  const until = async (is: Report['is']): Promise<void> => {
    while (!reports.some((report) => report.is === is)) await new Promise<void>((resolve) => (wake = resolve));
  };
  thread.take({ do: 'get', ask: { origin: url.origin, head: 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', route, ...limits } });
  await until('head');
  const now = vi.spyOn(performance, 'now').mockReturnValueOnce(-1_000_000);
  onTestFinished(() => now.mockRestore());
  thread.take({ do: 'land', fd: file.fd, path: file.path, position: 0 });
  await until('landed');
  expect(reports.at(-1)).toEqual({ is: 'landed', bytes: 0, asks: true });
  expect(readFileSync(file.path)).toHaveLength(0);
  thread.take({ do: 'more' });
  await until('done');
  expect(readFileSync(file.path, 'utf8')).toBe('0123456789');
});

describe('giving up', () => {
  const slowly = (response: ServerResponse): void => {
    response.writeHead(206, WHOLE);
    response.write(bytes.subarray(0, 2_000_000));
  };

  test('ends what a thread writes, with the reason', async () => {
    const stop = new AbortController();
    const reason = new HubError('ABORTED', 'interrupted');
    const place = await ground(slowly);
    const file = fileOf();
    const response = await ask(place, file, { signal: stop.signal });
    const { error, landed } = await take(response, () => stop.abort(reason));
    expect(error).toBe(reason);
    expect(readFileSync(file.path)).toHaveLength(landed);
    await file.hash?.stop();
  });

  test('is possible before there is an answer', async () => {
    const stop = new AbortController();
    const reason = new HubError('ABORTED', 'interrupted');
    const place = await ground(() => stop.abort(reason));
    expect(await hubErrorFrom(() => ask(place, fileOf(), { signal: stop.signal }))).toBe(reason);
  });

  test('by who counts ends it with what that threw', async () => {
    const place = await ground(slowly);
    const lost = new HubError('LOCKED', 'somebody else has it');
    const { error } = await take(await ask(place, fileOf()), () => {
      throw lost;
    });
    expect(error).toBe(lost);
  });
});

describe('threads', () => {
  test('have one file each, and there are never more than allowed', async () => {
    const place = await ground(give, { threads: { program: await threadProgram(), most: 2 } });
    const files = [fileOf(), fileOf(), fileOf()];
    const taken = await Promise.all(files.map(async (file) => take(await ask(place, file))));
    expect(taken.map(({ landed }) => landed).toSorted((a, b) => b - a)).toEqual([bytes.length, bytes.length, 0]);
  });

  test('take another file when one is done', async () => {
    const place = await ground(give, { threads: { program: await threadProgram(), most: 1 } });
    for (let index = 0; index < 3; index += 1) {
      const file = fileOf();
      expect(await take(await ask(place, file))).toEqual({ landed: bytes.length, passed: 0 });
      expect(await file.hash?.finish(bytes.length)).toBe(sha256);
    }
    expect(place.server.connections).toBe(2);
  });

  test('hash nothing that is hashed by somebody else', async () => {
    const place = await ground(give, { threads: { program: await threadProgram(), most: 1 } });
    for (let index = 0; index < 2; index += 1) {
      const file = { ...fileOf(), adopt: () => false };
      expect(await take(await ask(place, file))).toEqual({ landed: bytes.length, passed: 0 });
      // The thread says that it has let go of the file in a message of its own.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  test('are not used for a host that asked for fewer requests, few connections, or when there are to be none', async () => {
    let answers = 0;
    const busy = await ground((response, range) => {
      answers += 1;
      return answers === 1 ? response.writeHead(429).end() : give(response, range);
    });
    (await ask(busy, fileOf())).body.cancel();
    const few = await ground(give, { connections: 2 });
    const none = await ground(give, { threads: false });
    for (const place of [busy, few, none]) {
      expect(await take(await ask(place, fileOf()))).toEqual({ landed: 0, passed: bytes.length });
    }
  });

  test('are not used before the host was connected to', async () => {
    const server = await serve((_, response) => give(response, { start: 0, end: bytes.length }));
    const threads = { program: await threadProgram() };
    const transport = createTransport({ userAgent: 'hubctl/test', clock: systemClock, threads });
    onTestFinished(() => transport.close());
    const place = { server, transport };
    expect(await take(await ask(place, fileOf()))).toMatchObject({ landed: 0 });
    expect(await take(await ask(place, fileOf()))).toMatchObject({ landed: bytes.length });
  });
});
