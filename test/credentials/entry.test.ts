import { describe, expect, test } from 'vitest';
import { credentialOf, decodeAuth, emailOf, fieldsOf, hasSecret, usernameOf } from '../../src/credentials/entry.ts';
import { base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const PLACE = { key: 'ghcr.io', file: '~/.docker/config.json' };

describe('the credential of an entry', () => {
  test.each([
    ['auth', { auth: base64('alice:secret') }, { kind: 'basic', username: 'alice', password: 'secret' }],
    [
      'a password with colons',
      { auth: base64('alice:a:b:c') },
      { kind: 'basic', username: 'alice', password: 'a:b:c' },
    ],
    ['trailing NULs', { auth: base64('alice:secret\0\0') }, { kind: 'basic', username: 'alice', password: 'secret' }],
    [
      'line breaks in base64',
      { auth: `${base64('alice:secret')}\n` },
      { kind: 'basic', username: 'alice', password: 'secret' },
    ],
    ['an empty password', { auth: base64('alice:') }, { kind: 'basic', username: 'alice', password: '' }],
    [
      'plain fields',
      { username: 'alice', password: 'secret' },
      { kind: 'basic', username: 'alice', password: 'secret' },
    ],
    [
      'auth before plain fields',
      { auth: base64('a:b'), username: 'x', password: 'y' },
      { kind: 'basic', username: 'a', password: 'b' },
    ],
    [
      'an identity token',
      { auth: base64('alice:'), identitytoken: 't' },
      { kind: 'identity', username: 'alice', token: 't' },
    ],
    ['a token alone', { identitytoken: 't' }, { kind: 'identity', username: undefined, token: 't' }],
    [
      'a registry token',
      { registrytoken: 'r', identitytoken: 't' },
      { kind: 'bearer', username: undefined, token: 'r' },
    ],
    ['an empty placeholder', {}, undefined],
    ['a mail address only', { email: 'a@example.com' }, undefined],
    ['an empty user name', { auth: base64(':secret') }, undefined],
    ['no object', 'text', undefined],
    ['null', null, undefined],
  ])('is read from %s', (_name, entry, credential) => {
    expect(credentialOf(entry, PLACE)).toEqual(credential);
  });

  test.each(['%%%', 'YWxpY2U=', 'abc', base64('no colon')])(
    'is refused when auth is %s, without quoting it',
    async (auth) => {
      const error = await hubErrorFrom(() => credentialOf({ auth }, PLACE));
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toBe('"auth" of "ghcr.io" in ~/.docker/config.json is not base64 of user:password');
      expect(error.hint).toContain('hubctl logout ghcr.io');
    },
  );
});

describe('the fields of a credential', () => {
  test.each([
    ['a password', { kind: 'basic', username: 'alice', password: 'pä:ss' }, { auth: base64('alice:pä:ss') }],
    [
      'an identity token',
      { kind: 'identity', username: 'alice', token: 't' },
      { auth: base64('alice:'), identitytoken: 't' },
    ],
    ['a token of nobody', { kind: 'identity', token: 't' }, { identitytoken: 't' }],
    ['a registry token', { kind: 'bearer', token: 'r' }, { registrytoken: 'r' }],
  ] as const)('hold %s so that it is read back', (_name, credential, fields) => {
    expect(fieldsOf(credential)).toEqual(fields);
    expect(credentialOf(fields, PLACE)).toMatchObject(credential);
  });

  test('cannot hold a user name with a colon', async () => {
    const error = await hubErrorFrom(() => fieldsOf({ kind: 'basic', username: 'a:b', password: 'c' }));
    expect(error.code).toBe('USAGE');
  });
});

test('an entry has a secret when others could use it', () => {
  expect([{ auth: 'x' }, { identitytoken: 'x' }, { registrytoken: 'x' }, { password: 'x' }].every(hasSecret)).toBe(
    true,
  );
  expect([{}, { email: 'x' }, { auth: '' }, { username: 'x' }, null, 'x'].some(hasSecret)).toBe(false);
});

test('a mail address is there or not', () => {
  expect([emailOf({ email: 'a@b.c' }), emailOf({ email: '' }), emailOf({ email: 1 }), emailOf(null)]).toEqual([
    'a@b.c',
    undefined,
    undefined,
    undefined,
  ]);
});

test('a token without a name is shown as <token>', () => {
  expect(usernameOf({ kind: 'identity', token: 't' })).toBe('<token>');
});

test('base64 is taken strictly, as docker takes it', () => {
  expect(decodeAuth('YTpi')).toEqual({ username: 'a', password: 'b' });
  expect([decodeAuth('YTpi='), decodeAuth('YTp i'), decodeAuth('YT-i')]).toEqual([undefined, undefined, undefined]);
});
