import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HUB, Home, base64 } from '../../helpers/credentials.ts';
import { runCli, type CliResult } from '../../helpers/cli.ts';

const ENTRY = { auth: base64('alice:secret') };

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

function cli(argv: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const bus = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${home.at('no-bus')}` };
  return runCli(argv, { home: home.path, env: { ...home.env, ...bus, ...env } });
}

describe('logout', () => {
  test.each(['docker.io', 'index.docker.io', HUB])('of %s takes every spelling', async (server) => {
    await home.write('.docker/config.json', { auths: { [HUB]: ENTRY, 'docker.io': ENTRY, 'ghcr.io': ENTRY }, x: 1 });
    const { status, stdout, stderr } = await cli(['logout', server]);
    expect([status, stdout, stderr]).toEqual([0, `Removing login credentials for ${HUB}\n`, '']);
    expect(await home.json()).toEqual({ auths: { 'ghcr.io': ENTRY }, x: 1 });
  });

  test('is no failure when there was nothing', async () => {
    const { status, stdout, stderr } = await cli(['logout', 'https://ghcr.io/v2/']);
    expect([status, stdout]).toEqual([0, 'Removing login credentials for ghcr.io\n']);
    expect(stderr).toBe('no credentials for ghcr.io were stored\n');
  });

  test('tells in JSON where there was something', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': ENTRY } });
    await home.write('.dockercfg', { 'https://ghcr.io/v1/': ENTRY });
    expect(JSON.parse((await cli(['logout', '--json', 'ghcr.io'])).stdout)).toEqual({
      server: 'ghcr.io',
      stores: ['file ~/.docker/config.json', 'file ~/.dockercfg'],
    });
  });

  test('goes on where a helper fails, and exits with 0', async () => {
    await home.helper('sick', 'echo locked; exit 1');
    await home.write('.docker/config.json', { auths: { 'ghcr.io': ENTRY }, credsStore: 'sick' });
    const { status, stderr } = await cli(['logout', 'ghcr.io']);
    expect([status, stderr]).toEqual([
      0,
      'WARNING: could not erase credentials: credential helper sick failed: locked\n',
    ]);
    expect((await home.json()).auths).toEqual({});
  });

  test('--all takes everything there is, of each place', async () => {
    await home.keepingHelper('vault', { 'quay.io': ['bob', 'x'] });
    await home.write('.docker/config.json', {
      auths: { 'ghcr.io': ENTRY, 'ghcr.io/org': ENTRY, [HUB]: ENTRY },
      credsStore: 'vault',
    });
    await home.write('run/containers/auth.json', { auths: { 'podman.io': ENTRY } });
    const { status, stdout } = await cli(['logout', '--all']);
    expect(status).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'Removing login credentials for ghcr.io',
      'Removing login credentials for ghcr.io/org',
      `Removing login credentials for ${HUB}`,
      'Removing login credentials for podman.io',
      'Removing login credentials for quay.io',
    ]);
    expect([(await home.json()).auths, await home.kept('vault')]).toEqual([{}, {}]);
    expect((await cli(['auth', 'ls', '-q'])).stdout).toBe('');
  });

  test('--all with nothing stored says so', async () => {
    const { status, stdout, stderr } = await cli(['logout', '--all']);
    expect([status, stdout, stderr]).toEqual([0, '', 'no credentials are stored\n']);
  });

  test('takes one server or --all', async () => {
    expect((await cli(['logout', '--all', 'ghcr.io'])).status).toBe(2);
  });
});
