import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonErrorAt } from '../../src/util/json-error.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** `^` stands before the first wrong character. */
test.each([
  ['nothing', '^'],
  ['blanks alone', ' \n\t ^'],
  ['a missing key', '{^'],
  ['a key without quotes', '{^a: 1}'],
  ['a missing colon', '{"a" ^1}'],
  ['a missing value', '{"a": ^}'],
  ['a missing comma', '{"a": 1 ^"b": 2}'],
  ['a comma too many in an object', '{"a": 1,^}'],
  ['a comma too many in an array', '[1,^]'],
  ['a comma without anything before it', '[^,1]'],
  ['an object that is not closed', '{"a": {"b": 1}^'],
  ['an array that is closed as an object', '[1^}'],
  ['a second document', '{} ^{}'],
  ['a bracket too many', '[]^]'],
  ['single quotes', "^'a'"],
  ['a string that is not closed', '"abc^'],
  ['a string that is not closed on its line', '{"a": "b^\n}'],
  ['a control character in a string', '"a^\u0000b"'],
  ['an escape that does not exist', '"a^\\x41"'],
  ['an escape that is cut off', '"a^\\u00g0"'],
  ['an escaped quote at the end', '"a\\"^'],
  ['a number with a zero before it', '[0^1]'],
  ['a number with a plus', '^+1'],
  ['a number without digits after the point', '1^.'],
  ['a minus alone', '^-'],
  ['a word that is none', '[^truth]'],
  ['a word that goes on', 'true^ish'],
  ['a comment', '{}^// done'],
  ['a blank that JSON does not know', '^\u00a0{}'],
])('%s: %j', (_, marked) => {
  const text = marked.replace('^', '');
  expect(isJson(text)).toBe(false);
  expect(jsonErrorAt(text)).toBe(marked.indexOf('^'));
});

describe('text', () => {
  test('that is JSON has no error', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.constantFrom('', ' ', '\r\n'), (text, blank) => {
        expect(jsonErrorAt(blank + text + blank)).toBeUndefined();
      }),
    );
  });

  test('has an error exactly when it is no JSON, and is fine up to there', () => {
    const edited = fc
      .tuple(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', '{', '0', 'e', '-', '\\', '\n'),
      )
      .map(([text, at, mark]) => {
        const index = at % (text.length + 1);
        return text.slice(0, index) + mark + text.slice(mark === '' ? index + 1 : index);
      });
    fc.assert(
      fc.property(edited, (text) => {
        const at = jsonErrorAt(text);
        expect(at === undefined).toBe(isJson(text));
        if (at !== undefined && at < text.length) expect(jsonErrorAt(text.slice(0, at)) ?? at).toBe(at);
      }),
      { numRuns: 500 },
    );
  });

  test('may be very long', () => {
    const string = JSON.stringify('\\x'.repeat(1_000_000) + 'y'.repeat(3_000_000));
    expect(jsonErrorAt(`[${string},${string}]`)).toBeUndefined();
    expect(jsonErrorAt(`[${string}`)).toBe(string.length + 1);
  });
});
