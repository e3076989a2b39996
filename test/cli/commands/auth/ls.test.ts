import { afterEach, beforeEach, expect, test } from 'vitest';
import { HUB, Home, base64 } from '../../../helpers/credentials.ts';
import { runCli } from '../../../helpers/cli.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
  await home.keepingHelper('vault', { 'quay.io': ['bob', 'hunter2'] });
  await home.write('.docker/config.json', {
    auths: { [HUB]: { auth: base64('alice:hunter2') }, 'x.azurecr.io': { identitytoken: 'hunter2' } },
    credHelpers: { 'quay.io': 'vault' },
  });
  await home.write('.dockercfg', { 'old.io': { auth: base64('carol:hunter2'), email: 'c@d.e' } });
});

afterEach(() => home[Symbol.asyncDispose]());

async function list(...flags: string[]): Promise<string> {
  const { stdout, stderr } = await runCli(['auth', 'ls', ...flags], { home: home.path, env: home.env });
  expect(stdout + stderr).not.toContain('hunter2');
  return stdout;
}

test('logins are a table of server, user name and store', async () => {
  expect(await list()).toBe(
    'SERVER                        USERNAME   STORE\n' +
      'quay.io                       bob        helper vault\n' +
      'https://index.docker.io/v1/   alice      file ~/.docker/config.json\n' +
      'x.azurecr.io                  <token>    file ~/.docker/config.json\n' +
      'old.io                        carol      file ~/.dockercfg\n',
  );
});

test('logins are JSON, templates, or servers alone', async () => {
  expect(JSON.parse(await list('--json'))[0]).toEqual({
    Server: 'quay.io',
    Username: 'bob',
    Store: 'helper vault',
    Email: '',
  });
  expect((await list('--format', '{{.Server}} {{.Email}}')).trim().split('\n').at(-1)).toBe('old.io c@d.e');
  expect(await list('-q')).toBe(`quay.io\n${HUB}\nx.azurecr.io\nold.io\n`);
});
