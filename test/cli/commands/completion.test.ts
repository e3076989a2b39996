import { expect, test } from 'vitest';
import { runCli } from '../../helpers/cli.ts';

test.each([
  ['bash', 'complete -F _hubctl hubctl'],
  ['zsh', '#compdef hubctl'],
  ['fish', 'complete -c hubctl'],
  ['pwsh', 'Register-ArgumentCompleter'],
])('completion %s prints a script', async (shell, part) => {
  const { status, stdout, stderr } = await runCli(['completion', shell]);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(part);
});

test('completion wants a shell', async () => {
  expect((await runCli(['completion'])).stderr).toContain("'hubctl completion' requires 1 argument");
  expect((await runCli(['completion', 'tcsh'])).status).toBe(2);
});
