import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRecord, parseJson } from '../../src/util/json.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

describe('JSON', () => {
  test('is parsed as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        expect(parseJson(text, 'x')).toEqual(JSON.parse(text));
      }),
    );
  });

  test('may begin with a byte order mark', () => {
    expect(parseJson('\ufeff{"a":1}', 'x')).toEqual({ a: 1 });
  });

  test('cannot reach the prototype of objects', () => {
    const value = parseJson('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}', 'x');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
  });

  test('may nest 64 levels deep and no deeper', async () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(64), 'x')).toBeInstanceOf(Array);
    for (const text of [nested(65), nested(1_000_000), '{"a":'.repeat(65) + '1' + '}'.repeat(65)]) {
      const error = await hubErrorFrom(() => parseJson(text, 'the manifest'));
      expect(error).toMatchObject({ code: 'CONTENT_INVALID', message: 'the manifest is nested deeper than 64 levels' });
    }
  });

  test('may hold brackets in strings', () => {
    const text = JSON.stringify({ a: '['.repeat(100), b: '\\"[[', c: '"' + '{'.repeat(100) });
    expect(parseJson(text, 'x')).toEqual(JSON.parse(text));
  });

  test('that is none is told by place, never by its text', async () => {
    const error = await hubErrorFrom(() =>
      parseJson('{\n  "auth": canary', '~/.docker/config.json', { code: 'CONFIG_INVALID', hint: 'mend it' }),
    );
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', hint: 'mend it' });
    expect(error.message).toBe('~/.docker/config.json is not valid JSON (line 2, column 11)');
    expect(`${error.message} ${String(error.cause)}`).not.toContain('canary');
  });

  test.each([
    ['', 1, 1],
    ['{', 1, 2],
    ['{\n', 2, 1],
    ['[1,]', 1, 4],
    ['NaN', 1, 1],
    ['{"a":1}x', 1, 8],
    ['\ufeff{"a":1,\r\n}', 2, 1],
    ['{\n\t"auths": {\n\t\t"a": {}\n\t\t"b": {}\n\t}\n}', 4, 3],
    ['\u0000', 1, 1],
  ])('%j is none, as line %d and column %d say', async (text, line, column) => {
    const error = await hubErrorFrom(() => parseJson(text, 'x'));
    expect(error).toMatchObject({
      code: 'CONTENT_INVALID',
      message: `x is not valid JSON (line ${line}, column ${column})`,
    });
  });
});

test.each([
  [{}, true],
  [{ a: 1 }, true],
  [[], false],
  [null, false],
  ['x', false],
])('%j is a record: %s', (value, expected) => {
  expect(isRecord(value)).toBe(expected);
});
