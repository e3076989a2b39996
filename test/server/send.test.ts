import { createServer, get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Reply } from '../../src/server/reply.ts';
import { sendReply } from '../../src/server/send.ts';
import { contentOf, type Content } from '../../src/util/content.ts';
import { newGate } from '../helpers/gates.ts';
import { noise } from '../helpers/registry-images.ts';

interface Place {
  readonly port: number;
  /** What sending gave; undefined when it went well. */
  readonly outcome: Promise<unknown>;
}

async function place(reply: Reply): Promise<Place> {
  const done = newGate();
  let outcome: unknown;
  const server = createServer((incoming, response) => {
    void sendReply(response, reply, { head: incoming.method === 'HEAD' })
      .catch((error: unknown) => error)
      .then((result) => {
        outcome = result;
        done.open();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, outcome: done.opened.then(() => outcome) };
}

interface Received {
  readonly incoming: IncomingMessage;
  readonly body: Buffer;
  readonly complete: boolean;
}

function receive(port: number, method = 'GET'): Promise<Received> {
  return new Promise((resolve, reject) => {
    const asking = get({ host: '127.0.0.1', port, method, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', () => undefined);
      incoming.on('close', () => resolve({ incoming, body: Buffer.concat(chunks), complete: incoming.complete }));
    });
    asking.on('error', reject);
  });
}

describe('texts and bytes', () => {
  test.each<[string, Reply, string, string | undefined]>([
    ['text', { status: 200, body: 'grün' }, 'grün', '5'],
    ['bytes', { status: 404, body: Buffer.from('x') }, 'x', '1'],
    ['nothing', { status: 202 }, '', '0'],
    ['nothing that has no length', { status: 204 }, '', undefined],
    ['nothing new', { status: 304 }, '', undefined],
  ])('%s is sent with its length', async (_, reply, body, length) => {
    const { port, outcome } = await place(reply);
    const received = await receive(port);
    expect([received.incoming.statusCode, received.body.toString()]).toEqual([reply.status, body]);
    expect(received.incoming.headers['content-length']).toBe(length);
    expect(await outcome).toBeUndefined();
  });

  test('HEAD is told the length of what it does not get', async () => {
    const { port } = await place({ status: 200, body: 'hello' });
    const { incoming, body } = await receive(port, 'HEAD');
    expect([incoming.headers['content-length'], body.length]).toEqual(['5', 0]);
    const announced = await place({ status: 200, headers: { 'content-length': '99' } });
    expect((await receive(announced.port, 'HEAD')).incoming.headers['content-length']).toBe('99');
  });

  test('a header may have several values', async () => {
    const { port } = await place({ status: 200, headers: { 'oci-tag': ['a', 'b'] } });
    expect((await receive(port)).incoming.headers['oci-tag']).toBe('a, b');
  });
});

describe('content', () => {
  const bytes = noise('content', 3_000_000);

  test('is sent chunk by chunk', async () => {
    const content: Content = {
      forEach: async (consume) => {
        const buffer = Buffer.alloc(100_000);
        // One buffer for all: whoever keeps a chunk longer than the call shows it.
        for (let at = 0; at < bytes.length; at += buffer.length) {
          bytes.copy(buffer, 0, at, at + buffer.length);
          await consume(buffer);
        }
      },
      cancel: () => undefined,
    };
    const { port, outcome } = await place({
      status: 200,
      headers: { 'content-length': String(bytes.length) },
      body: content,
    });
    expect((await receive(port)).body.equals(bytes)).toBe(true);
    expect(await outcome).toBeUndefined();
  });

  test('that breaks does not look whole', async () => {
    for (const headers of [{ 'content-length': '10' }, {}]) {
      const { port, outcome } = await place({
        status: 200,
        headers,
        body: {
          forEach: async (consume: (chunk: Uint8Array) => void | Promise<void>) => {
            await consume(Buffer.from('half'));
            throw new Error('broken');
          },
          cancel: () => undefined,
        },
      });
      expect((await receive(port)).complete).toBe(false);
      expect(await outcome).toMatchObject({ message: 'broken' });
    }
  });

  test('of nothing is an answer too', async () => {
    const { port } = await place({ status: 200, headers: { 'content-length': '0' }, body: contentOf(Buffer.alloc(0)) });
    expect(await receive(port)).toMatchObject({ complete: true, body: Buffer.alloc(0) });
  });

  test('is given up when the client goes away midway', async () => {
    let [chunks, cancelled] = [0, 0];
    const endless: Content = {
      forEach: async (consume) => {
        for (;;) {
          chunks += 1;
          await consume(bytes.subarray(0, 500_000));
        }
      },
      cancel: () => (cancelled += 1),
    };
    const { port, outcome } = await place({ status: 200, body: endless });
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.once('data', () => socket.destroy());
    expect(await outcome).toMatchObject({ code: 'UNREACHABLE' });
    expect(cancelled).toBe(1);
    const read = chunks;
    await new Promise((resolve) => setImmediate(resolve));
    expect(chunks).toBe(read);
  });

  test('waits for a client that does not read', async () => {
    let chunks = 0;
    const large: Content = {
      forEach: async (consume) => {
        for (; chunks < 400; chunks += 1) await consume(bytes.subarray(0, 1_000_000));
      },
      cancel: () => undefined,
    };
    const { port, outcome } = await place({ status: 200, body: large });
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.pause();
    let before = -1;
    // Once nothing moves any more, the client has what fits into the buffers of the system.
    while (chunks === 0 || before !== chunks) {
      before = chunks;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(chunks).toBeLessThan(100);
    socket.destroy();
    expect(await outcome).toMatchObject({ code: 'UNREACHABLE' });
  });
});

test('an answer to nobody is told as such', async () => {
  const done = newGate();
  let outcome: unknown;
  const server = createServer((_, response) => {
    response.destroy();
    response.once('close', () => {
      void sendReply(response, { status: 200, body: 'x' }, { head: false })
        .catch((error: unknown) => error)
        .then((result) => {
          outcome = result;
          done.open();
        });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  await receive((server.address() as AddressInfo).port).catch(() => undefined);
  await done.opened;
  expect(outcome).toMatchObject({ code: 'UNREACHABLE' });
});
