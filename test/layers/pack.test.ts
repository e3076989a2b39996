import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { knownLayer, layerDescriptor, packLayer, type LayerStore } from '../../src/layers/pack.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { tarOf } from '../helpers/images.ts';
import { pattern, ZSTD_PATTERN } from '../helpers/zstd.ts';

const TAR = tarOf([['a', 'content']]);

describe('packing a layer', () => {
  let memory: MemoryEndpoint;
  let known: Map<string, Descriptor>;
  let store: LayerStore;
  beforeEach(() => {
    memory = new MemoryEndpoint();
    known = new Map();
    store = {
      has: (descriptor) => memory.has(descriptor),
      ingest: async (content) => memory.add(await collect(content, 1024 * 1024), 'x'),
      diffIds: {
        layerOf: async (diffId) => known.get(diffId),
        add: async (diffId, layer) => void known.set(diffId, layer),
      },
    };
  });

  it('packs a plain tar and remembers it', async () => {
    const packed = await packLayer(contentOf(TAR), store, { compression: 'none', what: 'layer' });
    const blob = await collect(await memory.read(layerDescriptor(packed)), 1024 * 1024);
    expect(gunzipSync(blob).equals(TAR)).toBe(true);
    expect(packed).toEqual({ diffId: digestOf(TAR), digest: digestOf(blob), size: blob.length, compression: 'gzip' });
    expect(await knownLayer(digestOf(TAR), store)).toEqual(packed);
  });

  it.each([
    ['gzip', gzipSync(TAR, { level: 1 }), TAR],
    ['zstd', ZSTD_PATTERN, pattern(200_000)],
  ] as const)('keeps the bytes of %s', async (compression, blob, tar) => {
    const packed = await packLayer(contentOf(blob), store, { compression, what: 'layer' });
    expect(packed).toEqual({ diffId: digestOf(tar), digest: digestOf(blob), size: blob.length, compression });
    expect(await memory.has(layerDescriptor(packed))).toBe(true);
  });

  it('stores nothing that has another diff ID than expected', async () => {
    for (const [compression, blob] of [
      ['none', TAR],
      ['gzip', gzipSync(TAR)],
    ] as const) {
      const options = { compression, what: 'layer x', expectedDiffId: digestOf('other') };
      await expect(packLayer(contentOf(blob), store, options)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    }
    expect(known.size).toBe(0);
    expect(await memory.has({ mediaType: 'x', digest: digestOf(gzipSync(TAR)), size: gzipSync(TAR).length })).toBe(
      false,
    );
  });

  it('stores nothing that is damaged', async () => {
    const cut = contentOf(gzipSync(TAR).subarray(0, 50));
    await expect(packLayer(cut, store, { compression: 'gzip', what: 'layer' })).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
    });
    expect(known.size).toBe(0);
  });

  it('shows the first block of the plain tar to whoever wants to judge it', async () => {
    const heads: Buffer[] = [];
    const check = (head: Buffer): void => void heads.push(Buffer.from(head));
    await packLayer(contentOf(TAR), store, { compression: 'none', what: 'layer', check });
    await packLayer(contentOf(gzipSync(TAR)), store, { compression: 'gzip', what: 'layer', check });
    await packLayer(contentOf(Buffer.from('short')), store, { compression: 'none', what: 'layer', check });
    expect(heads[0]?.equals(TAR.subarray(0, 512))).toBe(true);
    expect(heads[1]?.equals(TAR.subarray(0, 512))).toBe(true);
    expect(heads[2]?.toString()).toBe('short');
    expect(heads).toHaveLength(3);
  });

  it('knows no layer that is gone, plain or of an unknown kind', async () => {
    expect(await knownLayer('sha256:none', store)).toBeUndefined();
    const plain = memory.add(TAR, MEDIA_TYPES.ociLayer);
    known.set(digestOf(TAR), plain);
    expect(await knownLayer(digestOf(TAR), store)).toBeUndefined();
    known.set(digestOf(TAR), { ...plain, mediaType: MEDIA_TYPES.dockerLayerGzip });
    expect(await knownLayer(digestOf(TAR), store)).toMatchObject({ compression: 'gzip', digest: plain.digest });
    memory.remove(plain.digest);
    expect(await knownLayer(digestOf(TAR), store)).toBeUndefined();
  });
});
