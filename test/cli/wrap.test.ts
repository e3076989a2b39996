import { expect, test } from 'vitest';
import { wrap } from '../../src/cli/wrap.ts';

test('lines fit 80 columns, behind the indent', () => {
  const lines = wrap('word '.repeat(60), '    ');
  expect(lines.length).toBeGreaterThan(3);
  for (const line of lines) expect(line).toMatch(/^ {4}word(?: word)*$/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('a word that is too long stays whole', () => {
  const long = 'x'.repeat(100);
  expect(wrap(`a ${long} b`, ' ')).toEqual([' a', ` ${long}`, ' b']);
});

test('wide characters count twice', () => {
  expect(wrap(`${'字'.repeat(30)} ${'字'.repeat(20)}`, '')).toHaveLength(2);
});
