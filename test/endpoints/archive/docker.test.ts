import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDockerImage, readDockerEntries } from '../../../src/endpoints/archive/docker.ts';
import type { ArchiveTree } from '../../../src/endpoints/archive/tree.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { parseManifest } from '../../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { collect } from '../../../src/util/content.ts';
import { dockerImage, oldDockerArchive, testWorkshop, type TestWorkshop } from '../../helpers/archives.ts';
import type { TarFile } from '../../helpers/images.ts';

describe('an image of docker save', () => {
  let workshop: TestWorkshop;
  beforeEach(async () => {
    workshop = await testWorkshop();
  });
  afterEach(() => workshop[Symbol.asyncDispose]());

  const treeOf = (files: readonly TarFile[]): Promise<ArchiveTree> => workshop.tree(files);
  const build = async (files: readonly TarFile[]): ReturnType<typeof buildDockerImage> => {
    const tree = await treeOf(files);
    const [entry] = (await readDockerEntries(tree)) ?? [];
    return buildDockerImage(tree, entry!, { store: workshop });
  };
  const manifestJson = (value: unknown): TarFile => ['manifest.json', JSON.stringify(value)];

  it('becomes a docker manifest with the same image ID, its layers packed', async () => {
    const image = dockerImage();
    const built = await build(oldDockerArchive([{ image, tags: ['app:1'] }]));
    const manifest = parseManifest(built.bytes, built.descriptor.mediaType);
    expect(built.descriptor).toEqual({
      mediaType: MEDIA_TYPES.dockerManifest,
      digest: digestOf(built.bytes),
      size: built.bytes.length,
    });
    expect(manifest.config).toMatchObject({ mediaType: MEDIA_TYPES.dockerConfig, digest: image.id });
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      MEDIA_TYPES.dockerLayerGzip,
      MEDIA_TYPES.dockerLayerGzip,
    ]);
    for (const [index, layer] of manifest.layers.entries()) {
      const blob = await collect(await workshop.read(layer), 1024 * 1024);
      expect(gunzipSync(blob).equals(image.layers[index]!)).toBe(true);
    }
  });

  it('gives the same manifest every time', async () => {
    const archive = oldDockerArchive([{ image: dockerImage(), tags: null }]);
    const first = await build(archive);
    workshop.known.clear();
    expect((await build(archive)).descriptor).toEqual(first.descriptor);
  });

  it('has no layer packed that is known already, whatever that is called', async () => {
    const image = dockerImage([[['a', 'a']]]);
    const blob = gzipSync(image.layers[0]!, { level: 1 });
    const known = workshop.memory.add(blob, 'application/vnd.oci.image.layer.v1.tar+gzip');
    workshop.known.set(image.diffIds[0]!, known);
    const built = await build(oldDockerArchive([{ image, tags: null }]));
    expect(workshop.ingested()).toBe(0);
    expect(parseManifest(built.bytes).layers).toMatchObject([
      { mediaType: MEDIA_TYPES.dockerLayerGzip, digest: digestOf(blob) },
    ]);
    workshop.memory.remove(known.digest);
    await build(oldDockerArchive([{ image, tags: null }]));
    expect(workshop.ingested()).toBe(1);
  });

  it('may have one layer several times', async () => {
    const image = dockerImage([[['a', 'a']], [['b', 'b']], [['a', 'a']]]);
    const built = await build(oldDockerArchive([{ image, tags: null }]));
    expect(workshop.ingested()).toBe(2);
    const { layers } = parseManifest(built.bytes);
    expect(layers[2]?.digest).toBe(layers[0]?.digest);
  });

  it('keeps layers that are packed as they are', async () => {
    const image = dockerImage([[['a', 'a']]]);
    const packed = gzipSync(image.layers[0]!, { level: 9 });
    const built = await build([
      ['config.json', image.config],
      ['layer.tar.gz', packed],
      manifestJson([{ Config: 'config.json', RepoTags: null, Layers: ['layer.tar.gz'] }]),
    ]);
    expect(parseManifest(built.bytes).layers).toMatchObject([{ digest: digestOf(packed), size: packed.length }]);
  });

  it('may have no layers', async () => {
    const image = dockerImage([]);
    const built = await build([['c', image.config], manifestJson([{ Config: 'c', RepoTags: null, Layers: null }])]);
    expect(parseManifest(built.bytes).layers).toEqual([]);
  });

  it.each([
    ['fewer layers than its config says', { Config: 'c', Layers: ['a'] }],
    ['a layer that is not there', { Config: 'c', Layers: ['a', 'none'] }],
    ['a layer outside the archive', { Config: 'c', Layers: ['a', '../../etc/passwd'] }],
    ['its layers swapped', { Config: 'c', Layers: ['b', 'a'] }],
    ['no config', { Config: 'none', Layers: ['a', 'b'] }],
    ['a config that is a layer', { Config: 'a', Layers: ['a', 'b'] }],
  ])('is refused when it has %s', async (_, entry) => {
    const image = dockerImage();
    const files: TarFile[] = [
      ['c', image.config],
      ['a', image.layers[0]!],
      ['b', image.layers[1]!],
      manifestJson([entry]),
    ];
    await expect(build(files)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    expect([...workshop.known.keys()].every((diffId) => image.diffIds.includes(diffId))).toBe(true);
  });

  it('is refused when its list is not one', async () => {
    for (const value of [
      {},
      [1],
      [{}],
      [{ Config: 1 }],
      [{ Config: 'a', Layers: 'b' }],
      [{ Config: 'a', RepoTags: [1] }],
    ]) {
      await expect(readDockerEntries(await treeOf([manifestJson(value)]))).rejects.toMatchObject({
        code: 'CONTENT_INVALID',
      });
    }
    expect(await readDockerEntries(await treeOf([['x', '']]))).toBeUndefined();
  });

  it('names the way out for layers packed with xz', async () => {
    const image = dockerImage([[['a', 'a']]]);
    const files: TarFile[] = [
      ['c', image.config],
      ['l', Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(600)])],
      manifestJson([{ Config: 'c', Layers: ['l'] }]),
    ];
    await expect(build(files)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
