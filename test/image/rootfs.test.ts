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
      expect.objectContaining({ mediaType: MEDIA_TYPES.ociLayerGzip, digest: image.layers[0]?.digest }),
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
    const { layers } = await importRootfs(contentOf(packed), store, { ...options, compression: 'gzip' });
    expect(layers).toEqual([{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(packed), size: packed.length }]);
  });

  it('has more layers when more tars are given, the lowest first', async () => {
    const middle = tarOf([['etc/motd', 'hello']]);
    const top = tarOf([['etc/motd', 'good evening']]);
    const packed = gzipSync(top, { level: 1 });
    const image = await importRootfs(contentOf(TAR), store, {
      ...options,
      above: [
        { tar: contentOf(middle), compression: 'none', what: 'middle.tar' },
        { tar: contentOf(packed), compression: 'gzip', what: 'top.tar.gz', comment: 'on top' },
      ],
    });
    const manifest = parseManifest(await collect(await memory.read(image.descriptor), 10_000), MEDIA_TYPES.ociManifest);
    const config = parseImageConfig(await collect(await memory.read(manifest.config!), 10_000));
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(image.layers.map(({ digest }) => digest));
    expect(image.layers[2]?.digest).toBe(digestOf(packed));
    expect(config.diffIds).toEqual([TAR, middle, top].map((tar) => digestOf(tar)));
    expect(config.history.map(({ comment }) => comment)).toEqual(['made here', undefined, 'on top']);
  });

  it('names the layer that is no tar', async () => {
    const above = [{ tar: contentOf(Buffer.alloc(700, 'x')), compression: 'none' as const, what: 'top.txt' }];
    await expect(importRootfs(contentOf(TAR), store, { ...options, above })).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'top.txt is not a tar archive',
    });
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
