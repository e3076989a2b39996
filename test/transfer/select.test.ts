import { describe, expect, it } from 'vitest';
import { HubError } from '../../src/errors.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import type { Platform } from '../../src/spec/platform.ts';
import { selectManifest, selectManifests } from '../../src/transfer/select.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
let count = 0;

function entry(platform?: Platform, annotations?: Record<string, string>): Descriptor {
  count += 1;
  return {
    mediaType: MANIFEST,
    digest: `sha256:${count.toString(16).padStart(64, '0')}`,
    size: 10,
    platform,
    annotations,
  };
}

const amd64 = entry({ os: 'linux', architecture: 'amd64' });
const arm64 = entry({ os: 'linux', architecture: 'arm64', variant: 'v8' });
const armv7 = entry({ os: 'linux', architecture: 'arm', variant: 'v7' });
const attestation = entry(
  { os: 'unknown', architecture: 'unknown' },
  { 'vnd.docker.reference.type': 'attestation-manifest' },
);
const index = [armv7, amd64, attestation, arm64];

describe('selectManifest', () => {
  it('takes the platform asked for', () => {
    expect(selectManifest(index, { os: 'linux', architecture: 'arm64' })).toBe(arm64);
  });

  it('falls back to an older variant', () => {
    expect(selectManifest([armv7, amd64], { os: 'linux', architecture: 'arm64' })).toBe(armv7);
  });

  it('takes the first of equals', () => {
    const again = entry({ os: 'linux', architecture: 'amd64' });
    expect(selectManifest([amd64, again], { os: 'linux', architecture: 'amd64' })).toBe(amd64);
  });

  it('never takes an attestation', () => {
    expect(() => selectManifest([attestation], { os: 'unknown', architecture: 'unknown' })).toThrow(HubError);
  });

  it('takes a single entry without platform', () => {
    const bare = entry();
    expect(selectManifest([bare], { os: 'linux', architecture: 'amd64' })).toBe(bare);
  });

  it('lists what there is when nothing matches', () => {
    const select = (): unknown => selectManifest(index, { os: 'linux', architecture: 's390x' }, 'app:1');
    expect(select).toThrow('no matching manifest for linux/s390x in app:1');
    try {
      select();
    } catch (error) {
      expect((error as HubError).hint).toContain('linux/amd64');
    }
  });

  it('gives several platforms each once, in the order of the index', () => {
    const wanted = [
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'amd64' },
    ];
    expect(selectManifests(index, wanted)).toEqual([amd64, arm64]);
  });
});
