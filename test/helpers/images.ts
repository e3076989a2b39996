// How do tests get small images that are real: configs, layers and digests that fit each other?
import { gzipSync } from 'node:zlib';
import { encodeEntry, paddingAfter, TAR_END, type TarEntry } from '../../src/layers/tar.ts';
import type { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { ATTESTATION, REFERENCE_DIGEST, REFERENCE_TYPE } from '../../src/spec/annotations.ts';
import { buildImageConfig, buildIndex, buildManifest } from '../../src/spec/build.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import type { Platform } from '../../src/spec/platform.ts';

export const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
export const ARM64: Platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
export const CREATED = '2024-01-02T03:04:05Z';

/** A file of a tar; text or bytes, or an entry of another kind. */
export type TarFile = readonly [path: string, content: string | Uint8Array] | TarEntry;

/** A tar with these entries, in this order. */
export function tarOf(files: readonly TarFile[], end: Uint8Array = TAR_END): Buffer {
  const parts: Uint8Array[] = [];
  for (const file of files) {
    if (!('kind' in file)) {
      const bytes = Buffer.from(file[1]);
      parts.push(...encodeEntry({ path: file[0], kind: 'file', size: bytes.length }), bytes);
      parts.push(Buffer.alloc(paddingAfter(bytes.length)));
    } else parts.push(...encodeEntry(file));
  }
  return Buffer.concat([...parts, end]);
}

export interface LayerParts {
  /** The plain tar. */
  readonly tar: Buffer;
  readonly diffId: string;
  /** The blob as stored. */
  readonly blob: Buffer;
  readonly descriptor: Descriptor;
}

/** A layer with these files: plain for a media type that ends in `tar`, else gzip, whatever it is labelled. */
function layerOf(files: readonly TarFile[], mediaType: string = MEDIA_TYPES.ociLayerGzip): LayerParts {
  const tar = tarOf(files);
  const blob = mediaType.endsWith('tar') ? tar : gzipSync(tar);
  return { tar, diffId: digestOf(tar), blob, descriptor: { mediaType, digest: digestOf(blob), size: blob.length } };
}

export interface ImageOptions {
  readonly platform?: Platform | undefined;
  /** One list of files per layer. */
  readonly layers?: readonly (readonly TarFile[])[] | undefined;
  /** Docker schema 2 instead of OCI. */
  readonly docker?: boolean | undefined;
  /** Media type of the layers. */
  readonly layerType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly as?: string | undefined;
}

export interface BuiltImage {
  readonly descriptor: Descriptor;
  readonly manifest: Buffer;
  readonly config: Descriptor;
  readonly configBytes: Buffer;
  readonly layers: readonly LayerParts[];
}

/** Puts an image into an endpoint in memory. */
export function addImage(endpoint: MemoryEndpoint, options: ImageOptions = {}): BuiltImage {
  const { platform = AMD64, docker = false } = options;
  const layerType = options.layerType ?? (docker ? MEDIA_TYPES.dockerLayerGzip : MEDIA_TYPES.ociLayerGzip);
  const files = options.layers ?? [[['hello.txt', 'hello\n']], [['etc/motd', `on ${platform.architecture}\n`]]];
  const layers = files.map((layer) => layerOf(layer, layerType));
  for (const layer of layers) endpoint.add(layer.blob, layer.descriptor.mediaType);
  const configBytes = Buffer.from(
    buildImageConfig({
      platform,
      created: CREATED,
      diffIds: layers.map(({ diffId }) => diffId),
      history: layers.map((_, index) => ({ created: CREATED, createdBy: `COPY layer ${index}`, emptyLayer: false })),
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] },
    }),
  );
  const config = endpoint.add(configBytes, docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig);
  const mediaType = docker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
  const parts = {
    config,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: options.annotations,
    mediaType,
  };
  const manifest = Buffer.from(buildManifest(parts));
  return { descriptor: endpoint.add(manifest, mediaType, options.as), manifest, config, configBytes, layers };
}

export interface IndexOptions {
  readonly platforms?: readonly Platform[] | undefined;
  /** Adds an attestation manifest for each image, as BuildKit does. */
  readonly attestations?: boolean | undefined;
  readonly docker?: boolean | undefined;
  readonly as?: string | undefined;
}

export interface BuiltIndex {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly images: readonly BuiltImage[];
}

/** Puts an index with an image per platform into an endpoint in memory. */
export function addIndex(endpoint: MemoryEndpoint, options: IndexOptions = {}): BuiltIndex {
  const { platforms = [AMD64, ARM64], docker = false } = options;
  const images = platforms.map((platform) => addImage(endpoint, { platform, docker }));
  const entries = images.map(({ descriptor }, index) => ({ ...descriptor, platform: platforms[index] }));
  const proofs = options.attestations ? images.map(({ descriptor }) => addAttestation(endpoint, descriptor)) : [];
  const mediaType = docker ? MEDIA_TYPES.dockerList : MEDIA_TYPES.ociIndex;
  const bytes = Buffer.from(buildIndex({ manifests: [...entries, ...proofs], mediaType }));
  return { descriptor: endpoint.add(bytes, mediaType, options.as), bytes, images };
}

/** An in-toto attestation about a manifest; the entry for an index. */
function addAttestation(endpoint: MemoryEndpoint, subject: Descriptor): Descriptor {
  const statement = endpoint.add(`{"subject":"${subject.digest}"}`, 'application/vnd.in-toto+json');
  const platform = { os: 'unknown', architecture: 'unknown' };
  const config = endpoint.add(buildImageConfig({ platform, diffIds: [statement.digest] }), MEDIA_TYPES.ociConfig);
  const manifest = endpoint.add(buildManifest({ config, layers: [statement] }), MEDIA_TYPES.ociManifest);
  return { ...manifest, platform, annotations: { [REFERENCE_TYPE]: ATTESTATION, [REFERENCE_DIGEST]: subject.digest } };
}

/** An artifact of media types that nobody knows. */
export function addArtifact(endpoint: MemoryEndpoint, as?: string): Descriptor {
  const blob = endpoint.add('chart bytes', 'application/vnd.example.chart.v1+octet-stream');
  const config = endpoint.add('{"name":"chart"}', 'application/vnd.example.config.v1+json');
  const bytes = buildManifest({ config, layers: [blob], artifactType: 'application/vnd.example.chart' });
  return endpoint.add(bytes, MEDIA_TYPES.ociManifest, as);
}
