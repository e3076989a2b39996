import { expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { versionFacts, versionLine, versionText } from '../../src/cli/version.ts';
import { fakeIo } from '../helpers/terminal.ts';

test('the version is the one of the package, in one line', () => {
  expect(versionLine()).toBe(`hubctl version ${manifest.version}\n`);
});

test('the long form names Node.js and the machine', () => {
  expect(versionText(fakeIo())).toBe(
    `hubctl:\n Version:   ${manifest.version}\n Node.js:   v20.20.2\n OS/Arch:   linux/x64\n`,
  );
});

test('the facts are there for programs', () => {
  expect(versionFacts(fakeIo())).toEqual({
    Version: manifest.version,
    NodeVersion: 'v20.20.2',
    Os: 'linux',
    Arch: 'x64',
  });
});
