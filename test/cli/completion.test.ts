import { describe, expect, test } from 'vitest';
import { COMMANDS, namesOf } from '../../src/cli/commands.ts';
import { completionModel, completionScript } from '../../src/cli/completion.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { hasShell, output, withScript } from '../helpers/shells.ts';

test('the model knows every command under each of its names', async () => {
  const { commands } = await completionModel();
  expect(commands.map(({ words }) => words)).toEqual(Object.keys(COMMANDS).flatMap((name) => namesOf(name)));
});

test('the model knows flags, their choices, and arguments that are a short list', async () => {
  const { commands, flags } = await completionModel();
  const valuesOf = (words: string): readonly string[] | undefined =>
    commands.find((command) => command.words === words)?.values;
  expect(valuesOf('completion')).toEqual(['bash', 'zsh', 'fish', 'pwsh']);
  expect(valuesOf('help')).toEqual(expect.arrayContaining(['pull', 'image', 'errors']));
  expect(flags.find(({ name }) => name === 'progress')).toMatchObject({
    takesValue: true,
    choices: ['auto', 'tty', 'plain', 'none'],
  });
  expect(flags.find(({ name }) => name === 'store')).toMatchObject({ takesFile: true });
});

test('an unknown shell is a mistake', async () => {
  expect(await hubErrorFrom(() => completionScript('tcsh'))).toMatchObject({
    code: 'USAGE',
    hint: 'use bash, zsh, fish or pwsh',
  });
});

test('PowerShell has two names', async () => {
  expect(await completionScript('powershell')).toBe(await completionScript('pwsh'));
});

describe.each([
  ['bash', '-n'],
  ['zsh', '-n'],
  ['fish', '--no-execute'],
])('%s', async (shell, check) => {
  test.runIf(await hasShell(shell))('reads the script for all commands without complaint', async () => {
    await withScript(await completionScript(shell), (path) => output(shell, [check, path]));
  });
});
