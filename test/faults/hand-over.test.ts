// What becomes of a download that a thread of its own reads, writes and hashes, when the network fails it?
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { HashThreads } from '../../src/endpoints/store/hash-thread.ts';
import { PartFile } from '../../src/endpoints/store/part.ts';
import { HubError } from '../../src/errors.ts';
import type { Share } from '../../src/transfer/endpoint.ts';
import { reader, type ReaderOptions } from '../../src/transfer/read.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { testClient, type TestClientOptions } from '../helpers/registry-client.ts';
import { startRegistry, type Registry, type RegistryOptions } from '../helpers/registry.ts';
import { blobOf } from '../helpers/stores.ts';
import { threadProgram } from '../helpers/thread-program.ts';

const PIECE = 1_000_000;
const blob = blobOf(randomBytes(4 * PIECE));
const lock = { since: 0, check: () => undefined };
const inOrder: Share = { piece: () => PIECE, offer: () => undefined };
/** The nth piece, from 0. */
const piece = (index: number) => ({ headers: { range: new RegExp(`^bytes=${index * PIECE}-`) } });

let program = '';

beforeAll(async () => {
  program = await threadProgram();
});

interface Pull {
  readonly path: string;
  readonly error: HubError | undefined;
  readonly retries: number;
}

interface Ground {
  readonly registry: Registry;
  /** Downloads the blob; `before` is what an earlier attempt left. */
  pull(options?: {
    before?: Buffer;
    share?: Share;
    signal?: AbortSignal;
    onBytes?: ReaderOptions['onBytes'];
  }): Promise<Pull>;
}

async function ground(options: RegistryOptions = {}, more: TestClientOptions = {}): Promise<Ground> {
  const registry = await startRegistry(options);
  const client = testClient({ threads: { program }, ...more });
  const hashThreads = new HashThreads(2);
  onTestFinished(async () => {
    await client.close();
    await hashThreads.close();
    await registry.stop();
  });
  registry.contents.putBlob('app', blob.bytes);
  const source = client.repository(registry.host, 'app');
  // A pull has read a manifest from there before.
  await source.has({ ...blob.descriptor, digest: `sha256:${'0'.repeat(64)}` });
  const pull: Ground['pull'] = async ({ before, share = inOrder, signal, onBytes } = {}) => {
    const path = join(folder(), 'x.part');
    if (before) writeFileSync(path, before);
    const part = new PartFile(path, blob.descriptor, hashThreads);
    let retries = 0;
    const open = reader(source, blob.descriptor, {
      signal,
      onBytes,
      sleep: async () => undefined,
      onRetry: () => void (retries += 1),
    });
    const reservation = { left: 0 };
    const work = part.fill(open, { lock, reservation, share, signal, landFrom: () => 1 });
    const error = await hubErrorFrom(() => work, { optional: true });
    await part.close(error);
    return { path, error, retries };
  };
  return { registry, pull };
}

function expectWhole({ path, error }: Pull): void {
  expect(error).toBeUndefined();
  expect(readFileSync(path).equals(blob.bytes)).toBe(true);
}

function ranges({ log }: Registry): readonly string[] {
  return log.flatMap(({ headers }) => headers.range ?? []);
}

describe('a download in a thread', () => {
  test('takes as many requests as without one, over one connection more', async () => {
    const { registry, pull } = await ground();
    expectWhole(await pull());
    expect(ranges(registry)).toEqual([
      'bytes=0-999999',
      'bytes=1000000-1999999',
      'bytes=2000000-2999999',
      'bytes=3000000-3999999',
    ]);
    expect(registry.connections).toBe(2);
  });

  test('goes on with what an earlier attempt left, and verifies that too', async () => {
    const { registry, pull } = await ground();
    expectWhole(await pull({ before: blob.bytes.subarray(0, 1_500_000) }));
    expect(ranges(registry)[0]).toBe('bytes=1500000-2499999');
    const wrong = Buffer.from(blob.bytes.subarray(0, 1_500_000));
    wrong.writeUInt8(wrong.readUInt8(7) ^ 1, 7);
    expectWhole(await pull({ before: wrong }));
  });

  test('shares the file with others who fetch other pieces', async () => {
    const { pull } = await ground();
    const share: Share = {
      piece: () => 300_000,
      offer: (next) => {
        const help = async (): Promise<void> => {
          for (let work = next(); work; work = next()) await work;
        };
        void help();
        void help();
      },
    };
    expectWhole(await pull({ share }));
  });

  test('is asked for with credentials, which go nowhere else', async () => {
    const { registry, pull } = await ground(
      { auth: 'bearer', blobOrigin: true },
      { credential: { kind: 'basic', username: 'tester', password: 'secret' } },
    );
    expectWhole(await pull());
    expect(registry.requests({ path: '/blobs/', headers: { authorization: /^Bearer / } }).length).toBeGreaterThan(0);
    const elsewhere = registry.blobServer?.log ?? [];
    expect(elsewhere.length).toBeGreaterThan(1);
    expect(elsewhere.flatMap(({ headers }) => headers.authorization ?? [])).toEqual([]);
  });
});

describe('a download in a thread goes on after', () => {
  test('a reset in the middle of a piece, at the byte it got to', async () => {
    const { registry, pull } = await ground();
    registry.fail({ ...piece(1) }, { resetAfter: 400_000 });
    const result = await pull();
    expectWhole(result);
    expect(result.retries).toBe(1);
    const again = Number(/=(\d+)-1999999$/.exec(ranges(registry)[2] ?? '')?.[1]);
    expect(again).toBeGreaterThanOrEqual(PIECE);
    expect(again).toBeLessThanOrEqual(PIECE + 400_000);
  });

  test('an answer that ends too early', async () => {
    const { registry, pull } = await ground();
    registry.fail({ ...piece(1) }, { closeAfter: 10 });
    registry.fail({ ...piece(2) }, { truncate: 500_000 });
    expectWhole(await pull());
  });

  test('a silence', async () => {
    const { registry, pull } = await ground({}, { bodyTimeout: 200 });
    registry.fail({ ...piece(2) }, { stallAfter: 100_000 });
    const result = await pull();
    expectWhole(result);
    expect(result.retries).toBe(1);
  });

  test.each([401, 429, 500, 503])('a %i in the middle', async (status) => {
    const options: RegistryOptions = status === 401 ? { auth: 'bearer' } : {};
    const credential = { kind: 'basic', username: 'tester', password: 'secret' } as const;
    const { registry, pull } = await ground(options, { credential });
    const headers = { 'www-authenticate': `Bearer realm="${registry.origin}/token",service="test registry"` };
    registry.fail({ ...piece(2), path: '/blobs/' }, { status, ...(status === 401 && { headers }) });
    expectWhole(await pull());
  });

  test('a whole answer to a request for a part', async () => {
    const { pull } = await ground({ ranges: false });
    expectWhole(await pull());
    expectWhole(await pull({ before: blob.bytes.subarray(0, 1_500_000) }));
  });

  test('a whole answer to a part in the middle', async () => {
    const { registry, pull } = await ground();
    registry.fail({ ...piece(1) }, { replyStatus: 200, withoutHeaders: ['content-range'], body: blob.bytes });
    expectWhole(await pull());
  });

  test('another part than was asked for', async () => {
    const { registry, pull } = await ground();
    registry.fail({ ...piece(1) }, { headers: { 'content-range': `bytes 5-1000004/${blob.bytes.length}` } });
    expectWhole(await pull());
  });

  test('a flipped bit, in a piece that is then fetched anew with the rest', async () => {
    const { registry, pull } = await ground();
    registry.fail({ ...piece(2) }, { corrupt: 77 });
    const first = await pull();
    expect(first.error?.code).toBe('DIGEST_MISMATCH');
    expect(existsSync(first.path)).toBe(false);
    expectWhole(await pull());
  });

  test('the death of the thread', async () => {
    // It reads one piece as it should, and dies of the second.
    const mortal = `
      const { parentPort } = require('node:worker_threads');
      const own = parentPort.on.bind(parentPort);
      let lands = 0;
      parentPort.on = (name, listen) => own(name, (order) => {
        if (order.do === 'land' && ++lands === 2) throw new Error('died');
        listen(order);
      });
      ${program}`;
    const { pull } = await ground({}, { threads: { program: mortal, most: 1 } });
    const result = await pull();
    expectWhole(result);
    expect(result.retries).toBe(1);
  });
});

test('a piece that is longer than was asked for is not written over its neighbours', async () => {
  const { registry, pull } = await ground();
  registry.fail({ ...piece(1) }, { append: Buffer.from('more') });
  expect((await pull()).error?.code).toBe('DIGEST_MISMATCH');
});

test('an interrupted download in a thread stops at once, keeps what came, and leaves its file alone from then on', async () => {
  const { pull } = await ground();
  const stop = new AbortController();
  const reason = new HubError('ABORTED', 'interrupted');
  let received = 0;
  const result = await pull({
    signal: stop.signal,
    onBytes: (bytes) => {
      received += bytes;
      if (received > PIECE) stop.abort(reason);
    },
  });
  expect(result.error).toBe(reason);
  const kept = readFileSync(result.path);
  expect(kept.length).toBeGreaterThan(PIECE);
  expect(kept.equals(blob.bytes.subarray(0, kept.length))).toBe(true);
});
