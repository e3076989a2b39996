import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveFile, type ArchiveSource } from '../../../src/endpoints/archive/file.ts';
import { collect } from '../../../src/util/content.ts';
import { testWorkshop, type TestWorkshop } from '../../helpers/archives.ts';
import { tarOf } from '../../helpers/images.ts';

const run = promisify(execFile);
const TAR = tarOf([['a', 'content of a']]);

describe('opening an archive', () => {
  let workshop: TestWorkshop;
  beforeEach(async () => {
    workshop = await testWorkshop();
  });
  afterEach(() => workshop[Symbol.asyncDispose]());

  const temps = async (): Promise<string[]> => (await readdir(workshop.dir)).filter((name) => name.startsWith('temp'));
  const open = (source: ArchiveSource, signal?: AbortSignal): Promise<ArchiveFile> =>
    ArchiveFile.open(source, { temp: () => workshop.temp(), signal });
  const expectTar = async (source: ArchiveSource): Promise<void> => {
    const file = await open(source);
    expect(file.size).toBe(TAR.length);
    expect((await collect(file.content(0, file.size), 1024 * 1024)).equals(TAR)).toBe(true);
    expect((await file.readAt(file.size - 10, 100)).length).toBe(10);
    await file.close();
  };

  it('reads a plain file where it is', async () => {
    await expectTar({ path: await workshop.file('x.tar', TAR) });
    expect(await temps()).toEqual([]);
  });

  it('unpacks gzip and forgets it afterwards', async () => {
    const file = await open({ path: await workshop.file('x.tar.gz', gzipSync(TAR)) });
    expect(await temps()).toHaveLength(1);
    await file.close();
    expect(await temps()).toEqual([]);
    await expectTar({ path: await workshop.file('x.tar.gz', gzipSync(TAR)) });
  });

  it('reads streams, plain or packed, in pieces of any size', async () => {
    for (const bytes of [TAR, gzipSync(TAR)]) {
      await expectTar({ stream: Readable.from([bytes]) });
      await expectTar({ stream: Readable.from([...bytes].map((byte) => Buffer.of(byte))) });
    }
  });

  it('reads zstd', async ({ skip }) => {
    await workshop.file('x.tar', TAR);
    await run('zstd', ['-q', `${workshop.dir}/x.tar`]).catch(() => skip());
    await expectTar({ path: `${workshop.dir}/x.tar.zst` });
  });

  it('reads a pipe, which can be opened only once', async () => {
    const path = await workshop.file('x.tar', TAR);
    const pipe = `${workshop.dir}/pipe`;
    await run('mkfifo', [pipe]);
    await Promise.all([run('sh', ['-c', `cat ${path} > ${pipe}`]), expectTar({ path: pipe })]);
  });

  it.each([
    ['is empty', Buffer.alloc(0), 'is empty'],
    ['is text', Buffer.from('hello\n'.repeat(200)), 'is not a tar archive'],
    ['is packed text', gzipSync('hello\n'), 'is not a tar archive'],
    ['ends in the middle of gzip', gzipSync(TAR).subarray(0, 60), 'ends too early'],
  ])('says so when it %s', async (_, bytes, message) => {
    const expected = { code: 'CONTENT_INVALID', message: expect.stringContaining(message) as string };
    await expect(open({ path: await workshop.file('x', bytes) })).rejects.toMatchObject(expected);
    await expect(open({ stream: Readable.from([bytes]) })).rejects.toMatchObject(expected);
    expect(await temps()).toEqual([]);
  });

  it.each([
    ['zeros, which are the end of a tar', Buffer.alloc(65_536), undefined],
    ['text', Buffer.alloc(65_536, 'text\n'), 'is not a tar archive'],
  ])('reads no more than it must of an endless stream of %s', async (_, chunk, message) => {
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      while ((given += 1) < 1000) yield chunk;
    }
    const opened = open({ stream: endless() }).then((file) => file.close());
    await (message === undefined ? opened : expect(opened).rejects.toThrow(message));
    expect(given).toBe(1);
    expect(await temps()).toEqual([]);
  });

  it('names the way out for compressions it does not know', async () => {
    const bytes = Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(1000)]);
    await expect(open({ stream: Readable.from([bytes]) })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(await temps()).toEqual([]);
  });

  it('tells files that are not there from directories', async () => {
    await expect(open({ path: `${workshop.dir}/none.tar` })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open({ path: workshop.dir })).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      hint: `use oci:${workshop.dir} for an OCI layout`,
    });
  });

  it('stops when it is told to', async () => {
    const reason = new TypeError('stop');
    await expect(open({ stream: Readable.from([gzipSync(TAR)]) }, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(await temps()).toEqual([]);
  });
});
