import { describe, expect, it } from 'vitest';
import { BlockWork } from '../../src/layers/zstd-work.ts';
import { readCorpus } from '../fuzz/corpus.ts';

const MAX_BLOCK = 128 * 1024;

/** A block without its header, and what may come out of it. */
function check(block: readonly number[], most = MAX_BLOCK): void {
  new BlockWork().check(Buffer.from(block), most);
}

/** `count` sequences of three codes that are each all there is: of literals, offsets and matches [RFC 8878 3.1.1.3.2.1]. */
function sequences(count: readonly number[], codes: readonly [number, number, number], bits: readonly number[]) {
  return [...count, 0x54, ...codes, ...bits];
}

const NO_LITERALS = [0];
const THREE_LITERALS = [3 << 3, 97, 98, 99];

describe('the work of a block', () => {
  it('is known where it has no sequences', () => {
    expect(() => check([...THREE_LITERALS, 0])).not.toThrow();
    expect(() => check([...THREE_LITERALS, 0], 2)).toThrow('too large');
  });

  it('is what its sequences copy', () => {
    // Two matches of three bytes, without a bit of their own.
    const block = [...THREE_LITERALS, ...sequences([2], [0, 0, 0], [1])];
    expect(() => check(block, 9)).not.toThrow();
    expect(() => check(block, 8)).toThrow('too large');
  });

  it.each([
    ['matches', [0, 0, 52], 'a block of it is too large'],
    ['literals', [35, 0, 0], 'a block of it is too large'],
  ] as const)('is refused for 128 KiB of %s for each of 98,047 sequences', (_, codes, says) => {
    const bits = Array.from({ length: 64 }, () => 255);
    expect(() => check([...NO_LITERALS, ...sequences([255, 255, 255], codes, bits)])).toThrow(says);
  });

  it('is refused for more sequences than there are bits for', () => {
    const endless = sequences([255, 255, 255], [0, 31, 0], [1]);
    expect(() => check([...NO_LITERALS, ...endless])).toThrow('a block of it ends too early');
  });

  it.each([
    ['nothing', [], 'ends too early'],
    ['literals that are not there', [3 << 3, 97], 'ends too early'],
    ['a size of literals that is cut off', [2, 0], 'ends too early'],
    ['a count of sequences that is cut off', [0, 255, 1], 'ends too early'],
    ['no modes', [0, 1], 'ends too early'],
    ['reserved bits', [0, 1, 0x55], 'reserved bits'],
    ['a table of before, where there is none', [0, 1, 0xc0], 'repeats a table'],
    ['a length of literals that does not exist', [0, 1, 0x54, 36, 0, 0, 1], 'a code that does not exist'],
    ['an offset that does not exist', [0, 1, 0x54, 0, 32, 0, 1], 'a code that does not exist'],
    ['a length of a match that does not exist', [0, 1, 0x54, 0, 0, 53, 1], 'a code that does not exist'],
    ['no sequences after their tables', [0, 1, 0x54, 0, 0, 0], 'has no end'],
    ['sequences without the mark before them', [0, 1, 0x54, 0, 0, 0, 0], 'has no end'],
    // One weight that needs no bit: 32 of 32, and then bits that nobody takes.
    ['a tree whose weights need no bits', [2, 0, 0, 4, 0xf0, 0x03, 0xff, 0xff, 0, 0], 'a tree without end'],
    ['a table of more states than allowed', [0, 1, 0x80, 0x0f, 1, 1], 'a table that is too large'],
    [
      'a table of nothing but gaps',
      [0, 1, 0x80, 0x10, 0xfe, ...Array.from({ length: 40 }, () => 255)],
      'a damaged table',
    ],
  ])('is refused for %s', (_, block, says) => {
    expect(() => check(block)).toThrow(says);
  });

  it('is no more than comes out, for what zstd makes: tables of its own, and tables of the block before', () => {
    const modes = new Set<number>();
    // Those that zstd made come first.
    const frames = readCorpus('zstd')
      .filter((bytes) => bytes[4] !== 0)
      .slice(0, 5);
    expect(frames).toHaveLength(5);
    for (const frame of frames) {
      const work = new BlockWork();
      work.startFrame();
      let at = 6;
      for (let last = false; !last;) {
        const head = frame.readUIntLE(at, 3);
        const size = head >> 3;
        last = (head & 1) === 1;
        const kind = (head >> 1) & 3;
        modes.add(kind);
        if (kind === 2) work.check(frame.subarray(at + 3, at + 3 + size), MAX_BLOCK);
        at += 3 + (kind === 1 ? 1 : size);
      }
    }
    expect(modes).toContain(2);
  });
});
