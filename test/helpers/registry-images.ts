// How does a test get an image: made by code, the same bytes every time?
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { RegistryContents } from './registry-contents.ts';

export interface Piece {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly bytes: Buffer;
}

export interface TestImage {
  readonly manifest: Piece;
  readonly config: Piece;
  readonly layers: readonly Piece[];
}

export interface ImageOptions {
  /** Sizes of the files in the layers, one file per layer: `[100, 50_000]` by default. */
  readonly layers?: readonly number[];
  readonly os?: string;
  readonly architecture?: string;
  /** Images of different seeds share no layer. */
  readonly seed?: string;
  /** Media types: OCI by default. */
  readonly family?: 'oci' | 'docker';
}

const TYPES = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

export function piece(mediaType: string, bytes: Buffer): Piece {
  return { mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length, bytes };
}

/** One image for one platform. Files hold bytes that do not compress. */
export function makeImage(options: ImageOptions = {}): TestImage {
  const { layers = [100, 50_000], os = 'linux', architecture = 'amd64', seed = 'seed', family = 'oci' } = options;
  const types = TYPES[family];
  const tars = layers.map((size, index) => tarOf(`layer-${index}.bin`, noise(`${seed}/${index}`, size)));
  const packed = tars.map((tar) => piece(types.layer, gzipSync(tar, { level: 1 })));
  const config = {
    architecture,
    os,
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => piece('', tar).digest) },
    history: tars.map((_, index) => ({ created: '2024-01-01T00:00:00Z', created_by: `layer ${index}` })),
  };
  const configPiece = piece(types.config, Buffer.from(JSON.stringify(config)));
  const document = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: pointer(configPiece),
    layers: packed.map((layer) => pointer(layer)),
  };
  return {
    manifest: piece(types.manifest, Buffer.from(JSON.stringify(document))),
    config: configPiece,
    layers: packed,
  };
}

/** Puts an image into a registry without a request. */
export function seedImage(contents: RegistryContents, repository: string, image: TestImage, tag?: string): void {
  for (const { bytes } of [image.config, ...image.layers]) contents.putBlob(repository, bytes);
  contents.putManifest(repository, image.manifest, tag);
}

function pointer({ mediaType, digest, size }: Piece): Omit<Piece, 'bytes'> {
  return { mediaType, digest, size };
}

/** Bytes without pattern that depend on the seed alone. */
export function noise(seed: string, size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 64) }, (_, index) =>
    createHash('sha512').update(`${seed}/${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

/** A tar of one file [POSIX ustar]. */
function tarOf(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(bytes.length, 12) + octal(1_704_067_200, 12), 100);
  header.write('        0', 148);
  header.write('ustar\u000000', 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return Buffer.concat([header, bytes, Buffer.alloc(((512 - (bytes.length % 512)) % 512) + 1024)]);
}
