import { describe, expect, it } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { digestOf } from '../../src/spec/digest.ts';
import type { Content, ReadOptions, Source } from '../../src/transfer/endpoint.ts';
import { reader, type ReaderOptions } from '../../src/transfer/read.ts';
import { collect, contentOf } from '../../src/util/content.ts';

const bytes = Buffer.from('0123456789'.repeat(20));
const descriptor = { mediaType: 'x/y', digest: digestOf(bytes), size: bytes.length };

/** A source whose answers are taken from a list; each is given the offset asked for. */
function sourceOf(answers: readonly ((start: number) => Content)[]) {
  const starts: number[] = [];
  const source: Source = {
    name: 'test',
    resolve: async () => descriptor,
    read: async (_descriptor, { start = 0 }: ReadOptions = {}) => {
      starts.push(start);
      const answer = answers[starts.length - 1];
      if (!answer) throw new HubError('UNREACHABLE', 'no more answers');
      return answer(start);
    },
  };
  return { source, starts };
}

const whole = (start: number): Content => contentOf(bytes.subarray(start));

function breaksAfter(length: number): (start: number) => Content {
  return (start) => ({
    cancel: () => undefined,
    forEach: async (consume) => {
      await consume(bytes.subarray(start, start + length));
      throw new HubError('UNREACHABLE', 'connection lost');
    },
  });
}

async function read(source: Source, options: ReaderOptions = {}, range: ReadOptions = {}): Promise<Buffer> {
  return collect(await reader(source, descriptor, options)(range), 1000);
}

describe('reader', () => {
  it('gives verified content', async () => {
    expect(await read(sourceOf([whole]).source)).toEqual(bytes);
  });

  it('goes on at the byte where the connection broke', async () => {
    const { source, starts } = sourceOf([breaksAfter(70), whole]);
    expect(await read(source, { sleep: async () => undefined })).toEqual(bytes);
    expect(starts).toEqual([0, 70]);
  });

  it('verifies what it put together', async () => {
    const wrong = (start: number): Content => contentOf(Buffer.alloc(bytes.length - start, 'x'));
    await expect(
      read(sourceOf([breaksAfter(70), wrong]).source, { sleep: async () => undefined }),
    ).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('gives up after five tries without progress', async () => {
    const stuck = (): Content => ({
      cancel: () => undefined,
      forEach: async () => {
        throw new HubError('UNREACHABLE', 'connection lost');
      },
    });
    const attempts: number[] = [];
    const waits: number[] = [];
    const { source } = sourceOf(Array.from({ length: 9 }, () => stuck));
    const quick = {
      sleep: async (delay: number) => void waits.push(delay),
      onRetry: (attempt: number) => attempts.push(attempt),
    };
    await expect(read(source, quick)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
    expect(waits).toEqual([100, 500, 1000, 2000, 4000]);
  });

  it.each([
    ['the whole', {}, 0, undefined],
    ['a piece', { start: 150, end: 180 }, 150, 'run the same command again: it goes on from there'],
  ])('names content and position when %s fails before its first byte', async (_, range, position, hint) => {
    const failing = (): Content => {
      throw new HubError('UNREACHABLE', 'reg.example did not answer within 25 s (6 tries)', {
        details: { host: 'reg.example', tries: 6 },
      });
    };
    const { digest, size } = descriptor;
    await expect(read(sourceOf([failing]).source, {}, range)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `${digest} stopped at ${position} of ${size} bytes: reg.example did not answer within 25 s (6 tries)`,
      hint,
      details: { host: 'reg.example', tries: 6, digest, position },
    });
  });

  it('names content once when the source has named it', async () => {
    const failing = (): Content => {
      throw new HubError('SERVER_ERROR', `pull blob ${descriptor.digest} of reg.example/app: reg.example answered 503`);
    };
    await expect(read(sourceOf([breaksAfter(70), failing]).source, { sleep: async () => undefined })).rejects.toThrow(
      `${descriptor.digest} stopped at 70 of 200 bytes: reg.example answered 503`,
    );
  });

  it('names content that another host cannot be trusted with, and leaves errors of this machine as they are', async () => {
    const untrusted = new HubError('TLS', 'the certificate of reg.example has expired', {
      details: { host: 'reg.example' },
    });
    const unreadable = new HubError('STORAGE', 'cannot read /store/blob');
    const failing = (error: HubError) => (): Content => {
      throw error;
    };
    await expect(read(sourceOf([failing(untrusted)]).source)).rejects.toThrow(
      `${descriptor.digest}: the certificate of reg.example has expired`,
    );
    await expect(read(sourceOf([failing(unreadable)]).source)).rejects.toBe(unreadable);
  });

  it('leaves an interruption before the first byte as it is', async () => {
    const aborted = new AbortController();
    const late = new HubError('TIMEOUT', 'the time for this operation is over');
    aborted.abort(late);
    const failing = (): Content => {
      throw late;
    };
    await expect(read(sourceOf([failing]).source, { signal: aborted.signal })).rejects.toBe(late);
  });

  it('does not read again what its consumer refused', async () => {
    const { source, starts } = sourceOf([whole, whole]);
    const content = await reader(source, descriptor)();
    const refused = content.forEach(() => {
      throw new HubError('UNREACHABLE', 'the target is gone');
    });
    await expect(refused).rejects.toThrow('the target is gone');
    expect(starts).toEqual([0]);
  });

  it('does not repeat what cannot get better', async () => {
    const denied = (): Content => ({
      cancel: () => undefined,
      forEach: async () => {
        throw new HubError('DENIED', 'no');
      },
    });
    const { source, starts } = sourceOf([denied, whole]);
    await expect(read(source)).rejects.toMatchObject({ code: 'DENIED' });
    expect(starts).toEqual([0]);
  });

  it('tells of every byte that comes', async () => {
    const seen: number[] = [];
    await read(sourceOf([whole]).source, { onBytes: (count) => seen.push(count) }, { start: 150 });
    expect(seen.reduce((sum, count) => sum + count, 0)).toBe(50);
  });

  it('takes all there is when it was asked for a part but told to be greedy, and goes on to the end', async () => {
    const { source, starts } = sourceOf([breaksAfter(70), whole]);
    const seen = await read(source, { sleep: async () => undefined }, { end: 50, greedy: true });
    expect(seen).toEqual(bytes);
    expect(starts).toEqual([0, 70]);
  });

  it('keeps to a part that the source gives as one', async () => {
    const part = (start: number): Content => ({ ...contentOf(bytes.subarray(start, 50)), isPart: true });
    const content = await reader(sourceOf([part]).source, descriptor)({ end: 50, greedy: true });
    expect(content.isPart).toBe(true);
    expect(await collect(content, 1000)).toEqual(bytes.subarray(0, 50));
  });

  it('leaves the verifying to whoever says that it does so', async () => {
    const wrong = (): Content => contentOf(Buffer.alloc(bytes.length));
    expect(await read(sourceOf([wrong]).source, {}, { unverified: true })).toEqual(Buffer.alloc(bytes.length));
  });
});
