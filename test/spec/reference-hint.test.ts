import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { parseReference } from '../../src/spec/reference.ts';

const S = 'f'.repeat(64);

// What is said beyond the hints of the vectors in reference.test.ts.
const HINTS: readonly (readonly [string, string])[] = [
  ['a.b_c__d-e/f', '"_" at position 4 of "a.b_c__d-e/f" is not allowed in a host name'],
  ['my_reg.com/foo', '"_" at position 3 of "my_reg.com/foo" is not allowed in a host name'],
  ['docker://', 'write [host[:port]/]repository'],
  ['example.com/', 'a repository name is missing after "example.com/"'],
  ['/app', 'remove the "/" at the beginning of "/app"'],
  ['a::b/app', '"a::b" is not a host'],
  ['[::1/app', '"[::1" is not a bracketed IPv6 address'],
  ['app.', '"." at position 4 of "app." may not end a part'],
  ['user/app___x', '"___" at position 9 is not allowed: separate by'],
  ['app:a:b', '":" at position 6 of "app:a:b" is not allowed in a tag'],
  ['app@sha256', '"sha256" is not a digest that can be checked'],
  [`app@sha256:${'F'.repeat(64)}`, `write the digest in lower case: "sha256:${S}"`],
  [`app@SHA256:${S}`, `write the digest in lower case: "sha256:${S}"`],
  [`app@sha256:${'f'.repeat(63)}g`, '"g" at position 75'],
  [`app@sha384:${'a'.repeat(96)}`, 'is not a digest that can be checked'],
  [`Repo@sha256:${S}`, `did you mean "repo@sha256:${S}"?`],
  ['app\u001b[31m', '"\\u{1b}" at position 4 of "app\\u{1b}[31m" is not allowed'],
];

function hintFor(text: string): string | undefined {
  try {
    parseReference(text);
  } catch (error) {
    if (HubError.is(error)) return error.hint;
    throw error;
  }
  return undefined;
}

describe('explainReference', () => {
  test.each(HINTS)('says about %j what is wrong', (text, hint) => {
    expect(hintFor(text)).toContain(hint);
  });

  test('says how long a name is that is too long', () => {
    expect(hintFor('a'.repeat(5000))).toBe('it has 5000 characters, at most 4096 are read');
  });

  test('says something definite about everything that is refused', () => {
    const lines = readFileSync(new URL('./fixtures/references.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    const refused = lines
      .map((line) => JSON.parse(line.replaceAll('{f64}', S)) as string[])
      .filter((row) => row.length === 2)
      .map(([text = '']) => ({ text, hint: hintFor(text) ?? '' }));
    expect(refused.length).toBeGreaterThan(500);
    expect(refused.filter(({ hint }) => hint.startsWith('write [host'))).toEqual([]);
    expect(refused.filter(({ hint }) => !/^[\x20-\x7e…ü]+$/.test(hint))).toEqual([]);
  });
});
