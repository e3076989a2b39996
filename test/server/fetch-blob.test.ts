import { expect, onTestFinished, test } from 'vitest';
import { openRegistryDir, type RegistryDir } from '../../src/server/disk/registry-dir.ts';
import { fetchBlob } from '../../src/server/fetch-blob.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { noise } from '../helpers/registry-images.ts';
import { filesBelow } from '../helpers/tree.ts';
import { newUpstream, type TestUpstream } from '../helpers/upstream.ts';

const bytes = noise('fetched', 1_000_000);
const digest = digestOf(bytes);

interface Place {
  readonly dir: RegistryDir;
  readonly upstream: TestUpstream;
  fetch(wanted?: string): ReturnType<typeof fetchBlob>;
}

async function place(auth: 'none' | 'basic' = 'none'): Promise<Place> {
  const dir = await openRegistryDir(folder());
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const upstream = await newUpstream({ auth });
  upstream.registry.contents.putBlob('a', bytes);
  return {
    dir,
    upstream,
    fetch: (wanted = digest) => fetchBlob({ dir, upstream: upstream.repository('a'), repository: 'a', digest: wanted }),
  };
}

async function stored(dir: RegistryDir): Promise<Buffer | undefined> {
  const blob = await dir.blob('a', digest);
  return blob && collect(await blob.open(), bytes.length);
}

test('a blob is stored, with readers along', async () => {
  const { dir, fetch } = await place();
  const started = await fetch();
  const read = started && collect(await started.download.open(), bytes.length);
  await started?.done;
  expect((await read)?.equals(bytes)).toBe(true);
  expect((await stored(dir))?.equals(bytes)).toBe(true);
  expect(filesBelow(dir.dir).filter((path) => path.includes('/uploads/'))).toEqual([]);
});

test('a blob of sha512 is as good as any', async () => {
  const { dir, upstream, fetch } = await place();
  const long = digestOf(bytes, 'sha512');
  upstream.registry.contents.putBlob('a', bytes, long);
  await (
    await fetch(long)
  )?.done;
  expect((await dir.blob('a', long))?.size).toBe(bytes.length);
});

test('a blob of unknown length is stored before anybody reads', async () => {
  const { dir, upstream, fetch } = await place();
  upstream.registry.fail({ method: 'GET', path: '/blobs/' }, { chunked: true });
  expect(await fetch()).toBeUndefined();
  expect((await stored(dir))?.equals(bytes)).toBe(true);
});

test('a blob that another repository has is lent, once the upstream says that this one has it', async () => {
  const { dir, upstream, fetch } = await place();
  const upload = await dir.uploads.start('b');
  await upload.append(contentOf(bytes));
  await dir.finish(upload, digest);
  expect(await fetch()).toBeUndefined();
  expect((await stored(dir))?.equals(bytes)).toBe(true);
  expect(upstream.registry.requests({ path: digest })).toHaveLength(1);
});

test('bytes of another digest leave nothing', async () => {
  const { dir, upstream, fetch } = await place();
  upstream.registry.fail({ method: 'GET', path: '/blobs/', times: 10 }, { corrupt: 500_000 });
  const started = await fetch();
  expect((await hubErrorFrom(() => started?.done)).code).toBe('DIGEST_MISMATCH');
  expect(await stored(dir)).toBeUndefined();
  expect(filesBelow(dir.dir).filter((path) => /\/(?:uploads|blobs)\//.test(path))).toEqual([]);
});

test('an answer that is too short never counts as the whole', async () => {
  const { dir, upstream, fetch } = await place();
  upstream.registry.fail({ method: 'GET', path: '/blobs/', times: 10 }, { truncate: 1000 });
  const started = await fetch();
  expect(await hubErrorFrom(() => started?.done)).toBeDefined();
  expect(await stored(dir)).toBeUndefined();
});

test('what the upstream refuses is told by its meaning', async () => {
  const { fetch } = await place();
  expect((await hubErrorFrom(() => fetch(digestOf('unknown')))).code).toBe('NOT_FOUND');
  const closed = await place('basic');
  expect((await hubErrorFrom(() => closed.fetch())).code).toBe('UNAUTHORIZED');
  const full = await place();
  full.upstream.registry.fail({ path: '/blobs/', times: 100 }, { status: 403 });
  expect((await hubErrorFrom(() => full.fetch())).code).toBe('DENIED');
});
