import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, nearest } from '../../src/cli/suggest.ts';

const WORDS = ['pull', 'push', 'image ls', 'images', 'login', 'logout', 'search'];

describe('nearest', () => {
  test.each([
    ['pul', 'pull'],
    ['psuh', 'push'],
    ['iamges', 'images'],
    ['logn', 'login'],
    ['serach', 'search'],
    ['image sl', 'image ls'],
  ])('%s is probably %s', (word, meant) => {
    expect(nearest(word, WORDS)).toBe(meant);
  });

  test('the beginning of a long word is enough', () => {
    expect(nearest('sea', WORDS)).toBe('search');
    expect(nearest('se', WORDS)).toBeUndefined();
  });

  test.each(['x', 'nonsense', 'build', ''])('nothing is near to "%s"', (word) => {
    expect(nearest(word, WORDS)).toBeUndefined();
  });
});

describe('editDistance', () => {
  test('a swap of neighbours is one edit', () => {
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });

  test('it is the same both ways, and 0 for equal words only', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});
