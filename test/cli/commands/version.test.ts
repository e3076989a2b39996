import { expect, test } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { runCli } from '../../helpers/cli.ts';

test('a template picks one fact', async () => {
  expect(await runCli(['version', '--format', '{{.Version}}'])).toMatchObject({
    status: 0,
    stdout: `${manifest.version}\n`,
    stderr: '',
  });
});

test('--json gives all of them', async () => {
  expect(JSON.parse((await runCli(['version', '--json'])).stdout)).toMatchObject({
    Version: manifest.version,
    Os: 'linux',
  });
});

test('with a flag that does not matter it is the text', async () => {
  expect((await runCli(['version', '--debug'])).stdout).toBe((await runCli(['version'])).stdout);
});

test('it takes no arguments', async () => {
  expect((await runCli(['version', 'x'])).stderr).toContain("'hubctl version' accepts no arguments");
});
