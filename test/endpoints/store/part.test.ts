import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HashThreads } from '../../../src/endpoints/store/hash-thread.ts';
import { PartFile } from '../../../src/endpoints/store/part.ts';
import { HubError } from '../../../src/errors.ts';
import type { Open, Share } from '../../../src/transfer/endpoint.ts';
import { contentOf, type Content } from '../../../src/util/content.ts';
import type { FileHash } from '../../../src/util/landing.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { blobOf, opener } from '../../helpers/stores.ts';

const blob = blobOf('0123456789');
const lock = { since: 0, check: () => undefined };
const options = () => ({ lock, reservation: { left: 0 } });
const NOWHERE: Open = () => Promise.reject(new HubError('UNREACHABLE', 'no network'));

/** Notes where the source was asked to start. */
function watched(open: Open, starts: (number | undefined)[]): Open {
  return (range) => {
    starts.push(range?.start);
    return open(range);
  };
}

/** Fills a partial file in a folder of its own. */
async function fill(
  before: string | undefined,
  open: Open,
  more: object = {},
): Promise<{ path: string; error?: unknown }> {
  const path = join(folder(), 'x.part');
  if (before !== undefined) writeFileSync(path, before);
  const part = new PartFile(path, blob.descriptor);
  try {
    await part.fill(open, { ...options(), ...more });
    await part.sync();
    await part.close();
    return { path };
  } catch (error) {
    await part.close(error);
    return { path, error };
  }
}

describe('a new file', () => {
  test('gets all bytes, and nobody else may read it', async () => {
    const { path, error } = await fill(undefined, opener(blob));
    expect(error).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('may be empty', async () => {
    const empty = blobOf('');
    const path = join(folder(), 'x.part');
    const part = new PartFile(path, empty.descriptor);
    await part.fill(opener(empty), options());
    await part.close();
    expect(statSync(path).size).toBe(0);
  });

  test.each([
    ['other bytes', '9876543210'],
    ['too few bytes', '01234'],
    ['too many bytes', '0123456789x'],
  ])('of %s is removed', async (_, text) => {
    const { path, error } = await fill(undefined, opener(blobOf(text)));
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(existsSync(path)).toBe(false);
  });

  test('stops at the first byte too many', async () => {
    let chunks = 0;
    const endless: Open = async () => ({
      forEach: async (consume) => {
        for (; chunks < 1000; chunks += 1) await consume(Buffer.from('01234'));
      },
      cancel: () => undefined,
    });
    expect((await fill(undefined, endless)).error).toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(chunks).toBe(2);
  });

  test('without a byte is not kept when the source fails', async () => {
    const { path, error } = await fill(undefined, NOWHERE);
    expect(error).toMatchObject({ code: 'UNREACHABLE' });
    expect(existsSync(path)).toBe(false);
  });

  test('does not hash what the source has verified, but counts it', async () => {
    const trusted =
      (text: string): Open =>
      async () => ({ ...contentOf(Buffer.from(text)), verified: true });
    expect((await fill(undefined, trusted('any bytes!'))).error).toBeUndefined();
    expect((await fill(undefined, trusted('short'))).error).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

describe('an interrupted download', () => {
  test('keeps what came', async () => {
    const broken: Open = async () => ({
      forEach: async (consume) => {
        await consume(Buffer.from('0123'));
        throw new HubError('UNREACHABLE', 'reset');
      },
      cancel: () => undefined,
    });
    const { path } = await fill(undefined, broken);
    expect(readFileSync(path, 'utf8')).toBe('0123');
  });

  test('is not kept when the disk is full', async () => {
    const full: Open = async () => ({
      forEach: async (consume) => {
        await consume(Buffer.from('0123'));
        throw new HubError('STORAGE', 'full', { details: { errno: 'ENOSPC' } });
      },
      cancel: () => undefined,
    });
    expect(existsSync((await fill(undefined, full)).path)).toBe(false);
  });

  test('stops when the signal aborts, with its reason, and keeps what came', async () => {
    const stop = new AbortController();
    const reason = new HubError('ABORTED', 'interrupted');
    const source: Open = async () => ({
      forEach: async (consume) => {
        await consume(Buffer.from('0123'));
        stop.abort(reason);
        await consume(Buffer.from('4567'));
      },
      cancel: () => undefined,
    });
    const { path, error } = await fill(undefined, source, { signal: stop.signal });
    expect(error).toBe(reason);
    expect(readFileSync(path, 'utf8')).toBe('0123');
  });
});

describe('a file that is there in part', () => {
  test('is continued where it ends', async () => {
    const starts: (number | undefined)[] = [];
    const { path } = await fill('0123', watched(opener(blob), starts));
    expect(starts).toEqual([4]);
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });

  test('needs no source when it is complete', async () => {
    const { path, error } = await fill('0123456789', NOWHERE);
    expect(error).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });

  test('is got anew when its bytes turn out to be wrong', async () => {
    const starts: (number | undefined)[] = [];
    const { path, error } = await fill('01x3', watched(opener(blob), starts));
    expect(error).toBeUndefined();
    expect(starts).toEqual([4, undefined]);
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });

  test('is got anew when it is too long, or complete but wrong', async () => {
    for (const before of ['0123456789 and more', '012345678x']) {
      const starts: (number | undefined)[] = [];
      const { path } = await fill(before, watched(opener(blob), starts));
      expect(starts).toEqual([undefined]);
      expect(readFileSync(path, 'utf8')).toBe('0123456789');
    }
  });

  test('is got anew when the source can only start at the beginning', async () => {
    const starts: (number | undefined)[] = [];
    const whole: Open = async (range) => {
      if (range?.start !== undefined) throw new HubError('UNSUPPORTED', 'no ranges');
      return contentOf(blob.bytes);
    };
    const { path } = await fill('0123', watched(whole, starts));
    expect(starts).toEqual([4, undefined]);
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });

  test('stays as it is when the source cannot be reached', async () => {
    const { path, error } = await fill('0123', NOWHERE);
    expect(error).toMatchObject({ code: 'UNREACHABLE' });
    expect(readFileSync(path, 'utf8')).toBe('0123');
  });

  test('is verified from its first byte, whatever the source says of the rest', async () => {
    const trusted: Open = async ({ start = 0 } = {}) => ({
      ...contentOf(blob.bytes.subarray(start)),
      verified: start === 0,
    });
    const { path } = await fill('01x3', trusted);
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });
});

test('a link or a pipe in its place is replaced, never followed', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'victim'), 'precious');
  symlinkSync('victim', join(dir, 'a.part'));
  execFileSync('mkfifo', [join(dir, 'b.part')]);
  for (const name of ['a.part', 'b.part']) {
    const part = new PartFile(join(dir, name), blob.descriptor);
    await part.fill(opener(blob), options());
    await part.close();
    expect(readFileSync(join(dir, name), 'utf8')).toBe('0123456789');
  }
  expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('precious');
});

test('what is written counts against what was reserved', async () => {
  const reservation = { left: blob.bytes.length };
  const part = new PartFile(join(folder(), 'x.part'), blob.descriptor);
  await part.fill(opener(blob), { lock, reservation });
  await part.close();
  expect(reservation.left).toBe(0);
});

test('an algorithm that cannot be verified is refused', async () => {
  const descriptor = { ...blob.descriptor, digest: 'blake3:aa' };
  expect(await hubErrorFrom(() => new PartFile(join(folder(), 'x'), descriptor))).toMatchObject({
    code: 'UNSUPPORTED',
  });
});

describe('a source that puts bytes into the file by itself', () => {
  const hashing = (hex: string | undefined, told: string[] = []): FileHash => ({
    advance: (prefix) => void told.push(`advance ${prefix}`),
    finish: async (size) => {
      told.push(`finish ${size}`);
      return hex;
    },
    stop: async () => void told.push('stop'),
  });

  /** Puts everything there, after it has offered to hash it. */
  function landing(hash: FileHash, adopted: boolean[] = []): Open {
    return async ({ start = 0, end = blob.bytes.length, into } = {}) => ({
      cancel: () => undefined,
      forEach: async (_, landed) => {
        if (!into || !landed) throw new HubError('FAILED', 'there is no file');
        adopted.push(into.adopt(hash));
        for (let at = start; at < end; at += 1) {
          writeSync(into.fd, blob.bytes, at, 1, at);
          landed(1);
        }
      },
    });
  }

  const hex = blob.descriptor.digest.slice('sha256:'.length);
  const landFrom = () => 1;

  test('and hashes it is believed', async () => {
    const told: string[] = [];
    const reservation = { left: 10 };
    const { path, error } = await fill(undefined, landing(hashing(hex, told)), { landFrom, reservation });
    expect(error).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
    expect(told).toEqual(['finish 10']);
    expect(reservation.left).toBe(0);
  });

  test('and says that they are others is believed as well', async () => {
    const { path, error } = await fill(undefined, landing(hashing('00')), { landFrom });
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(existsSync(path)).toBe(false);
  });

  test('and cannot hash them leaves that to us', async () => {
    const { path, error } = await fill(undefined, landing(hashing(undefined)), { landFrom });
    expect(error).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });

  test('hashes also what was there before', async () => {
    const { error } = await fill('0123', landing(hashing(hex)), { landFrom });
    expect(error).toBeUndefined();
    // What it says counts for all of it.
    expect((await fill('01x3', landing(hashing(undefined)), { landFrom })).error).toBeUndefined();
  });

  test('does not hash what is being hashed here', async () => {
    const adopted: boolean[] = [];
    let asked = 0;
    const open: Open = async (range) => {
      asked += 1;
      const content = contentOf(blob.bytes.subarray(range?.start ?? 0, range?.end));
      return asked === 1
        ? { ...content, isPart: true }
        : { ...(await landing(hashing('00'), adopted)(range)), isPart: true };
    };
    const share: Share = { piece: () => 5, offer: () => undefined };
    const { path, error } = await fill(undefined, open, { landFrom, share });
    expect(error).toBeUndefined();
    expect(adopted).toEqual([false]);
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
  });

  test('is not asked to for less than is worth it', async () => {
    const { error } = await fill(undefined, landing(hashing(hex)), { landFrom: () => 11 });
    expect(error).toMatchObject({ message: 'there is no file' });
  });
});

describe('a source that gives parts', () => {
  const bytes = randomBytes(100_000);
  const large = blobOf(bytes);

  interface Source {
    readonly open: Open;
    /** `start-end` of every request. */
    readonly asked: string[];
  }

  /** Gives parts, or with `from` only so many of them and then all from the start on, as a server that ignores ranges. */
  function source({ parts = Number.POSITIVE_INFINITY, short = 0 } = {}): Source {
    const asked: string[] = [];
    const open: Open = async ({ start = 0, end = bytes.length, greedy } = {}) => {
      asked.push(`${start}-${end}`);
      const isPart = asked.length <= parts && (start > 0 || end < bytes.length);
      const last = !isPart && greedy ? bytes.length : end;
      const cut = isPart && short > 0 && last - start > short ? last - short : last;
      return { ...contentOf(bytes.subarray(start, cut)), isPart };
    };
    return { open, asked };
  }

  /** Two more transfers that take pieces for as long as there are any. */
  function shareOf(length: number, helpers = 2): Share {
    return {
      piece: () => length,
      offer: (next) => {
        const help = async (): Promise<void> => {
          for (let work = next(); work; work = next()) await work;
        };
        for (let index = 0; index < helpers; index += 1) void help();
      },
    };
  }

  const begin = (): { path: string; part: PartFile } => {
    const path = join(folder(), 'x.part');
    return { path, part: new PartFile(path, large.descriptor) };
  };

  /** Fills a file from a source, and gives what is in it then. */
  async function filled(open: Open, share: Share): Promise<Buffer> {
    const { path, part } = begin();
    await part.fill(open, { ...options(), share });
    await part.close();
    return readFileSync(path);
  }

  test('is asked for each part once, and the whole is put together and verified', async () => {
    const { open, asked } = source();
    const file = await filled(open, shareOf(30_000));
    expect(asked.toSorted()).toEqual(['0-30000', '30000-60000', '60000-100000']);
    expect(file).toEqual(bytes);
  });

  test('is asked for the next parts before the first answer is there', async () => {
    const { open, asked } = source();
    const waiting: (() => void)[] = [];
    const slow: Open = async (range) => {
      const answer = open(range);
      if (asked.length < 3) await new Promise<void>((resolve) => waiting.push(resolve));
      for (const go of waiting) go();
      return answer;
    };
    await filled(slow, shareOf(30_000));
    expect(asked.toSorted()).toEqual(['0-30000', '30000-60000', '60000-100000']);
  });

  test('that ignores ranges is not asked again for what it was asked ahead in vain', async () => {
    const { open, asked } = source({ parts: 0 });
    const file = await filled(open, shareOf(30_000));
    expect(asked).toEqual(['0-30000', '30000-60000', '60000-100000']);
    expect(file).toEqual(bytes);
  });

  test('and refuses what it was asked ahead is asked for it once more', async () => {
    const { open, asked } = source();
    const refusing: Open = async (range) => {
      const answer = await open(range);
      const isFirst = asked.filter((part) => part.startsWith('50000-')).length === 1;
      if (range?.start === 50_000 && isFirst) throw new HubError('RATE_LIMITED', 'one at a time');
      return answer;
    };
    const file = await filled(refusing, shareOf(50_000));
    expect(asked).toEqual(['0-50000', '50000-100000', '50000-100000']);
    expect(file).toEqual(bytes);
  });

  test('cannot change a part that was hashed by an answer that brings everything', async () => {
    let helped: Promise<void> | undefined;
    const share: Share = {
      piece: () => 30_000,
      offer: (next) => {
        helped ??= next();
      },
    };
    const everything: Content = {
      forEach: async (consume) => {
        await helped;
        await consume(bytes.subarray(0, 30_000));
        await consume(randomBytes(30_000));
        await consume(bytes.subarray(60_000));
      },
      cancel: () => undefined,
    };
    const { open } = source();
    const file = await filled(async (range) => (range?.start === 30_000 ? open(range) : everything), share);
    expect(file).toEqual(bytes);
  });

  test('and then does not any more gives the rest in order', async () => {
    const { open } = source({ parts: 2 });
    const file = await filled(open, shareOf(10_000));
    expect(file).toEqual(bytes);
  });

  test('and less of them than it was asked for is asked for the rest', async () => {
    const { open, asked } = source({ short: 1000 });
    const file = await filled(open, shareOf(30_000));
    expect(asked).toContain('29000-30000');
    expect(file).toEqual(bytes);
  });

  test('of other content is noticed', async () => {
    const { path, part } = begin();
    const { open } = source();
    const wrong: Open = async (range) => {
      const content = await open(range);
      if (range?.start !== 30_000) return content;
      return { ...contentOf(Buffer.alloc((range.end ?? 0) - 30_000)), isPart: true };
    };
    const error = await hubErrorFrom(() => part.fill(wrong, { ...options(), share: shareOf(30_000) }));
    await part.close(error);
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(existsSync(path)).toBe(false);
  });

  test('gives more than the part it was asked for is not written over its neighbours', async () => {
    const { part } = begin();
    const { open } = source();
    const longer: Open = async (range) => ({ ...(await open({ ...range, end: (range?.end ?? 0) + 1 })), isPart: true });
    const error = await hubErrorFrom(() => part.fill(longer, { ...options(), share: shareOf(30_000) }));
    await part.close(error);
    expect(error.code).toBe('DIGEST_MISMATCH');
  });

  test('and breaks in one of them keeps the others, and holes are not taken for data', async () => {
    const { path, part } = begin();
    const first = source();
    const broken: Open = async (range) => {
      if (range?.start === 30_000) throw new HubError('UNREACHABLE', 'reset');
      return first.open(range);
    };
    // The pieces that others fetch come before the first one ends.
    const share = shareOf(30_000);
    const error = await hubErrorFrom(() => part.fill(broken, { ...options(), share }));
    await part.close(error);
    expect(error.code).toBe('UNREACHABLE');
    expect(statSync(path).size).toBeGreaterThan(bytes.length);

    const again = new PartFile(path, large.descriptor);
    const second = source();
    await again.fill(second.open, { ...options(), share: shareOf(30_000) });
    await again.close();
    expect(second.asked).not.toContain('0-30000');
    expect(readFileSync(path)).toEqual(bytes);
  });

  test.each([
    ['torn', (notes: Buffer) => notes.subarray(0, 20)],
    ['of another program', (notes: Buffer) => Buffer.from(notes).fill(1)],
    ['lies', (notes: Buffer) => Buffer.concat([notes, noteOf(0, 100_000)])],
    ['too large', (notes: Buffer) => Buffer.concat([notes, noteOf(0, 200_000)])],
  ])('left notes that are %s: the bytes are right in the end', async (_, spoil) => {
    const { path, part } = begin();
    const first = source();
    const broken: Open = async (range) => {
      if (range?.start === 30_000) throw new HubError('UNREACHABLE', 'reset');
      return first.open(range);
    };
    await part.close(await hubErrorFrom(() => part.fill(broken, { ...options(), share: shareOf(30_000) })));
    const file = readFileSync(path);
    writeFileSync(path, Buffer.concat([file.subarray(0, bytes.length), spoil(file.subarray(bytes.length))]));
    const again = new PartFile(path, large.descriptor);
    await again.fill(source().open, { ...options(), share: shareOf(30_000) });
    await again.close();
    expect(readFileSync(path)).toEqual(bytes);
  });

  test('fills a file whose beginning is there already', async () => {
    const path = join(folder(), 'x.part');
    writeFileSync(path, bytes.subarray(0, 5000));
    const part = new PartFile(path, large.descriptor);
    const { open, asked } = source();
    await part.fill(open, { ...options(), share: shareOf(30_000) });
    await part.close();
    expect(asked.toSorted()[0]).toBe('35000-65000');
    expect(asked).toContain('5000-35000');
    expect(readFileSync(path)).toEqual(bytes);
  });
});

test('a large file, and no smaller one, is hashed by a thread, and wrong bytes in it are noticed', async () => {
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'x');
  const blob = blobOf(bytes);
  const threads = new HashThreads(2, bytes.length);
  onTestFinished(() => threads.close());
  const begin = vi.spyOn(threads, 'begin');
  for (const flipped of [false, true]) {
    const path = join(folder(), 'x.part');
    const part = new PartFile(path, blob.descriptor, threads);
    if (flipped) bytes[2 * 1024 * 1024] = 0;
    const result = await part.fill(opener({ ...blob, bytes }), options()).catch((error: unknown) => error);
    await part.close(result);
    expect(HubError.is(result, 'DIGEST_MISMATCH')).toBe(flipped);
    expect(existsSync(path)).toBe(!flipped);
  }
  expect(begin).toHaveBeenCalledTimes(2);
  const less = blobOf(bytes.subarray(1));
  const part = new PartFile(join(folder(), 'x.part'), less.descriptor, threads);
  await part.fill(opener(less), options());
  await part.close();
  expect(begin).toHaveBeenCalledTimes(2);
});

function noteOf(start: number, end: number): Buffer {
  const note = Buffer.alloc(16);
  note.write('span');
  note.writeUIntBE(start, 4, 6);
  note.writeUIntBE(end, 10, 6);
  return note;
}
