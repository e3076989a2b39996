import { expect, test } from 'vitest';
import { runCli } from '../../helpers/cli.ts';

test('help for a command is what the command says with --help', async () => {
  const [help, flag] = [await runCli(['help', 'version']), await runCli(['version', '--help'])];
  expect(help.status).toBe(0);
  expect(help.stdout).toBe(flag.stdout);
});

test('help knows commands of two words, and topics', async () => {
  expect((await runCli(['help', 'image', 'ls'])).stdout).toMatch(/^Usage: {2}hubctl image ls/);
  expect((await runCli(['help', 'errors'])).stdout).toContain('NOT_FOUND');
  expect((await runCli(['help', 'environment'])).stdout).toContain('DOCKER_CONFIG');
});

test('help for something else is a mistake', async () => {
  expect(await runCli(['help', 'frobnicate'])).toMatchObject({
    status: 2,
    stderr: "hubctl: there is no help for frobnicate\n\nRun 'hubctl --help' for more information\n",
  });
});
