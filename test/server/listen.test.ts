import { describe, expect, test } from 'vitest';
import { checkExposure, formatAddress, isLoopbackHost, parseListenAddress } from '../../src/server/listen.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

describe('addresses', () => {
  test.each([
    ['127.0.0.1:5000', '127.0.0.1', 5000],
    ['localhost:0', 'localhost', 0],
    [':5000', '127.0.0.1', 5000],
    ['5000', '127.0.0.1', 5000],
    ['[::1]:5000', '::1', 5000],
    ['[fe80::1.2.3.4]:1', 'fe80::1.2.3.4', 1],
    ['0.0.0.0:65535', '0.0.0.0', 65_535],
    ['registry.example.com:443', 'registry.example.com', 443],
  ])('%s is %s and %d', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port });
  });

  test.each([
    '',
    ':',
    'localhost',
    'localhost:',
    'a:65536',
    'a:999999',
    '::1',
    '::1:5000',
    '[::1]',
    '[x]:1',
    '[127.0.0.1]:1',
    'a:b:1',
    'http://a:1',
    'a b:1',
    'a:-1',
    'a:1 ',
    'a/b:1',
  ])('"%s" is none', async (text) => {
    const error = await hubErrorFrom(() => parseListenAddress(text));
    expect([error.code, error.message]).toEqual(['USAGE', `invalid address "${text}"`]);
  });

  test.each(['127.0.0.1:5000', '[::1]:0', 'localhost:1'])('%s is written as it is read', (text) => {
    expect(formatAddress(parseListenAddress(text))).toBe(text);
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.com', false],
  ['localhost.example.com', false],
  ['::ffff:10.0.0.1', false],
])('only this machine reaches %s: %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});

describe('what others reach', () => {
  const open = { host: '0.0.0.0', port: 5000 };

  test('needs TLS and passwords', async () => {
    checkExposure(open, { tls: true, accounts: true });
    for (const [protection, missing] of [
      [{ tls: false, accounts: true }, 'there is no TLS'],
      [{ tls: true, accounts: false }, 'there is no passwords'],
      [{ tls: false, accounts: false }, 'there is no TLS and no passwords'],
    ] as const) {
      const error = await hubErrorFrom(() => checkExposure(open, protection));
      expect(error.code).toBe('REFUSED');
      expect(error.message).toBe(`0.0.0.0 can be reached from other machines, and ${missing}`);
    }
  });

  test('what only this machine reaches needs nothing', () => {
    checkExposure({ host: '::1', port: 1 }, { tls: false, accounts: false });
  });
});
