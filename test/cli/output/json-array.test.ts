import { expect, test } from 'vitest';
import { jsonArray } from '../../../src/cli/output/json-array.ts';
import { safeJson } from '../../../src/util/text.ts';

const shown = (number: number): unknown => ({ number, text: `a ] "${number}"\n\u202e`, list: [number, []] });

test.each([0, 1, 2, 199, 200, 201, 400, 1000])('a list of %i is written as it would be in one piece', (length) => {
  const items = Array.from({ length }, (_, at) => at);
  expect([...jsonArray(items, shown)].join('')).toBe(safeJson(items.map(shown), 2));
});

test('an element is made when its piece is written, and no piece is long', () => {
  let made = 0;
  const items = Array.from({ length: 10_000 }, (_, at) => at);
  let longest = 0;
  for (const piece of jsonArray(items, (item) => ({ item, made: (made += 1) }))) {
    longest = Math.max(longest, piece.length);
    if (piece.startsWith('[')) expect(made).toBeLessThan(1000);
  }
  expect(made).toBe(10_000);
  expect(longest).toBeLessThan(64 * 1024);
});
