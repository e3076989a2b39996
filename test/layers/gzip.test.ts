import { createCipheriv } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gzipped, gzipper } from '../../src/layers/gzip.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { pattern } from '../helpers/zstd.ts';
import { pieces } from '../helpers/pieces.ts';

const LIMIT = 64 * 1024 * 1024;
const BLOCK = 512 * 1024;

const sample = pattern(300_000);

describe('gzip', () => {
  it('makes the same bytes however the input is cut', async () => {
    const whole = await collect(gzipped(contentOf(sample)), LIMIT);
    for (const size of [1000, 4096, 65_536, 100_001]) {
      expect((await collect(gzipped(pieces(sample, size)), LIMIT)).equals(whole)).toBe(true);
    }
    expect(gunzipSync(whole).equals(sample)).toBe(true);
  });

  it('has no time and an unknown operating system in its header', async () => {
    const header = (await collect(gzipped(contentOf(sample)), LIMIT)).subarray(0, 10);
    expect([...header]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  });

  it('packs nothing into a valid empty member', async () => {
    expect(gunzipSync(await collect(gzipped(contentOf(Buffer.alloc(0))), LIMIT)).length).toBe(0);
  });

  it('makes the same bytes on however many processors', async () => {
    const bytes = pattern(5 * BLOCK + 1);
    const one = await collect(gzipped(contentOf(bytes), { atOnce: 1 }), LIMIT);
    for (const atOnce of [2, 3, 16]) {
      expect((await collect(gzipped(pieces(bytes, 100_000), { atOnce }), LIMIT)).equals(one)).toBe(true);
    }
  });

  it.each([BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])('keeps %i bytes as they are', async (size) => {
    const bytes = pattern(size);
    expect(gunzipSync(await collect(gzipped(contentOf(bytes)), LIMIT)).equals(bytes)).toBe(true);
  });

  it('makes a single member, which tools that read only the first need', async () => {
    const packed = await collect(gzipped(contentOf(pattern(3 * BLOCK))), LIMIT);
    expect([packed.readUInt32LE(packed.length - 4), packed.indexOf(packed.subarray(0, 10), 10)]).toEqual([
      3 * BLOCK,
      -1,
    ]);
  });

  it('looks back over the border of a block', async () => {
    const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(16_000));
    const bytes = Buffer.concat([Buffer.alloc(BLOCK - noise.length), noise, noise]);
    const packed = await collect(gzipped(contentOf(bytes)), LIMIT);
    expect(gunzipSync(packed).equals(bytes)).toBe(true);
    expect(packed.length).toBeLessThan(1.1 * noise.length);
  });

  it('packs as well as a single stream does, within a part in a hundred', async () => {
    const text = Buffer.from(Array.from({ length: 200_000 }, (_, line) => `line ${line * 7919} of a file\n`).join(''));
    const packed = await collect(gzipped(contentOf(text)), LIMIT);
    expect(packed.length).toBeLessThan(1.01 * gzipSync(text).length);
  });

  it('gives the failure of its consumer to whoever writes', async () => {
    const failing = gzipped(contentOf(pattern(20 * BLOCK)), { atOnce: 2 }).forEach(async () => {
      throw new TypeError('no more');
    });
    await expect(failing).rejects.toThrow('no more');
  });

  it('hands nothing on after it is cancelled', async () => {
    const chunks: Uint8Array[] = [];
    const gzip = gzipper((chunk) => void chunks.push(chunk), { atOnce: 4 });
    await gzip.write(pattern(2 * BLOCK));
    gzip.cancel();
    expect(chunks).toEqual([]);
  });
});
