import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseChallenge, parseChallenges } from '../../src/auth/challenge.ts';

const HUB =
  'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:docker/docker:pull"';
const HUB_PARAMETERS = {
  realm: 'https://auth.docker.io/token',
  service: 'registry.docker.io',
  scope: 'repository:docker/docker:pull',
};

describe('a challenge', () => {
  test.each([
    [HUB, 'bearer', HUB_PARAMETERS],
    ['Basic realm="GitHub Package Registry"', 'basic', { realm: 'GitHub Package Registry' }],
    ['BaSiC ReAlM="Case insensitive key"', 'basic', { realm: 'Case insensitive key' }],
    ['Basic realm=unquoted', 'basic', { realm: 'unquoted' }],
    ['Basic realm=/', 'basic', { realm: '/' }],
    ['Basic realm="Dev", charset="UTF-8"', 'basic', { realm: 'Dev', charset: 'UTF-8' }],
    ['"Basic" "realm"=/', 'basic', { realm: '/' }],
    [
      'Bearer realm="https://auth.example.com/token",service="registry.example.com",other=fun,slashed="he\\"\\l\\lo"',
      'bearer',
      { realm: 'https://auth.example.com/token', service: 'registry.example.com', other: 'fun', slashed: 'he"llo' },
    ],
    ['Bearer realm = "a" ,\tservice\t=\tb', 'bearer', { realm: 'a', service: 'b' }],
    [
      'Bearer realm=https://auth.example/token?a&b,service=x:5000/y',
      'bearer',
      { realm: 'https://auth.example/token?a&b', service: 'x:5000/y' },
    ],
    ['Bearer realm="a, Basic realm=b"', 'bearer', { realm: 'a, Basic realm=b' }],
    ['Bearer realm="first",realm="second",REALM="third"', 'bearer', { realm: 'first' }],
    [', ,Bearer realm="a",, service=b,', 'bearer', { realm: 'a', service: 'b' }],
    ['Bearer realm=""', 'bearer', { realm: '' }],
    ['Bearer', 'bearer', {}],
    ['Negotiate YII+abc/d==', 'negotiate', {}],
    ['Negotiate abc=', 'negotiate', {}],
  ])('%s', (line, scheme, parameters) => {
    expect(parseChallenges([line])).toEqual([{ scheme, parameters }]);
  });

  test('may stand in one line with others', () => {
    const line =
      'Bearer realm="https://auth.docker.io/token", service="registry.docker.io", scope="repository:docker/docker:pull", Basic realm="GitHub Package Registry"';
    expect(parseChallenges([line])).toEqual([
      { scheme: 'bearer', parameters: HUB_PARAMETERS },
      { scheme: 'basic', parameters: { realm: 'GitHub Package Registry' } },
    ]);
    expect(parseChallenges(['Negotiate, NTLM, Basic realm=a']).map(({ scheme }) => scheme)).toEqual([
      'negotiate',
      'ntlm',
      'basic',
    ]);
  });

  test('may stand in lines of their own', () => {
    expect(parseChallenges(['Basic realm=a', HUB]).map(({ scheme }) => scheme)).toEqual(['basic', 'bearer']);
  });

  test.each([
    'Basic realm="Dev" charset="UTF-8"',
    'Basic realm="GitHub Package Registry',
    'Basic realm="GitHub Package Registry\\\\',
    'Basic realm="GitHub Package Registry\\',
    'realm="a"',
    '="a"',
    'Basic "',
    'Basic realm="a"b',
    'Basic =a',
    'Basic a b',
  ])('%s is malformed, and other lines still count', (line) => {
    expect(parseChallenges([line])).toEqual([]);
    expect(parseChallenges([line, HUB])).toHaveLength(1);
  });

  test('cannot reach the prototype of objects', () => {
    const [challenge] = parseChallenges(['Bearer __proto__=a, constructor=b']);
    expect(Object.keys(challenge!.parameters)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  test('is chosen bearer first, then basic, else none', () => {
    const choose = (...lines: string[]): string | undefined => chooseChallenge(parseChallenges(lines))?.scheme;
    expect(choose('Basic realm=a', HUB)).toBe('bearer');
    expect(choose('Negotiate', 'Basic realm=a')).toBe('basic');
    expect(choose('Negotiate')).toBeUndefined();
  });
});

describe('any header', () => {
  test('is parsed or ignored, never a failure', () => {
    const piece = fc.constantFrom(
      'Bearer',
      'Basic',
      ' ',
      ',',
      '=',
      '"',
      '\\',
      'realm',
      'a',
      '\u0000',
      '\u{1f600}',
      '\t',
    );
    const line = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 3 }), (lines) => {
        for (const { scheme } of parseChallenges(lines)) expect(scheme).toBe(scheme.toLowerCase());
      }),
    );
  });

  test('that was written by the rules is read back', () => {
    const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.'.split('')), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(token, fc.dictionary(token, fc.string(), { minKeys: 1, maxKeys: 4 }), (scheme, values) => {
        const entries = Object.entries(values).map(([name, value]) => [name.toLowerCase(), value] as const);
        fc.pre(new Set(entries.map(([name]) => name)).size === entries.length);
        const line = entries.map(([name, value]) => `${name}="${value.replaceAll(/["\\]/g, '\\$&')}"`).join(', ');
        expect(parseChallenges([`${scheme} ${line}`])).toEqual([
          { scheme: scheme.toLowerCase(), parameters: Object.fromEntries(entries) },
        ]);
      }),
    );
  });

  test('that is long is ignored', () => {
    for (const text of [',', '"', '\\"', 'a/', 'Bearer a=', 'Basic ']) {
      expect(parseChallenges([text.repeat(64 * 1024)])).toEqual([]);
    }
    expect(parseChallenges([`Bearer realm="${'a'.repeat(16_000)}"`])).toHaveLength(1);
  });
});
