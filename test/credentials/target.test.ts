import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseStoreChoice } from '../../src/credentials/target.ts';
import { HUB, Home, MemoryKeychain, base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const ALICE = { kind: 'basic', username: 'alice', password: 'secret' } as const;
const AUTH = base64('alice:secret');

let home: Home;
let keychain: MemoryKeychain;

beforeEach(async () => {
  home = await Home.create();
  keychain = new MemoryKeychain();
});

afterEach(() => home[Symbol.asyncDispose]());

describe('auto', () => {
  test('takes the helper of the server before the general one, and asks the keychain nothing', async () => {
    await home.keepingHelper('one');
    await home.keepingHelper('all');
    await home.write('.docker/config.json', { credsStore: 'all', credHelpers: { 'ghcr.io': 'one' } });
    const credentials = home.credentials({ keychain });
    for (const server of ['ghcr.io', 'docker.io'])
      await (await credentials.target('auto', server)).store(server, ALICE);
    expect([Object.keys(await home.kept('one')), Object.keys(await home.kept('all'))]).toEqual([['ghcr.io'], [HUB]]);
    expect(await home.json()).toEqual({
      credsStore: 'all',
      credHelpers: { 'ghcr.io': 'one' },
      auths: { 'ghcr.io': {}, [HUB]: {} },
    });
    expect(keychain.calls).toEqual([]);
  });

  test('takes the keychain where nothing is configured, and lets docker find it', async () => {
    const credentials = home.credentials({ keychain });
    const target = await credentials.target('auto', 'ghcr.io');
    await target.store('ghcr.io', ALICE);
    expect([target.kind, target.name, target.shared]).toEqual(['keychain', 'keychain', false]);
    expect(await home.json()).toEqual({ auths: { 'ghcr.io': {} }, credHelpers: { 'ghcr.io': 'hubctl' } });
    expect(await home.credentials({ keychain }).find('ghcr.io')).toEqual({ credential: ALICE, source: 'keychain' });
  });

  test('takes the file where the keychain does not work, and says why', async () => {
    const target = await home.credentials().target('auto', 'ghcr.io');
    await target.store('ghcr.io', ALICE);
    expect([target.kind, target.because]).toEqual(['file', 'the keychain refused: no D-Bus']);
    expect(await home.json()).toEqual({ auths: { 'ghcr.io': { auth: AUTH } } });
    expect(await home.mode('.docker/config.json')).toBe(0o600);
  });

  test('gives the keychain two seconds', async () => {
    let limit = 0;
    keychain.probe = async (given?: number) => {
      limit = given ?? 0;
    };
    await home.credentials({ keychain }).target('auto', 'ghcr.io');
    expect(limit).toBe(2000);
  });

  test('fails where the configured helper is missing, rather than write in plain what should not be', async () => {
    await home.write('.docker/config.json', { credsStore: 'desktop' });
    const error = await hubErrorFrom(() => home.credentials({ keychain }).target('auto', 'ghcr.io'));
    expect(error.code).toBe('CREDENTIALS_UNAVAILABLE');
    expect(error.message).toContain('credsStore in ~/.docker/config.json');
    expect(error.hint).toContain('--credential-store file');
  });

  test('writes to the file that is named, whatever the keychain can do', async () => {
    for (const options of [{ authfile: home.at('auth.json') }, { env: { REGISTRY_AUTH_FILE: home.at('auth.json') } }]) {
      const target = await home.credentials({ keychain, ...options }).target('auto', 'ghcr.io/org');
      expect(target.name).toBe('file ~/auth.json');
    }
    expect(keychain.calls).toEqual([]);
  });
});

describe('the file', () => {
  test('is ~/.dockercfg where only that exists', async () => {
    await home.write('.dockercfg', { [HUB]: { auth: base64('old:x'), email: 'a@b.c' } });
    const target = await home.credentials().target('auto', 'localhost:5000');
    expect([target.name, target.keepsEmail]).toEqual(['file ~/.dockercfg', true]);
    await target.store('localhost:5000', ALICE, 'alice@example.com');
    expect(await home.json('.dockercfg')).toEqual({
      [HUB]: { auth: base64('old:x'), email: 'a@b.c' },
      'localhost:5000': { auth: AUTH, email: 'alice@example.com' },
    });
  });

  test('is config.json where both exist', async () => {
    await home.write('.dockercfg', {});
    await home.write('.docker/config.json', {});
    expect((await home.credentials().target('file', 'ghcr.io')).name).toBe('file ~/.docker/config.json');
  });

  test('is what is read afterwards, also where a helper is configured', async () => {
    await home.keepingHelper('all', { 'ghcr.io': ['stale', 'x'] });
    await home.write('.docker/config.json', { credsStore: 'all' });
    await (await home.credentials().target('file', 'ghcr.io')).store('ghcr.io', ALICE);
    expect(await home.credentials().find('ghcr.io')).toEqual({
      credential: ALICE,
      source: 'file ~/.docker/config.json',
    });
  });

  test('named .dockercfg is written in the old format', async () => {
    const authfile = home.at('x/.dockercfg');
    await (await home.credentials({ authfile }).target('auto', 'docker.io')).store('docker.io', ALICE, 'a@b.c');
    expect(await home.json('x/.dockercfg')).toEqual({ [HUB]: { auth: AUTH, email: 'a@b.c' } });
  });
});

describe('what is asked for by name', () => {
  test('is used, and docker is led to it', async () => {
    await home.keepingHelper('pass');
    const target = await home.credentials({ keychain }).target('helper:pass', 'docker.io');
    await target.store('docker.io', ALICE);
    expect(target.kind).toBe('helper');
    expect(await home.json()).toEqual({ auths: { [HUB]: {} }, credHelpers: { [HUB]: 'pass' } });
  });

  test('moves the secret out of the file', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': { auth: AUTH } } });
    await (await home.credentials({ keychain }).target('keychain', 'ghcr.io')).store('ghcr.io', ALICE);
    expect(await home.text('.docker/config.json')).not.toContain(AUTH);
  });

  test('must work', async () => {
    const keychainError = await hubErrorFrom(() => home.credentials().target('keychain', 'ghcr.io'));
    expect([keychainError.code, keychainError.hint]).toEqual([
      'CREDENTIALS_UNAVAILABLE',
      'use --credential-store file',
    ]);
    const helperError = await hubErrorFrom(() => home.credentials().target('helper:gone', 'ghcr.io'));
    expect(helperError.message).toContain('"gone", named by --credential-store, is missing');
  });

  test('leaves nothing behind when the file cannot be written', async () => {
    await home.write('.docker', 'a file in the way');
    const target = await home.credentials({ keychain }).target('keychain', 'ghcr.io');
    expect((await hubErrorFrom(() => target.store('ghcr.io', ALICE))).code).toBe('STORAGE');
    expect(keychain.items.size).toBe(0);
  });

  test('cannot be combined with a file that cannot lead there', async () => {
    const credentials = home.credentials({ keychain, authfile: home.at('.dockercfg') });
    expect((await hubErrorFrom(() => credentials.target('keychain', 'ghcr.io'))).code).toBe('USAGE');
    expect((await hubErrorFrom(() => home.credentials({ keychain }).target('keychain', 'ghcr.io/org'))).code).toBe(
      'USAGE',
    );
  });
});

test('choices are words, or a helper by name', async () => {
  expect(
    ['auto', 'file', 'keychain', 'helper:pass', 'helper:docker-credential-pass'].map((text) => parseStoreChoice(text)),
  ).toEqual(['auto', 'file', 'keychain', 'helper:pass', 'helper:pass']);
  for (const text of ['', 'pass', 'helper:', 'helper:../x', 'FILE']) {
    expect((await hubErrorFrom(() => parseStoreChoice(text))).code).toBe('USAGE');
  }
});
