// The keychain of a desktop: a Secret Service of its own, on a D-Bus of its own.
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKeychain } from '../../src/credentials/keychain.ts';
import { HUB, Home, base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const NEEDED = ['dbus-daemon', 'gnome-keyring-daemon'];
const missing = NEEDED.filter((program) => spawnSync('which', [program]).status !== 0);
if (missing.length > 0) console.log(`not tested with a real keychain: ${missing.join(' and ')} missing`);

interface Session {
  readonly home: Home;
  readonly env: Record<string, string>;
  /** Unlocks the keychain, as logging in to a desktop does. */
  unlock(): void;
  stop(): Promise<void>;
}

async function startSession(): Promise<Session> {
  const home = await Home.create();
  await mkdir(home.at('run'), { mode: 0o700 });
  const bus: ChildProcess = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], {
    env: { ...home.env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [address] = (await once(bus.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: address.toString().trim() };
  return {
    home,
    env,
    unlock: () =>
      void execFileSync('gnome-keyring-daemon', ['--unlock', '--daemonize', '--components=secrets'], {
        env,
        input: 'password of the keychain',
        stdio: ['pipe', 'ignore', 'ignore'],
      }),
    stop: async () => {
      bus.kill();
      await once(bus, 'close');
      await home[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(missing.length > 0)('an unlocked keychain', () => {
  let session: Session;

  beforeAll(async () => {
    session = await startSession();
    session.unlock();
  });

  afterAll(() => session.stop());

  test('works when it is tried, and the trial leaves nothing', async () => {
    const door = openKeychain({ env: session.env });
    await door.probe(10_000);
    expect(await door.list()).toEqual([]);
  });

  test('keeps, gives, lists and forgets', async () => {
    const door = openKeychain({ env: session.env });
    await door.set({ server: HUB, username: 'alice', secret: 'sécret "1"' });
    await door.set({ server: 'ghcr.io', username: '<token>', secret: 'refresh' });
    await door.set({ server: 'ghcr.io', username: '<token>', secret: 'newer' });
    expect(await door.get(HUB)).toEqual({ server: HUB, username: 'alice', secret: 'sécret "1"' });
    expect(await door.get('ghcr.io')).toMatchObject({ secret: 'newer' });
    expect(await door.get('quay.io')).toBeUndefined();
    expect([...(await door.list())].sort((a, b) => a.server.localeCompare(b.server))).toEqual([
      { server: 'ghcr.io', username: '<token>' },
      { server: HUB, username: 'alice' },
    ]);
    expect(await door.erase(['quay.io', 'ghcr.io', HUB])).toEqual(['ghcr.io', HUB]);
    expect(await door.list()).toEqual([]);
  });

  test('keeps a token of 20 kB as one entry', async () => {
    const door = openKeychain({ env: session.env });
    const secret = 'x'.repeat(20_000);
    await door.set({ server: 'long.example.com', username: 'AWS', secret });
    expect((await door.get('long.example.com'))?.secret).toBe(secret);
    expect(await door.erase(['long.example.com'])).toEqual(['long.example.com']);
  });

  test('holds a login from one process to the next, and gives it to docker', async () => {
    const { home, env } = session;
    const open = () => home.credentials({ env, keychain: openKeychain({ env }) });
    const target = await open().target('auto', 'docker.io');
    await target.store('docker.io', { kind: 'basic', username: 'alice', password: 'secret' });
    expect(target.kind).toBe('keychain');
    expect(await home.text('.docker/config.json')).not.toContain(base64('alice:secret'));
    expect((await open().find('docker.io'))?.source).toBe('keychain');
    expect(await open().list()).toEqual([{ server: HUB, username: 'alice', source: 'keychain' }]);
    expect(await open().logout('docker.io')).toEqual(['keychain']);
    expect(await open().find('docker.io')).toBeUndefined();
  });
});

describe.skipIf(missing.length > 0)('a keychain that nobody has unlocked', () => {
  let session: Session;

  beforeAll(async () => {
    session = await startSession();
  });

  afterAll(() => session.stop());

  test('is noticed before a login relies on it, and the file is taken', async () => {
    const { home, env } = session;
    const target = await home.credentials({ env, keychain: openKeychain({ env }) }).target('auto', 'ghcr.io');
    expect(target.kind).toBe('file');
    expect(target.because).toMatch(/^the keychain /);
  });

  test('is an error where it was asked for', async () => {
    const { home, env } = session;
    const credentials = home.credentials({ env, keychain: openKeychain({ env }) });
    expect((await hubErrorFrom(() => credentials.target('keychain', 'ghcr.io'))).code).toBe('CREDENTIALS_UNAVAILABLE');
  });
});
