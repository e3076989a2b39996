import { describe, expect, test } from 'vitest';
import { cacheHome, certDirs, configHome, runtimeHome, xdg } from '../../src/defaults/directories.ts';

const home = '/home/me';

describe('a base directory', () => {
  test('counts when it is absolute', () => {
    expect([xdg('/data'), xdg('data'), xdg(''), xdg(undefined)]).toEqual(['/data', undefined, undefined, undefined]);
  });

  test('of caches and settings is in the home by default', () => {
    expect([cacheHome({ env: {}, home }), configHome({ env: {}, home })]).toEqual([
      '/home/me/.cache',
      '/home/me/.config',
    ]);
  });

  test('of caches and settings may be another', () => {
    const env = { XDG_CACHE_HOME: '/cache', XDG_CONFIG_HOME: '/config' };
    expect([cacheHome({ env, home }), configHome({ env, home })]).toEqual(['/cache', '/config']);
  });

  test('of a session is there only when the session says so', () => {
    expect(runtimeHome({ env: { XDG_RUNTIME_DIR: '/run/user/1' } })).toBe('/run/user/1');
    expect(runtimeHome({ env: {} })).toBeUndefined();
  });
});

describe('certificates per host', () => {
  test('are those of the user before those of the machine', () => {
    expect(certDirs({ env: {}, home })).toEqual([
      '/home/me/.config/docker/certs.d',
      '/home/me/.config/containers/certs.d',
      '/etc/containers/certs.d',
      '/etc/docker/certs.d',
    ]);
  });

  test('are where Windows keeps them', () => {
    const [dir, ...others] = certDirs({ env: { PROGRAMDATA: '/pd' }, home, platform: 'win32' });
    expect([dir, others]).toEqual(['/pd/docker/certs.d', []]);
  });
});
