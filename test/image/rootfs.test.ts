import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { importRootfs, type RootfsOptions, type RootfsStore } from '../../src/image/rootfs.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { parseImageConfig } from '../../src/spec/image-config.ts';
import { parseManifest } from '../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { ARM64, tarOf } from '../helpers/images.ts';

const TAR = tarOf([['bin/sh', 'shell']]);

describe('a root file system as an image', () => {
  let memory: MemoryEndpoint;
  let store: RootfsStore;
  beforeEach(() => {
    memory = new MemoryEndpoint();
    store = {
      has: (descriptor) => memory.has(descriptor),
      ingest: async (content) => memory.add(await collect(content, 1024 * 1024), 'x'),
      addBytes: async (bytes, mediaType) => memory.add(bytes, mediaType),
      write: (descriptor, open, options) => memory.write(descriptor, open, options),
      diffIds: { layerOf: async () => undefined, add: async () => undefined },
    };
  });
  const options: RootfsOptions = {
    compression: 'none',
    platform: ARM64,
    created: '2024-01-02T03:04:05Z',
    config: { Cmd: ['/bin/sh'], Env: ['A=b'] },
    comment: 'made here',
    what: 'rootfs.tar',
    as: 'docker.io/library/own:1',
  };

  it('has one layer, and a config that says what was asked for', async () => {
    const image = await importRootfs(contentOf(TAR), store, options);
    expect(await memory.resolve('docker.io/library/own:1')).toEqual(image.descriptor);
    const manifest = parseManifest(await collect(await memory.read(image.descriptor), 10_000), MEDIA_TYPES.ociManifest);
    expect(manifest.config).toMatchObject({ mediaType: MEDIA_TYPES.ociConfig, digest: image.id });
    expect(manifest.layers).toEqual([
      expect.objectContaining({ mediaType: MEDIA_TYPES.ociLayerGzip, digest: image.layer.digest }),
    ]);
    expect(parseImageConfig(await collect(await memory.read(manifest.config!), 10_000))).toMatchObject({
      platform: ARM64,
      created: '2024-01-02T03:04:05Z',
      diffIds: [digestOf(TAR)],
      history: [{ created: '2024-01-02T03:04:05Z', comment: 'made here', emptyLayer: false }],
      config: { Cmd: ['/bin/sh'], Env: ['A=b'] },
    });
  });

  it('is the same image every time', async () => {
    const first = await importRootfs(contentOf(TAR), store, options);
    expect(await importRootfs(contentOf(TAR), store, options)).toEqual(first);
  });

  it('keeps a layer that is packed', async () => {
    const packed = gzipSync(TAR, { level: 1 });
    const { layer } = await importRootfs(contentOf(packed), store, { ...options, compression: 'gzip' });
    expect(layer).toEqual({ mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(packed), size: packed.length });
  });

  it('is kept under its digest when it has no name', async () => {
    const image = await importRootfs(contentOf(TAR), store, { ...options, as: undefined });
    expect(await memory.resolve(image.descriptor.digest)).toEqual(image.descriptor);
  });

  it('may be empty', async () => {
    await expect(importRootfs(contentOf(tarOf([])), store, options)).resolves.toBeDefined();
  });

  it.each([
    ['text', 'none', Buffer.from('no tar\n'.repeat(200))],
    ['nothing', 'none', Buffer.alloc(0)],
    ['packed text', 'gzip', gzipSync('no tar')],
  ] as const)('cannot be made of %s', async (_, compression, bytes) => {
    await expect(importRootfs(contentOf(bytes), store, { ...options, compression })).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'rootfs.tar is not a tar archive',
    });
  });
});
