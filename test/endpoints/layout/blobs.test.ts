import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  blobSize,
  hasBlob,
  prepareBlobs,
  readBlob,
  syncBlobs,
  writeBlob,
} from '../../../src/endpoints/layout/blobs.ts';
import { digestOf, encodedOf } from '../../../src/spec/digest.ts';
import { collect, contentOf } from '../../../src/util/content.ts';

const run = promisify(execFile);
const TEXT = 'some content';
const descriptor = { mediaType: 'text/plain', digest: digestOf(TEXT), size: TEXT.length };

describe('the blobs of a layout', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-blobs-'));
    await prepareBlobs(dir, descriptor.digest);
  });
  afterEach(() => rm(dir, { recursive: true }));
  const place = (): string => join(dir, 'blobs', 'sha256', encodedOf(descriptor.digest));
  const files = (): Promise<string[]> => readdir(join(dir, 'blobs', 'sha256'));

  it('are written whole and read in part', async () => {
    await writeBlob(dir, descriptor, { open: async () => contentOf(Buffer.from(TEXT)) });
    await syncBlobs(dir, descriptor.digest);
    expect(await files()).toEqual([encodedOf(descriptor.digest)]);
    expect(await hasBlob(dir, descriptor)).toBe(true);
    expect(await blobSize(dir, descriptor.digest)).toBe(TEXT.length);
    for (const [start, end, expected] of [
      [0, 4, 'some'],
      [5, 100, 'content'],
      [50, 60, ''],
      [5, 2, ''],
    ] as const) {
      expect((await collect(await readBlob(dir, descriptor.digest, { start, end }), 100)).toString()).toBe(expected);
    }
  });

  it('leave nothing when their content is too short, too long, or broken', async () => {
    for (const text of ['', 'some', `${TEXT}!`]) {
      const writing = writeBlob(dir, descriptor, { open: async () => contentOf(Buffer.from(text)) });
      await expect(writing).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    }
    const failure = new TypeError('broken');
    const broken = { forEach: () => Promise.reject(failure), cancel: () => undefined };
    await expect(writeBlob(dir, descriptor, { open: async () => broken })).rejects.toBe(failure);
    expect(await files()).toEqual([]);
  });

  it('are only regular files', async () => {
    await mkdir(place());
    expect(await hasBlob(dir, descriptor)).toBe(false);
    expect(await blobSize(dir, descriptor.digest)).toBeUndefined();
    await expect(readBlob(dir, descriptor.digest)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    await rm(place(), { recursive: true });
    await run('mkfifo', [place()]);
    await expect(readBlob(dir, descriptor.digest)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('are not found where a directory is missing or a file is in the way', async () => {
    await rm(join(dir, 'blobs'), { recursive: true });
    await expect(readBlob(dir, descriptor.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await writeFile(join(dir, 'blobs'), '');
    await expect(readBlob(dir, descriptor.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await hasBlob(dir, descriptor)).toBe(false);
    await expect(prepareBlobs(dir, descriptor.digest)).rejects.toMatchObject({ code: 'STORAGE' });
    const writing = writeBlob(dir, descriptor, { open: async () => contentOf(Buffer.from(TEXT)) });
    await expect(writing).rejects.toMatchObject({ code: 'STORAGE' });
  });

  it('never have a path that is no digest', async () => {
    for (const digest of ['sha256:../../../etc/passwd', '../x', 'sha256:short']) {
      await expect(readBlob(dir, digest)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    }
  });
});
