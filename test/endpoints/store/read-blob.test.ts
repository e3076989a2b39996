import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { storePaths, type StorePaths } from '../../../src/endpoints/store/paths.ts';
import { readBlob } from '../../../src/endpoints/store/read-blob.ts';
import { collect } from '../../../src/util/content.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { blobOf, type Blob } from '../../helpers/stores.ts';

const SIZES = [0, 10, 128 * 1024, 128 * 1024 + 1, 600_000];

function fresh(): StorePaths {
  const paths = storePaths(folder());
  mkdirSync(join(paths.blobs, 'sha256'), { recursive: true });
  return paths;
}

function sized(size: number): Blob {
  return blobOf(Buffer.alloc(size, 'all work and no play '));
}

/** Read at once, and by way of another thread. */
describe.each([10, 200_000])('of %i bytes', (size) => {
  const { descriptor } = sized(size);

  test('what is not there is not found', async () => {
    expect(await hubErrorFrom(() => readBlob(fresh(), descriptor, {}))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a file of another size is damaged', async () => {
    const paths = fresh();
    writeFileSync(paths.blob(descriptor.digest), 'short');
    expect(await hubErrorFrom(() => readBlob(paths, descriptor, {}))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('a link is never followed', async () => {
    const paths = fresh();
    writeFileSync(join(paths.dir, 'other'), sized(size).bytes);
    symlinkSync(join(paths.dir, 'other'), paths.blob(descriptor.digest));
    expect(await hubErrorFrom(() => readBlob(paths, descriptor, {}))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('nobody waits for the other end of a pipe', async () => {
    const paths = fresh();
    execFileSync('mkfifo', [paths.blob(descriptor.digest)]);
    expect(await hubErrorFrom(() => readBlob(paths, descriptor, {}))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('a directory is damage', async () => {
    const paths = fresh();
    mkdirSync(paths.blob(descriptor.digest));
    expect(await hubErrorFrom(() => readBlob(paths, descriptor, {}))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

test.each(SIZES)('%i bytes are read whole and in parts', async (size) => {
  const paths = fresh();
  const { descriptor, bytes } = sized(size);
  writeFileSync(paths.blob(descriptor.digest), bytes);
  const whole = await collect(await readBlob(paths, descriptor, {}), size);
  expect(whole.equals(bytes)).toBe(true);
  const half = Math.floor(size / 2);
  const part = await collect(await readBlob(paths, descriptor, { start: 3, end: half }), size);
  expect(part.equals(bytes.subarray(3, half))).toBe(true);
});

test('content of a size that is not known is read to its end', async () => {
  const paths = fresh();
  const { descriptor, bytes } = sized(10);
  writeFileSync(paths.blob(descriptor.digest), bytes);
  const content = await readBlob(paths, { ...descriptor, size: -1 }, {});
  expect((await collect(content, 10)).equals(bytes)).toBe(true);
});
