import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inflated, inflater } from '../../src/layers/compression.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { ZSTD_HELLO, ZSTD_PATTERN, pattern } from '../helpers/zstd.ts';
import { pieces } from '../helpers/pieces.ts';

const LIMIT = 64 * 1024 * 1024;

const sample = pattern(300_000);

describe('gzip', () => {
  it('inflates several members and leaves the bytes alone', async () => {
    const bytes = Buffer.concat([gzipSync(sample.subarray(0, 1000)), gzipSync(sample.subarray(1000))]);
    expect((await collect(inflated(pieces(bytes, 777), 'gzip'), LIMIT)).equals(sample)).toBe(true);
  });

  it('says so when the data ends too early or is damaged', async () => {
    const bytes = gzipSync(sample);
    const short = inflated(contentOf(bytes.subarray(0, bytes.length - 9)), 'gzip', { what: 'layer x' });
    await expect(collect(short, LIMIT)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'layer x cannot be decompressed: it ends too early',
    });
    const broken = Buffer.from(bytes);
    broken.fill(0x55, 5000, 5100);
    await expect(collect(inflated(pieces(broken, 512), 'gzip'), LIMIT)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
    });
  });

  it('gives the failure of the consumer back, also when it pauses first', async () => {
    const bytes = gzipSync(pattern(5_000_000));
    const failing = inflated(pieces(bytes, 4096), 'gzip').forEach(async () => {
      await Promise.resolve();
      throw new TypeError('no more');
    });
    await expect(failing).rejects.toThrow('no more');
  });

  it('stops when it is cancelled in the middle', async () => {
    const content = inflated(pieces(gzipSync(pattern(5_000_000)), 4096), 'gzip');
    const reading = content.forEach(() => content.cancel());
    await expect(reading).rejects.toBeInstanceOf(Error);
  });
});

describe('zstd', () => {
  it('inflates frames whatever the size of the pieces', async () => {
    for (const size of [1, 7, 1000, 1_000_000]) {
      const plain = await collect(inflated(pieces(ZSTD_PATTERN, size), 'zstd'), LIMIT);
      expect(plain.equals(pattern(200_000))).toBe(true);
    }
  });

  it('inflates several frames and passes over skippable ones', async () => {
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const empty = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
    const bytes = Buffer.concat([skippable, ZSTD_HELLO, empty, ZSTD_HELLO, skippable]);
    expect((await collect(inflated(pieces(bytes, 5), 'zstd'), LIMIT)).toString()).toBe('hello zstd\nhello zstd\n');
  });

  it('says so when the data ends too early or is no zstd', async () => {
    const short = inflated(contentOf(ZSTD_PATTERN.subarray(0, -3)), 'zstd');
    await expect(collect(short, LIMIT)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    const other = inflated(contentOf(Buffer.from('this is not zstd')), 'zstd');
    await expect(collect(other, LIMIT)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });
});

describe('other compressions', () => {
  it('passes plain bytes on', async () => {
    expect((await collect(inflated(contentOf(sample), 'none'), LIMIT)).equals(sample)).toBe(true);
  });

  it('names the command that helps for bzip2 and xz', async () => {
    await expect(inflater('xz', () => undefined, { what: 'rootfs.tar.xz' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('xz -dc') as string,
    });
    await expect(inflater('bzip2', () => undefined)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('stops a decompression bomb', async () => {
    const rle = Buffer.from([0b010, 0, 0x10, 0x41]); // 128 KiB from 4 bytes
    const bytes = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), ...Array<Buffer>(9000).fill(rle)]);
    const bomb = inflated(contentOf(bytes), 'zstd', { what: 'layer x' });
    await expect(bomb.forEach(() => undefined)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'layer x inflates more than 1000-fold',
    });
  });
});

describe('what follows the end of a gzip stream', () => {
  it.each([
    ['zeros, as after a tape', [Buffer.alloc(512), Buffer.alloc(512)]],
    ['zeros and then something', [Buffer.alloc(512), Buffer.from('more')]],
    ['zeros and then a lot', [Buffer.alloc(512), Buffer.alloc(300_000, 'x')]],
  ])('is ignored, and waited for by nobody: %s', async (_, [first, ...others]) => {
    const chunks = [Buffer.concat([gzipSync('hello'), first!]), ...others];
    let plain = '';
    const converter = await inflater('gzip', (chunk) => void (plain += String(chunk)));
    for (const chunk of chunks) await converter.write(chunk);
    await converter.end();
    expect(plain).toBe('hello');
  });

  it('has to be gzip as well, unless it is zeros', async () => {
    const bytes = Buffer.concat([gzipSync('hello'), Buffer.from('more')]);
    await expect(collect(inflated(pieces(bytes, 30), 'gzip'), LIMIT)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
    });
  });

  it('is no reason for another error than that of the content, in however many pieces it comes', async () => {
    const bytes = Buffer.concat([
      gzipSync('hello'),
      Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff]),
      Buffer.alloc(100, 'x'),
    ]);
    const converter = await inflater('gzip', () => undefined);
    const all = async (): Promise<void> => {
      for (let at = 0; at < bytes.length; at += 13) await converter.write(bytes.subarray(at, at + 13));
      await converter.end();
    };
    await expect(all()).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });
});
