import { beforeEach, describe, expect, test } from 'vitest';
import { KeychainStore } from '../../src/credentials/keychain-store.ts';
import { HUB, MemoryKeychain } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

let keychain: MemoryKeychain;
let store: KeychainStore;

beforeEach(() => {
  keychain = new MemoryKeychain();
  store = new KeychainStore(keychain);
});

describe('the keychain', () => {
  test('keeps a password with its user name under the key of docker', async () => {
    await store.store('docker.io', { kind: 'basic', username: 'alice', password: 'secret' });
    expect(keychain.items.get(HUB)).toEqual({ server: HUB, username: 'alice', secret: 'secret' });
    expect(await store.get('index.docker.io')).toEqual({ kind: 'basic', username: 'alice', password: 'secret' });
  });

  test('keeps an identity token as the helper protocol does', async () => {
    await store.store('ghcr.io', { kind: 'identity', username: 'alice', token: 'refresh' });
    expect(keychain.items.get('ghcr.io')).toMatchObject({ username: '<token>', secret: 'refresh' });
    expect(await store.get('ghcr.io')).toEqual({ kind: 'identity', token: 'refresh' });
  });

  test('keeps no registry token', async () => {
    expect((await hubErrorFrom(() => store.store('ghcr.io', { kind: 'bearer', token: 'x' }))).code).toBe('UNSUPPORTED');
  });

  test('is asked once, until something changes', async () => {
    await store.get('ghcr.io');
    await store.get('ghcr.io');
    expect(keychain.calls).toEqual(['get ghcr.io']);
    await store.store('ghcr.io', { kind: 'basic', username: 'a', password: 'b' });
    expect(await store.get('ghcr.io')).toMatchObject({ username: 'a' });
    await store.erase('ghcr.io');
    expect(await store.get('ghcr.io')).toBeUndefined();
  });

  test('forgets every spelling of a server, and the tokens of the web login with Docker Hub', async () => {
    for (const server of [HUB, `${HUB}access-token`, `${HUB}refresh-token`, 'https://ghcr.io', 'ghcr.io', 'quay.io']) {
      await keychain.set({ server, username: 'a', secret: 'b' });
    }
    expect([await store.erase('docker.io'), await store.erase('ghcr.io'), await store.erase('else.io')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([...keychain.items.keys()]).toEqual(['quay.io']);
  });

  test('lists servers and names', async () => {
    await keychain.set({ server: 'ghcr.io', username: 'a', secret: 'b' });
    expect(await store.list()).toEqual([{ server: 'ghcr.io', username: 'a' }]);
  });

  test('can be tried before it is needed', async () => {
    await store.locate();
    expect(keychain.calls).toEqual(['probe']);
  });
});
