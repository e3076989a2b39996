import { describe, expect, test } from 'vitest';
import { defineCommand, type ArgumentSpec } from '../../src/cli/command.ts';
import { checkArguments, flagLabel, usageOf } from '../../src/cli/usage.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

function spec(args: readonly Omit<ArgumentSpec, 'help'>[], flags = false): ReturnType<typeof defineCommand> {
  return defineCommand({
    name: 'x',
    summary: '',
    arguments: args.map((argument) => ({ ...argument, help: '' })),
    flags: flags ? { all: { kind: 'boolean', help: '' } } : {},
    examples: [],
    run: async () => undefined,
  });
}

describe('usageOf', () => {
  test.each([
    [[], 'hubctl x'],
    [[{ name: 'SOURCE' }, { name: 'TARGET' }], 'hubctl x SOURCE TARGET'],
    [[{ name: 'NAME[:TAG|@DIGEST]', many: true }], 'hubctl x NAME[:TAG|@DIGEST] [NAME...]'],
    [[{ name: 'REPO', optional: true }], 'hubctl x [REPO]'],
    [[{ name: 'COMMAND', optional: true, many: true }], 'hubctl x [COMMAND...]'],
  ])('%j', (args, usage) => {
    expect(usageOf('x', spec(args))).toBe(usage);
  });

  test('says that there are options', () => {
    expect(usageOf('image ls', spec([], true))).toBe('hubctl image ls [OPTIONS]');
  });
});

test('a flag is labelled with its short form and the name of its value', () => {
  expect(flagLabel('output', { kind: 'string', short: 'o', value: 'FILE', help: '' })).toBe('-o, --output FILE');
  expect(flagLabel('all', { kind: 'boolean', help: '' })).toBe('    --all');
  expect(flagLabel('limit', { kind: 'number', help: '' })).toBe('    --limit N');
});

describe('checkArguments', () => {
  const ONE = { name: 'A' };
  test.each([
    [[ONE, ONE], ['a'], 'requires 2 arguments'],
    [[ONE], [], 'requires 1 argument'],
    [[ONE], ['a', 'b'], 'requires 1 argument'],
    [[], ['a'], 'accepts no arguments'],
    [[{ ...ONE, many: true }], [], 'requires at least 1 argument'],
    [[{ ...ONE, optional: true }], ['a', 'b'], 'requires at most 1 argument'],
  ])('%j with %j', async (args, given, message) => {
    const error = await hubErrorFrom(() => checkArguments('x', spec(args), given));
    expect(error).toMatchObject({ code: 'USAGE', message: `'hubctl x' ${message}` });
    expect(error.details).toEqual({ command: 'hubctl x', usage: usageOf('x', spec(args)) });
  });

  test.each([
    [
      [ONE, ONE],
      ['a', 'b'],
    ],
    [[], []],
    [[{ ...ONE, many: true }], ['a', 'b', 'c']],
    [[{ ...ONE, optional: true }], []],
  ])('%j is content with %j', (args, given) => {
    checkArguments('x', spec(args), given);
  });
});
