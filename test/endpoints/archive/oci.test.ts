import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readOciImages } from '../../../src/endpoints/archive/oci.ts';
import type { ArchiveTree } from '../../../src/endpoints/archive/tree.ts';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { ociArchive, testWorkshop, type TestWorkshop } from '../../helpers/archives.ts';
import { addImage, addIndex, type TarFile } from '../../helpers/images.ts';

describe('the OCI layout in an archive', () => {
  let workshop: TestWorkshop;
  let blobs: MemoryEndpoint;
  beforeEach(async () => {
    workshop = await testWorkshop();
    blobs = new MemoryEndpoint();
  });
  afterEach(() => workshop[Symbol.asyncDispose]());

  const treeOf = (files: readonly TarFile[]): Promise<ArchiveTree> => workshop.tree(files);

  it('has whole images', async () => {
    const image = addImage(blobs);
    const digests = [image.descriptor, image.config, ...image.layers.map(({ descriptor }) => descriptor)];
    const found = await readOciImages(await treeOf(await ociArchive(blobs, { digests, roots: [image.descriptor] })));
    expect(found).toMatchObject([{ whole: true, plainLayers: false, configs: new Set([image.config.digest]) }]);
  });

  it('has images that lack something', async () => {
    const image = addImage(blobs);
    const all = [image.descriptor, image.config, ...image.layers.map(({ descriptor }) => descriptor)];
    for (const absent of all) {
      const digests = all.filter(({ digest }) => digest !== absent.digest);
      const tree = await treeOf(await ociArchive(blobs, { digests, roots: [image.descriptor] }));
      expect(await readOciImages(tree)).toMatchObject([{ whole: false }]);
    }
  });

  it('has indexes, which are whole with one of their images', async () => {
    const index = addIndex(blobs, { attestations: true });
    const [image] = index.images;
    const digests = [
      index.descriptor,
      image!.descriptor,
      image!.config,
      ...image!.layers.map(({ descriptor }) => descriptor),
    ];
    const whole = await readOciImages(await treeOf(await ociArchive(blobs, { digests, roots: [index.descriptor] })));
    expect(whole).toMatchObject([{ whole: true, configs: new Set([image!.config.digest]) }]);
    const none = await readOciImages(
      await treeOf(await ociArchive(blobs, { digests: [index.descriptor], roots: [index.descriptor] })),
    );
    expect(none).toMatchObject([{ whole: false, configs: new Set() }]);
  });

  it('is absent, or not understood', async () => {
    expect(await readOciImages(await treeOf([['oci-layout', '{}']]))).toBeUndefined();
    for (const text of [
      '{',
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}',
    ]) {
      await expect(readOciImages(await treeOf([['index.json', text]]))).rejects.toMatchObject({
        code: 'CONTENT_INVALID',
      });
    }
  });
});
