// Are the packages that are shipped what they should be: few, pinned, recent enough, and without code that runs when installed?
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './helpers/source.ts';

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
  readonly resolved?: string;
}

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, Locked>>;
};
const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);

/** True when `version` is `least` or newer. */
function isAtLeast(version: string, least: string): boolean {
  const [have, want] = [version, least].map((text) => text.split('.').map(Number)) as [number[], number[]];
  const differs = want.findIndex((part, at) => part !== have[at]);
  return differs === -1 || (have[differs] ?? 0) > (want[differs] ?? 0);
}

// What was fixed since may be used against us: GHSA for extraction (tar) and for headers, proxies and retries (undici).
test.each([
  ['tar', '7.5.22'],
  ['undici', '7.29.1'],
])('%s is %s or newer', (name, least) => {
  const { version = '0' } = packages[`node_modules/${name}`] ?? {};
  expect(isAtLeast(version, least), version).toBe(true);
});

test('the comparison of versions tells older from newer', () => {
  expect(['7.5.22', '7.5.23', '7.10.0', '8.0.0'].every((version) => isAtLeast(version, '7.5.22'))).toBe(true);
  expect(['7.5.21', '7.4.99', '6.9.9', '0'].some((version) => isAtLeast(version, '7.5.22'))).toBe(false);
});

test('no package that is shipped runs a script when it is installed', () => {
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

test('every package that is shipped is pinned to its content, from the registry of npm', () => {
  const loose = shipped.filter(
    ([, { integrity = '', resolved = 'https://registry.npmjs.org/' }]) =>
      !integrity.startsWith('sha512-') || !resolved.startsWith('https://'),
  );
  expect(loose.map(([path]) => path)).toEqual([]);
});

test('there are few of them', () => {
  const required = shipped.filter(([, { optional }]) => optional !== true);
  expect(required.length).toBeLessThanOrEqual(40);
});

test('no script of ours runs when hubctl is installed from the registry', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?install$/.test(name))).toEqual([]);
});
