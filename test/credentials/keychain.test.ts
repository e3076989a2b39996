import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openKeychain } from '../../src/credentials/keychain.ts';
import { HubError } from '../../src/errors.ts';
import { Home } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

/** A bus that takes connections and never says a word. */
async function deafBus(): Promise<{ readonly address: string; readonly server: Server }> {
  const path = home.at('bus');
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { address: `unix:path=${path}`, server };
}

describe.skipIf(process.platform !== 'linux')('a keychain', () => {
  test('without D-Bus is told with the next step, whatever is wanted of it', async () => {
    const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${home.at('no-bus')}` };
    const door = openKeychain({ env });
    const calls = [
      () => door.get('ghcr.io'),
      () => door.set({ server: 'ghcr.io', username: 'alice', secret: 'hunter2' }),
      () => door.erase(['ghcr.io']),
      () => door.list(),
      () => door.probe(5000),
    ];
    for (const call of calls) {
      const error = await hubErrorFrom(call);
      expect(error.code).toBe('CREDENTIALS_UNAVAILABLE');
      expect(error.message).toMatch(/^the keychain refused: /);
      expect(error.hint).toContain('--credential-store file');
      expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
    }
  });

  test('that never answers is given up, and keeps no process from ending', async () => {
    const { address, server } = await deafBus();
    const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: address };
    const error = await hubErrorFrom(() => openKeychain({ env, limit: 1500 }).get('ghcr.io'));
    expect(error.message).toBe('the keychain did not answer within 1.5 s');
    const probe = await hubErrorFrom(() => openKeychain({ env }).probe(1500));
    expect(probe.code).toBe('CREDENTIALS_UNAVAILABLE');
    await expectNobodyAt(server);
  });

  test('is left alone when everything stops', async () => {
    const { address, server } = await deafBus();
    const controller = new AbortController();
    const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: address };
    const asking = openKeychain({ env, signal: controller.signal }).get('ghcr.io');
    const reason = new HubError('ABORTED', 'interrupted');
    controller.abort(reason);
    expect(await hubErrorFrom(() => asking)).toBe(reason);
    await expectNobodyAt(server);
  });

  test('is given a secret neither by arguments nor by variables of a process', async () => {
    const { address, server } = await deafBus();
    const controller = new AbortController();
    const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: address };
    const door = openKeychain({ env, signal: controller.signal });
    const storing = door.set({ server: 'ghcr.io', username: 'alice', secret: ['canary', 'of', 'keychain'].join('-') });
    const asked = hubErrorFrom(() => storing);
    const processes = (): string => execFileSync('ps', ['axeww', '-o', 'args'], { encoding: 'utf8' });
    await expect.poll(processes).toContain(`DBUS_SESSION_BUS_ADDRESS=${address}`);
    expect(processes()).not.toContain('canary-of-keychain');
    controller.abort(new HubError('ABORTED', 'interrupted'));
    expect((await asked).code).toBe('ABORTED');
    await expectNobodyAt(server);
  });
});

/** A server closes when its last connection has ended. */
async function expectNobodyAt(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
  expect(server.listening).toBe(false);
}
