// What does the image behind a name consist of: which manifest, which config?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { parseImageConfig, type ImageConfig } from '../spec/image-config.ts';
import { MANIFEST_LIMIT, parseManifest, type Manifest } from '../spec/manifest.ts';
import { isAttestation, isConfigType, isIndexType } from '../spec/media-types.ts';
import { formatPlatform, platformRank, type Platform } from '../spec/platform.ts';
import type { CallOptions, Source } from '../transfer/endpoint.ts';
import { reader } from '../transfer/read.ts';
import { selectManifest } from '../transfer/select.ts';
import { collect } from '../util/content.ts';

/** Indexes inside indexes, at most [hubctl's own bound]. */
const MAX_DEPTH = 8;
/** What old builders called the config of an image. */
const OLD_CONFIG_TYPES = new Set(['application/octet-stream', 'application/json', 'text/html', '']);

/** A manifest or an index: its bytes as they came, verified, and what they say. */
export interface ManifestView {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

/** A config: its bytes as they came, verified. `image` only for the config of an image, not for that of another artifact. */
export interface ConfigView {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly image: ImageConfig | undefined;
}

/** Everything but the layers. */
export interface ImageView {
  /** What the name means: an index, or the manifest itself. */
  readonly root: ManifestView;
  readonly manifest: ManifestView;
  /** None for schema 1 and for artifacts without one. */
  readonly config: ConfigView | undefined;
}

export interface ChooseOptions extends CallOptions {
  readonly platform: Platform;
  /** The user named the platform, so an image for another one is not what is wanted. */
  readonly explicit: boolean;
  /** The image as the user wrote it. */
  readonly name: string;
  /** For a source that may lack manifests of an index: only those it has are chosen from. */
  readonly has?: ((descriptor: Descriptor) => Promise<boolean>) | undefined;
}

/** The manifest or index itself. Throws NOT_FOUND, DIGEST_MISMATCH, CONTENT_INVALID. */
export async function readManifest(
  source: Source,
  descriptor: Descriptor,
  options: CallOptions = {},
): Promise<ManifestView> {
  const bytes = await readSmall(source, descriptor, options);
  return { descriptor, bytes, manifest: parseManifest(bytes, descriptor.mediaType) };
}

/** The config a manifest names. Throws UNSUPPORTED for a manifest without one. */
export async function readConfig(source: Source, view: ManifestView, options: CallOptions = {}): Promise<ConfigView> {
  const { config, kind } = view.manifest;
  if (!config) {
    throw new HubError('UNSUPPORTED', `manifest ${view.descriptor.digest} of ${source.name} has no config`, {
      hint: kind === 'schema1' ? 'it is of the old schema 1; see it with: hubctl manifest' : undefined,
    });
  }
  const bytes = await readSmall(source, config, options);
  const isImage = isConfigType(config.mediaType) || OLD_CONFIG_TYPES.has(config.mediaType);
  return { descriptor: config, bytes, image: isImage ? parseImageConfig(bytes) : undefined };
}

/**
 * Goes from a root through its indexes to the manifest for a platform. Throws NOT_FOUND with the platforms there are;
 * also for a single image of another platform when the platform was named.
 */
export async function chooseManifest(
  source: Source,
  root: ManifestView,
  options: ChooseOptions,
): Promise<ManifestView> {
  const manifest = await descend(source, root, options);
  if (manifest === root && options.explicit && root.manifest.config) {
    requirePlatform(await readConfig(source, root, options), options);
  }
  return manifest;
}

/** Everything but the layers. Throws what readManifest, chooseManifest and readConfig throw. */
export async function readImage(source: Source, root: Descriptor, options: ChooseOptions): Promise<ImageView> {
  const top = await readManifest(source, root, options);
  const manifest = await descend(source, top, options);
  const config = manifest.manifest.config ? await readConfig(source, manifest, options) : undefined;
  if (config && manifest === top && options.explicit) requirePlatform(config, options);
  return { root: top, manifest, config };
}

async function descend(source: Source, root: ManifestView, options: ChooseOptions): Promise<ManifestView> {
  let view = root;
  for (let depth = 0; isIndexType(view.descriptor.mediaType); depth += 1) {
    if (depth >= MAX_DEPTH) {
      throw new HubError('CONTENT_INVALID', `${options.name} nests more than ${MAX_DEPTH} indexes`);
    }
    view = await readManifest(source, await chooseEntry(view.manifest.manifests, options), options);
  }
  return view;
}

async function chooseEntry(entries: readonly Descriptor[], options: ChooseOptions): Promise<Descriptor> {
  const { platform, explicit, name, has } = options;
  if (!has) return selectManifest(entries, platform, name);
  const present: Descriptor[] = [];
  for (const entry of entries) if (!isAttestation(entry) && (await has(entry))) present.push(entry);
  const [first] = present;
  if (!first) throw new HubError('NOT_FOUND', `none of the platforms of ${name} is here`);
  try {
    return selectManifest(present, platform, name);
  } catch (error) {
    // Nobody asked for this machine's platform: what was pulled is what is meant.
    if (!explicit && HubError.is(error, 'NOT_FOUND')) return first;
    throw error;
  }
}

function requirePlatform({ image }: ConfigView, { platform, name }: ChooseOptions): void {
  if (!image || platformRank(platform, image.platform) !== undefined) return;
  const [actual, wanted] = [formatPlatform(image.platform), formatPlatform(platform)];
  throw new HubError('NOT_FOUND', `${name} is for ${actual}, not ${wanted}`, {
    hint: 'leave --platform out to take it as it is',
    details: { wanted, available: [actual] },
  });
}

async function readSmall(source: Source, descriptor: Descriptor, { signal }: CallOptions): Promise<Buffer> {
  const open = reader(source, descriptor, { signal });
  return collect(await open(), MANIFEST_LIMIT, `content ${descriptor.digest} of ${source.name}`);
}
