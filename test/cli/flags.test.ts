import { describe, expect, test } from 'vitest';
import type { FlagSpec } from '../../src/cli/command.ts';
import { flagValues, mergeFlags, normalizeTokens } from '../../src/cli/flags.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const SPECS = {
  'no-trunc': { kind: 'boolean', help: '' },
  quiet: { kind: 'boolean', short: 'q', help: '' },
  limit: { kind: 'number', help: '' },
  filter: { kind: 'strings', short: 'f', help: '' },
  output: { kind: 'string', help: '', choices: ['a', 'b', 'c'] },
} as const satisfies Record<string, FlagSpec>;

test('values take the kinds of their flags', () => {
  const given = new Map([
    ['no-trunc', ['true']],
    ['limit', ['10', '25']],
    ['filter', ['x', 'y']],
    ['output', ['b']],
  ]);
  expect(flagValues(SPECS, given, 'search')).toEqual({
    'no-trunc': true,
    quiet: false,
    limit: 25,
    filter: ['x', 'y'],
    output: 'b',
  });
});

test('flags that were not given are false, undefined or empty', () => {
  expect(flagValues(SPECS, new Map(), 'search')).toEqual({
    'no-trunc': false,
    quiet: false,
    limit: undefined,
    filter: [],
    output: undefined,
  });
});

test.each([
  ['limit', 'ten', 'invalid value "ten" for --limit: want a number'],
  ['limit', ' ', 'invalid value " " for --limit: want a number'],
  ['output', 'd', 'invalid value "d" for --output: want a, b or c'],
])('--%s %s is a mistake', async (name, value, message) => {
  const error = await hubErrorFrom(() => flagValues(SPECS, new Map([[name, [value]]]), 'search'));
  expect(error).toMatchObject({ code: 'USAGE', message, details: { command: 'hubctl search' } });
});

test('merging keeps the order', () => {
  const merged = mergeFlags([
    new Map([['filter', ['a']]]),
    new Map([
      ['filter', ['b']],
      ['quiet', ['true']],
    ]),
  ]);
  expect([...merged]).toEqual([
    ['filter', ['a', 'b']],
    ['quiet', ['true']],
  ]);
});

describe('normalizeTokens', () => {
  test.each([
    [
      ['--no-trunc=true', 'x'],
      ['--no-trunc', 'x'],
    ],
    [['--no-trunc=false', 'x'], ['x']],
    [['--quiet', '--quiet=false'], []],
    [['-q=true'], ['-q']],
    [['-f=stars=3'], ['-f', 'stars=3']],
    [['--filter=stars=3'], ['--filter=stars=3']],
    [['--quiet=maybe'], ['--quiet=maybe']],
    [['--unknown=true'], ['--unknown=true']],
    [['--constructor=true'], ['--constructor=true']],
    [
      ['a=b', '-'],
      ['a=b', '-'],
    ],
    [
      ['--', '--quiet=false'],
      ['--', '--quiet=false'],
    ],
  ])('%j becomes %j', (tokens, result) => {
    expect(normalizeTokens(SPECS, tokens)).toEqual(result);
  });
});
