import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HelperStore, type HelperOptions } from '../../src/credentials/helper.ts';
import { HUB, Home } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

function open(helper = 'test', options: Partial<HelperOptions> = {}): HelperStore {
  const warn = (text: string): void => void home.warnings.push(text);
  return new HelperStore({ helper, setting: 'credsStore in ~/.docker/config.json', env: home.env, warn, ...options });
}

describe('asking', () => {
  test('gives what the helper has for the key docker uses', async () => {
    await home.keepingHelper('test', { [HUB]: ['alice', 'secret'], 'ghcr.io': ['bob', 'word'] });
    const store = open();
    expect(await store.get('docker.io')).toEqual({ kind: 'basic', username: 'alice', password: 'secret' });
    expect(await store.get('https://ghcr.io')).toEqual({ kind: 'basic', username: 'bob', password: 'word' });
    expect(await store.get('quay.io')).toBeUndefined();
  });

  test('takes the user name <token> for an identity token', async () => {
    await home.keepingHelper('test', { 'x.azurecr.io': ['<token>', 'refresh'] });
    expect(await open().get('x.azurecr.io')).toEqual({ kind: 'identity', token: 'refresh' });
  });

  test('starts the helper once per server, however often and however many ask', async () => {
    await home.keepingHelper('test', { 'ghcr.io': ['bob', 'word'] });
    const store = open();
    await Promise.all([store.get('ghcr.io'), store.get('ghcr.io'), store.get('quay.io')]);
    await store.get('ghcr.io');
    expect(await home.calls('test')).toEqual(['get', 'get']);
  });

  test('remembers a failure too', async () => {
    await home.helper('test', 'echo "vault locked"; exit 1');
    const store = open();
    await hubErrorFrom(() => store.get('ghcr.io'));
    await hubErrorFrom(() => store.get('ghcr.io'));
    expect(await home.calls('test')).toEqual(['get']);
  });

  test.each([
    ['a missing secret', '{"ServerURL":"ghcr.io","Username":"bob"}'],
    ['an empty secret', '{"ServerURL":"ghcr.io","Username":"bob","Secret":""}'],
    ['an empty user name', '{"ServerURL":"ghcr.io","Username":"","Secret":"x"}'],
  ])('takes %s for nothing', async (_name, answer) => {
    await home.helper('test', `echo '${answer}'`);
    expect(await open().get('ghcr.io')).toBeUndefined();
  });

  test('does not mind a helper that leaves the server out', async () => {
    await home.helper('test', `echo '{"Username":"AWS","Secret":"x"}'`);
    expect(await open().get('ghcr.io')).toMatchObject({ username: 'AWS' });
  });
});

describe('a failure is told in words of the helper', () => {
  test.each([
    ['vault locked', 'echo "vault locked"; exit 1', 'credential helper test failed: vault locked'],
    ['nothing', 'exit 7', 'credential helper test failed: it ended with status 7'],
    ['a page', 'echo "<html>"', 'credential helper test did not answer with JSON'],
    ['a list', 'echo "[]"', 'credential helper test did not answer with a JSON object'],
    ['controls', 'printf "\\033[31mred"; exit 1', 'credential helper test failed: \\u{1b}[31mred'],
    [
      'another server',
      `echo '{"ServerURL":"evil.com","Username":"a","Secret":"b"}'`,
      'credential helper test answered for "evil.com" when it was asked for "ghcr.io"',
    ],
    [
      'no server',
      'echo "no credentials server URL"; exit 1',
      'credential helper test failed: no credentials server URL',
    ],
  ])('%s', async (_name, script, message) => {
    await home.helper('test', script);
    const error = await hubErrorFrom(() => open().get('ghcr.io'));
    expect([error.code, error.message]).toEqual(['CREDENTIALS_UNAVAILABLE', message]);
    expect(error.hint).toContain('docker-credential-test');
  });

  test('unless it only knows nothing', async () => {
    await home.helper('test', 'echo "credentials not found in native keychain"; exit 1');
    expect(await open().get('ghcr.io')).toBeUndefined();
  });

  test('and never shows what a helper printed when it went well', async () => {
    await home.helper('test', 'echo "hunter2"');
    const error = await hubErrorFrom(() => open().get('ghcr.io'));
    expect(`${error.message} ${error.hint} ${JSON.stringify(error.details)} ${String(error.cause)}`).not.toContain(
      'hunter2',
    );
  });

  test('a helper that hangs is stopped', async () => {
    await home.helper('test', 'sleep 600');
    const error = await hubErrorFrom(() => open('test', { timeout: 200 }).get('ghcr.io'));
    expect(error.message).toBe('credential helper test gave no answer within 0.2 s and was stopped');
  });

  test('a helper that is missing is named together with the setting that wants it', async () => {
    const error = await hubErrorFrom(() => open('desktop').get('ghcr.io'));
    expect(error.code).toBe('CREDENTIALS_UNAVAILABLE');
    expect(error.message).toBe(
      'credential helper "desktop", named by credsStore in ~/.docker/config.json, is missing: no docker-credential-desktop on PATH',
    );
  });

  test.each(['../../tmp/x', 'a b', '', 'x;y'])('the name "%s" is not looked for', async (name) => {
    expect((await hubErrorFrom(() => open(name).get('ghcr.io'))).code).toBe('CONFIG_INVALID');
  });

  test.each(['ghcr.io\nhost=evil', 'a\r\nb', 'x\u0000'])(
    'a server with control characters starts nothing',
    async (server) => {
      await home.keepingHelper('test');
      expect((await hubErrorFrom(() => open().ask(server))).code).toBe('USAGE');
      expect(await home.calls('test')).toEqual([]);
    },
  );

  test('somebody who waits is told why', async () => {
    const run = async (_path: string, _call: unknown, options: { onWait?: (() => void) | undefined }) => {
      options.onWait?.();
      return { status: 0, stdout: '{}' };
    };
    await home.keepingHelper('test');
    await open('test', { run }).get('ghcr.io');
    expect(home.warnings).toEqual(['waiting for the credential helper "test"']);
  });
});

describe('storing', () => {
  test('sends the secret on standard input, under the key docker uses', async () => {
    await home.keepingHelper('test');
    await open().store('docker.io', { kind: 'basic', username: 'alice', password: 's"ecret' });
    await open().store('ghcr.io', { kind: 'identity', username: 'bob', token: 'refresh' });
    expect(await home.kept('test')).toEqual({ [HUB]: ['alice', 's"ecret'], 'ghcr.io': ['<token>', 'refresh'] });
  });

  test('makes a new answer of the next question', async () => {
    await home.keepingHelper('test');
    const store = open();
    expect(await store.get('ghcr.io')).toBeUndefined();
    await store.store('ghcr.io', { kind: 'basic', username: 'bob', password: 'word' });
    expect(await store.get('ghcr.io')).toMatchObject({ username: 'bob' });
  });

  test('refuses a registry token, which the protocol cannot say', async () => {
    expect((await hubErrorFrom(() => open().store('ghcr.io', { kind: 'bearer', token: 'x' }))).code).toBe(
      'UNSUPPORTED',
    );
  });
});

describe('erasing', () => {
  test('takes every spelling that the helper lists', async () => {
    const entry = ['a', 'b'] as const;
    await home.keepingHelper('test', { 'ghcr.io': entry, 'https://ghcr.io': entry, 'quay.io': entry, [HUB]: entry });
    expect(await open().erase('ghcr.io')).toBe(true);
    expect(await open().erase('ghcr.io')).toBe(false);
    expect(Object.keys(await home.kept('test'))).toEqual(['quay.io', HUB]);
  });

  test('tries the usual spellings where the helper cannot list', async () => {
    const log = home.at('erased');
    await home.helper(
      'test',
      `if [ "$1" = erase ]; then echo "$(cat)" >> ${log}; else echo "not implemented"; exit 1; fi`,
    );
    expect(await open().erase('ghcr.io')).toBe(true);
    expect((await home.text('erased')).trim().split('\n').sort()).toEqual([
      'ghcr.io',
      'http://ghcr.io',
      'https://ghcr.io',
    ]);
  });

  test('fails when all of that fails', async () => {
    await home.helper('test', 'echo "not implemented"; exit 1');
    expect((await hubErrorFrom(() => open().erase('ghcr.io'))).message).toBe(
      'credential helper test failed: not implemented',
    );
  });

  test('of a helper that is missing says so', async () => {
    expect((await hubErrorFrom(() => open('gone').erase('ghcr.io'))).details['missing']).toBe(true);
  });
});

test('listing gives servers and names', async () => {
  await home.keepingHelper('test', { 'ghcr.io': ['bob', 'word'] });
  expect(await open().list()).toEqual([{ server: 'ghcr.io', username: 'bob' }]);
});

test('a helper can be looked for before it is needed', async () => {
  await home.keepingHelper('test');
  await open().locate();
  expect(await home.calls('test')).toEqual([]);
  expect((await hubErrorFrom(() => open('gone').locate())).code).toBe('CREDENTIALS_UNAVAILABLE');
});
