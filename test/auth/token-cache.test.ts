import { describe, expect, test } from 'vitest';
import { TokenCache, type TokenPlace } from '../../src/auth/token-cache.ts';

const PLACE: TokenPlace = {
  registry: 'https://reg.example',
  realm: 'https://auth.example/',
  service: 'reg',
  credential: undefined,
};

describe('the key of a token', () => {
  const cache = new TokenCache();

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
    ].map((place) => cache.keyFor(place));
    expect(new Set(keys).size).toBe(keys.length);
    expect(cache.keyFor({ ...PLACE })).toBe(cache.keyFor(PLACE));
  });

  test('holds no secret', () => {
    const credential = { kind: 'basic', username: 'alice', password: 'canary-password' } as const;
    expect(cache.keyFor({ ...PLACE, credential })).not.toContain('canary');
  });

  test('tells nothing of the password without the salt', () => {
    const credential = { kind: 'basic', username: 'alice', password: 'canary-password' } as const;
    expect(new TokenCache().keyFor({ ...PLACE, credential })).not.toBe(cache.keyFor({ ...PLACE, credential }));
    const same = new TokenCache([], cache.salt);
    expect(same.keyFor({ ...PLACE, credential })).toBe(cache.keyFor({ ...PLACE, credential }));
  });
});

describe('tokens', () => {
  const token = {
    key: 'k',
    registry: 'https://reg.example',
    scopes: ['repository:a:pull,push'],
    value: 'v',
    since: 0,
    expires: 1000,
  };

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

  test('that were handed over are known from those that were added', () => {
    const cache = new TokenCache([token]);
    cache.add({ ...token, value: 'w' }, 0);
    expect([cache.isEarlier('v'), cache.isEarlier('w')]).toEqual([true, false]);
  });

  test('that were handed over are known by the origin they were sent to', () => {
    const cache = new TokenCache([token]);
    cache.add({ ...token, registry: 'https://other.example', value: 'w' }, 0);
    expect(cache.isEarlierAt('https://reg.example', 'v')).toBe(true);
    expect(cache.isEarlierAt('http://reg.example', 'v')).toBe(false);
    expect(cache.isEarlierAt('https://other.example', 'w')).toBe(false);
    expect(cache.hasEarlierAt('https://reg.example')).toBe(true);
    expect(cache.hasEarlierAt('https://other.example')).toBe(false);
    cache.dropAll('https://reg.example');
    expect(cache.isEarlierAt('https://reg.example', 'v')).toBe(false);
    expect(cache.entries().map(({ value }) => value)).toEqual(['w']);
  });

  test('can be handed on, without those that expired', () => {
    const cache = new TokenCache([token]);
    const fresh = { ...token, value: 'fresh', expires: 5000 };
    cache.add(fresh, 2000);
    expect(cache.entries()).toEqual([fresh]);
    expect(new TokenCache(cache.entries()).find('k', [], 3000)).toBe('fresh');
  });
});
