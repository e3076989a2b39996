import { beforeEach, describe, expect, test } from 'vitest';
import { runCredentialHelper } from '../../src/cli/credential-helper.ts';
import { VERSION } from '../../src/version.ts';
import { HUB, MemoryKeychain, deadKeychain } from '../helpers/credentials.ts';
import { fakeIo } from '../helpers/terminal.ts';

let keychain: MemoryKeychain;

beforeEach(() => {
  keychain = new MemoryKeychain();
});

async function call(
  action: string | undefined,
  input = '',
  door: MemoryKeychain | ReturnType<typeof deadKeychain> = keychain,
) {
  const io = fakeIo();
  io.stdin.end(input);
  const status = await runCredentialHelper(action, io, door);
  return { status, stdout: io.stdout.text, stderr: io.stderr.text };
}

describe('docker-credential-hubctl', () => {
  test('stores, gives, lists and erases', async () => {
    const item = { ServerURL: HUB, Username: 'alice', Secret: 's"ecret' };
    expect(await call('store', JSON.stringify(item))).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await call('get', `${HUB}\n`)).toEqual({ status: 0, stdout: `${JSON.stringify(item)}\n`, stderr: '' });
    expect(await call('list', 'unused')).toEqual({ status: 0, stdout: `{"${HUB}":"alice"}\n`, stderr: '' });
    expect(await call('erase', HUB)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await call('list')).toEqual({ status: 0, stdout: '{}\n', stderr: '' });
  });

  test.each(['https://ghcr.io', 'ghcr.io', 'https://ghcr.io/v2/'])(
    'gives for %s what hubctl keeps for ghcr.io',
    async (asked) => {
      await keychain.set({ server: 'ghcr.io', username: 'bob', secret: 'word' });
      expect(JSON.parse((await call('get', asked)).stdout)).toEqual({
        ServerURL: asked,
        Username: 'bob',
        Secret: 'word',
      });
    },
  );

  test("keeps the tokens of docker's web login apart from the login", async () => {
    await call('store', JSON.stringify({ ServerURL: HUB, Username: 'alice', Secret: 'password' }));
    await call('store', JSON.stringify({ ServerURL: `${HUB}access-token`, Username: 'alice', Secret: 'access' }));
    expect(JSON.parse((await call('get', HUB)).stdout).Secret).toBe('password');
    expect((await call('get', `${HUB}refresh-token`)).status).toBe(1);
  });

  test.each([
    ['get', 'ghcr.io', 'credentials not found in native keychain\n'],
    ['get', ' \n', 'no credentials server URL\n'],
    ['erase', '', 'no credentials server URL\n'],
    ['store', '{"ServerURL":"","Username":"a","Secret":"b"}', 'no credentials server URL\n'],
    ['store', '{"ServerURL":"x","Username":"","Secret":"b"}', 'no credentials username\n'],
    ['store', '[]', 'no credentials server URL\n'],
    ['bake', '', 'docker-credential-hubctl: unknown action: bake\n'],
    [undefined, '', 'Usage: docker-credential-hubctl <store|get|erase|list|version>\n'],
  ])('fails on stdout, in the words of the protocol: %s %j', async (action, input, stdout) => {
    expect(await call(action, input)).toEqual({ status: 1, stdout, stderr: '' });
  });

  test('lists without waiting for input', async () => {
    const io = fakeIo({ tty: true });
    expect(await runCredentialHelper('list', io, keychain)).toBe(0);
    expect(io.stdout.text).toBe('{}\n');
  });

  test('does not quote what it was sent', async () => {
    const { status, stdout } = await call('store', '{"Secret":"hunter2"');
    expect([status, stdout.includes('hunter2')]).toEqual([1, false]);
  });

  test('tells why the keychain does not work', async () => {
    expect(await call('get', HUB, deadKeychain())).toMatchObject({
      status: 1,
      stdout: 'the keychain refused: no D-Bus\n',
    });
  });

  test.each([
    ['version', `docker-credential-hubctl (hubctl) ${VERSION}\n`],
    ['--version', `docker-credential-hubctl (hubctl) ${VERSION}\n`],
    ['-h', 'Usage: docker-credential-hubctl <store|get|erase|list|version>\n'],
  ])('%s reads nothing and succeeds', async (action, stdout) => {
    expect(await call(action)).toEqual({ status: 0, stdout, stderr: '' });
  });
});
