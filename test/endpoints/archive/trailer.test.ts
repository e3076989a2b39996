import { beforeEach, describe, expect, it } from 'vitest';
import { trailerFiles, type Written } from '../../../src/endpoints/archive/trailer.ts';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import type { Descriptor } from '../../../src/spec/descriptor.ts';
import { parseManifest } from '../../../src/spec/manifest.ts';
import {
  addArtifact,
  addImage,
  addIndex,
  AMD64,
  ARM64,
  type BuiltImage,
  type BuiltIndex,
} from '../../helpers/images.ts';

const hex = (descriptor: Descriptor): string => `blobs/sha256/${descriptor.digest.slice(7)}`;

describe('the files at the end of an archive', () => {
  let written: Written;
  let memory: MemoryEndpoint;
  beforeEach(() => {
    written = { blobs: new Map(), manifests: new Map(), configs: new Map(), roots: new Map() };
    memory = new MemoryEndpoint();
  });

  const put = (image: BuiltImage): void => {
    for (const { descriptor } of image.layers) written.blobs.set(descriptor.digest, descriptor);
    written.blobs.set(image.config.digest, image.config);
    written.configs.set(image.config.digest, image.configBytes);
    written.manifests.set(image.descriptor.digest, parseManifest(image.manifest));
  };
  const putIndex = (index: BuiltIndex, images: readonly BuiltImage[] = index.images): void => {
    written.manifests.set(index.descriptor.digest, parseManifest(index.bytes));
    images.forEach(put);
  };
  const name = (descriptor: Descriptor, ...names: string[]): void => {
    written.roots.set(descriptor.digest, { descriptor, names: new Set(names), tags: new Set() });
  };
  const files = (host = AMD64): Record<string, any> =>
    Object.fromEntries(
      trailerFiles(written, host).map(([path, bytes]) => [path, JSON.parse(Buffer.from(bytes).toString())]),
    );

  it('name an image for everybody', () => {
    const image = addImage(memory);
    put(image);
    name(image.descriptor, 'docker.io/library/app:1', 'ghcr.io/acme/app:2');
    const found = files();
    expect(Object.keys(found)).toEqual(['index.json', 'manifest.json', 'repositories']);
    expect(found['manifest.json']).toEqual([
      {
        Config: hex(image.config),
        RepoTags: ['app:1', 'ghcr.io/acme/app:2'],
        Layers: image.layers.map(({ descriptor }) => hex(descriptor)),
      },
    ]);
    expect(found['index.json']).toMatchObject({
      schemaVersion: 2,
      manifests: [
        {
          annotations: {
            'io.containerd.image.name': 'docker.io/library/app:1',
            'org.opencontainers.image.ref.name': '1',
          },
        },
        { annotations: { 'io.containerd.image.name': 'ghcr.io/acme/app:2', 'org.opencontainers.image.ref.name': '2' } },
      ],
    });
    const last = image.layers.at(-1)!.diffId.slice(7);
    expect(found['repositories']).toEqual({ app: { '1': last }, 'ghcr.io/acme/app': { '2': last } });
  });

  it('list an image without a name', () => {
    const image = addImage(memory);
    put(image);
    name(image.descriptor);
    expect(files()).toMatchObject({
      'manifest.json': [{ RepoTags: null }],
      'index.json': { manifests: [{ digest: image.descriptor.digest }] },
    });
    expect(files()['repositories']).toBeUndefined();
    expect(files()['index.json'].manifests[0].annotations).toBeUndefined();
  });

  it('give docker no name with a digest', () => {
    const image = addImage(memory);
    put(image);
    name(image.descriptor, `docker.io/library/app@${image.descriptor.digest}`);
    expect(files()['manifest.json'][0].RepoTags).toBeNull();
    expect(files()['index.json'].manifests[0].annotations).toEqual({
      'io.containerd.image.name': `docker.io/library/app@${image.descriptor.digest}`,
    });
  });

  it('give the name of an index to the image for this machine, and list that first', () => {
    const index = addIndex(memory, { attestations: true });
    putIndex(index);
    name(index.descriptor, 'docker.io/library/app:1');
    const [amd64, arm64] = index.images.map(({ config }) => hex(config));
    const entries = (host: typeof AMD64): unknown[] =>
      files(host)['manifest.json'].map((entry: { Config: string; RepoTags: unknown }) => [
        entry.Config,
        entry.RepoTags,
      ]);
    expect(entries(AMD64)).toEqual([
      [amd64, ['app:1']],
      [arm64, null],
    ]);
    expect(entries(ARM64)).toEqual([
      [arm64, ['app:1']],
      [amd64, null],
    ]);
  });

  it('leave images out that are not all there, or not for the same system', () => {
    const index = addIndex(memory, { platforms: [AMD64, ARM64, { os: 'windows', architecture: 'amd64' }] });
    putIndex(index, [index.images[1]!, index.images[2]!]);
    written.blobs.delete(index.images[1]!.layers[0]!.descriptor.digest);
    name(index.descriptor, 'docker.io/library/app:1');
    expect(files()['manifest.json']).toEqual([]);
    put(index.images[1]!);
    expect(files()['manifest.json']).toMatchObject([{ Config: hex(index.images[1]!.config), RepoTags: ['app:1'] }]);
  });

  it('list one image once, whatever led to it', () => {
    const index = addIndex(memory);
    putIndex(index);
    name(index.images[0]!.descriptor, 'docker.io/library/app:amd64');
    name(index.descriptor, 'docker.io/library/app:1');
    expect(files()['manifest.json']).toMatchObject([{ RepoTags: ['app:amd64', 'app:1'] }, { RepoTags: null }]);
  });

  it('list what is no image for OCI only', () => {
    const descriptor = addArtifact(memory);
    name(descriptor, 'docker.io/library/chart:1');
    expect(files()).toMatchObject({
      'manifest.json': [],
      'index.json': { manifests: [{ digest: descriptor.digest }] },
    });
  });

  it('keep other annotations, but no old names', () => {
    const image = addImage(memory);
    put(image);
    const annotations = { 'org.opencontainers.image.ref.name': 'old', 'com.example.kept': 'yes' };
    written.roots.set(image.descriptor.digest, {
      descriptor: { ...image.descriptor, annotations },
      names: new Set(),
      tags: new Set(['new']),
    });
    expect(files()['index.json'].manifests[0].annotations).toEqual({
      'com.example.kept': 'yes',
      'org.opencontainers.image.ref.name': 'new',
    });
  });
});
