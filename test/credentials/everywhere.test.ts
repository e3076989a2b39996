import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HUB, Home, MemoryKeychain, base64 } from '../helpers/credentials.ts';

const AUTH = base64('alice:secret');

let home: Home;
let keychain: MemoryKeychain;

beforeEach(async () => {
  home = await Home.create();
  keychain = new MemoryKeychain();
});

afterEach(() => home[Symbol.asyncDispose]());

describe('the list of logins', () => {
  test('has those of the environment, helpers, keychain and files, and no secrets', async () => {
    await home.keepingHelper('all', {
      'quay.io': ['bob', 'hunter2'],
      'ghcr.io': ['shadowed', 'x'],
      [`${HUB}access-token`]: ['x', 'y'],
    });
    await home.keepingHelper('one', { 'ghcr.io': ['carol', 'hunter2'] });
    await keychain.set({ server: 'k.io', username: 'dave', secret: 'hunter2' });
    await home.write('.docker/config.json', {
      auths: { 'f.io': { auth: AUTH }, 'quay.io': {} },
      credsStore: 'all',
      credHelpers: { 'ghcr.io': 'one', 'k.io': 'hubctl', 'f.io': '' },
    });
    await home.write('.dockercfg', { 'old.io': { auth: AUTH, email: 'a@b.c' } });
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'e.io': { auth: AUTH } } }) };
    const logins = await home.credentials({ keychain, env }).list();
    expect(logins.map(({ server, username, source }) => `${server} ${username} ${source}`)).toEqual([
      'e.io alice environment DOCKER_AUTH_CONFIG',
      'ghcr.io carol helper one',
      'k.io dave keychain',
      'quay.io bob helper all',
      'f.io alice file ~/.docker/config.json',
      'old.io alice file ~/.dockercfg',
    ]);
    expect(logins.at(-1)?.email).toBe('a@b.c');
    expect(JSON.stringify(logins)).not.toContain('hunter2');
  });

  test('goes on where a helper fails, with a warning', async () => {
    await home.helper('one', 'echo locked; exit 1');
    await home.write('.docker/config.json', {
      auths: { 'f.io': { auth: AUTH } },
      credsStore: 'gone',
      credHelpers: { 'ghcr.io': 'one' },
    });
    expect(await home.credentials().list()).toHaveLength(1);
    expect(home.warnings.sort()).toEqual([
      'failed to get credentials for ghcr.io: credential helper one failed: locked',
      expect.stringContaining('failed to list credentials: credential helper "gone"'),
    ]);
  });
});

test('the places are in the order of lookup', async () => {
  await home.keepingHelper('one');
  await home.write('.docker/config.json', { credHelpers: { a: 'one', b: 'one' }, credsStore: 'hubctl' });
  const env = { HUBCTL_USERNAME: 'a', HUBCTL_PASSWORD: 'b' };
  expect((await home.credentials({ env }).stores()).map(({ name }) => name)).toEqual([
    'environment HUBCTL_USERNAME',
    'helper one',
    'keychain',
    'file ~/.docker/config.json',
    'file ~/run/containers/auth.json',
    'file ~/.config/containers/auth.json',
    'file ~/.dockercfg',
  ]);
});

describe('forgetting a server', () => {
  test('takes every spelling from every place', async () => {
    const entry = ['a', 'b'] as const;
    await home.keepingHelper('all', { 'ghcr.io': entry, 'https://ghcr.io': entry, 'quay.io': entry });
    await keychain.set({ server: 'ghcr.io', username: 'stray', secret: 'x' });
    await home.write('.docker/config.json', {
      auths: { 'ghcr.io': {}, 'https://ghcr.io': { auth: AUTH } },
      credsStore: 'all',
      other: 1,
    });
    await home.write('run/containers/auth.json', {
      auths: { 'ghcr.io': { auth: AUTH }, 'ghcr.io/org': { auth: AUTH } },
    });
    await home.write('.dockercfg', { 'https://ghcr.io/v1/': { auth: AUTH } });
    expect(await home.credentials({ keychain }).logout('ghcr.io')).toEqual([
      'helper all',
      'keychain',
      'file ~/.docker/config.json',
      'file ~/run/containers/auth.json',
      'file ~/.dockercfg',
    ]);
    expect(Object.keys(await home.kept('all'))).toEqual(['quay.io']);
    expect(keychain.items.size).toBe(0);
    expect(await home.json()).toEqual({ auths: {}, credsStore: 'all', other: 1 });
    expect(await home.json('run/containers/auth.json')).toEqual({ auths: { 'ghcr.io/org': { auth: AUTH } } });
    expect(await home.credentials({ keychain }).find('ghcr.io')).toBeUndefined();
    expect(home.warnings).toEqual([]);
  });

  test('does not mind a keychain that does not work, unless a file leads there', async () => {
    expect(await home.credentials().logout('ghcr.io')).toEqual([]);
    expect(home.warnings).toEqual([]);
    await home.write('.docker/config.json', { auths: { 'ghcr.io': {} }, credHelpers: { 'ghcr.io': 'hubctl' } });
    await home.credentials().logout('ghcr.io');
    expect(home.warnings).toEqual(['could not erase credentials: the keychain refused: no D-Bus']);
  });

  test('tells what stays in the environment', async () => {
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'ghcr.io': { auth: AUTH } } }) };
    expect(await home.credentials({ env }).logout('ghcr.io')).toEqual([]);
    expect(home.warnings).toEqual([
      'could not erase credentials: environment DOCKER_AUTH_CONFIG cannot be changed by a program',
    ]);
  });

  test('of a namespace leaves the rest of the registry alone', async () => {
    await home.keepingHelper('all', { 'ghcr.io': ['a', 'b'] });
    await home.write('.docker/config.json', {
      auths: { 'ghcr.io': { auth: AUTH }, 'ghcr.io/org': { auth: AUTH } },
      credsStore: 'all',
    });
    expect(await home.credentials({ keychain }).logout('ghcr.io/org')).toEqual(['file ~/.docker/config.json']);
    expect(Object.keys((await home.json()).auths)).toEqual(['ghcr.io']);
    expect(await home.calls('all')).toEqual([]);
  });

  test('touches the file of a flag alone', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': { auth: AUTH } } });
    const authfile = await home.write('auth.json', { auths: { 'ghcr.io': { auth: AUTH } } });
    expect(await home.credentials({ authfile, keychain }).logout('ghcr.io')).toEqual(['file ~/auth.json']);
    expect(await home.credentials().find('ghcr.io')).toBeDefined();
  });
});

test('the servers to forget are all that something is written for', async () => {
  await home.keepingHelper('all', { 'quay.io': ['a', 'b'] });
  await home.write('.docker/config.json', {
    auths: { 'ghcr.io': {}, 'ghcr.io/org': { auth: AUTH } },
    credsStore: 'all',
    credHelpers: { 'k.io': 'hubctl' },
  });
  const env = { HUBCTL_USERNAME: 'a', HUBCTL_PASSWORD: 'b' };
  expect([...(await home.credentials({ keychain, env }).servers())].sort()).toEqual([
    'ghcr.io',
    'ghcr.io/org',
    'k.io',
    'quay.io',
  ]);
});
