// Small images for tests: their documents, and how they get into a registry or a memory endpoint.
import { gzipSync } from 'node:zlib';
import type { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import type { RegistryContents } from './registry-contents.ts';

export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface SampleImage {
  readonly manifest: Document;
  readonly config: Document;
  readonly layers: readonly Document[];
}

export interface SampleIndex {
  readonly index: Document;
  readonly images: readonly SampleImage[];
}

export interface SampleOptions {
  /** `linux/amd64` by default. */
  readonly platform?: string;
  /** Text of each layer. */
  readonly layers?: readonly string[];
  /** Entries as they stand in the config; one per layer by default. */
  readonly history?: readonly object[];
  /** The `config` of the config. */
  readonly config?: object;
  /** More fields of the config. */
  readonly more?: object;
}

const OCI = 'application/vnd.oci.image';

export function documentOf(value: unknown, mediaType: string): Document {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

export function sampleImage(options: SampleOptions = {}): SampleImage {
  const { platform = 'linux/amd64', layers: texts = ['first layer', 'second layer'] } = options;
  const [os, architecture, variant] = platform.split('/');
  const layers = texts.map((text) => documentOf(gzipSync(text), `${OCI}.layer.v1.tar+gzip`));
  const created = '2024-05-06T07:08:09Z';
  const config = documentOf(
    {
      created,
      architecture,
      os,
      variant,
      config: options.config ?? { Env: ['PATH=/bin'], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: texts.map((text) => digestOf(text)) },
      history: options.history ?? texts.map((text) => ({ created, created_by: `COPY ${text}` })),
      ...options.more,
    },
    `${OCI}.config.v1+json`,
  );
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = documentOf(
    { schemaVersion: 2, mediaType, config: config.descriptor, layers: layers.map((layer) => layer.descriptor) },
    mediaType,
  );
  return { manifest, config, layers };
}

/** An index of images for these platforms, with an attestation for the first of them. */
export function sampleIndex(platforms: readonly string[]): SampleIndex {
  const images = platforms.map((platform) => sampleImage({ platform, layers: [`layer for ${platform}`] }));
  const entries = images.map(({ manifest }, index) => {
    const [os, architecture, variant] = (platforms[index] ?? '').split('/');
    return { ...manifest.descriptor, platform: { os, architecture, variant } };
  });
  const attestation = {
    ...documentOf({ attests: entries[0]?.digest }, `${OCI}.manifest.v1+json`).descriptor,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };
  const mediaType = `${OCI}.index.v1+json`;
  return {
    images,
    index: documentOf({ schemaVersion: 2, mediaType, manifests: [...entries, attestation] }, mediaType),
  };
}

export function fillRegistry(
  contents: RegistryContents,
  [repository, tag]: readonly [string, string],
  sample: SampleImage | SampleIndex,
): void {
  for (const { manifest, config, layers } of imagesOf(sample)) {
    for (const { bytes, descriptor } of [config, ...layers]) contents.putBlob(repository, bytes, descriptor.digest);
    contents.putManifest(repository, asManifest(manifest));
  }
  contents.putManifest(repository, asManifest(rootOf(sample)), tag);
}

export function fillMemory(memory: MemoryEndpoint, name: string, sample: SampleImage | SampleIndex): Descriptor {
  for (const { manifest, config, layers } of imagesOf(sample)) {
    for (const { bytes, descriptor } of [manifest, config, ...layers]) memory.add(bytes, descriptor.mediaType);
  }
  const { bytes, descriptor } = rootOf(sample);
  return memory.add(bytes, descriptor.mediaType, name);
}

function imagesOf(sample: SampleImage | SampleIndex): readonly SampleImage[] {
  return 'index' in sample ? sample.images : [sample];
}

function rootOf(sample: SampleImage | SampleIndex): Document {
  return 'index' in sample ? sample.index : sample.manifest;
}

function asManifest({ bytes, descriptor }: Document): { mediaType: string; bytes: Buffer } {
  return { mediaType: descriptor.mediaType, bytes };
}
