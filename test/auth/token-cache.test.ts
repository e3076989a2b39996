import { describe, expect, test } from 'vitest';
import { TokenCache, tokenKey, type TokenPlace } from '../../src/auth/token-cache.ts';

const PLACE: TokenPlace = {
  registry: 'https://reg.example',
  realm: 'https://auth.example/',
  service: 'reg',
  credential: undefined,
};

describe('the key of a token', () => {
  test('differs by registry, realm, service and account', () => {
    const alice = { kind: 'basic', username: 'alice', password: 'a' } as const;
    const keys = [
      PLACE,
      { ...PLACE, registry: 'https://reg.example:5000' },
      { ...PLACE, realm: 'https://other.example/' },
      { ...PLACE, service: undefined },
      { ...PLACE, credential: alice },
      { ...PLACE, credential: { ...alice, username: 'bob' } },
      { ...PLACE, credential: { ...alice, password: 'b' } },
      { ...PLACE, credential: { kind: 'identity', username: 'alice', token: 'a' } as const },
    ].map(tokenKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(tokenKey({ ...PLACE })).toBe(tokenKey(PLACE));
  });

  test('holds no secret', () => {
    const credential = { kind: 'basic', username: 'canary-user', password: 'canary-password' } as const;
    expect(tokenKey({ ...PLACE, credential })).not.toContain('canary');
  });
});

describe('tokens', () => {
  const token = { key: 'k', scopes: ['repository:a:pull,push'], value: 'v', expires: 1000 };

  test('serve narrower requests with the same key until they expire', () => {
    const cache = new TokenCache([token]);
    expect(cache.find('k', ['repository:a:pull'], 999)).toBe('v');
    expect(cache.find('k', [], 0)).toBe('v');
    expect(cache.find('k', ['repository:a:pull'], 1000)).toBeUndefined();
    expect(cache.find('k', ['repository:b:pull'], 0)).toBeUndefined();
    expect(cache.find('other', ['repository:a:pull'], 0)).toBeUndefined();
  });

  test('can be dropped', () => {
    const cache = new TokenCache([token, { ...token, value: 'w' }]);
    cache.drop('v');
    expect(cache.find('k', [], 0)).toBe('w');
  });

  test('can be handed on, without those that expired', () => {
    const cache = new TokenCache([token]);
    const fresh = { ...token, value: 'fresh', expires: 5000 };
    cache.add(fresh, 2000);
    expect(cache.entries()).toEqual([fresh]);
    expect(new TokenCache(cache.entries()).find('k', [], 3000)).toBe('fresh');
  });
});
