import { describe, expect, test } from 'vitest';
import type { FlagSpec } from '../../src/cli/command.ts';
import { parse } from '../../src/cli/parse.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const FLAGS = {
  quiet: { kind: 'boolean', short: 'q', help: '' },
  all: { kind: 'boolean', short: 'a', help: '' },
  output: { kind: 'string', short: 'o', help: '' },
  limit: { kind: 'number', help: '' },
} as const satisfies Record<string, FlagSpec>;

const CALL = { words: 'pull', usage: 'hubctl pull NAME' };

function parsed(...tokens: readonly string[]): unknown {
  const { given, operands } = parse(FLAGS, tokens, CALL);
  return { ...Object.fromEntries(given), operands };
}

describe('flags are found', () => {
  test.each([
    [['a', '-q', 'b'], { quiet: ['true'], operands: ['a', 'b'] }],
    [['-qa', 'x'], { quiet: ['true'], all: ['true'], operands: ['x'] }],
    [['-o', 'file'], { output: ['file'], operands: [] }],
    [['-ofile'], { output: ['file'], operands: [] }],
    [['-o=file'], { output: ['file'], operands: [] }],
    [['-qofile'], { quiet: ['true'], output: ['file'], operands: [] }],
    [['--output=a=b'], { output: ['a=b'], operands: [] }],
    [['--output='], { output: [''], operands: [] }],
    [['--output', '-q'], { output: ['-q'], operands: [] }],
    [['--output', '--'], { output: ['--'], operands: [] }],
    [['-o', 'a', '-o', 'b'], { output: ['a', 'b'], operands: [] }],
    [['--quiet=true', '--all=false'], { quiet: ['true'], operands: [] }],
    [['--', '-q', '--nope'], { operands: ['-q', '--nope'] }],
    [['-', ''], { operands: ['-', ''] }],
    [['-5', '-.5e3'], { operands: ['-5', '-.5e3'] }],
  ])('%j', (tokens, expected) => {
    expect(parsed(...tokens)).toEqual(expected);
  });

  test('up to the first operand, where what follows belongs to somebody else', () => {
    const { given, operands } = parse(FLAGS, ['-q', 'pull', '-x', '--', '-a'], { words: '', stopAtOperand: true });
    expect([...given.keys()]).toEqual(['quiet']);
    expect(operands).toEqual(['pull', '-x', '--', '-a']);
  });
});

describe('mistakes are told', () => {
  test.each([
    [['--nope'], 'unknown flag: --nope', undefined],
    [['--outptu=x'], 'unknown flag: --outptu', 'did you mean --output?'],
    [['--quiet=maybe'], 'unknown flag: --quiet', 'did you mean --quiet?'],
    [['--constructor'], 'unknown flag: --constructor', undefined],
    [['-x'], "unknown shorthand flag: 'x' in -x", undefined],
    [['-qx'], "unknown shorthand flag: 'x' in -x", undefined],
    [['--output'], 'flag needs an argument: --output', undefined],
    [['-qo'], 'flag needs an argument: --output', undefined],
    [['--nope', '-o'], 'flag needs an argument: --output', undefined],
  ])('%j: %s', async (tokens, message, hint) => {
    const error = await hubErrorFrom(() => parse(FLAGS, tokens, CALL));
    expect(error).toMatchObject({ code: 'USAGE', message, hint });
    expect(error.details).toEqual({ command: 'hubctl pull', usage: 'hubctl pull NAME' });
  });
});
