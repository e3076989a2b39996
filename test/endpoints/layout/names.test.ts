import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../../src/spec/descriptor.ts';
import { isReplacedBy, labelsFor, matching, nameOf, withoutNames } from '../../../src/endpoints/layout/names.ts';

const FULL = 'io.containerd.image.name';
const REF = 'org.opencontainers.image.ref.name';
const digest = `sha256:${'a'.repeat(64)}`;

describe('a name in a layout', () => {
  it.each([
    ['', { [REF]: 'latest' }],
    ['1.0', { [REF]: '1.0' }],
    ['feature/x', { [REF]: 'feature/x' }],
    ['app:1', { [REF]: 'app:1' }],
    ['docker.io/library/app:1', { [FULL]: 'docker.io/library/app:1', [REF]: '1' }],
    [`ghcr.io/a/b@${digest}`, { [FULL]: `ghcr.io/a/b@${digest}` }],
    [digest, {}],
  ])('%j is written as %j', (name, labels) => {
    expect(labelsFor(name)).toEqual(labels);
  });

  it.each(['a b', '-x', 'x..y/', '/x', 'é', 'a'.repeat(600)])('%j is refused', (name) => {
    expect(() => labelsFor(name)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });

  it('is given up by the entry that had it', () => {
    const tag = labelsFor('1');
    const full = labelsFor('docker.io/library/app:1');
    expect(isReplacedBy(tag, tag)).toBe(true);
    expect(isReplacedBy(full, full)).toBe(true);
    expect(isReplacedBy(full, tag)).toBe(true);
    expect(isReplacedBy(tag, full)).toBe(true);
    expect(isReplacedBy({ [REF]: 'app:1' }, full)).toBe(true);
    expect(isReplacedBy(full, labelsFor('docker.io/library/db:1'))).toBe(false);
    expect(isReplacedBy({ [REF]: '2' }, tag)).toBe(false);
    expect(isReplacedBy({}, tag)).toBe(false);
    expect(isReplacedBy({}, {})).toBe(false);
  });

  it('is found in all its spellings', () => {
    const entries: readonly Descriptor[] = [
      labelsFor('docker.io/library/app:1'),
      { [REF]: 'db:1' },
      { [REF]: 'plain' },
      undefined,
    ].map((annotations) => ({
      mediaType: 'x',
      digest,
      size: 1,
      annotations,
    }));
    const found = (name: string): number[] => matching(entries, name).map((entry) => entries.indexOf(entry));
    expect(found('docker.io/library/app:1')).toEqual([0]);
    expect(found('1')).toEqual([0]);
    expect(found('docker.io/library/db:1')).toEqual([1]);
    expect(found('db:1')).toEqual([1]);
    expect(found('plain')).toEqual([2]);
    expect(found('docker.io/library/plain:latest')).toEqual([]);
    expect(found(digest)).toEqual([0, 1, 2, 3]);
    expect(entries.map(nameOf)).toEqual(['docker.io/library/app:1', 'db:1', 'plain', digest]);
  });

  it('is taken away without touching other annotations', () => {
    expect(withoutNames({ [FULL]: 'x', [REF]: 'y', kept: 'z' })).toEqual({ kept: 'z' });
    expect(withoutNames()).toEqual({});
  });
});
