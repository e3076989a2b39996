import { describe, expect, it } from 'vitest';
import { Catalogue } from '../../../src/endpoints/archive/catalogue.ts';
import type { Descriptor } from '../../../src/spec/descriptor.ts';
import { digestOf } from '../../../src/spec/digest.ts';

const ref = (text: string): Record<string, string> => ({ 'org.opencontainers.image.ref.name': text });

function oci(content: string, annotations?: Record<string, string>): Parameters<Catalogue['addOci']>[0] {
  const descriptor: Descriptor = { mediaType: 'x', digest: digestOf(content), size: 1, annotations };
  return { descriptor, configs: new Set([`config of ${content}`]), whole: true, plainLayers: false };
}

function collecting(): { readonly catalogue: Catalogue; readonly warnings: string[] } {
  const warnings: string[] = [];
  const catalogue = new Catalogue((event) => {
    if (event.type === 'warning') warnings.push(event.message);
  });
  return { catalogue, warnings };
}

describe('the images of an archive', () => {
  it('are one when they are listed under several names', () => {
    const { catalogue } = collecting();
    catalogue.addOci(oci('a', ref('app:1')));
    catalogue.addOci(oci('a', ref('app:2')));
    catalogue.addOci(oci('b', ref('1.0')));
    expect(catalogue.images()).toMatchObject([
      { names: ['docker.io/library/app:1', 'docker.io/library/app:2'], tags: [], ids: ['config of a'] },
      { names: [], tags: ['1.0'], ids: ['config of b'] },
    ]);
  });

  it('lose a name to the last one that is given it', () => {
    const { catalogue, warnings } = collecting();
    catalogue.addOci(oci('a', ref('app:1')));
    catalogue.addOci(oci('b', ref('app:1')));
    catalogue.addOci(oci('c', ref('x')));
    catalogue.addOci(oci('d', ref('x')));
    expect(catalogue.images().map(({ names, tags }) => [...names, ...tags])).toEqual([
      [],
      ['docker.io/library/app:1'],
      [],
      ['x'],
    ]);
    expect(warnings).toHaveLength(2);
  });

  it('get the names of manifest.json by their ID', () => {
    const { catalogue, warnings } = collecting();
    catalogue.addOci(oci('a', ref('app:1')));
    expect(catalogue.addNames('config of a', ['app:1', 'app:2'])).toBe(true);
    expect(catalogue.addNames('config of z', ['app:3'])).toBe(false);
    expect(catalogue.images()[0]?.names).toEqual(['docker.io/library/app:1', 'docker.io/library/app:2']);
    expect(warnings).toEqual([]);
  });

  it('go without names that are not valid, or that claim a digest', () => {
    const { catalogue, warnings } = collecting();
    catalogue.addOci(oci('a'));
    catalogue.addNames('config of a', ['Bad Name', 'good:1', `app@${digestOf('x')}`, 'app:1@sha256:00']);
    expect(catalogue.images()[0]?.names).toEqual(['docker.io/library/good:1']);
    expect(warnings).toHaveLength(3);
  });
});
