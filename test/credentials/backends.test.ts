import { chmod } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBackends, type Backends } from '../../src/credentials/backends.ts';
import { Home, MemoryKeychain } from '../helpers/credentials.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

function create(): Backends {
  return createBackends(new MemoryKeychain(), { env: home.env, warn: () => undefined });
}

test('the helper hubctl is the keychain itself, and no program', () => {
  const backends = create();
  expect(backends.open({ helper: 'hubctl', setting: 'credsStore' })).toBe(backends.keychain);
});

test('a helper is the same object each time', () => {
  const backends = create();
  const pass = backends.open({ helper: 'pass', setting: 'credsStore' });
  expect(backends.open({ helper: 'pass', setting: 'credHelpers["ghcr.io"]' })).toBe(pass);
  expect(pass.name).toBe('helper pass');
});

test('the keychain is shared when docker would find its program', async () => {
  expect(await create().isShared()).toBe(false);
  await home.helper('hubctl', '');
  expect(await create().isShared()).toBe(true);
  await chmod(home.at('bin'), 0o777);
  expect(await create().isShared()).toBe(false);
});
