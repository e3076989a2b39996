import { describe, expect, test } from 'vitest';
import { machinePlatform, platformsOf } from '../../src/cli/platforms.ts';
import { formatPlatform } from '../../src/spec/platform.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { fakeIo } from '../helpers/terminal.ts';

function chosen(given: readonly string[], env: Readonly<Record<string, string>> = {}): readonly string[] {
  return platformsOf({ io: fakeIo({ env }) }, given).map(formatPlatform);
}

describe('the platform of this machine', () => {
  test.each([
    ['linux', 'x64', 'linux/amd64'],
    ['darwin', 'arm64', 'linux/arm64'],
    ['win32', 'x64', 'linux/amd64'],
    ['linux', 's390x', 'linux/s390x'],
  ] as const)('on %s/%s is %s, where containers run', (platform, arch, expected) => {
    expect(formatPlatform(machinePlatform({ io: { ...fakeIo(), platform, arch } }))).toBe(expected);
  });
});

describe('platformsOf', () => {
  test('is this machine when nothing says otherwise', () => {
    expect(chosen([])).toEqual(['linux/amd64']);
  });

  test('is DOCKER_DEFAULT_PLATFORM without a flag', () => {
    expect(chosen([], { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' })).toEqual(['linux/arm64']);
  });

  test('takes the flag before DOCKER_DEFAULT_PLATFORM', () => {
    expect(chosen(['linux/s390x'], { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' })).toEqual(['linux/s390x']);
  });

  test('takes several, by flags and by commas', () => {
    expect(chosen(['linux/amd64,linux/arm64', 'windows/amd64'])).toEqual([
      'linux/amd64',
      'linux/arm64',
      'windows/amd64',
    ]);
  });

  test('adds what a platform leaves out from this machine', () => {
    expect(chosen(['arm64', 'linux'])).toEqual(['linux/arm64', 'linux/amd64']);
  });

  test.each([[['']], [[',']]])('takes %j for nothing', (given) => {
    expect(chosen(given)).toEqual(['linux/amd64']);
  });

  test('takes an empty DOCKER_DEFAULT_PLATFORM for none', () => {
    expect(chosen([], { DOCKER_DEFAULT_PLATFORM: '' })).toEqual(['linux/amd64']);
  });

  test('refuses what is no platform', async () => {
    expect(await hubErrorFrom(() => chosen(['linux/amd64,lin ux']))).toMatchObject({ code: 'REFERENCE_INVALID' });
  });
});
