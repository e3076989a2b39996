// How does a tar become a layer in the store?
import { createHash } from 'node:crypto';
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { layerCompression, MEDIA_TYPES } from '../spec/media-types.ts';
import type { CallOptions } from '../transfer/endpoint.ts';
import type { Content } from '../util/content.ts';
import { converted, inflater, type Compression } from './compression.ts';
import { gzipper } from './gzip.ts';

/** What packing needs of the local store. */
export interface LayerStore {
  has(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
  /** Stores content whose digest is not known before. */
  ingest(content: Content, options?: CallOptions): Promise<{ readonly digest: string; readonly size: number }>;
  readonly diffIds: {
    layerOf(diffId: string): Promise<Descriptor | undefined>;
    add(diffId: string, layer: Descriptor): Promise<void>;
  };
}

export interface PackedLayer {
  /** Digest of the plain tar. */
  readonly diffId: string;
  readonly digest: string;
  readonly size: number;
  readonly compression: 'gzip' | 'zstd';
}

export interface PackOptions extends CallOptions {
  /** How the content is compressed now. */
  readonly compression: Compression;
  /** Names the layer in messages. */
  readonly what: string;
  /** Refuses, and stores nothing, unless the plain tar has this digest. */
  readonly expectedDiffId?: string | undefined;
  /** Given the first 512 bytes of the plain tar; what it throws refuses the layer. */
  readonly check?: ((head: Buffer) => void) | undefined;
}

/** Bytes: the first header of a tar. */
const HEAD = 512;
const PACKED_TYPE = { gzip: MEDIA_TYPES.ociLayerGzip, zstd: MEDIA_TYPES.ociLayerZstd } as const;

/**
 * Stores a layer: a plain tar is packed with gzip, gzip and zstd keep their bytes. The pair of digests is remembered, so
 * that the same tar never has to be packed again. Throws CONTENT_INVALID, UNSUPPORTED for bzip2 and xz.
 */
export async function packLayer(content: Content, store: LayerStore, options: PackOptions): Promise<PackedLayer> {
  const packed =
    options.compression === 'none'
      ? await packPlain(content, store, options)
      : await keepCompressed(content, store, options);
  await store.diffIds.add(packed.diffId, layerDescriptor(packed));
  return packed;
}

/** The layer that holds this tar already, if the store has one. */
export async function knownLayer(diffId: string, store: LayerStore): Promise<PackedLayer | undefined> {
  const known = await store.diffIds.layerOf(diffId);
  const compression = known && layerCompression(known.mediaType);
  if (!known || (compression !== 'gzip' && compression !== 'zstd')) return undefined;
  if (!(await store.has(known))) return undefined;
  return { diffId, digest: known.digest, size: known.size, compression };
}

/** The descriptor of a packed layer in an OCI manifest. */
export function layerDescriptor({ digest, size, compression }: PackedLayer): Descriptor {
  return { mediaType: PACKED_TYPE[compression], digest, size };
}

async function packPlain(content: Content, store: LayerStore, options: PackOptions): Promise<PackedLayer> {
  const tap = new Tap(options);
  const packed = converted(content, async (consume) => {
    const gzip = gzipper(consume);
    return {
      write: (chunk) => {
        tap.update(chunk);
        return gzip.write(chunk);
      },
      end: () => {
        tap.finish();
        return gzip.end();
      },
      cancel: () => gzip.cancel(),
    };
  });
  const { digest, size } = await store.ingest(packed, { signal: options.signal });
  return { digest, size, diffId: tap.finish(), compression: 'gzip' };
}

async function keepCompressed(content: Content, store: LayerStore, options: PackOptions): Promise<PackedLayer> {
  const tap = new Tap(options);
  const inflating = await inflater(options.compression, (chunk) => tap.update(chunk), options);
  const kept = converted(content, async (consume) => ({
    write: async (chunk) => {
      await inflating.write(chunk);
      await consume(chunk);
    },
    end: async () => {
      await inflating.end();
      tap.finish();
    },
    cancel: () => inflating.cancel(),
  }));
  const { digest, size } = await store.ingest(kept, { signal: options.signal });
  return { digest, size, diffId: tap.finish(), compression: options.compression === 'zstd' ? 'zstd' : 'gzip' };
}

/** The hash of the plain tar, judged before the content ends, so that a wrong layer is never stored. */
class Tap {
  readonly #hash = createHash('sha256');
  readonly #head = Buffer.alloc(HEAD);
  readonly #options: PackOptions;
  #size = 0;
  #diffId: string | undefined;

  constructor(options: PackOptions) {
    this.#options = options;
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    if (this.#size < HEAD) this.#head.set(chunk.subarray(0, HEAD - this.#size), this.#size);
    const before = this.#size;
    this.#size += chunk.length;
    // As early as possible: what is no tar may be gigabytes of something else.
    if (before < HEAD && this.#size >= HEAD) this.#options.check?.(this.#head);
  }

  finish(): string {
    if (this.#diffId === undefined && this.#size < HEAD) this.#options.check?.(this.#head.subarray(0, this.#size));
    this.#diffId ??= `sha256:${this.#hash.digest('hex')}`;
    const { expectedDiffId, what } = this.#options;
    if (expectedDiffId === undefined || expectedDiffId === this.#diffId) return this.#diffId;
    throw new HubError(
      'CONTENT_INVALID',
      `${what} has diff ID ${this.#diffId}, but the config says ${expectedDiffId}`,
      {
        hint: 'the archive is damaged or was tampered with; nothing was stored',
      },
    );
  }
}
