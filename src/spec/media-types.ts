// What kind of content does a media type announce?
import { ATTESTATION, REFERENCE_TYPE } from './annotations.ts';
import type { Descriptor } from './descriptor.ts';

/** Media types of Docker distribution and the OCI image specification that hubctl knows by name. */
export const MEDIA_TYPES = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  /** Withdrawn in OCI 1.1, still met. */
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerPlugin: 'application/vnd.docker.plugin.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
  dockerForeignLayerGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
} as const;

/** The `Accept` header of manifest requests: one line, no wildcard, so that an HTML page cannot pass for a manifest. */
export const MANIFEST_ACCEPT: string = [
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerList,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociArtifact,
].join(', ');

const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.(?:gzip|zstd))?)(?:\+encrypted)?$/;
const NON_DISTRIBUTABLE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;

export type Compression = 'none' | 'gzip' | 'zstd';

/** An index or a manifest list: it refers to manifests. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList;
}

/** A manifest of one image or artifact, of any generation: it refers to blobs. */
export function isImageManifestType(mediaType: string): boolean {
  return (
    mediaType === MEDIA_TYPES.ociManifest ||
    mediaType === MEDIA_TYPES.dockerManifest ||
    mediaType === MEDIA_TYPES.ociArtifact ||
    isSchema1Type(mediaType)
  );
}

export function isSchema1Type(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.dockerSchema1 || mediaType === MEDIA_TYPES.dockerSchema1Signed;
}

/** What a registry serves under `/manifests/`. */
export function isManifestType(mediaType: string): boolean {
  return isIndexType(mediaType) || isImageManifestType(mediaType);
}

/** The config of something that can be run: an image, or a plugin. Configs of other artifacts are not meant. */
export function isConfigType(mediaType: string): boolean {
  return (
    mediaType === MEDIA_TYPES.ociConfig ||
    mediaType === MEDIA_TYPES.dockerConfig ||
    mediaType === MEDIA_TYPES.dockerPlugin
  );
}

/** A layer of an image: a tar with or without compression, encrypted or not. */
export function isLayerType(mediaType: string): boolean {
  return LAYER.test(mediaType);
}

/** A layer that registries need not hold and that is not uploaded unless asked for [OCI image-spec layer.md]. */
export function isNonDistributable(mediaType: string): boolean {
  return NON_DISTRIBUTABLE.test(mediaType);
}

/** How content of this type is compressed; undefined when the type does not tell, as for encrypted layers. */
export function layerCompression(mediaType: string): Compression | undefined {
  if (/[.+]gzip$/.test(mediaType)) return 'gzip';
  if (/[.+]zstd$/.test(mediaType)) return 'zstd';
  return /[./]tar$/.test(mediaType) ? 'none' : undefined;
}

const MAGIC: readonly (readonly [Compression | 'bzip2' | 'xz', RegExp])[] = [
  ['gzip', /^1f8b/],
  // A frame, or a skippable frame before one.
  ['zstd', /^28b52ffd|^5.2a4d18/],
  ['bzip2', /^425a68/],
  ['xz', /^fd377a585a00/],
];

/** How content is compressed, judged by its first bytes (6 suffice); `none` for anything unknown. */
export function sniffCompression(bytes: Uint8Array): Compression | 'bzip2' | 'xz' {
  const start = Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return MAGIC.find(([, magic]) => magic.test(start))?.[0] ?? 'none';
}

/** True for an entry of an index that describes another entry and is not an image of its own. */
export function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.[REFERENCE_TYPE] === ATTESTATION;
}
