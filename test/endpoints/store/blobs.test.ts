import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Blobs } from '../../../src/endpoints/store/blobs.ts';
import { storePaths, type StorePaths } from '../../../src/endpoints/store/paths.ts';
import { Space } from '../../../src/endpoints/store/space.ts';
import { stamp } from '../../../src/endpoints/store/stamp.ts';
import { HubError } from '../../../src/errors.ts';
import type { Open } from '../../../src/transfer/endpoint.ts';
import { collect } from '../../../src/util/content.ts';
import { withLock } from '../../../src/util/lock.ts';
import { MUTATIONS } from '../../helpers/damage.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { blobOf, opener } from '../../helpers/stores.ts';

const blob = blobOf('0123456789');
const { digest } = blob.descriptor;
/** Too large to be fetched in one go. */
const large = blobOf(Buffer.alloc(1024 * 1024 + 1, 'all work and no play '));

function fresh(): { blobs: Blobs; paths: StorePaths } {
  const paths = storePaths(folder());
  mkdirSync(join(paths.blobs, 'sha256'), { recursive: true });
  mkdirSync(paths.partial);
  mkdirSync(paths.locks);
  return { paths, blobs: new Blobs(paths, new Space(paths.dir)) };
}

describe('write', () => {
  test('puts content under its digest and leaves nothing else', async () => {
    const { blobs, paths } = fresh();
    expect(await blobs.write(blob.descriptor, opener(blob))).toBe('copied');
    await blobs.barrier();
    expect(await blobs.has(blob.descriptor)).toBe(true);
    expect(readdirSync(paths.partial)).toEqual([]);
    expect(readdirSync(paths.locks)).toEqual([]);
    expect(blobs.isUsed(digest)).toBe(true);
  });

  test('opens nothing for content that is there, which counts as new from then on', async () => {
    const { blobs, paths } = fresh();
    writeFileSync(paths.blob(digest), blob.bytes);
    utimesSync(paths.blob(digest), 1000, 1000);
    const never: Open = () => Promise.reject(new HubError('FAILED', 'opened'));
    expect(await blobs.write(blob.descriptor, never)).toBe('exists');
    expect(statSync(paths.blob(digest)).mtimeMs).toBeGreaterThan(1_000_000_000_000);
  });

  test('reads nothing of a large file that was verified when it was written, however often it is asked for', async () => {
    const { blobs } = fresh();
    await blobs.write(large.descriptor, opener(large));
    await blobs.barrier();
    const waits: string[] = [];
    const onWait = (reason: string): number => waits.push(reason);
    for (let count = 0; count < 3; count += 1) {
      expect(await blobs.write(large.descriptor, opener(large), { onWait })).toBe('exists');
    }
    expect(waits).toEqual([]);
  });

  test('gets a large file anew in which a bit was flipped since', async () => {
    const { blobs, paths } = fresh();
    await blobs.write(large.descriptor, opener(large));
    await blobs.barrier();
    const path = paths.blob(large.descriptor.digest);
    MUTATIONS['has one bit flipped']?.(path);
    expect(await blobs.write(large.descriptor, opener(large))).toBe('copied');
    await blobs.barrier();
    expect(readFileSync(path).equals(large.bytes)).toBe(true);
  });

  test('reads a large file once that somebody else put there', async () => {
    const { blobs, paths } = fresh();
    writeFileSync(paths.blob(large.descriptor.digest), large.bytes);
    const waits: string[] = [];
    const onWait = (reason: string): number => waits.push(reason);
    expect(await blobs.write(large.descriptor, opener(large), { onWait })).toBe('exists');
    expect(await blobs.write(large.descriptor, opener(large), { onWait })).toBe('exists');
    expect(waits).toEqual(['what is here of it is being verified']);
  });

  test('does not take damage for sound because it could not be mended', async () => {
    const { blobs, paths } = fresh();
    const path = paths.blob(large.descriptor.digest);
    writeFileSync(path, Buffer.alloc(large.descriptor.size));
    const offline: Open = () => Promise.reject(new HubError('UNREACHABLE', 'no network'));
    for (let count = 0; count < 2; count += 1) {
      expect((await hubErrorFrom(() => blobs.write(large.descriptor, offline))).code).toBe('UNREACHABLE');
    }
  });

  test('shows nothing before everything has been verified', async () => {
    const { blobs, paths } = fresh();
    let seen = true;
    const source: Open = async () => ({
      forEach: async (consume) => {
        await consume(blob.bytes);
        seen = existsSync(paths.blob(digest));
      },
      cancel: () => undefined,
    });
    await blobs.write(blob.descriptor, source);
    expect(seen).toBe(false);
  });

  test('leaves nothing of content with another digest', async () => {
    const { blobs, paths } = fresh();
    const error = await hubErrorFrom(() => blobs.write(blob.descriptor, opener(blobOf('987654321x'))));
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(readdirSync(paths.partial)).toEqual([]);
    expect(await blobs.has(blob.descriptor)).toBe(false);
    expect(readdirSync(paths.locks)).toEqual([]);
  });

  test('takes no lock for small content, and two who write it in two places do no harm', async () => {
    const { blobs, paths } = fresh();
    const elsewhere = new Blobs(paths, new Space(paths.dir));
    await withLock(paths.blobLock(digest), {}, async () => {
      await Promise.all([blobs, elsewhere].map((one) => one.write(blob.descriptor, opener(blob))));
    });
    await Promise.all([blobs.barrier(), elsewhere.barrier()]);
    expect((await blobs.bytes(blob.descriptor, 100)).equals(blob.bytes)).toBe(true);
    expect(readdirSync(paths.partial)).toEqual([]);
  });

  test('small content that waits for the disk can be read at once', async () => {
    const { blobs } = fresh();
    await blobs.write(blob.descriptor, opener(blob));
    expect((await collect(await blobs.read(blob.descriptor), 100)).toString()).toBe('0123456789');
  });

  test('fetches small content once more when the first attempt in this process failed', async () => {
    const { blobs } = fresh();
    const fails: Open = () => Promise.reject(new HubError('UNREACHABLE', 'no'));
    const [first, second] = await Promise.allSettled([
      blobs.write(blob.descriptor, fails),
      blobs.write(blob.descriptor, opener(blob)),
    ]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
  });

  test.each([blob, large])('two writes of one blob in one process open it once (%#)', async (one) => {
    const { blobs } = fresh();
    let opened = 0;
    const source: Open = (range) => {
      opened += 1;
      return opener(one)(range);
    };
    const outcomes = await Promise.all([blobs.write(one.descriptor, source), blobs.write(one.descriptor, source)]);
    expect(outcomes.toSorted()).toEqual(['copied', 'exists']);
    expect(opened).toBe(1);
  });

  test('waits for whoever writes the same content, and says so', async () => {
    const { blobs, paths } = fresh();
    const told: string[] = [];
    let second: Promise<string> | undefined;
    await withLock(paths.blobLock(large.descriptor.digest), {}, async () => {
      await new Promise<void>((resolve) => {
        const onWait = (reason: string): void => {
          told.push(reason);
          resolve();
        };
        second = blobs.write(large.descriptor, opener(large), { onWait });
      });
      writeFileSync(paths.blob(large.descriptor.digest), large.bytes);
    });
    expect(await second).toBe('exists');
    expect(told[0]).toBe('another process is writing it');
  });

  test('replaces content of the wrong size', async () => {
    const { blobs, paths } = fresh();
    writeFileSync(paths.blob(digest), 'short');
    expect(await blobs.write(blob.descriptor, opener(blob))).toBe('copied');
    expect((await blobs.bytes(blob.descriptor, 100)).equals(blob.bytes)).toBe(true);
  });

  test('with force looks at every byte of what is there', async () => {
    const { blobs, paths } = fresh();
    const medium = blobOf(Buffer.alloc(65_537, 'a'));
    const path = paths.blob(medium.descriptor.digest);
    // As a disk that forgets does: nobody has written to the file.
    writeFileSync(path, Buffer.alloc(65_537, 'b'));
    stamp(path, medium.descriptor.digest, true);
    expect(await blobs.write(medium.descriptor, opener(medium))).toBe('exists');
    expect(await blobs.write(medium.descriptor, opener(medium), { force: true })).toBe('copied');
    expect(await blobs.write(medium.descriptor, opener(medium), { force: true })).toBe('exists');
  });

  test('looks at every byte of what is small, such as manifests, in any case', async () => {
    const { blobs, paths } = fresh();
    writeFileSync(paths.blob(digest), '012345678x');
    expect(await blobs.write(blob.descriptor, opener(blob))).toBe('copied');
    expect(await blobs.write(blob.descriptor, opener(blob))).toBe('exists');
  });

  test.each(['directory', 'link', 'pipe'])('replaces a %s in the place of a blob', async (kind) => {
    const { blobs, paths } = fresh();
    const path = paths.blob(digest);
    if (kind === 'directory') mkdirSync(join(path, 'deep'), { recursive: true });
    else if (kind === 'link') symlinkSync('/etc/passwd', path);
    else execFileSync('mkfifo', [path]);
    expect(await blobs.has(blob.descriptor)).toBe(false);
    await blobs.write(blob.descriptor, opener(blob));
    expect(await blobs.has(blob.descriptor)).toBe(true);
  });

  test('many small blobs at once all arrive', async () => {
    const { blobs } = fresh();
    const many = Array.from({ length: 100 }, (_, at) => blobOf(`blob ${at}`));
    await Promise.all(many.map((one) => blobs.write(one.descriptor, opener(one))));
    await blobs.barrier();
    for (const one of many) expect(await blobs.isPresent(one.descriptor)).toBe(true);
  });

  test('goes on with what an earlier process left', async () => {
    const { blobs, paths } = fresh();
    writeFileSync(paths.part(large.descriptor.digest), large.bytes.subarray(0, 1000));
    const starts: (number | undefined)[] = [];
    await blobs.write(large.descriptor, (range) => {
      starts.push(range?.start);
      return opener(large)(range);
    });
    expect(starts).toEqual([1000]);
  });

  test('refuses before the first byte when the disk has no room', async () => {
    const { blobs } = fresh();
    const huge = { ...blob.descriptor, size: 2 ** 52 };
    const error = await hubErrorFrom(() => blobs.write(huge, () => Promise.reject(new HubError('FAILED', 'opened'))));
    expect(error).toMatchObject({ code: 'STORAGE' });
  });
});

test('the barrier tells of content that did not get to its place', async () => {
  const { blobs, paths } = fresh();
  rmSync(join(paths.blobs, 'sha256'), { recursive: true });
  writeFileSync(join(paths.blobs, 'sha256'), 'a file where a directory belongs');
  await blobs.write(blob.descriptor, opener(blob));
  expect(await hubErrorFrom(() => blobs.barrier())).toMatchObject({ code: 'STORAGE' });
  await expect(blobs.barrier()).resolves.toBeUndefined();
});

describe('read', () => {
  test('gives the whole or a part', async () => {
    const { blobs } = fresh();
    await blobs.write(blob.descriptor, opener(blob));
    expect((await collect(await blobs.read(blob.descriptor), 100)).toString()).toBe('0123456789');
    expect((await collect(await blobs.read(blob.descriptor, { start: 7 }), 100)).toString()).toBe('789');
    expect((await collect(await blobs.read(blob.descriptor, { start: 1, end: 3 }), 100)).toString()).toBe('12');
  });

  test('tells what is missing from what is damaged', async () => {
    const { blobs, paths } = fresh();
    expect(await hubErrorFrom(() => blobs.read(blob.descriptor))).toMatchObject({ code: 'NOT_FOUND' });
    writeFileSync(paths.blob(digest), 'short');
    expect(await hubErrorFrom(() => blobs.read(blob.descriptor))).toMatchObject({ code: 'DIGEST_MISMATCH' });
    rmSync(paths.blob(digest));
    symlinkSync('/etc/passwd', paths.blob(digest));
    expect(await hubErrorFrom(() => blobs.read(blob.descriptor))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('does not wait for the other end of a pipe', async () => {
    const { blobs, paths } = fresh();
    execFileSync('mkfifo', [paths.blob(digest)]);
    expect(await hubErrorFrom(() => blobs.read(blob.descriptor))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

test('adopt gives a finished file its place, and takes it away when the content is there', async () => {
  const { blobs, paths } = fresh();
  for (const name of ['one', 'two']) {
    writeFileSync(join(paths.dir, name), blob.bytes);
    await blobs.adopt(join(paths.dir, name), blob.descriptor);
    expect(existsSync(join(paths.dir, name))).toBe(false);
    expect(await blobs.isPresent(blob.descriptor)).toBe(true);
  }
});

test('text gives the beginning of what is there, unverified', async () => {
  const { blobs, paths } = fresh();
  expect(await blobs.text(digest, 4)).toBe('');
  writeFileSync(paths.blob(digest), 'anything');
  expect(await blobs.text(digest, 4)).toBe('anyt');
});
