import { describe, expect, test } from 'vitest';
import { registryName } from '../../src/cli/registry-name.ts';

describe('the name of a registry', () => {
  test.each([
    ['localhost:5000', 'localhost:5000'],
    ['localhost', 'localhost'],
    ['ghcr.io/', 'ghcr.io'],
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['[::1]:5000', '[::1]:5000'],
  ])('%s is %s', (text, name) => {
    expect(registryName(text)).toBe(name);
  });

  test.each(['', '/', 'team', 'team/app', 'ghcr.io/team', 'https://ghcr.io', 'host:port', 'a b.c'])(
    '%s is none',
    (text) => {
      expect(() => registryName(text)).toThrow(
        expect.objectContaining({ code: 'REFERENCE_INVALID', message: `"${text}" is not a registry` }),
      );
    },
  );
});
