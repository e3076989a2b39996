// Which manifests of an index are wanted?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { isAttestation } from '../spec/media-types.ts';
import { formatPlatform, platformRank, type Platform } from '../spec/platform.ts';

/**
 * The manifest of an index that suits a platform best; the first of equals [OCI image-spec image-index.md].
 * An entry without a platform is taken only when nothing else fits and it is the only one.
 * Throws NOT_FOUND with the platforms there are.
 */
export function selectManifest(manifests: readonly Descriptor[], wanted: Platform, name = 'the image'): Descriptor {
  const candidates = manifests.filter((manifest) => !isAttestation(manifest));
  let best: { readonly manifest: Descriptor; readonly rank: number } | undefined;
  for (const manifest of candidates) {
    const rank = manifest.platform && platformRank(wanted, manifest.platform);
    if (rank !== undefined && (!best || rank < best.rank)) best = { manifest, rank };
  }
  if (best) return best.manifest;
  const [only] = candidates;
  if (only && candidates.length === 1 && !only.platform) return only;
  throw noPlatform(candidates, wanted, name);
}

/** The manifests for several platforms, each once, in the order of the index. Throws NOT_FOUND for a platform not there. */
export function selectManifests(
  manifests: readonly Descriptor[],
  platforms: readonly Platform[],
  name?: string,
): readonly Descriptor[] {
  const chosen = new Set(platforms.map((platform) => selectManifest(manifests, platform, name).digest));
  return manifests.filter((manifest) => chosen.has(manifest.digest) && !isAttestation(manifest));
}

function noPlatform(candidates: readonly Descriptor[], wanted: Platform, name: string): HubError {
  const available = [...new Set(candidates.map((m) => (m.platform ? formatPlatform(m.platform) : 'unknown')))];
  return new HubError('NOT_FOUND', `no matching manifest for ${formatPlatform(wanted)} in ${name}`, {
    hint: available.length > 0 ? `it has: ${available.join(', ')}; choose one with --platform` : 'the index is empty',
    details: { wanted: formatPlatform(wanted), available },
  });
}
