import { describe, expect, test } from 'vitest';
import { apiHost, registryOfHost, repositoryOfPath } from '../../../src/endpoints/registry/hosts.ts';

describe('the host of a registry', () => {
  test.each([
    ['docker.io', 'registry-1.docker.io'],
    ['localhost:5000', 'localhost:5000'],
    ['ghcr.io', 'ghcr.io'],
    ['docker.io:443', 'docker.io:443'],
    ['mirror.docker.io', 'mirror.docker.io'],
  ])('%s is %s, and back', (registry, host) => {
    expect(apiHost(registry)).toBe(host);
    expect(registryOfHost(host)).toBe(registry);
  });
});

describe('the repository of a path', () => {
  test.each([
    ['/v2/library/alpine/manifests/3', 'library/alpine'],
    ['/v2/a/blobs/sha256:00', 'a'],
    ['/v2/a/b/c/blobs/uploads/', 'a/b/c'],
    ['/v2/a/blobs/uploads/some-session', 'a'],
    ['/v2/a/tags/list', 'a'],
    ['/v2/a/referrers/sha256:00', 'a'],
    ['/v2/team/tags/tags/list', 'team/tags'],
    ['/v2/team/manifests/manifests/1', 'team/manifests'],
    ['/v2/', undefined],
    ['/v2/_catalog', undefined],
    ['/v2/manifests/1', undefined],
    ['/token', undefined],
    ['/proxy/v2/a/manifests/1', undefined],
  ])('%s is %s', (path, repository) => {
    expect(repositoryOfPath(path)).toBe(repository);
  });
});
