import { describe, expect, it } from 'vitest';
import { canonicalName, namesOf } from '../../../src/endpoints/archive/names.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const FULL = 'io.containerd.image.name';
const REF = 'org.opencontainers.image.ref.name';

describe('names in an archive', () => {
  it('become canonical', () => {
    expect(canonicalName('alpine')).toBe('docker.io/library/alpine:latest');
    expect(canonicalName('localhost:5000/a/b:1')).toBe('localhost:5000/a/b:1');
  });

  it.each(['', 'UPPER:1', 'a b', '../x', '<none>:<none>', 'a:b:c', 'x'.repeat(5000)])('are refused: %j', (text) => {
    expect(canonicalName(text)).toBeUndefined();
  });

  it.each([
    [
      { [FULL]: 'docker.io/library/alpine:3', [REF]: '3' },
      { full: 'docker.io/library/alpine:3', tag: '3' },
    ],
    [{ [REF]: 'docker.io/library/alpine:3' }, { full: 'docker.io/library/alpine:3' }],
    [{ [REF]: 'alpine:3' }, { full: 'docker.io/library/alpine:3' }],
    [{ [REF]: 'v1.2' }, { tag: 'v1.2' }],
    [{ [FULL]: 'Not Valid' }, { invalid: 'Not Valid' }],
    [{ [FULL]: `docker.io/library/alpine@${digest}` }, { full: `docker.io/library/alpine@${digest}` }],
    [{ [FULL]: `alpine@sha256:${'b'.repeat(64)}` }, { invalid: `alpine@sha256:${'b'.repeat(64)}` }],
    [undefined, {}],
  ])('are read from the annotations %j', (annotations, expected) => {
    expect(namesOf({ annotations, digest })).toEqual(expected);
  });
});
