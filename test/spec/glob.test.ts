import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { globMatches } from '../../src/spec/glob.ts';

describe('globMatches', () => {
  test('agrees with path.Match of Go on generated patterns', () => {
    const lines = readFileSync(new URL('./fixtures/globs.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    const answers = lines.map((line) => {
      const [pattern, text] = JSON.parse(line) as [string, string];
      try {
        return [pattern, text, globMatches(pattern, text), false];
      } catch (error) {
        return HubError.is(error, 'USAGE') ? [pattern, text, false, true] : error;
      }
    });
    expect(answers).toEqual(lines.map((line) => JSON.parse(line) as unknown));
  });

  test.each([
    ['v*', 'v1.2', true],
    ['*', 'a/b', false],
    ['?', '/', false],
    ['[^a]', 'b', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['*a*b*', 'xaxbx', true],
    ['', '', true],
    ['é?', 'é😀', true],
  ])('%j on %j is %s', (pattern, text, expected) => {
    expect(globMatches(pattern, text)).toBe(expected);
  });

  test('refuses a malformed pattern even when the text already differs', () => {
    expect(() => globMatches('a[', 'b')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('finds any text by itself with special characters escaped', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(globMatches(text.replace(/[*?[\\]/g, '\\$&'), text)).toBe(true);
      }),
    );
  });

  test('takes no time over many stars', () => {
    expect(globMatches(`${'*a'.repeat(200)}*b`, 'a'.repeat(4000))).toBe(false);
  });
});
