import { chmod } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HUB, Home, MemoryKeychain, base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

function entry(name: string): { auth: string } {
  return { auth: base64(`${name}:secret`) };
}

async function whoIs(
  registry: string,
  options: { repository?: string; env?: Record<string, string>; authfile?: string } = {},
) {
  const { repository, ...rest } = options;
  const found = await home.credentials(rest).find(registry, repository);
  return found && `${found.credential.username} from ${found.source}`;
}

describe('the order of places', () => {
  test('is a file of a flag, HUBCTL_*, DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE, docker, podman, old docker', async () => {
    const file = (name: string) => ({ auths: { 'ghcr.io': entry(name) } });
    const authfile = await home.write('flag.json', file('flag'));
    const env: Record<string, string> = {
      HUBCTL_USERNAME: 'variables',
      HUBCTL_PASSWORD: 'x',
      HUBCTL_REGISTRY: 'ghcr.io',
      DOCKER_AUTH_CONFIG: JSON.stringify(file('environment')),
      REGISTRY_AUTH_FILE: await home.write('registry.json', file('registry')),
    };
    await home.keepingHelper('test', { 'ghcr.io': ['helped', 'x'] });
    await home.write('.docker/config.json', { ...file('docker'), credHelpers: { 'ghcr.io': 'test' } });
    await home.write('run/containers/auth.json', file('podman'));
    await home.write('.config/containers/auth.json', file('persistent'));
    await home.write('.dockercfg', { 'ghcr.io': entry('old') });

    expect(await whoIs('ghcr.io', { env, authfile })).toBe('flag from file ~/flag.json');
    expect(await whoIs('ghcr.io', { env })).toBe('variables from environment HUBCTL_USERNAME');
    delete env['HUBCTL_PASSWORD'];
    expect(await whoIs('ghcr.io', { env })).toBe('environment from environment DOCKER_AUTH_CONFIG');
    delete env['DOCKER_AUTH_CONFIG'];
    expect(await whoIs('ghcr.io', { env })).toBe('registry from file ~/registry.json');
    delete env['REGISTRY_AUTH_FILE'];
    expect(await whoIs('ghcr.io', { env })).toBe('helped from helper test');
    await home.write('.docker/config.json', file('docker'));
    expect(await whoIs('ghcr.io')).toBe('docker from file ~/.docker/config.json');
    await home.write('.docker/config.json', {});
    expect(await whoIs('ghcr.io')).toBe('podman from file ~/run/containers/auth.json');
    await home.write('run/containers/auth.json', {});
    expect(await whoIs('ghcr.io')).toBe('persistent from file ~/.config/containers/auth.json');
    await home.write('.config/containers/auth.json', '');
    expect(await whoIs('ghcr.io')).toBe('old from file ~/.dockercfg');
    await home.write('.dockercfg', '');
    expect(await whoIs('ghcr.io')).toBeUndefined();
    expect(home.warnings).toEqual([]);
  });

  test('looks at no other file than the one a flag names', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': entry('docker') } });
    expect(await whoIs('ghcr.io', { authfile: await home.write('flag.json', {}) })).toBeUndefined();
  });
});

describe('spellings', () => {
  test.each([
    'https://index.docker.io/v1/',
    'index.docker.io',
    'docker.io',
    'https://registry-1.docker.io',
    'https://docker.io/v2/',
  ])('the key %s is for Docker Hub', async (key) => {
    await home.write('.docker/config.json', { auths: { [key]: entry('alice') } });
    expect(await whoIs('docker.io')).toBe('alice from file ~/.docker/config.json');
  });

  test.each([
    'docker.io.evil.com',
    'https://docker.io@evil.com/x',
    'evil.com/docker.io',
    'docker.io:443',
    'ocker.io',
    'xdocker.io',
    `${HUB}access-token`,
    'docker.io/library',
  ])('the key %s is not for Docker Hub', async (key) => {
    await home.write('.docker/config.json', { auths: { [key]: entry('alice') } });
    expect(await whoIs('docker.io')).toBeUndefined();
  });
});

describe('a repository', () => {
  test('takes the credentials of its longest namespace, in every file, before those of a helper', async () => {
    await home.keepingHelper('test', { 'ghcr.io': ['helped', 'x'] });
    const auths = { 'ghcr.io/org': entry('org'), 'ghcr.io/org/app': entry('app') };
    await home.write('.docker/config.json', { auths, credsStore: 'test' });
    expect(await whoIs('ghcr.io', { repository: 'org/app' })).toBe('app from file ~/.docker/config.json');
    expect(await whoIs('ghcr.io', { repository: 'org/other' })).toBe('org from file ~/.docker/config.json');
    expect(await whoIs('ghcr.io', { repository: 'organic/app' })).toBe('helped from helper test');
    expect(await whoIs('ghcr.io')).toBe('helped from helper test');
  });

  test('of Docker Hub takes them, too', async () => {
    await home.write('run/containers/auth.json', {
      auths: { 'docker.io/team': entry('team'), 'docker.io': entry('me') },
    });
    expect(await whoIs('docker.io', { repository: 'team/app' })).toContain('team from');
    expect(await whoIs('docker.io', { repository: 'library/alpine' })).toContain('me from');
  });
});

describe('a helper', () => {
  test('is only started for the registry that is asked about', async () => {
    await home.keepingHelper('ecr', { x: ['a', 'b'] });
    await home.write('.docker/config.json', { credHelpers: { 'x.dkr.ecr.amazonaws.com': 'ecr' } });
    await whoIs('ghcr.io');
    expect(await home.calls('ecr')).toEqual([]);
  });

  test('is asked for the key of docker, then for the spelling in the file', async () => {
    await home.keepingHelper('test', { 'https://ghcr.io': ['old', 'x'] });
    await home.write('.docker/config.json', { auths: { 'https://ghcr.io': {} }, credsStore: 'test' });
    expect(await whoIs('ghcr.io')).toBe('old from helper test');
    expect(await home.calls('test')).toEqual(['get', 'get']);
  });

  test('that has nothing leaves the word to the file', async () => {
    await home.keepingHelper('test');
    await home.write('.docker/config.json', { auths: { 'ghcr.io': entry('alice') }, credsStore: 'test' });
    expect(await whoIs('ghcr.io')).toBe('alice from file ~/.docker/config.json');
  });

  test('that is dead is told once, and the way is anonymous', async () => {
    await home.write('.docker/config.json', { auths: { [HUB]: {} }, credsStore: 'secretservice' });
    const credentials = home.credentials({ env: { PATH: home.at('bin') } });
    expect(await credentials.find('docker.io')).toBeUndefined();
    expect(await credentials.find('docker.io')).toBeUndefined();
    expect(home.warnings).toHaveLength(1);
    expect(home.warnings[0]).toContain('no docker-credential-secretservice on PATH');
  });

  test('that fails does not make another account be used for the server of somebody else', async () => {
    await home.helper('test', 'echo broken; exit 1');
    await home.write('.docker/config.json', {
      auths: { [HUB]: entry('alice') },
      credHelpers: { 'evil.example': 'test' },
    });
    expect(await whoIs('evil.example')).toBeUndefined();
    expect(home.warnings[0]).toContain('credential helper test failed: broken');
  });

  test('with an impossible name is an error of the file', async () => {
    await home.write('.docker/config.json', { credsStore: '../../tmp/x' });
    expect((await hubErrorFrom(() => whoIs('ghcr.io'))).code).toBe('CONFIG_INVALID');
  });

  test('named hubctl is the keychain', async () => {
    const keychain = new MemoryKeychain();
    await keychain.set({ server: 'ghcr.io', username: 'alice', secret: 'x' });
    await home.write('.docker/config.json', { credHelpers: { 'ghcr.io': 'hubctl' } });
    const found = await home.credentials({ keychain }).find('ghcr.io');
    expect(found).toEqual({ credential: { kind: 'basic', username: 'alice', password: 'x' }, source: 'keychain' });
    expect(await home.credentials({ keychain }).find('quay.io')).toBeUndefined();
    expect(keychain.calls.filter((call) => call.startsWith('get'))).toEqual(['get ghcr.io']);
  });
});

describe('a name that looks like another', () => {
  const KEYS = [HUB, 'ghcr.io', 'registry.example:5000', 'xn--bcher-kva.example', '127.0.0.1:5000'];
  const OWNERS: Readonly<Record<string, string>> = {
    'docker.io': HUB,
    'index.docker.io': HUB,
    'registry-1.docker.io': HUB,
    'ghcr.io': 'ghcr.io',
    'registry.example:5000': 'registry.example:5000',
    'xn--bcher-kva.example': 'xn--bcher-kva.example',
    '127.0.0.1:5000': '127.0.0.1:5000',
  };
  const OTHERS = `
    docker.io.evil.com docker.iox xdocker.io docker.io. docker.io:5000 docker.io:80 auth.docker.io docker.com
    ghcr.io.evil.com ghcr.io:5000 xghcr.io ghcr.i ghcr.io. io sub.ghcr.io ghcr-io registry.example
    registry.example:500 registry.example:50000 registry.example:443 example:5000
    registry.example.evil.com:5000 bcher-kva.example xn--bcher-kva.example.evil.com 127.0.0.1 127.0.0.1:50000
    127.0.0.10:5000 127.0.0.1.nip.io:5000 [::1]:5000 localhost:5000
  `
    .trim()
    .split(/\s+/);

  beforeEach(async () => {
    await home.write('.docker/config.json', {
      auths: Object.fromEntries(KEYS.map((key) => [key, entry(`user ${KEYS.indexOf(key)}`)])),
    });
  });

  test.each(Object.entries(OWNERS))('%s has the entry of %s', async (registry, key) => {
    expect(await whoIs(registry)).toBe(`user ${KEYS.indexOf(key)} from file ~/.docker/config.json`);
  });

  test.each(OTHERS)('%s has no entry', async (registry) => {
    expect(await whoIs(registry)).toBeUndefined();
  });
});

describe('a file', () => {
  test('that is broken stops everything', async () => {
    await home.write('.docker/config.json', '{');
    expect((await hubErrorFrom(() => whoIs('ghcr.io'))).code).toBe('CONFIG_INVALID');
  });

  test.skipIf(process.geteuid?.() === 0)('that cannot be read is told, unless somebody named it', async () => {
    const path = await home.write('.docker/config.json', {});
    await chmod(path, 0);
    expect(await whoIs('ghcr.io')).toBeUndefined();
    expect(home.warnings[0]).toContain('its credentials are not used');
    expect((await hubErrorFrom(() => whoIs('ghcr.io', { authfile: path }))).code).toBe('STORAGE');
  });

  test('that is a folder is told, unless somebody named it', async () => {
    await home.write('.docker/config.json/x', '');
    expect(await whoIs('ghcr.io')).toBeUndefined();
    expect(home.warnings[0]).toContain('its credentials are not used');
    expect((await hubErrorFrom(() => whoIs('ghcr.io', { authfile: home.at('.docker/config.json') }))).code).toBe(
      'STORAGE',
    );
  });
});
