// What is copied when only some platforms of an index are wanted, or only some are there?
import { HubError } from '../errors.ts';
import { buildIndex } from '../spec/build.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { digestOf } from '../spec/digest.ts';
import { MANIFEST_LIMIT, parseManifest, type Manifest } from '../spec/manifest.ts';
import { isAttestation, isIndexType } from '../spec/media-types.ts';
import { formatPlatform, platformRank, type Platform } from '../spec/platform.ts';
import { parseImageConfig } from '../spec/image-config.ts';
import type { Copier } from './copier.ts';
import type { CopyOptions } from './options.ts';
import { selectManifests } from './select.ts';

interface Root {
  readonly descriptor: Descriptor;
  /** Settles once the user was told of a platform that is not the wanted one; that need not hold up the copy. */
  readonly checked?: Promise<void> | undefined;
}

/**
 * Narrows an index to what is wanted. One platform: its manifest takes the name, unless `keepIndex` asks a sparse sink
 * to hold the index itself. Several: a sparse sink keeps the index byte for byte without the others; elsewhere a new,
 * smaller index is made, whose digest differs, and a warning says so. Throws NOT_FOUND for a platform not there.
 */
export async function chooseRoot(copier: Copier, resolved: Descriptor, options: CopyOptions): Promise<Root> {
  if (!isIndexType(resolved.mediaType)) {
    const checked = checkPlatform(copier, resolved, options);
    // Where the platform only matters for a warning, its config comes together with the layers.
    if (options.keepIndex !== true) await checked;
    else checked.catch(() => undefined);
    return { descriptor: resolved, checked };
  }
  const index = parseManifest(await copier.metadata.manifest(resolved), resolved.mediaType);
  const wanted = await wantedManifests(copier, index, options);
  if (!wanted || wanted.length === index.manifests.length) return { descriptor: resolved };
  const sparse = copier.sinkIsSparse;
  if (sparse && (options.keepIndex === true || wanted.length > 1)) {
    copier.only(resolved.digest, wanted);
    return { descriptor: resolved };
  }
  const [only] = wanted;
  if (only && wanted.length === 1) {
    if (!namesPlatforms(options)) warnPartial(copier, resolved, only);
    return { descriptor: only };
  }
  return { descriptor: narrowed(copier, index, wanted) };
}

async function wantedManifests(
  copier: Copier,
  index: Manifest,
  options: CopyOptions,
): Promise<readonly Descriptor[] | undefined> {
  if (!namesPlatforms(options)) return options.available === true ? availableManifests(copier, index) : undefined;
  const chosen = selectManifests(index.manifests, options.platforms, copier.label);
  if (options.available === true) await checkPresent(copier, chosen);
  return chosen;
}

function namesPlatforms(options: CopyOptions): options is CopyOptions & { readonly platforms: readonly Platform[] } {
  return options.platforms !== undefined && options.platforms.length > 0;
}

/** A sparse source lists platforms that it cannot give. */
async function checkPresent(copier: Copier, chosen: readonly Descriptor[]): Promise<void> {
  for (const manifest of chosen) {
    if (await copier.metadata.has(manifest)) continue;
    const platform = manifest.platform ? formatPlatform(manifest.platform) : manifest.digest;
    throw new HubError('NOT_FOUND', `${platform} of ${copier.label} is not here`, {
      hint: 'pull it first, with --platform or --all-platforms',
    });
  }
}

/** What a sparse source can give; everything, when the sink has the rest. */
async function availableManifests(copier: Copier, index: Manifest): Promise<readonly Descriptor[] | undefined> {
  const present: Descriptor[] = [];
  const absent: Descriptor[] = [];
  for (const manifest of index.manifests) {
    const list = (await copier.metadata.has(manifest)) ? present : absent;
    list.push(manifest);
  }
  if (absent.length === 0) return undefined;
  const elsewhere = await Promise.all(absent.map((manifest) => copier.sinkHas(manifest)));
  if (!copier.sinkIsSparse && elsewhere.every(Boolean)) return undefined;
  const images = present.filter((manifest) => !isAttestation(manifest));
  if (images.length > 0) return images.length === 1 ? images : present;
  throw new HubError('NOT_FOUND', `none of the platforms of ${copier.label} is here`, {
    hint: 'pull it again, with --all-platforms for every platform',
  });
}

/** docker does the same, and says so: part of the image is not here, so only what is here can go. */
function warnPartial(copier: Copier, index: Descriptor, only: Descriptor): void {
  const platform = only.platform ? formatPlatform(only.platform) : 'one platform';
  copier.options.onEvent?.({
    type: 'warning',
    message: `only ${platform} of ${copier.label} is here: copying ${only.digest} instead of the index ${index.digest}; pull with --all-platforms to copy all`,
  });
}

function narrowed(copier: Copier, index: Manifest, wanted: readonly Descriptor[]): Descriptor {
  const bytes = buildIndex({ manifests: wanted, mediaType: index.mediaType, annotations: index.annotations });
  const descriptor = { mediaType: index.mediaType, digest: digestOf(bytes), size: bytes.length };
  copier.metadata.provide(descriptor, bytes);
  copier.options.onEvent?.({
    type: 'warning',
    message: `${copier.label} is copied as a new index of ${wanted.length} platforms with digest ${descriptor.digest}`,
  });
  return descriptor;
}

/** A single-platform image has no choice to offer: refuse what was asked for by name, warn about the default. */
async function checkPlatform(copier: Copier, manifest: Descriptor, options: CopyOptions): Promise<void> {
  const [wanted] = options.platforms ?? [];
  if (!wanted || options.platforms?.length !== 1) return;
  const actual = await platformOf(copier, manifest);
  if (!actual || platformRank(wanted, actual) !== undefined) return;
  const message = `${copier.label} is for ${formatPlatform(actual)}, not ${formatPlatform(wanted)}`;
  if (options.keepIndex === true) return options.onEvent?.({ type: 'warning', message });
  throw new HubError('NOT_FOUND', message, { hint: 'leave --platform out to take it as it is' });
}

async function platformOf(copier: Copier, descriptor: Descriptor): Promise<Platform | undefined> {
  const manifest = parseManifest(await copier.metadata.manifest(descriptor), descriptor.mediaType);
  if (!manifest.config || manifest.config.size > MANIFEST_LIMIT) return undefined;
  const known = manifest.config.mediaType;
  if (!known.includes('image.config') && !known.includes('container.image')) return undefined;
  return parseImageConfig(await copier.metadata.blob(manifest.config)).platform;
}
