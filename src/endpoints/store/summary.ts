// What does a list of images show of each?
import type { Descriptor } from '../../spec/descriptor.ts';
import { platformRank, type Platform } from '../../spec/platform.ts';
import { sizeOfBlobs, type BlobRef, type ManifestRef } from './facts.ts';
import { imagesOf, type FactsByDigest } from './graph.ts';
import { isNameless, type IndexEntry, type StoredImage } from './names.ts';

export interface PlatformSummary {
  readonly platform: Platform | undefined;
  /** Digest of the manifest. */
  readonly digest: string;
  /** Digest of the config. Undefined where the manifest is not here. */
  readonly id: string | undefined;
  readonly created: string | undefined;
  /** Bytes of config and layers as stored, mostly compressed. */
  readonly size: number;
  readonly present: boolean;
}

export interface ImageSummary extends StoredImage {
  /** Digest of the config of the image for this machine if that is here, else of the first that is; else that of the root. */
  readonly id: string;
  readonly config: Pick<BlobRef, 'digest' | 'size'> | undefined;
  readonly created: string | undefined;
  /** `created` in milliseconds since 1970; 0 when the image does not say, or nothing that could be read. */
  readonly time: number;
  /** Bytes of the configs and layers that are here, each once, as stored, mostly compressed. */
  readonly size: number;
  /** True without any name, also without one that only other tools understand. */
  readonly dangling: boolean;
  /** One for an image without an index. Attestations are left out. */
  readonly platforms: readonly PlatformSummary[];
}

type ContentSummary = Omit<ImageSummary, 'name' | 'descriptor' | 'dangling'>;

/** One for each entry. Entries with the same content share its part. */
export function summarise(
  entries: readonly IndexEntry[],
  facts: FactsByDigest,
  host: Platform,
): readonly ImageSummary[] {
  const known = new Map<string, ContentSummary>();
  return entries.map((entry) => {
    const { name, descriptor } = entry;
    const content = known.get(descriptor.digest) ?? contentSummary(descriptor, facts, host);
    known.set(descriptor.digest, content);
    const { id, config, created, time, size, platforms } = content;
    return { name, descriptor, id, config, created, time, size, dangling: isNameless(entry), platforms };
  });
}

function contentSummary(root: Descriptor, facts: FactsByDigest, host: Platform): ContentSummary {
  const images = imagesOf(facts, root);
  const chosen = chooseImage(images, facts, host);
  const known = chosen && facts.get(chosen.digest);
  const id = known?.id ?? root.digest;
  const config = known?.config ?? known?.blobs.find((blob) => blob.digest === id);
  const platforms = platformsOf(root, facts).map((ref) => platformSummary(ref, facts));
  const [only] = platforms;
  const size = only && platforms.length === 1 && only.present ? only.size : sizeOf(images, facts);
  const created = known?.created;
  return { id, config, created, time: timeOf(created), size, platforms };
}

function timeOf(created: string | undefined): number {
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) ? 0 : time;
}

/** For a sort: newest first; images that do not say when they were made last; by name where the time is the same. */
export function byAge(a: ImageSummary, b: ImageSummary): number {
  if (a.time !== b.time) return b.time - a.time;
  const [first, second] = [a.name ?? '~', b.name ?? '~'];
  return Number(first > second) - Number(first < second);
}

/** The best for this machine, the first of equals; else the first. */
function chooseImage(images: readonly ManifestRef[], facts: FactsByDigest, host: Platform): ManifestRef | undefined {
  if (images.length < 2) return images[0];
  let best: { readonly ref: ManifestRef; readonly rank: number } | undefined;
  for (const ref of images) {
    const platform = ref.platform ?? facts.get(ref.digest)?.platform;
    const rank = platform && platformRank(host, platform);
    if (rank !== undefined && (!best || rank < best.rank)) best = { ref, rank };
  }
  return best?.ref ?? images[0];
}

/** The manifests of the index, here or not; a nested index counts as what of it is here. */
function platformsOf(root: Descriptor, facts: FactsByDigest): readonly ManifestRef[] {
  const known = facts.get(root.digest);
  if (!known || known.manifests.length === 0) return [root];
  return known.manifests
    .filter((ref) => !ref.attestation)
    .flatMap((ref) => ((facts.get(ref.digest)?.manifests.length ?? 0) > 0 ? imagesOf(facts, ref) : [ref]));
}

function platformSummary(ref: ManifestRef, facts: FactsByDigest): PlatformSummary {
  const known = facts.get(ref.digest);
  return {
    platform: ref.platform ?? known?.platform,
    digest: ref.digest,
    id: known?.id,
    created: known?.created,
    size: known ? sizeOf([ref], facts) : 0,
    present: known !== undefined,
  };
}

function sizeOf(images: readonly ManifestRef[], facts: FactsByDigest): number {
  const [only] = images;
  if (only !== undefined && images.length === 1) {
    const known = facts.get(only.digest);
    return known?.size ?? sizeOfBlobs(known?.blobs ?? []);
  }
  return sizeOfBlobs(images.flatMap(({ digest }) => facts.get(digest)?.blobs ?? []));
}
