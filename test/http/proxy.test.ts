import { describe, expect, test } from 'vitest';
import { proxyAuthorization, proxyFor, proxyFromEnvironment } from '../../src/http/proxy.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const PROXY = 'http://proxy.lan:3128';

describe('the environment', () => {
  test('is read in upper case first, then in lower case', () => {
    const env = { HTTP_PROXY: 'a', http_proxy: 'b', https_proxy: 'c', NO_PROXY: '', no_proxy: 'd' };
    expect(proxyFromEnvironment(env)).toEqual({ http: 'a', https: 'c', none: 'd' });
  });

  test('comes before config.json', () => {
    const fallback = { httpProxy: 'x', httpsProxy: 'y', noProxy: 'z' };
    expect(proxyFromEnvironment({ HTTPS_PROXY: 'a' }, fallback)).toEqual({ http: 'x', https: 'a', none: 'z' });
    expect(proxyFromEnvironment({ ALL_PROXY: 'all' })).toEqual({ http: undefined, https: undefined, none: undefined });
  });
});

describe('a proxy', () => {
  test('may have a password that is not UTF-8, or has a lone %', () => {
    const passwordOf = (text: string): string =>
      Buffer.from(proxyAuthorization(new URL(`http://u:${text}@proxy.lan`))!.slice(6), 'base64').toString();
    expect(passwordOf('%ff')).toBe('u:%ff');
    expect(passwordOf('100%')).toBe('u:100%');
    expect(passwordOf('p%40ss')).toBe('u:p@ss');
  });

  test('is chosen by the scheme of the request', () => {
    const options = { http: 'one.lan:1', https: 'https://two.lan' };
    expect(proxyFor(new URL('http://a.example'), options)?.href).toBe('http://one.lan:1/');
    expect(proxyFor(new URL('https://a.example'), options)?.href).toBe('https://two.lan/');
    expect(proxyFor(new URL('https://a.example'), { http: PROXY })).toBeUndefined();
    expect(proxyFor(new URL('https://a.example'), {})).toBeUndefined();
  });

  test.each([
    'http://localhost:5000',
    'http://a.localhost',
    'http://127.0.0.9',
    'http://[::1]:80',
    'http://localhost.',
  ])('is never used for %s', (url) => {
    expect(proxyFor(new URL(url), { http: PROXY })).toBeUndefined();
  });

  test.each([
    ['socks5://proxy.lan:1080', 'a socks5 proxy is configured, which hubctl cannot use'],
    ['socks5h://u:canary@proxy.lan', 'a socks5h proxy is configured, which hubctl cannot use'],
    ['ftp://proxy.lan', 'the proxy address is malformed'],
    ['http://', 'the proxy address is malformed'],
    ['http://u:canary@pro xy', 'the proxy address is malformed'],
  ])('%s is refused without quoting it', async (https, message) => {
    const error = await hubErrorFrom(() => proxyFor(new URL('https://a.example'), { https }));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message });
  });

  test('gets its user and password', () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(proxyAuthorization(new URL('http://proxy'))).toBeUndefined();
    expect(proxyAuthorization(new URL('http://me@proxy'))).toBe(basic('me:'));
    expect(proxyAuthorization(new URL('http://m%40e:p%3Aw@proxy'))).toBe(basic('m@e:p:w'));
    expect(proxyAuthorization(new URL('http://me:50%@proxy'))).toBe(basic('me:50%'));
  });
});

describe('NO_PROXY', () => {
  test.each([
    ['*', 'https://a.example', true],
    ['a.example', 'https://a.example', true],
    ['A.Example', 'https://a.example', true],
    ['a.example', 'https://sub.a.example', true],
    ['a.example', 'https://ba.example', false],
    ['.a.example', 'https://sub.a.example', true],
    ['.a.example', 'https://a.example', false],
    ['*.a.example', 'https://sub.a.example', true],
    ['*.a.example', 'https://a.example', false],
    ['a.example.', 'https://a.example', true],
    ['b.example, a.example', 'https://a.example', true],
    ['b.example a.example', 'https://a.example', true],
    [' ,, ', 'https://a.example', false],
    ['a.example:443', 'https://a.example', true],
    ['a.example:5000', 'https://a.example', false],
    ['a.example:5000', 'https://a.example:5000', true],
    ['.a.example:5000', 'https://sub.a.example:5000', true],
    ['a.example:80', 'http://a.example', true],
    ['192.0.2.1', 'https://192.0.2.1', true],
    ['192.0.2.1', 'https://192.0.2.10', false],
    ['192.0.2.1:5000', 'https://192.0.2.1:5000', true],
    ['192.0.2.1:5000', 'https://192.0.2.1', false],
    ['192.0.2.0/24', 'https://192.0.2.200', true],
    ['192.0.2.0/24', 'https://192.0.3.1', false],
    ['192.0.2.0/99', 'https://192.0.2.1', false],
    ['192.0.2.0/24', 'https://a.example', false],
    ['2001:db8::/32', 'https://[2001:db8:1::5]', true],
    ['[2001:db8::1]', 'https://[2001:db8::1]', true],
    ['2001:DB8:0::1', 'https://[2001:db8::1]', true],
    ['[2001:db8::1]:5000', 'https://[2001:db8::1]:5000', true],
    ['[2001:db8::1]:5000', 'https://[2001:db8::1]', false],
  ])('%s for %s: direct = %s', (none, url, isDirect) => {
    expect(proxyFor(new URL(url), { http: PROXY, https: PROXY, none }) === undefined).toBe(isDirect);
  });
});
