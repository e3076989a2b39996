// What does a manifest in the store refer to, and what does a list of images show of it?
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { parseImageConfig } from '../../spec/image-config.ts';
import { parseManifest, type Manifest } from '../../spec/manifest.ts';
import { isAttestation, isConfigType, isManifestType, isNonDistributable } from '../../spec/media-types.ts';
import type { Platform } from '../../spec/platform.ts';

/** Follows from the bytes of a manifest and its config alone, so it never changes. */
export interface ManifestFacts {
  /** Manifests of an index. */
  readonly manifests: readonly ManifestRef[];
  /** Config and layers of an image, or the blobs of an artifact, in order. */
  readonly blobs: readonly BlobRef[];
  /** Digest of the config: the image ID. */
  readonly id?: string | undefined;
  readonly created?: string | undefined;
  /** From the config, else from the index entry. */
  readonly platform?: Platform | undefined;
  /** Digest of the manifest that this one is about, such as the image that was signed. */
  readonly subject?: string | undefined;
  /** What follows from the blobs, where it was worked out before: their bytes, each once, and the config. */
  readonly size?: number | undefined;
  readonly config?: Pick<BlobRef, 'digest' | 'size'> | undefined;
}

export interface ManifestRef {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly platform?: Platform | undefined;
  readonly attestation?: true | undefined;
}

export interface BlobRef {
  readonly digest: string;
  readonly size: number;
  /** It may be missing: registries may not hand it out [OCI image-spec layer.md, non-distributable layers]. */
  readonly optional?: true | undefined;
}

/** Layers of a usual image. */
const FEW = 12;

/** Reads verified bytes of small content. Throws NOT_FOUND, DIGEST_MISMATCH, CONTENT_INVALID. */
export type ReadBytes = (descriptor: Descriptor) => Promise<Buffer>;

/** Undefined when the manifest is not there or not readable as one. */
export async function factsOf(descriptor: Descriptor, read: ReadBytes): Promise<ManifestFacts | undefined> {
  try {
    const manifest = parseManifest(await read(descriptor), descriptor.mediaType);
    return {
      manifests: manifest.manifests.filter((child) => isManifestType(child.mediaType)).map(manifestRef),
      blobs: [
        ...blobRefs(manifest),
        ...manifest.manifests.filter((child) => !isManifestType(child.mediaType)).map(optional),
      ],
      subject: manifest.subject?.digest,
      ...(await configFacts(manifest.config, read)),
    };
  } catch (error) {
    if (isUnusable(error)) return undefined;
    throw error;
  }
}

async function configFacts(
  config: Descriptor | undefined,
  read: ReadBytes,
): Promise<Pick<ManifestFacts, 'id' | 'created' | 'platform'>> {
  if (!config || !isConfigType(config.mediaType)) return { id: config?.digest };
  try {
    const { created, platform } = parseImageConfig(await read(config));
    return { id: config.digest, created, platform };
  } catch (error) {
    if (isUnusable(error)) return { id: config.digest };
    throw error;
  }
}

/** Bytes of all, each once. Few are compared with each other: a set of texts takes longer than that to make. */
export function sizeOfBlobs(blobs: readonly BlobRef[]): number {
  const seen = blobs.length > FEW ? new Set<string>() : undefined;
  let total = 0;
  for (const [index, { digest, size }] of blobs.entries()) {
    const isKnown = seen ? seen.has(digest) : blobs.findIndex((other) => other.digest === digest) < index;
    if (!isKnown) total += size;
    seen?.add(digest);
  }
  return total;
}

function manifestRef(child: Descriptor): ManifestRef {
  const { digest, size, mediaType, platform } = child;
  return { digest, size, mediaType, platform, attestation: isAttestation(child) ? true : undefined };
}

function blobRefs({ config, layers }: Manifest): readonly BlobRef[] {
  const all = config ? [config, ...layers] : layers;
  return all.map((blob) =>
    isNonDistributable(blob.mediaType) ? optional(blob) : { digest: blob.digest, size: blob.size },
  );
}

function optional({ digest, size }: Descriptor): BlobRef {
  return { digest, size, optional: true };
}

function isUnusable(error: unknown): boolean {
  return HubError.is(error) && ['NOT_FOUND', 'DIGEST_MISMATCH', 'CONTENT_INVALID', 'UNSUPPORTED'].includes(error.code);
}
