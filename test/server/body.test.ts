import { createServer, request, type ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Body, type BodyLimits } from '../../src/server/body.ts';
import { wireAnswer } from '../../src/server/wire.ts';
import { HubError } from '../../src/errors.ts';
import { newGate } from '../helpers/gates.ts';
import { noise } from '../helpers/registry-images.ts';

type Work = (body: Body) => unknown;

interface Sent {
  readonly request: ClientRequest;
  /** What the work gave, or what it threw. */
  readonly outcome: Promise<unknown>;
}

/** Sends the beginning of a request to a server that does this work with its body. */
async function send(
  work: Work,
  { headers = {}, limits }: { headers?: Record<string, string>; limits?: BodyLimits } = {},
): Promise<Sent> {
  const done = newGate();
  let outcome: unknown;
  const server = createServer((incoming, response) => {
    void Promise.resolve(work(new Body(incoming, limits)))
      .catch((error: unknown) => error)
      .then((result) => {
        outcome = result;
        done.open();
        if (!response.destroyed) response.end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const outgoing = request({ host: '127.0.0.1', port, method: 'PUT', agent: false, headers });
  outgoing.on('error', () => undefined);
  outgoing.on('response', (response) => response.resume());
  return { request: outgoing, outcome: done.opened.then(() => outcome) };
}

const collected: Work = async (body) => (await body.bytes(10_000_000)).toString('latin1');

describe('a body', () => {
  test('is read as it was sent', async () => {
    const bytes = noise('body', 3_000_000);
    const { request: sending, outcome } = await send(collected);
    sending.end(bytes);
    expect(await outcome).toBe(bytes.toString('latin1'));
  });

  test.each<[string, Record<string, string>, number | undefined]>([
    ['announced', { 'content-length': '5' }, 5],
    ['unknown when it is sent in pieces', { 'transfer-encoding': 'chunked' }, undefined],
    ['nothing when nothing is said', {}, 0],
  ])('has a length that is %s', async (_, headers, expected) => {
    const { request: sending, outcome } = await send((body) => body.length, { headers });
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) sending.write('hello');
    else sending.removeHeader('transfer-encoding');
    sending.end();
    expect(await outcome).toBe(headers['content-length'] === undefined && expected === 0 ? 0 : expected);
  });

  test('waits while its consumer does', async () => {
    const gate = newGate();
    const seen: number[] = [];
    const { request: sending, outcome } = await send(async (body) => {
      await body.forEach((chunk) => {
        seen.push(chunk.length);
        return seen.length === 1 ? gate.opened : undefined;
      });
      return seen.reduce((sum, length) => sum + length, 0);
    });
    sending.end(noise('slow', 2_000_000));
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toHaveLength(1);
    gate.open();
    expect(await outcome).toBe(2_000_000);
  });

  test('whose consumer fails, at once or later, fails with that', async () => {
    for (const consume of [
      () => {
        throw new HubError('STORAGE', 'mine');
      },
      () => Promise.reject(new HubError('STORAGE', 'mine')),
    ]) {
      const { request: sending, outcome } = await send((body) => body.forEach(consume));
      sending.end('hello');
      expect(await outcome).toMatchObject({ code: 'STORAGE', message: 'mine' });
    }
  });

  test('whose client goes away midway fails', async () => {
    const { request: sending, outcome } = await send(collected, { headers: { 'content-length': '1000' } });
    sending.write('half', () => sending.destroy());
    expect(await outcome).toMatchObject({ code: 'UNREACHABLE' });
  });

  test('whose client was gone before it is read fails', async () => {
    const { request: sending, outcome } = await send(
      async (body) => {
        sending.destroy();
        await new Promise((resolve) => setTimeout(resolve, 50));
        return collected(body);
      },
      { headers: { 'content-length': '1000' } },
    );
    sending.write('half');
    expect(await outcome).toMatchObject({ code: 'UNREACHABLE' });
  });

  test('that ended before it is read is empty', async () => {
    const { request: sending, outcome } = await send(async (body) => {
      await body.bytes(10);
      return (await body.bytes(10)).length;
    });
    sending.end('hello');
    expect(await outcome).toBe(0);
  });
});

describe('a body that is too large', () => {
  test('is refused by its length before a byte is read', async () => {
    const { request: sending, outcome } = await send((body) => body.bytes(1000), {
      headers: { 'content-length': '1001' },
    });
    sending.flushHeaders();
    const answer = wireAnswer(await outcome);
    expect([answer.status, answer.body]).toEqual([413, expect.stringContaining('larger than 1000 bytes')]);
  });

  test('is refused as soon as it is, when it does not say its length', async () => {
    const { request: sending, outcome } = await send((body) => body.bytes(1000));
    sending.write(Buffer.alloc(600));
    sending.write(Buffer.alloc(600));
    expect(wireAnswer(await outcome).status).toBe(413);
  });

  test('may be just as large as the limit', async () => {
    const { request: sending, outcome } = await send(async (body) => (await body.bytes(1000)).length);
    sending.end(Buffer.alloc(1000));
    expect(await outcome).toBe(1000);
  });
});

describe('a slow client', () => {
  test('that sends nothing is given up', async () => {
    const { request: sending, outcome } = await send(collected, {
      headers: { 'content-length': '10' },
      limits: { idle: 40, slowest: 0, grace: 60_000 },
    });
    sending.write('hello');
    const answer = wireAnswer(await outcome);
    expect([answer.status, answer.headers['connection']]).toEqual([408, 'close']);
    expect(answer.body).toContain('the body came too slowly: 5 bytes');
  });

  test('that sends too little is given up, though it never stops', async () => {
    const { request: sending, outcome } = await send(collected, {
      headers: { 'content-length': '100000' },
      limits: { idle: 60_000, slowest: 1_000_000, grace: 60 },
    });
    const drip = setInterval(() => sending.write('x'), 5);
    onTestFinished(() => clearInterval(drip));
    expect(wireAnswer(await outcome).status).toBe(408);
  });

  test('is not blamed for time that we take', async () => {
    const { request: sending, outcome } = await send(
      async (body) => {
        let size = 0;
        await body.forEach(async (chunk) => {
          size += chunk.length;
          await new Promise((resolve) => setTimeout(resolve, 150));
        });
        return size;
      },
      { limits: { idle: 60, slowest: 0, grace: 60_000 } },
    );
    sending.end('hello');
    expect(await outcome).toBe(5);
  });
});

test('a body that nobody wants can be let go', async () => {
  const { request: sending, outcome } = await send((body) => {
    body.cancel();
    return 'let go';
  });
  sending.end(Buffer.alloc(100_000));
  expect(await outcome).toBe('let go');
});
