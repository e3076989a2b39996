import { afterEach, beforeEach, expect, test } from 'vitest';
import { HUB, Home, base64 } from '../../../helpers/credentials.ts';
import { runCli, type CliResult } from '../../../helpers/cli.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
  await home.write('.docker/config.json', {
    auths: {
      [HUB]: { auth: base64('alice:hunter2') },
      'ghcr.io': { auth: base64('bob:x') },
      'ghcr.io/org': { auth: base64('org:x') },
    },
  });
});

afterEach(() => home[Symbol.asyncDispose]());

function whoami(argv: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  return runCli(['auth', 'whoami', ...argv], { home: home.path, env: { ...home.env, ...env } });
}

test('the account is told with its source', async () => {
  expect((await whoami([])).stdout).toBe('alice (file ~/.docker/config.json)\n');
  expect((await whoami(['https://ghcr.io'])).stdout).toBe('bob (file ~/.docker/config.json)\n');
  expect((await whoami(['ghcr.io/org/app'])).stdout).toBe('org (file ~/.docker/config.json)\n');
  expect((await whoami([], { HUBCTL_USERNAME: 'ci', HUBCTL_PASSWORD: 'x' })).stdout).toBe(
    'ci (environment HUBCTL_USERNAME)\n',
  );
});

test('the name alone, JSON and templates are for scripts', async () => {
  expect((await whoami(['-q'])).stdout).toBe('alice\n');
  expect(JSON.parse((await whoami(['--json'])).stdout)).toEqual({
    server: 'docker.io',
    username: 'alice',
    source: 'file ~/.docker/config.json',
    kind: 'basic',
  });
  expect((await whoami(['--format', '{{.Username}}@{{.Server}}', 'ghcr.io'])).stdout).toBe('bob@ghcr.io\n');
});

test('nobody is exit status 4, with the way to log in', async () => {
  const { status, stdout, stderr } = await whoami(['quay.io']);
  expect([status, stdout]).toEqual([4, '']);
  expect(stderr).toBe('hubctl: not logged in to quay.io\n  hint: log in with: hubctl login quay.io\n');
});
