import { describe, expect, test } from 'vitest';
import { filesOf, placesOf, type PlacesOptions } from '../../src/credentials/places.ts';

function labels(options: Partial<PlacesOptions> = {}): readonly string[] {
  const places = placesOf({ env: {}, home: '/home/a', platform: 'linux', warn: () => undefined, ...options });
  return filesOf(places).map(({ label }) => label);
}

describe('the files that are read', () => {
  test('are those of docker, podman and old docker, in this order', () => {
    expect(labels({ env: { XDG_RUNTIME_DIR: '/run/user/1000' } })).toEqual([
      '~/.docker/config.json',
      '/run/user/1000/containers/auth.json',
      '~/.config/containers/auth.json',
      '~/.dockercfg',
    ]);
  });

  test('follow DOCKER_CONFIG and XDG_CONFIG_HOME', () => {
    const env = { DOCKER_CONFIG: '/etc/d', XDG_CONFIG_HOME: '/etc/x', XDG_RUNTIME_DIR: '/r' };
    expect(labels({ env })).toEqual([
      '/etc/d/config.json',
      '/r/containers/auth.json',
      '/etc/x/containers/auth.json',
      '~/.dockercfg',
    ]);
  });

  test('take the folder of a flag before DOCKER_CONFIG', () => {
    expect(labels({ env: { DOCKER_CONFIG: '/etc/d' }, configDir: '/flag' })[0]).toBe('/flag/config.json');
  });

  test('begin with REGISTRY_AUTH_FILE', () => {
    expect(labels({ env: { REGISTRY_AUTH_FILE: '/ci/auth.json', XDG_RUNTIME_DIR: '/r' } })[0]).toBe('/ci/auth.json');
    expect(labels({ env: { REGISTRY_AUTH_FILE: '/ci/auth.json', XDG_RUNTIME_DIR: '/r' } })).toHaveLength(5);
  });

  test('are one alone when a flag names it', () => {
    expect(labels({ authfile: '/x/auth.json', env: { REGISTRY_AUTH_FILE: '/ci/auth.json' } })).toEqual([
      '/x/auth.json',
    ]);
  });

  test('name none twice', () => {
    expect(labels({ env: { REGISTRY_AUTH_FILE: '/home/a/.docker/config.json', XDG_RUNTIME_DIR: '/r' } })).toHaveLength(
      4,
    );
  });

  test('have no run-time folder outside Linux', () => {
    expect(labels({ platform: 'darwin', env: { XDG_RUNTIME_DIR: '/r' } })).toEqual([
      '~/.docker/config.json',
      '~/.config/containers/auth.json',
      '~/.dockercfg',
    ]);
  });
});

test('a file named .dockercfg is in the old format wherever it is', () => {
  const shape = (authfile: string): string | undefined =>
    placesOf({ env: {}, home: '/h', platform: 'linux', warn: () => undefined, authfile }).chosen?.shape;
  expect([shape('/x/.dockercfg'), shape('.dockercfg'), shape('/x/my.dockercfg'), shape('/x/auth.json')]).toEqual([
    'dockercfg',
    'dockercfg',
    'config',
    'config',
  ]);
});
