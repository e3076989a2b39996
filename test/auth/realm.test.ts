import { describe, expect, test } from 'vitest';
import { checkRealmPin, resolveRealm } from '../../src/auth/realm.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const PUBLIC = 'https://reg.example/v2/';

describe('a token service', () => {
  test.each([
    [PUBLIC, 'https://auth.example/token', 'https://auth.example/token'],
    [PUBLIC, 'https://auth.example/token?a=b', 'https://auth.example/token?a=b'],
    [PUBLIC, '/token', 'https://reg.example/token'],
    [PUBLIC, '//auth.example/token', 'https://auth.example/token'],
    ['http://vm:5000/v2/', 'http://vm:5001/token', 'http://vm:5001/token'],
    ['http://vm:5000/v2/', 'https://auth.example/token', 'https://auth.example/token'],
    ['http://localhost:5000/v2/', 'http://127.0.0.1:5001/token', 'http://127.0.0.1:5001/token'],
    ['http://127.0.0.1:5000/v2/', 'http://127.0.0.1:5000/token', 'http://127.0.0.1:5000/token'],
    ['https://localhost:5000/v2/', 'https://[::1]:5001/token', 'https://[::1]:5001/token'],
    ['https://10.0.0.5/v2/', 'https://10.0.0.6/token', 'https://10.0.0.6/token'],
    ['https://10.0.0.5/v2/', 'https://10.0.0.5:8443/token', 'https://10.0.0.5:8443/token'],
    ['https://localhost/v2/', 'https://192.168.1.1/token', 'https://192.168.1.1/token'],
  ])('of %s may be %s', (registry, realm, expected) => {
    expect(resolveRealm(realm, new URL(registry)).href).toBe(expected);
  });

  test.each([
    [PUBLIC, 'http://auth.example/token'],
    [PUBLIC, 'http://reg.example/token'],
    [PUBLIC, 'file:///etc/passwd'],
    [PUBLIC, 'http:\u00f0\u009f\u0098\u0080'],
    [PUBLIC, 'gopher://auth.example/'],
    [PUBLIC, 'javascript:alert(1)'],
    [PUBLIC, 'https://'],
    [PUBLIC, 'https://user:pass@auth.example/token'],
    [PUBLIC, 'https://user@reg.example/token'],
    [PUBLIC, 'https://localhost/token'],
    [PUBLIC, 'https://auth.localhost/token'],
    [PUBLIC, 'https://127.0.0.1/token'],
    [PUBLIC, 'https://0x7f.1/token'],
    [PUBLIC, 'https://2130706433/token'],
    [PUBLIC, 'https://[::1]/token'],
    [PUBLIC, 'https://[::ffff:127.0.0.1]/token'],
    [PUBLIC, 'https://0.0.0.0/token'],
    [PUBLIC, 'https://169.254.169.254/token'],
    [PUBLIC, 'https://[fe80::1]/token'],
    [PUBLIC, 'https://10.0.0.1/token'],
    [PUBLIC, 'https://192.168.0.1/token'],
    [PUBLIC, 'https://[fd00::1]/token'],
    ['https://10.0.0.5/v2/', 'https://127.0.0.1/token'],
    ['https://10.0.0.5/v2/', 'https://169.254.169.254/token'],
    ['http://localhost:5000/v2/', 'http://169.254.169.254/token'],
    ['http://vm:5000/v2/', 'http://localhost/token'],
  ])('of %s must not be %s', async (registry, realm) => {
    const error = await hubErrorFrom(() => resolveRealm(realm, new URL(registry)));
    expect(error.code).toBe('REFUSED');
    expect(error.message.startsWith(new URL(registry).host)).toBe(true);
    expect(error.message).not.toContain('pass@');
  });

  test('has to be named', async () => {
    expect(await hubErrorFrom(() => resolveRealm('', new URL(PUBLIC)))).toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'reg.example wants a token but names no token service',
    });
  });
});

describe('the password', () => {
  const docker = { name: 'docker.io', url: new URL('https://registry-1.docker.io/v2/'), pinned: undefined };
  const other = { name: 'reg.example', url: new URL(PUBLIC), pinned: undefined };

  test('goes to the registry itself, and to the service that was accepted', () => {
    checkRealmPin(new URL('https://reg.example/token'), other);
    checkRealmPin(new URL('https://reg.example/token'), { ...other, pinned: 'https://auth.example' });
    checkRealmPin(new URL('https://auth.example/token'), { ...other, pinned: 'https://auth.example' });
    checkRealmPin(new URL('https://auth.example/token'), { ...other, accepting: true });
    checkRealmPin(new URL('https://auth.docker.io/token'), docker);
  });

  test.each([
    ['https://registry.corp.example/v2/', 'https://gitlab.corp.example/jwt/auth'],
    ['https://registry.corp.example/v2/', 'https://corp.example/token'],
    ['https://reg.example/v2/', 'https://auth.reg.example/token'],
  ])('of %s goes to %s, which is of the same domain', (registry, realm) => {
    checkRealmPin(new URL(realm), { name: 'x', url: new URL(registry), pinned: undefined });
  });

  test.each([
    [PUBLIC, 'https://auth.example/token'],
    [PUBLIC, 'https://reg.example:444/token'],
    ['https://registry.corp.example/v2/', 'https://evilcorp.example/token'],
    ['http://registry.corp.example/v2/', 'http://auth.corp.example/token'],
    ['http://127.0.0.1:5000/v2/', 'http://127.0.0.1:5001/token'],
    ['https://10.1.2.3/v2/', 'https://10.1.2.4/token'],
  ])('of %s does not go to %s before that was accepted', async (registry, realm) => {
    const place = { name: 'reg.example', url: new URL(registry), pinned: undefined };
    expect(await hubErrorFrom(() => checkRealmPin(new URL(realm), place))).toMatchObject({
      code: 'REFUSED',
      hint: 'if that is its token service, accept it by logging in: hubctl login reg.example',
    });
  });

  test('does not go to another service than the accepted one', async () => {
    const pinned = { ...other, pinned: 'https://auth.example' };
    const error = await hubErrorFrom(() => checkRealmPin(new URL('https://evil.example/token'), pinned));
    expect(error).toMatchObject({
      code: 'REFUSED',
      message:
        'reg.example wants the password to be sent to https://evil.example, but its token service is https://auth.example',
      hint: 'if the registry moved its token service, log in again with: hubctl login reg.example',
    });
  });

  test('for Docker Hub goes to the token service of Docker Hub', async () => {
    const error = await hubErrorFrom(() => checkRealmPin(new URL('https://evil.example/token'), docker));
    expect(error.details).toEqual({
      registry: 'docker.io',
      realm: 'https://evil.example',
      expected: 'https://auth.docker.io',
    });
  });
});
