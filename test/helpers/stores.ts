// Stores in folders of their own, with small images in them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../../src/endpoints/store/store.ts';
import { buildImageConfig, buildIndex, buildManifest } from '../../src/spec/build.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf, encodedOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import type { Platform } from '../../src/spec/platform.ts';
import type { Open } from '../../src/transfer/endpoint.ts';
import { contentOf } from '../../src/util/content.ts';
import { folder } from './folder.ts';

export const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
export const ARM64: Platform = { os: 'linux', architecture: 'arm64' };

/** An open store on this machine of amd64, disposed of after the test. Nothing is in its folder yet. */
export async function newStore(dir: string = join(folder(), 'store'), options: StoreOptions = {}): Promise<Store> {
  const store = await openStore(dir, { platform: AMD64, ...options });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export function blobOf(bytes: Uint8Array | string, mediaType = 'application/octet-stream', algorithm = 'sha256'): Blob {
  const copy = Buffer.from(bytes);
  return { bytes: copy, descriptor: { mediaType, digest: digestOf(copy, algorithm), size: copy.length } };
}

/** As a source would open it. */
export function opener({ bytes }: Blob): Open {
  return async ({ start = 0, end = bytes.length } = {}) => contentOf(bytes.subarray(start, end));
}

export interface Image {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
  /** Children first. */
  readonly blobs: readonly Blob[];
}

export interface ImageOptions {
  /** One text per layer. */
  readonly layers?: readonly string[];
  readonly platform?: Platform;
  readonly created?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly layerType?: string;
  readonly subject?: Descriptor;
}

export function imageOf(options: ImageOptions = {}): Image {
  const { layers: texts = ['layer'], platform = AMD64, created = '2024-01-02T03:04:05Z', labels } = options;
  const layers = texts.map((text) => blobOf(gzipSync(text), options.layerType ?? MEDIA_TYPES.ociLayerGzip));
  const diffIds = texts.map((text) => digestOf(text));
  const config = blobOf(
    buildImageConfig({ platform, created, diffIds, config: { Labels: labels } }),
    MEDIA_TYPES.ociConfig,
  );
  const manifest = blobOf(
    buildManifest({
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      subject: options.subject,
    }),
    MEDIA_TYPES.ociManifest,
  );
  return { manifest, config, layers, blobs: [...layers, config, manifest] };
}

export interface Index {
  readonly index: Blob;
  readonly images: readonly Image[];
}

export function indexOf(platforms: readonly Platform[] = [AMD64, ARM64]): Index {
  const images = platforms.map((platform) => imageOf({ platform, layers: [`for ${platform.architecture}`] }));
  const manifests = images.map(({ manifest }, at) => ({ ...manifest.descriptor, platform: platforms[at] }));
  return { images, index: blobOf(buildIndex({ manifests }), MEDIA_TYPES.ociIndex) };
}

/** Writes blobs in order; the last one gets the name. */
export async function put(store: Store, blobs: readonly Blob[], name?: string): Promise<Descriptor> {
  let last: Blob | undefined;
  for (const blob of blobs) {
    const as = blob === blobs.at(-1) ? name : undefined;
    await store.write(blob.descriptor, opener(blob), { as });
    last = blob;
  }
  if (!last) throw new Error('no blobs');
  return last.descriptor;
}

/** Puts an image into the store under a name. */
export async function putImage(store: Store, name: string | undefined, options: ImageOptions = {}): Promise<Image> {
  const image = imageOf(options);
  await put(store, image.blobs, name ?? image.manifest.descriptor.digest);
  return image;
}

/** Hex of every blob in a store, sorted. */
export function blobNames(store: Store): readonly string[] {
  return readdirSync(join(store.dir, 'blobs', 'sha256')).toSorted();
}

export function hexOf(blobs: readonly Blob[]): readonly string[] {
  return blobs.map(({ descriptor }) => encodedOf(descriptor.digest)).toSorted();
}

export async function namesOf(store: Store): Promise<readonly (string | undefined)[]> {
  return (await store.images()).map(({ name }) => name);
}

export function readIndex(store: Store): { manifests: { digest: string; annotations?: Record<string, string> }[] } {
  return JSON.parse(readFileSync(join(store.dir, 'index.json'), 'utf8')) as ReturnType<typeof readIndex>;
}
