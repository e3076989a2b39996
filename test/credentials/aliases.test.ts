import { describe, expect, test } from 'vitest';
import {
  canonicalServer,
  hostOfKey,
  likelyKeys,
  logoutKeys,
  namespaceKeys,
  namespaceOf,
  sameServer,
  serverKey,
  spellings,
} from '../../src/credentials/aliases.ts';
import { HUB } from '../helpers/credentials.ts';

describe('the host of a key', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['[::1]', '[::1]'],
    ['example.com', 'example.com'],
    ['127.0.0.1:6556', '127.0.0.1:6556'],
    ['::1:6556', '::1:6556'],
    ['[::1]:6556', '[::1]:6556'],
    ['example.com:6555', 'example.com:6555'],
    ['http://example.com', 'example.com'],
    ['http://example.com:6555', 'example.com:6555'],
    ['https://example.com/v2/', 'example.com'],
    ['https://example.com:6555/v2/', 'example.com:6555'],
    ['ftp://example.com', 'example.com'],
    ['https://127.0.0.1:6555/v2/', '127.0.0.1:6555'],
    ['unix:///var/run/docker.sock', 'unix:'],
    ['https://::1:6555/v2/', '[::1]:6555'],
    ['https://[::1]:6555/v2/', '[::1]:6555'],
    ['https://user:word@example.com/v1/', 'example.com'],
    ['', ''],
  ])('of %s is %s, as docker has it', (key, host) => {
    expect(hostOfKey(key)).toBe(host);
  });
});

describe('the key that is written', () => {
  test.each(['', 'docker.io', 'index.docker.io', 'registry-1.docker.io', 'https://docker.io', HUB, 'Docker.IO'])(
    'for "%s" is the URL of Docker Hub',
    (typed) => expect(serverKey(typed)).toBe(HUB),
  );

  test.each([
    ['ghcr.io', 'ghcr.io'],
    ['https://ghcr.io/v2/', 'ghcr.io'],
    ['localhost:5000', 'localhost:5000'],
    ['http://localhost:5000/v1/', 'localhost:5000'],
    ['docker.io.evil.com', 'docker.io.evil.com'],
    ['docker.io:443', 'docker.io:443'],
    ['xdocker.io', 'xdocker.io'],
  ])('for %s is %s', (typed, key) => expect(serverKey(typed)).toBe(key));
});

describe('whether two keys mean the same registry', () => {
  test.each([
    [HUB, 'docker.io'],
    [HUB, 'registry-1.docker.io'],
    ['https://ghcr.io/v2/', 'ghcr.io'],
    ['http://localhost:5000', 'localhost:5000'],
    ['GHCR.io', 'ghcr.io'],
    ['ghcr.io/', 'ghcr.io'],
    ['ghcr.io/v1/', 'ghcr.io'],
  ])('%s and %s do', (a, b) => expect(sameServer(a, b)).toBe(true));

  test.each([
    ['docker.io.evil.com', 'docker.io'],
    ['evil.com/docker.io', 'docker.io'],
    ['https://docker.io@evil.com/x', 'docker.io'],
    ['docker.io:443', 'docker.io'],
    ['localhost:5000', 'localhost'],
    ['localhost:5000', 'localhost:50001'],
    ['ghcr.io/org', 'ghcr.io'],
    [`${HUB}access-token`, 'docker.io'],
    [`${HUB}refresh-token`, HUB],
    ['ghcr.io', 'xghcr.io'],
  ])('%s and %s do not', (a, b) => expect(sameServer(a, b)).toBe(false));
});

describe('namespaces', () => {
  test.each([
    ['ghcr.io/org/app', 'org/app'],
    ['ghcr.io/org/', 'org'],
    ['ghcr.io', undefined],
    ['ghcr.io/', undefined],
    ['ghcr.io/v2/', undefined],
    ['https://ghcr.io/org', undefined],
    [HUB, undefined],
  ])('of %s is %s', (key, namespace) => expect(namespaceOf(key)).toBe(namespace));

  test('are offered for a repository, the longest first, and only on whole parts of the path', () => {
    const keys = [
      'ghcr.io',
      'ghcr.io/a',
      'ghcr.io/a/b',
      'ghcr.io/a/b/c',
      'ghcr.io/ab',
      'quay.io/a/b',
      'https://ghcr.io/a',
    ];
    expect(namespaceKeys(keys, 'ghcr.io', 'a/b/c')).toEqual(['ghcr.io/a/b/c', 'ghcr.io/a/b', 'ghcr.io/a']);
    expect(namespaceKeys(keys, 'ghcr.io', 'a/bc')).toEqual(['ghcr.io/a']);
  });

  test('of Docker Hub are found under each of its names', () => {
    expect(namespaceKeys(['docker.io/team', 'index.docker.io/other'], 'docker.io', 'team/app')).toEqual([
      'docker.io/team',
    ]);
  });
});

test("spellings come with docker's own first", () => {
  const keys = ['https://ghcr.io', 'ghcr.io/v2/', 'ghcr.io', 'ghcr.io/org', 'quay.io'];
  expect(spellings(keys, 'ghcr.io')).toEqual(['ghcr.io', 'https://ghcr.io', 'ghcr.io/v2/']);
  expect(spellings(keys, 'ghcr.io/org')).toEqual(['ghcr.io/org']);
});

test("logging out of Docker Hub includes the tokens of docker's web login, and of nothing else does", () => {
  const keys = [HUB, `${HUB}access-token`, `${HUB}refresh-token`, 'ghcr.io'];
  expect(logoutKeys(keys, 'docker.io')).toEqual(keys.slice(0, 3));
  expect(logoutKeys(keys, 'ghcr.io')).toEqual(['ghcr.io']);
});

test('where nothing can be listed, the usual spellings are tried', () => {
  expect(likelyKeys('ghcr.io')).toEqual(['ghcr.io', 'https://ghcr.io', 'http://ghcr.io']);
  expect(likelyKeys('')).toContain('https://docker.io');
  expect(likelyKeys('')[0]).toBe(HUB);
});

test('canonical names are lower case', () =>
  expect(canonicalServer('https://Registry.Example:5000/v2/')).toBe('registry.example:5000'));
