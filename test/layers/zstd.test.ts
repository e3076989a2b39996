import { Decompress } from 'fzstd';
import { describe, expect, it } from 'vitest';
import { ZstdFrames } from '../../src/layers/zstd.ts';
import { pattern, ZSTD_HELLO, ZSTD_PATTERN } from '../helpers/zstd.ts';

interface Reading {
  readonly frames: ZstdFrames;
  readonly chunks: Buffer[];
}

function reading(): Reading {
  const chunks: Buffer[] = [];
  const consume = (chunk: Uint8Array): void => void chunks.push(Buffer.from(chunk));
  return { chunks, frames: new ZstdFrames((onOutput) => new Decompress(onOutput), consume, 'layer x') };
}

async function inflate(...pieces: readonly Uint8Array[]): Promise<Buffer> {
  const { frames, chunks } = reading();
  for (const piece of pieces) await frames.write(piece);
  await frames.end();
  return Buffer.concat(chunks);
}

describe('the frames of a zstd stream', () => {
  it('are inflated, with checksums, several blocks and any cut', async () => {
    expect((await inflate(ZSTD_PATTERN)).equals(pattern(200_000))).toBe(true);
    const bytes = [...ZSTD_HELLO].map((byte) => Buffer.of(byte));
    expect((await inflate(...bytes, ZSTD_HELLO)).toString()).toBe('hello zstd\nhello zstd\n');
  });

  it('are inflated where the header says how long the content is', async () => {
    // One raw block of 5 bytes in a single segment, RFC 8878 section 3.1.1.
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0b101001, 0, 0, ...Buffer.from('plain')]);
    expect((await inflate(frame, frame)).toString()).toBe('plainplain');
  });

  it('are inflated by the thousand from one piece', async () => {
    const plain = await inflate(Buffer.concat(Array.from({ length: 3000 }, () => ZSTD_HELLO)));
    expect(plain.length).toBe(3000 * 11);
  });

  it('may be skippable or empty', async () => {
    const skippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
    const empty = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0]);
    expect((await inflate(skippable, empty, ZSTD_HELLO)).toString()).toBe('hello zstd\n');
    expect((await inflate()).length).toBe(0);
  });

  it.each([
    ['nothing like a frame', Buffer.from('this is no zstd'), 'it has no zstd frame where one must begin'],
    [
      'a block of a kind that there is not',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0b101111, 0, 0]),
      'impossible header',
    ],
    ['a block that is too large', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 0, 0, 0xff]), 'impossible header'],
    [
      'a frame that is shorter than it says',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x80, 0, 9, 0, 0, 65]),
      'shorter',
    ],
    [
      'a window of a gigabyte',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0]),
      'it needs a window of 1073741824 bytes',
    ],
    [
      'content of a terabyte',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0]),
      'it needs a window of 1099511627776 bytes',
    ],
  ])('are refused when there is %s', async (_, bytes, reason) => {
    await expect(inflate(bytes)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining(reason) as string,
    });
  });

  it('must not end in the middle', async () => {
    for (const length of [2, 5, 8, 12, ZSTD_HELLO.length - 1]) {
      await expect(inflate(ZSTD_HELLO.subarray(0, length))).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    }
  });

  it('come out in pieces of a block, so that a small bomb cannot fill the memory', async () => {
    const rle = Buffer.from([0b010, 0, 0x10, 0x41]); // 128 KiB of one byte, not the last block
    const { frames, chunks } = reading();
    await frames.write(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x50]), ...Array<Buffer>(20).fill(rle)]));
    expect(chunks.map(({ length }) => length)).toEqual(Array<number>(20).fill(128 * 1024));
  });

  it('may not want a large window each, again and again', async () => {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x88, 0b010, 0, 0, 65, 0b011, 0, 0, 65]);
    let opened = 0;
    // A decoder that does nothing: the question is only how often it is asked for.
    const decoder = { push: () => undefined };
    const frames = new ZstdFrames(
      () => {
        opened += 1;
        return decoder;
      },
      () => undefined,
      'layer x',
    );
    await expect(frames.write(Buffer.concat(Array<Buffer>(2000).fill(frame)))).rejects.toMatchObject({
      message: 'layer x cannot be decompressed: its frames want too much memory',
    });
    expect(opened).toBeLessThan(200);
  });

  it('may not have a large window moved for each of countless small blocks', async () => {
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x88]);
    const block = Buffer.from([0b010, 0, 0, 65]);
    let pushed = 0;
    const decoder = { push: () => void (pushed += 1) };
    const frames = new ZstdFrames(
      () => decoder,
      () => undefined,
      'layer x',
    );
    await expect(frames.write(Buffer.concat([header, ...Array<Buffer>(20_000).fill(block)]))).rejects.toMatchObject({
      message: 'layer x cannot be decompressed: its blocks want too much work',
    });
    expect(pushed).toBeLessThan(500);
  });
});
