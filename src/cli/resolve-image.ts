// Where is the image a reference means: in the local store, or in a registry?
import type { RegistryEndpoint } from '../endpoints/registry/registry.ts';
import type { Store } from '../endpoints/store/store.ts';
import { HubError } from '../errors.ts';
import type { ImageNames } from '../image/inspect.ts';
import {
  chooseManifest,
  readImage,
  readManifest,
  type ChooseOptions,
  type ImageView,
  type ManifestView,
} from '../image/read.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Platform } from '../spec/platform.ts';
import {
  familiarName,
  familiarString,
  parseAnyReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../spec/reference.ts';
import type { CallOptions, Source } from '../transfer/endpoint.ts';
import type { Context } from './context.ts';
import { platformsOf } from './platforms.ts';

/** `nearest` asks the registry for what the local store does not have. */
export type Place = 'local' | 'remote' | 'nearest';

export interface FoundImage {
  readonly place: 'local' | 'remote';
  readonly source: Source;
  readonly root: Descriptor;
  /** As people write it, for messages. */
  readonly name: string;
  readonly names: ImageNames;
  /** Only a local store may lack parts of an image. */
  readonly has?: ((descriptor: Descriptor) => Promise<boolean>) | undefined;
}

export interface RemoteImage {
  readonly endpoint: RegistryEndpoint;
  readonly reference: Reference;
  /** What to ask the registry for: the digest where there is one, else the tag. */
  readonly wanted: string;
}

export interface WantedPlatform {
  readonly platform: Platform;
  /** True when --platform named it. */
  readonly explicit: boolean;
}

/** The one platform --platform, DOCKER_DEFAULT_PLATFORM or this machine asks for. Throws USAGE for several, REFERENCE_INVALID. */
export function wantedPlatform(context: Pick<Context, 'io'>, flag: string | undefined): WantedPlatform {
  const [platform, ...others] = platformsOf(context, flag === undefined ? [] : [flag]);
  if (!platform || others.length > 0) {
    throw new HubError('USAGE', `--platform ${flag ?? ''} names several platforms, but one image is shown at a time`);
  }
  return { platform, explicit: flag !== undefined && flag !== '' };
}

/** The repository a reference names, and what to ask it for; nothing is sent yet. Throws REFERENCE_INVALID. */
export async function remoteImage(context: Context, text: string): Promise<RemoteImage> {
  const reference = withDefaultTag(parseReference(text));
  const { registry, repository, tag, digest } = reference;
  const endpoint = (await context.registries()).repository(registry, repository);
  return { endpoint, reference, wanted: digest ?? tag ?? 'latest' };
}

/**
 * Finds an image and gives it to `work`. With `nearest`, whatever the local store cannot answer with NOT_FOUND, be it the
 * name or a platform, is asked of the registry instead.
 */
export async function withImage<T>(
  context: Context,
  { text, place }: { readonly text: string; readonly place: Place },
  work: (image: FoundImage) => Promise<T>,
): Promise<T> {
  if (place === 'remote') return work(await findRemote(context, text));
  try {
    return await work(await findLocal(context, text));
  } catch (error) {
    if (place === 'local' || !HubError.is(error, 'NOT_FOUND')) throw error;
    // An image ID means nothing to a registry.
    if (!('repository' in parseAnyReference(text))) throw error;
  }
  return work(await findRemote(context, text));
}

/** What the name means, be it an index; with --platform the manifest for that. Throws NOT_FOUND. */
export async function manifestOf(context: Context, image: FoundImage, flag: string | undefined): Promise<ManifestView> {
  const root = await readManifest(image.source, image.root, { signal: context.signal });
  return flag === undefined ? root : chooseManifest(image.source, root, chooseOptions(context, image, flag));
}

/** Manifest and config of an image, for --platform or the platform of this machine. */
export function viewOf(context: Context, image: FoundImage, flag: string | undefined): Promise<ImageView> {
  return readImage(image.source, image.root, chooseOptions(context, image, flag));
}

function chooseOptions(context: Context, { name, has }: FoundImage, flag: string | undefined): ChooseOptions {
  return { ...wantedPlatform(context, flag), name, has, signal: context.signal };
}

async function findRemote(context: Context, text: string): Promise<FoundImage> {
  const { endpoint, reference, wanted } = await remoteImage(context, text);
  const root = await endpoint.resolve(wanted, { signal: context.signal });
  const { tag } = reference;
  return {
    place: 'remote',
    source: endpoint,
    root,
    name: familiarString(reference),
    names: {
      tags: tag === undefined ? [] : [`${familiarName(reference)}:${tag}`],
      digests: [`${familiarName(reference)}@${root.digest}`],
    },
  };
}

async function findLocal(context: Context, text: string): Promise<FoundImage> {
  const store = await context.store();
  const { descriptor } = await store.find(text);
  const call: CallOptions = { signal: context.signal };
  return {
    place: 'local',
    source: store,
    root: descriptor,
    name: text,
    names: await localNames(store, descriptor),
    has: (entry) => store.has(entry, call),
  };
}

/** Every name the store has for the same content. */
async function localNames(store: Store, root: Descriptor): Promise<ImageNames> {
  const images = await store.images();
  const references = images.flatMap(({ name, descriptor }) =>
    name !== undefined && descriptor.digest === root.digest ? [parseReference(name)] : [],
  );
  const tags = references.flatMap((reference) =>
    reference.tag === undefined ? [] : [`${familiarName(reference)}:${reference.tag}`],
  );
  return { tags, digests: [...new Set(references.map((reference) => `${familiarName(reference)}@${root.digest}`))] };
}
