// How does a root file system become an image?
import { isTarHeader } from '../layers/tar.ts';
import { HubError } from '../errors.ts';
import { buildImageConfig, buildManifest } from '../spec/build.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { digestOf } from '../spec/digest.ts';
import type { ContainerConfig } from '../spec/image-config.ts';
import { MEDIA_TYPES } from '../spec/media-types.ts';
import type { Platform } from '../spec/platform.ts';
import type { CallOptions, Open, WriteOptions, WriteResult } from '../transfer/endpoint.ts';
import { contentOf, type Content } from '../util/content.ts';
import type { Compression } from '../layers/compression.ts';
import { layerDescriptor, packLayer, type LayerStore, type PackedLayer } from '../layers/pack.ts';

export interface RootfsStore extends LayerStore {
  addBytes(bytes: Uint8Array, mediaType: string): Promise<Descriptor>;
  write(descriptor: Descriptor, open: Open, options?: WriteOptions): Promise<WriteResult>;
}

/** One more tar, as a layer of its own. */
export interface RootfsLayer {
  readonly tar: Content;
  /** How the tar is compressed. */
  readonly compression: Compression;
  /** Where the tar comes from, for messages. */
  readonly what: string;
  /** For the history. */
  readonly comment?: string | undefined;
}

export interface RootfsOptions extends CallOptions {
  /** How the tar is compressed. */
  readonly compression: Compression;
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  readonly config?: ContainerConfig | undefined;
  /** For the history. */
  readonly comment?: string | undefined;
  /** Where the tar comes from, for messages. */
  readonly what: string;
  /** Layers above that of the tar, the lowest first. */
  readonly above?: readonly RootfsLayer[] | undefined;
  /** Canonical full name; the image is kept under its digest without one. */
  readonly as?: string | undefined;
}

export interface ImportedImage {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  /** Digest of the config. */
  readonly id: string;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
}

/**
 * Stores an OCI image of one layer, which is this tar, or of several: gzip and zstd keep their bytes, a plain tar is
 * packed. Throws CONTENT_INVALID when it is no tar, UNSUPPORTED for bzip2 and xz, STORAGE.
 */
export async function importRootfs(tar: Content, store: RootfsStore, options: RootfsOptions): Promise<ImportedImage> {
  const { compression, platform, created, config, comment, what, above = [], signal } = options;
  const parts: readonly RootfsLayer[] = [{ tar, compression, what, comment }, ...above];
  const packed = await packAll(parts, store, signal);
  const bytes = buildImageConfig({
    platform,
    created,
    diffIds: packed.map(({ diffId }) => diffId),
    history: parts.map((part) => ({ created, comment: part.comment, emptyLayer: false })),
    config,
  });
  const configDescriptor = await store.addBytes(bytes, MEDIA_TYPES.ociConfig);
  const layers = packed.map(layerDescriptor);
  const manifest = buildManifest({ config: configDescriptor, layers });
  const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(manifest), size: manifest.length };
  await store.write(descriptor, async () => contentOf(manifest), { as: options.as ?? descriptor.digest, signal });
  return { descriptor, id: configDescriptor.digest, layers };
}

async function packAll(
  parts: readonly RootfsLayer[],
  store: RootfsStore,
  signal: AbortSignal | undefined,
): Promise<readonly PackedLayer[]> {
  const packed: PackedLayer[] = [];
  for (const { tar, compression, what } of parts) {
    packed.push(await packLayer(tar, store, { compression, what, signal, check: (head) => checkTar(head, what) }));
  }
  return packed;
}

function checkTar(head: Buffer, what: string): void {
  if (head.length > 0 && isTarHeader(head)) return;
  throw new HubError('CONTENT_INVALID', `${what} is not a tar archive`, {
    hint: 'import takes the tar of a root file system, or a directory',
  });
}
