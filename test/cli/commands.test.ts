import { describe, expect, test } from 'vitest';
import type { FlagSpec } from '../../src/cli/command.ts';
import { COMMANDS, namesOf } from '../../src/cli/commands.ts';
import { GLOBAL_FLAGS, ROOT_FLAGS } from '../../src/cli/globals.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { displayWidth } from '../../src/cli/output/width.ts';

describe.each(Object.entries(COMMANDS))('%s', (name, entry) => {
  test('has the name it is found by', async () => {
    const { command } = await entry.load();
    expect(namesOf(name)).toContain(command.name);
  });

  test('declares flags that are not ambiguous, and a global one only with another short form', async () => {
    const { flags } = (await entry.load()).command;
    const all: Readonly<Record<string, FlagSpec>> = { ...GLOBAL_FLAGS, ...ROOT_FLAGS, ...flags };
    const shorts = Object.values(all).flatMap(({ short }) => short ?? []);
    expect(shorts).toEqual([...new Set(shorts)]);
    for (const [name, { kind }] of Object.entries<FlagSpec>(GLOBAL_FLAGS)) expect(all[name]?.kind).toBe(kind);
    for (const flag of Object.keys(flags)) expect(flag).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  test('has help that fits 80 columns', async () => {
    const { command } = await entry.load();
    const lines = commandHelp({ words: name, name, entry }, command).split('\n');
    // An example is one line, to be copied.
    expect(lines.filter((line) => displayWidth(line) > 80 && !line.startsWith('  hubctl '))).toEqual([]);
  });

  test('takes many only as its last argument, and nothing required after something optional', async () => {
    const args = (await entry.load()).command.arguments;
    expect(args.slice(0, -1).some((argument) => argument.many)).toBe(false);
    const optional = args.map((argument) => argument.optional === true);
    expect(optional).toEqual(optional.toSorted((a, b) => Number(a) - Number(b)));
  });
});

test('summaries are short and end without a full stop', () => {
  for (const { summary } of Object.values(COMMANDS)) {
    expect(summary.length).toBeLessThanOrEqual(60);
    expect(summary).toMatch(/^[A-Z].*[^.]$/);
  }
});
