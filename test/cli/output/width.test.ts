import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cut, displayWidth, ellipsis, padded } from '../../../src/cli/output/width.ts';

test('wide characters take two columns and combining marks none', () => {
  expect(displayWidth('abc')).toBe(3);
  expect(displayWidth('中文镜像')).toBe(8);
  expect(displayWidth('e\u0301')).toBe(1);
  expect(displayWidth('🐳')).toBe(2);
});

test('a text that fits has no ellipsis', () => {
  expect(ellipsis('exactly', 7)).toBe('exactly');
});

test('a text that does not fit ends in one within the columns', () => {
  expect(ellipsis('DEPRECATED; The official build', 11)).toBe('DEPRECATED…');
});

test('a wide character is not cut in half', () => {
  expect(cut('中文', 3)).toBe('中');
  expect(displayWidth(ellipsis('这是一个很长的中文描述', 8))).toBeLessThanOrEqual(8);
});

test('padding counts columns, not characters', () => {
  expect(padded('中文', 6)).toBe('中文  ');
  expect(padded('long enough', 4)).toBe('long enough');
});

test('cut text always fits and is a beginning', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 20 }), (text, columns) => {
      const short = cut(text, columns);
      expect(text.startsWith(short)).toBe(true);
      expect(displayWidth(short)).toBeLessThanOrEqual(columns);
    }),
  );
});
