import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { pour, type PourOptions } from '../../src/http/pour.ts';
import { isBodyError } from '../../src/http/upload.ts';
import type { Content } from '../../src/util/content.ts';

/** A promise, and how it ends. */
function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

interface Line {
  readonly socket: Socket;
  /** What arrived, once the connection has ended. */
  readonly arrived: Promise<Buffer>;
}

/** A connection to a server that keeps what it gets; a `closed` one takes nothing. */
async function line({ closed = false } = {}): Promise<Line> {
  let far: Socket | undefined;
  const arrived = deferred<Buffer>();
  const accepted = deferred<void>();
  const server = createServer({ pauseOnConnect: closed }, (peer) => {
    far = peer;
    accepted.resolve();
    const chunks: Buffer[] = [];
    peer.on('data', (chunk) => void chunks.push(chunk));
    peer.on('error', () => undefined);
    peer.on('close', () => arrived.resolve(Buffer.concat(chunks)));
    if (closed) peer.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  await accepted.promise;
  onTestFinished(() => {
    socket.destroy();
    far?.destroy();
    server.close();
  });
  return { socket, arrived: arrived.promise };
}

function optionsFor(length: number, more: Partial<PourOptions> = {}): PourOptions {
  return {
    host: 'reg.example',
    length,
    timeout: 60_000,
    isWanted: () => true,
    onTaken: () => undefined,
    onStall: () => expect.fail('it stood still'),
    ...more,
  };
}

/** Gives `count` chunks out of one buffer, which is overwritten as soon as it is given back. */
function reused(count: number, size: number, end?: Error): Content & { readonly state: { cancelled: boolean } } {
  const state = { cancelled: false };
  return {
    state,
    forEach: async (consume) => {
      const buffer = Buffer.alloc(size);
      for (let index = 0; index < count; index += 1) {
        buffer.fill(index + 1);
        await consume(buffer);
        buffer.fill(0);
      }
      if (end) throw end;
    },
    cancel: () => {
      state.cancelled = true;
    },
  };
}

function chunksOf(count: number, size: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.alloc(size, index + 1)));
}

describe('a body', () => {
  test.each([
    [1, 70_000],
    [40, 256 * 1024],
    [7, 1_000_001],
    [100, 999],
  ])('of %i chunks of %i bytes arrives as it was', async (count, size) => {
    const { socket, arrived } = await line();
    let taken = 0;
    await pour(reused(count, size), socket, optionsFor(count * size, { onTaken: (bytes) => (taken += bytes) }));
    socket.end();
    expect((await arrived).equals(chunksOf(count, size))).toBe(true);
    expect(taken).toBe(count * size);
  });

  test('whose source fails at its very end does not arrive whole', async () => {
    const { socket, arrived } = await line();
    const failure = new HubError('DIGEST_MISMATCH', 'not what it should be');
    const content = reused(3, 100_000, failure);
    const error = await pour(content, socket, optionsFor(300_000)).catch((reason: unknown) => reason);
    expect(error).toBe(failure);
    expect(isBodyError(error)).toBe(true);
    expect(content.state.cancelled).toBe(true);
    socket.end();
    expect((await arrived).length).toBe(200_000);
  });

  test.each([
    [299_999, 'is larger than'],
    [300_001, 'ends too early'],
  ])('that is not the %i bytes it should be %s that', async (length, says) => {
    const { socket } = await line();
    const error = await pour(reused(3, 100_000), socket, optionsFor(length)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining(says) as string });
    expect(isBodyError(error)).toBe(true);
  });

  test('is not read on when it is no longer wanted, which is no failure', async () => {
    const { socket } = await line();
    const content = reused(100, 100_000);
    let taken = 0;
    const onTaken = (bytes: number): void => void (taken += bytes);
    await pour(content, socket, optionsFor(10_000_000, { isWanted: () => taken < 500_000, onTaken }));
    expect([taken, content.state.cancelled]).toEqual([500_000, true]);
  });

  test('is not read on when the connection breaks, which the connection tells', async () => {
    const { socket } = await line({ closed: true });
    const content = reused(1000, 256 * 1024);
    const onTaken = (): void => void socket.destroy();
    await pour(content, socket, optionsFor(1000 * 256 * 1024, { onTaken }));
    expect(content.state.cancelled).toBe(true);
  });

  test('that nobody takes stands still, which is told', async () => {
    const { socket } = await line({ closed: true });
    const stalled = deferred<HubError>();
    const onStall = (error: HubError): void => {
      stalled.resolve(error);
      socket.destroy();
    };
    const poured = pour(reused(1000, 256 * 1024), socket, optionsFor(1000 * 256 * 1024, { timeout: 50, onStall }));
    expect(await stalled.promise).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('reg.example') });
    await poured;
  });
});
