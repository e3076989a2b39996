import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import {
  formatPlatform,
  hostPlatform,
  normalizePlatform,
  parsePlatform,
  platformFrom,
  platformRank,
  samePlatform,
  type Platform,
} from '../../src/spec/platform.ts';

const HOST: Platform = { os: 'linux', architecture: 'amd64' };

function parse(text: string): Platform {
  return parsePlatform(text, HOST);
}

/** The candidates that match, best first. */
function accepted(wanted: string, candidates: readonly string[]): string[] {
  const ranked = candidates.map((text) => ({ text, rank: platformRank(parse(wanted), parse(text)) }));
  return ranked
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
    .map(({ text }) => text);
}

describe('parsePlatform', () => {
  test.each([
    ['linux/x86_64', 'linux/amd64'],
    ['linux/x86-64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/i386', 'linux/386'],
    ['LINUX/AMD64', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['Aarch64', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64/v8'],
    ['linux/arm64/v8', 'linux/arm64/v8'],
    ['linux/arm64/v8.0', 'linux/arm64/v8'],
    ['linux/arm64/9.0', 'linux/arm64/v9'],
    ['linux/arm/7', 'linux/arm/v7'],
    ['armhf', 'linux/arm'],
    ['linux/armhf', 'linux/arm'],
    ['armel', 'linux/arm/v6'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/arm/5', 'linux/arm/v5'],
    ['macos/arm64', 'darwin/arm64'],
    ['macOS', 'darwin/amd64'],
    ['linux', 'linux/amd64'],
    ['s390x', 'linux/s390x'],
    ['windows(10.0.17763)', 'windows(10.0.17763)/amd64'],
    ['windows(10.0.17763+win32k)', 'windows(10.0.17763+win32k)/amd64'],
    ['linux(+unsorted+erofs)', 'linux(+erofs+unsorted)/amd64'],
    ['windows(10.0.17763%2Bbuild.42)', 'windows(10.0.17763%2Bbuild.42)/amd64'],
    ['linux/foo', 'linux/foo'],
  ])('reads %s as %s', (text, expected) => {
    expect(formatPlatform(parse(text))).toBe(expected);
  });

  test('separates version and features of the operating system', () => {
    expect(parse('windows(10.0.17763%2Bbuild.42+win32k)/amd64')).toEqual({
      os: 'windows',
      architecture: 'amd64',
      osVersion: '10.0.17763+build.42',
      osFeatures: ['win32k'],
    });
  });

  test('says that one word is unknown as containerd does', () => {
    expect(() => parse('foo')).toThrow('"foo": unknown operating system or architecture: invalid argument');
  });

  test.each([
    '',
    '/amd64',
    'linux/',
    'linux /amd64',
    'linux/arm/foo/bar',
    '*',
    'linux/*',
    'linux(%zz)',
    'a'.repeat(300),
  ])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });

  test('takes the other half of one word from the host', () => {
    const host = { os: 'linux', architecture: 'arm', variant: 'v6' };
    expect(formatPlatform(parsePlatform('linux', host))).toBe('linux/arm/v6');
    expect(formatPlatform(parsePlatform('linux', { ...host, variant: 'v7' }))).toBe('linux/arm');
    expect(formatPlatform(parsePlatform('riscv64', { os: 'freebsd', architecture: 'amd64' }))).toBe('freebsd/riscv64');
  });

  test('agrees with containerd/platforms on generated inputs, printed and normalised', () => {
    const lines = readFileSync(new URL('./fixtures/platforms.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    const answers = lines.map((line) => {
      const [text] = JSON.parse(line) as [string];
      try {
        return [text, formatPlatform(parse(text)), formatPlatform(normalizePlatform(parse(text)))];
      } catch (error) {
        return HubError.is(error) ? [text, null] : error;
      }
    });
    expect(answers).toEqual(lines.map((line) => JSON.parse(line) as unknown));
  });

  test('gives a platform or REFERENCE_INVALID for any text', () => {
    const pieces = fc.constantFrom('linux', 'windows', 'arm64', 'v8', '/', '(', ')', '+', '%2B', '%', '.', '1', '*');
    const nearly = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        try {
          const printed = formatPlatform(parse(text));
          expect(formatPlatform(parse(printed))).toBe(printed);
        } catch (error) {
          expect(HubError.is(error, 'REFERENCE_INVALID')).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

const anyPlatform: fc.Arbitrary<Platform> = fc.record({
  os: fc.oneof(fc.constantFrom('linux', 'Linux', 'macOS', 'windows'), fc.string()),
  architecture: fc.oneof(fc.constantFrom('amd64', 'x86_64', 'arm', 'ARM64', 'aarch64', 'armel', 'i386'), fc.string()),
  variant: fc.oneof(fc.constantFrom(undefined, '', 'v1', 'V8', '7', '9.0', 'v8.2', 'v12'), fc.string()),
  osVersion: fc.option(fc.string(), { nil: undefined }),
  osFeatures: fc.option(fc.array(fc.string()), { nil: undefined }),
});

describe('normalizePlatform', () => {
  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(anyPlatform, (platform) => {
        const once = normalizePlatform(platform);
        expect(normalizePlatform(once)).toEqual(once);
      }),
    );
  });

  test.each([
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm/v7', 'linux/arm', true],
    ['linux/amd64/v1', 'linux/x86_64', true],
    ['linux(+a+b)/amd64', 'linux(+b+a)/amd64', true],
    ['linux/arm64/v9', 'linux/arm64', false],
    ['windows(10.0.17763)/amd64', 'windows/amd64', false],
    ['linux/arm/v6', 'linux/arm', false],
  ])('%s and %s are the same: %s', (a, b, expected) => {
    expect(samePlatform(parse(a), parse(b))).toBe(expected);
  });
});

const PROCESSORS = [
  '386 amd64 amd64/v2 amd64/v3 amd64/v4 arm/v5 arm/v6 arm/v7 arm/v8',
  'arm64 arm64/v8.1 arm64/v8.5 arm64/v8.6 arm64/v9 arm64/v9.1 s390x foo foo/bar',
]
  .flatMap((line) => line.split(' '))
  .map((processor) => `linux/${processor}`);

describe('platformRank', () => {
  test.each([
    ['linux/amd64', 'amd64 386'],
    ['linux/amd64/v3', 'amd64/v3 amd64/v2 amd64 386'],
    ['linux/386', '386'],
    ['linux/arm', 'arm/v7 arm/v6 arm/v5'],
    ['linux/arm/v6', 'arm/v6 arm/v5'],
    ['linux/arm/v8', 'arm/v8 arm/v7 arm/v6 arm/v5'],
    ['linux/arm64', 'arm64 arm/v8 arm/v7 arm/v6 arm/v5'],
    ['linux/arm64/v9', 'arm64/v9 arm64/v8.5 arm64/v8.1 arm64 arm/v8 arm/v7 arm/v6 arm/v5'],
    ['linux/arm64/v9.1', 'arm64/v9.1 arm64/v9 arm64/v8.6 arm64/v8.5 arm64/v8.1 arm64 arm/v8 arm/v7 arm/v6 arm/v5'],
    ['linux/s390x', 's390x'],
    ['linux/foo', 'foo'],
    ['linux/foo/bar', 'foo/bar'],
    ['linux/arm64/odd', ''],
    ['windows/amd64', ''],
  ])('for %s takes %s, best first', (wanted, expected) => {
    const texts = expected === '' ? [] : expected.split(' ').map((processor) => `linux/${processor}`);
    expect(accepted(wanted, PROCESSORS)).toEqual(texts);
    expect(accepted(wanted, PROCESSORS.toReversed())).toEqual(texts);
  });

  test('is 0 for the platform itself', () => {
    fc.assert(
      fc.property(anyPlatform, (platform) => {
        expect(platformRank(platform, platform)).toBe(0);
      }),
    );
  });

  test('an absurd variant is compared as it is', () => {
    expect(accepted('linux/amd64/v999999999', PROCESSORS)).toEqual(['linux/386']);
  });

  test.each([
    ['10.0.17763.1', '10.0.17763.999', true],
    ['10.0.17763.1', '10.0.17134.1', false],
    ['10.0.20348.1', '10.0.17763.1', false],
    ['10.0.20348.1', '10.0.20348.9', true],
    ['10.0.22621', '10.0.20348', true],
    ['10.0.26100', '10.0.20348', true],
    ['10.0.27000', '10.0.20348', false],
    ['10.0.27000', '10.0.26100', true],
    ['10.0.20348', '10.0.26100', false],
    ['10.0.20348', '11.0.20348', false],
    ['10.0.20348', 'x', false],
    ['x', '10.0.20348', true],
  ])('a Windows of %s takes an image for %s: %s', (host, image, expected) => {
    expect(accepted(`windows(${host})/amd64`, [`windows(${image})/amd64`])).toHaveLength(expected ? 1 : 0);
  });

  test('versions matter only when both sides name one', () => {
    expect(accepted('windows/amd64', ['windows(10.0.17763)/amd64'])).toHaveLength(1);
    expect(accepted('windows(10.0.17763)/amd64', ['windows/amd64'])).toHaveLength(1);
    expect(accepted('linux(5)/amd64', ['linux(6)/amd64', 'linux/amd64'])).toEqual(['linux/amd64']);
  });

  test('a candidate may need no feature that is not wanted, and the one with most wins', () => {
    const candidates = ['linux/amd64', 'linux(+a)/amd64', 'linux(+a+b)/amd64', 'linux(+c)/amd64', 'linux(+a+b)/386'];
    expect(accepted('linux/amd64', candidates)).toEqual(['linux/amd64']);
    expect(accepted('linux(+a+b)/amd64', candidates)).toEqual([
      'linux(+a+b)/amd64',
      'linux(+a)/amd64',
      'linux/amd64',
      'linux(+a+b)/386',
    ]);
  });

  test('the desktop feature of Windows is no obstacle', () => {
    expect(accepted('windows/amd64', ['windows(+win32k)/amd64'])).toHaveLength(1);
  });

  test('an attestation suits nothing', () => {
    expect(platformRank(HOST, { os: 'unknown', architecture: 'unknown' })).toBeUndefined();
  });
});

describe('hostPlatform', () => {
  test.each([
    ['linux', 'x64', 'linux/amd64'],
    ['darwin', 'arm64', 'linux/arm64'],
    ['win32', 'ia32', 'linux/386'],
    ['linux', 'arm', 'linux/arm'],
    ['linux', 'ppc64', 'linux/ppc64le'],
    ['aix', 'ppc64', 'linux/ppc64'],
    ['linux', 's390x', 'linux/s390x'],
    ['linux', 'mips64el', 'linux/mips64le'],
  ])('on %s with %s is %s', (platform, arch, expected) => {
    expect(formatPlatform(hostPlatform(platform, arch))).toBe(expected);
  });
});

describe('platformFrom', () => {
  test('reads the fields of the specification', () => {
    const value = { os: 'windows', architecture: 'arm', variant: 'v7', 'os.version': '1', 'os.features': ['a', 1] };
    expect(platformFrom(value)).toEqual({
      os: 'windows',
      architecture: 'arm',
      variant: 'v7',
      osVersion: '1',
      osFeatures: ['a'],
    });
  });

  test.each([[null], ['linux'], [[]], [{ os: 'linux' }], [{ os: 1, architecture: 'amd64' }]])(
    'gives nothing for %j',
    (value) => {
      expect(platformFrom(value)).toBeUndefined();
    },
  );

  test('takes null and empty texts as missing', () => {
    const value = { os: 'linux', architecture: 'amd64', variant: '', 'os.version': '', 'os.features': null };
    expect(platformFrom(value)).toEqual({ os: 'linux', architecture: 'amd64' });
  });
});

describe('formatPlatform', () => {
  test('is unknown without an operating system', () => {
    expect(formatPlatform({ os: '', architecture: 'amd64' })).toBe('unknown');
  });
});
