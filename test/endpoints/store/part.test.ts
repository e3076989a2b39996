import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PartFile } from '../../../src/endpoints/store/part.ts';
import { HubError } from '../../../src/errors.ts';
import type { Open } from '../../../src/transfer/endpoint.ts';
import { contentOf } from '../../../src/util/content.ts';
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
