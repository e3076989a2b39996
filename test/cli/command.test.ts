import { expect, expectTypeOf, test } from 'vitest';
import { defineCommand } from '../../src/cli/command.ts';

test('a command is what it declares', () => {
  const spec = {
    name: 'x',
    summary: 'Does x',
    arguments: [],
    flags: { all: { kind: 'boolean', help: '' } },
    examples: [],
    run: async () => undefined,
  } as const;
  expect(defineCommand(spec)).toBe(spec);
});

test('flags reach run with the types of their kinds', () => {
  defineCommand({
    name: 'x',
    summary: '',
    arguments: [],
    flags: {
      all: { kind: 'boolean', help: '' },
      limit: { kind: 'number', help: '' },
      output: { kind: 'string', help: '' },
      filter: { kind: 'strings', help: '' },
    },
    examples: [],
    run: async (_context, _args, flags) => {
      expectTypeOf(flags.all).toEqualTypeOf<boolean>();
      expectTypeOf(flags.limit).toEqualTypeOf<number | undefined>();
      expectTypeOf(flags.output).toEqualTypeOf<string | undefined>();
      expectTypeOf(flags.filter).toEqualTypeOf<readonly string[]>();
    },
  });
});
