import { describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { HubError } from '../../src/errors.ts';
import { parseManifest } from '../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { copy } from '../../src/transfer/copy.ts';
import type { ReadOptions, WriteOptions } from '../../src/transfer/endpoint.ts';
import type { Open } from '../../src/transfer/endpoint.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { addArtifact, addImage, addIndex, AMD64, ARM64 } from '../helpers/images.ts';

/** A sink that keeps whole indexes only, as registries do, and notes the order in which things are written. */
class WholeSink extends MemoryEndpoint {
  override readonly sparse = false as unknown as true;
  readonly written: string[] = [];

  override async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}) {
    const result = await super.write(descriptor, open, options);
    this.written.push(options.as ?? descriptor.digest);
    return result;
  }
}

async function bytesAt(endpoint: MemoryEndpoint, descriptor: Descriptor): Promise<Buffer> {
  return collect(await endpoint.read(descriptor), 1_000_000);
}

describe('copy', () => {
  it('copies an image with everything it refers to and names it last', async () => {
    const from = new MemoryEndpoint('from');
    const image = addImage(from, { as: 'app:1' });
    const to = new WholeSink('to');
    const result = await copy(from, to, 'app:1', { as: 'copied' });
    expect(result.descriptor.digest).toBe(image.descriptor.digest);
    expect(to.written.at(-1)).toBe('copied');
    expect(await bytesAt(to, image.descriptor)).toEqual(image.manifest);
    for (const layer of image.layers) expect(await to.has(layer.descriptor)).toBe(true);
    expect(result.copied).toBe(image.layers.length);
  });

  it('keeps an index with attestations byte for byte', async () => {
    const from = new MemoryEndpoint('from');
    const index = addIndex(from, { attestations: true, as: 'multi' });
    const to = new WholeSink('to');
    const { descriptor } = await copy(from, to, 'multi');
    expect(await bytesAt(to, descriptor)).toEqual(index.bytes);
    expect((await to.resolve('multi')).digest).toBe(index.descriptor.digest);
  });

  it('copies artifacts whose media types nobody knows', async () => {
    const from = new MemoryEndpoint('from');
    const artifact = addArtifact(from, 'chart');
    const to = new WholeSink('to');
    expect((await copy(from, to, 'chart')).descriptor.digest).toBe(artifact.digest);
  });

  it('writes content that several manifests share once', async () => {
    const from = new MemoryEndpoint('from');
    addIndex(from, { as: 'multi' });
    const to = new WholeSink('to');
    await copy(from, to, 'multi');
    expect(new Set(to.written).size).toBe(to.written.length);
  });

  it('takes the manifest of one platform', async () => {
    const from = new MemoryEndpoint('from');
    const index = addIndex(from, { as: 'multi' });
    const to = new WholeSink('to');
    const result = await copy(from, to, 'multi', { platforms: [ARM64] });
    expect(result.descriptor.digest).toBe(index.images[1]?.descriptor.digest);
    expect(result.resolved.digest).toBe(index.descriptor.digest);
  });

  it('makes a smaller index of some platforms and says so', async () => {
    const from = new MemoryEndpoint('from');
    const third = { os: 'linux', architecture: 's390x' };
    addIndex(from, { as: 'multi', platforms: [AMD64, ARM64, third] });
    const to = new WholeSink('to');
    const events: TransferEvent[] = [];
    const { descriptor } = await copy(from, to, 'multi', { platforms: [AMD64, third], onEvent: (e) => events.push(e) });
    const index = parseManifest(await bytesAt(to, descriptor));
    expect(index.manifests.map((manifest) => manifest.platform?.architecture)).toEqual(['amd64', 's390x']);
    expect(events.some((event) => event.type === 'warning' && event.message.includes(descriptor.digest))).toBe(true);
  });

  it('keeps the index in a sparse sink, without the platforms not chosen', async () => {
    const from = new MemoryEndpoint('from');
    const index = addIndex(from, { as: 'multi' });
    const to = new MemoryEndpoint('to');
    const { descriptor } = await copy(from, to, 'multi', { platforms: [AMD64], keepIndex: true });
    expect(descriptor.digest).toBe(index.descriptor.digest);
    expect(await to.has(index.images[0]!.descriptor)).toBe(true);
    expect(await to.has(index.images[1]!.descriptor)).toBe(false);
  });

  it('copies only what a sparse source has', async () => {
    const full = new MemoryEndpoint('full');
    const index = addIndex(full, { as: 'multi' });
    const sparse = new MemoryEndpoint('sparse');
    await copy(full, sparse, 'multi', { platforms: [AMD64], keepIndex: true });
    const to = new WholeSink('to');
    const { descriptor } = await copy(sparse, to, 'multi', { available: true });
    expect(descriptor.digest).toBe(index.images[0]?.descriptor.digest);
  });

  it('keeps the index of a sparse source when the sink has the rest', async () => {
    const full = new MemoryEndpoint('full');
    const index = addIndex(full, { as: 'multi' });
    const sparse = new MemoryEndpoint('sparse');
    await copy(full, sparse, 'multi', { platforms: [AMD64], keepIndex: true });
    const to = new WholeSink('to');
    await copy(full, to, 'multi', { platforms: [ARM64], as: 'arm' });
    const { descriptor } = await copy(sparse, to, 'multi', { available: true });
    expect(descriptor.digest).toBe(index.descriptor.digest);
  });

  it('refuses a platform that a single image is not for', async () => {
    const from = new MemoryEndpoint('from');
    addImage(from, { as: 'app', platform: AMD64 });
    const failing = copy(from, new WholeSink('to'), 'app', { platforms: [ARM64] });
    await expect(failing).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('moves nothing when the sink has the manifest, and still names it', async () => {
    const from = new MemoryEndpoint('from');
    addImage(from, { as: 'app' });
    const to = new WholeSink('to');
    await copy(from, to, 'app');
    to.written.length = 0;
    const result = await copy(from, to, 'app', { as: 'again' });
    expect(to.written).toEqual(['again']);
    expect([result.copied, result.existing]).toEqual([0, 2]);
  });

  it('stores and names nothing when content is not what its digest says', async () => {
    class Liar extends MemoryEndpoint {
      override async read(descriptor: Descriptor, options?: ReadOptions) {
        if (!descriptor.mediaType.includes('layer')) return super.read(descriptor, options);
        return contentOf(Buffer.alloc(descriptor.size));
      }
    }
    const from = new Liar('from');
    const image = addImage(from, { as: 'app' });
    const to = new WholeSink('to');
    await expect(copy(from, to, 'app')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', exitCode: 7 });
    await expect(to.resolve('app')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const layer of image.layers) expect(await to.has(layer.descriptor)).toBe(false);
  });

  it('fetches content that arrived damaged once more', async () => {
    let damaged = 0;
    class Flaky extends MemoryEndpoint {
      override async read(descriptor: Descriptor, options?: ReadOptions) {
        if (!descriptor.mediaType.includes('layer') || damaged > 0) return super.read(descriptor, options);
        damaged += 1;
        return contentOf(Buffer.alloc(descriptor.size));
      }
    }
    const from = new Flaky('from');
    addImage(from, { as: 'app' });
    const to = new WholeSink('to');
    await expect(copy(from, to, 'app')).resolves.toMatchObject({ copied: 2 });
    expect(damaged).toBe(1);
  });

  it('writes everything again, once, when the sink lost what it said it had', async () => {
    const from = new MemoryEndpoint('from');
    const image = addImage(from, { as: 'app' });
    const lost = image.layers[0]!.descriptor;
    class Forgetful extends WholeSink {
      override async has(descriptor: Descriptor) {
        return descriptor.digest === lost.digest || super.has(descriptor);
      }
      override async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}) {
        if (descriptor.digest === lost.digest && !options.force) return { outcome: 'exists' as const };
        if (options.as !== undefined && !options.force) {
          throw new HubError('CONFLICT', 'blob unknown', { details: { missing: [lost.digest] } });
        }
        return super.write(descriptor, open, options);
      }
    }
    const to = new Forgetful('to');
    await copy(from, to, 'app');
    expect(to.written).toContain(lost.digest);
  });

  it('brings only what the sink names as missing, and all when it goes on to miss something', async () => {
    const from = new MemoryEndpoint('from');
    const image = addImage(from, { as: 'app', layers: [[['a', 'a']], [['b', 'b']]] });
    const [one, two] = image.layers.map(({ descriptor }) => descriptor.digest);
    const forced: string[][] = [[], [], []];
    let tries = 0;
    class Forgetful extends WholeSink {
      override async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}) {
        if (options.force) forced[tries]?.push(descriptor.digest);
        if (options.as !== undefined && tries < 2) {
          tries += 1;
          throw new HubError('CONFLICT', 'blob unknown', { details: { missing: [one] } });
        }
        return super.write(descriptor, open, options);
      }
    }
    await copy(from, new Forgetful('to'), 'app');
    expect(forced[1]).toEqual([one]);
    expect(forced[2]).toEqual(expect.arrayContaining([one, two]));
  });

  it('brings once more what the sink lost of one image of an index', async () => {
    const from = new MemoryEndpoint('from');
    const index = addIndex(from, { as: 'multi' });
    const lost = index.images[1]!.layers[0]!.descriptor.digest;
    let told = false;
    class Forgetful extends WholeSink {
      override async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}) {
        if (descriptor.digest === index.images[1]!.descriptor.digest && !told) {
          told = true;
          throw new HubError('CONFLICT', 'blob unknown', { details: { missing: [lost] } });
        }
        return super.write(descriptor, open, options);
      }
    }
    const to = new Forgetful('to');
    await copy(from, to, 'multi');
    expect(to.written.filter((digest) => digest === lost)).toHaveLength(2);
    expect((await to.resolve('multi')).digest).toBe(index.descriptor.digest);
  });

  it('reports the first failure, after everything it started has ended', async () => {
    const from = new MemoryEndpoint('from');
    const image = addImage(from, { as: 'app', layers: [[['a', 'a']], [['b', 'b']], [['c', 'c']]] });
    let running = 0;
    class Failing extends WholeSink {
      override async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}) {
        running += 1;
        try {
          await new Promise((resolve) => setImmediate(resolve));
          if (descriptor.digest === image.layers[1]!.descriptor.digest) throw new HubError('STORAGE', 'disk full');
          if (options.signal?.aborted) throw options.signal.reason;
          return await super.write(descriptor, open, options);
        } finally {
          running -= 1;
        }
      }
    }
    await expect(copy(from, new Failing('to'), 'app')).rejects.toThrow('disk full');
    expect(running).toBe(0);
  });

  it('ends with the reason of the caller when the caller aborts', async () => {
    const from = new MemoryEndpoint('from');
    addImage(from, { as: 'app' });
    const stop = new AbortController();
    stop.abort(new HubError('ABORTED', 'interrupted'));
    await expect(copy(from, new WholeSink('to'), 'app', { signal: stop.signal })).rejects.toThrow('interrupted');
  });

  it('refuses indexes nested without end', async () => {
    const from = new MemoryEndpoint('from');
    let inner = addImage(from).descriptor;
    for (let depth = 0; depth < 10; depth += 1) {
      const text = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [inner] });
      inner = from.add(text, MEDIA_TYPES.ociIndex, 'deep');
    }
    await expect(copy(from, new WholeSink('to'), 'deep')).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('refuses a manifest that is also an index', async () => {
    const from = new MemoryEndpoint('from');
    const { config, layers } = addImage(from);
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config,
      layers: layers.map((layer) => layer.descriptor),
      manifests: [],
    });
    from.add(text, MEDIA_TYPES.ociManifest, 'both');
    await expect(copy(from, new WholeSink('to'), 'both')).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('tells of every layer: queued, started, finished', async () => {
    const from = new MemoryEndpoint('from');
    const image = addImage(from, { as: 'app' });
    const events: TransferEvent[] = [];
    await copy(from, new WholeSink('to'), 'app', { onEvent: (event) => events.push(event) });
    const layer = image.layers[0]!.descriptor.digest;
    const types = events
      .filter((event) => 'descriptor' in event && event.descriptor.digest === layer)
      .map((event) => event.type);
    expect(types).toEqual(['queued', 'started', 'progress', 'finished']);
  });
});

describe('a sink that was not asked for the manifest', () => {
  /** It is asked for the config first, and gets it only when the first layer is there. */
  class Patient extends WholeSink {
    #hasLayer: () => void = () => undefined;
    readonly #layer = new Promise<void>((resolve) => (this.#hasLayer = resolve));

    async standing(): Promise<'unknown'> {
      return 'unknown';
    }

    override async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}) {
      if (!descriptor.mediaType.includes('config')) {
        const result = await super.write(descriptor, open, options);
        if (descriptor.mediaType.includes('layer')) this.#hasLayer();
        return result;
      }
      const content = await open();
      await this.#layer;
      return super.write(descriptor, async () => content, options);
    }
  }

  it('is sent the layers once it asks for the bytes of the config', async () => {
    const from = new MemoryEndpoint('from');
    const image = addImage(from, { as: 'app' });
    const to = new Patient('to');
    const { copied } = await copy(from, to, 'app');
    expect(copied).toBe(image.layers.length);
    expect(to.written.at(-1)).toBe('app');
  });
});

describe('a sink that is asked for the manifest', () => {
  class AtHand extends MemoryEndpoint {
    #tell: () => void = () => undefined;
    readonly isRead = new Promise<void>((resolve) => (this.#tell = resolve));

    override async read(descriptor: Descriptor, options: ReadOptions = {}) {
      this.#tell();
      return super.read(descriptor, options);
    }
  }

  it('has a manifest at hand read meanwhile', async () => {
    const from = new AtHand('from');
    addImage(from, { as: 'app' });
    class Answering extends WholeSink {
      async standing(): Promise<'named'> {
        await from.isRead;
        return 'named';
      }
    }
    const to = new Answering('to');
    const { copied, existing } = await copy(from, to, 'app');
    expect({ copied, hasLayers: existing > 0, written: to.written }).toEqual({
      copied: 0,
      hasLayers: true,
      written: [],
    });
  });

  it('is asked whatever becomes of the manifest at hand', async () => {
    const from = new MemoryEndpoint('from');
    const { descriptor } = addImage(from, { as: 'app' });
    from.read = async () => {
      throw new HubError('NOT_FOUND', `${descriptor.digest} is gone`);
    };
    class Lacking extends WholeSink {
      async standing(): Promise<'absent'> {
        await new Promise((resolve) => setImmediate(resolve));
        return 'absent';
      }
    }
    await expect(copy(from, new Lacking('to'), 'app')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a source that takes its time to resolve', () => {
  class Slow extends MemoryEndpoint {
    quickest: number | undefined;

    override async resolve(reference: string): ReturnType<MemoryEndpoint['resolve']> {
      // More than any near source takes; it may have been a token or a handshake.
      const begun = performance.now();
      while (performance.now() - begun < 25) await new Promise((resolve) => setImmediate(resolve));
      return super.resolve(reference);
    }

    delay(): number | undefined {
      return this.quickest;
    }
  }

  class PieceSink extends WholeSink {
    /** What a piece of a large blob would be, at its first and at its second request. */
    readonly pieces: (number | undefined)[] = [];

    override async write(
      ...[descriptor, open, options]: Parameters<WholeSink['write']>
    ): ReturnType<WholeSink['write']> {
      if (descriptor.mediaType.includes('layer')) this.pieces.push(options?.share?.piece(500_000_000));
      return super.write(descriptor, open, options);
    }
  }

  it.each([
    [undefined, 'far'],
    [40, 'far'],
    [2, 'near'],
  ])('and whose quickest answer took %s ms is %s', async (quickest, place) => {
    const from = new Slow('slow');
    from.quickest = quickest;
    addImage(from, { as: 'app:1' });
    const to = new PieceSink('to');
    await copy(from, to, 'app:1');
    expect(to.pieces.length).toBeGreaterThan(0);
    for (const piece of to.pieces) expect((piece ?? 0) > 16_000_000).toBe(place === 'near');
  });
});

describe('a source that can connect ahead', () => {
  class Far extends MemoryEndpoint {
    warmed = 0;

    warm(): void {
      this.warmed += 1;
    }
  }

  it('does so before its first answer, unless that is expected to be the only one', async () => {
    const from = new Far('far');
    const { descriptor } = addImage(from, { as: 'app:1' });
    await copy(from, new WholeSink('to'), 'app:1');
    expect(from.warmed).toBe(1);
    await copy(from, new WholeSink('to'), 'app:1', { expected: descriptor });
    expect(from.warmed).toBe(1);
  });
});
