// How are the images in an archive read, whoever wrote it?
import { HubError } from '../../errors.ts';
import type { LayerStore } from '../../layers/pack.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { contentOf } from '../../util/content.ts';
import type { Content, ReadOptions, Source } from '../../transfer/endpoint.ts';
import type { OnEvent } from '../../transfer/events.ts';
import { Catalogue, type ArchiveImage } from './catalogue.ts';
import { buildDockerImage, readConfig, readDockerEntries, type BuiltImage, type DockerEntry } from './docker.ts';
import { ArchiveFile, type ArchiveSource } from './file.ts';
import { readOciImages, type OciImage } from './oci.ts';
import { ArchiveTree } from './tree.ts';

/** What reading an archive needs of the local store: room for what is unpacked, and a place for packed layers. */
export interface Workshop extends LayerStore {
  temp(): Promise<string>;
  read(descriptor: Descriptor, options?: ReadOptions): Promise<Content>;
}

export interface OpenArchiveOptions {
  readonly store: () => Promise<Workshop>;
  readonly signal?: AbortSignal | undefined;
  /** Gets warnings about names that are not valid. */
  readonly onEvent?: OnEvent | undefined;
}

export interface Archive extends Source, AsyncDisposable {
  images(): readonly ArchiveImage[];
}

/**
 * Opens what `docker save`, skopeo, podman, containerd or hubctl wrote, compressed or not. Manifests in the archive are
 * kept as they are when what they refer to is there; else they are made from `manifest.json`, and plain layers are packed
 * into the store. Throws NOT_FOUND, CONTENT_INVALID, UNSUPPORTED. Dispose it.
 */
export async function openArchive(source: ArchiveSource, options: OpenArchiveOptions): Promise<Archive> {
  const temp = async (): Promise<string> => (await options.store()).temp();
  const file = await ArchiveFile.open(source, { temp, signal: options.signal });
  try {
    const tree = await ArchiveTree.of(file);
    const catalogue = new Catalogue(options.onEvent);
    const built = await fillCatalogue(tree, catalogue, options);
    return new OpenedArchive({ tree, images: catalogue.images(), built, options });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function fillCatalogue(
  tree: ArchiveTree,
  catalogue: Catalogue,
  options: OpenArchiveOptions,
): Promise<readonly BuiltImage[]> {
  const entries = await readDockerEntries(tree);
  const listed = await readOciImages(tree);
  if (!entries && !listed) throw noImages(tree);
  const sources = entries ? await madeUp(tree, entries) : new Set<string>();
  const images = (listed ?? []).filter((image) => usable(image, { hasDocker: entries !== undefined, sources }));
  for (const image of images) catalogue.addOci(image);
  const built: BuiltImage[] = [];
  for (const entry of entries ?? []) {
    const { descriptor: config } = await readConfig(tree, entry);
    if (catalogue.addNames(config.digest, entry.repoTags)) continue;
    const image = await buildDockerImage(tree, entry, { store: await options.store(), signal: options.signal });
    built.push(image);
    catalogue.addBuilt(image, entry.repoTags);
  }
  return built;
}

/** Configs of the images whose OCI manifests docker made up while it saved them: nobody knows those by their digest. */
async function madeUp(tree: ArchiveTree, entries: readonly DockerEntry[]): Promise<ReadonlySet<string>> {
  const configs = new Set<string>();
  for (const entry of entries)
    if (entry.hasLayerSources) configs.add((await readConfig(tree, entry)).descriptor.digest);
  return configs;
}

interface UsableContext {
  readonly hasDocker: boolean;
  readonly sources: ReadonlySet<string>;
}

/** Without a manifest.json there is nothing better than what index.json lists. */
function usable(image: OciImage, { hasDocker, sources }: UsableContext): boolean {
  if (!hasDocker) return true;
  return image.whole && !(image.plainLayers && [...image.configs].some((config) => sources.has(config)));
}

function noImages(tree: ArchiveTree): HubError {
  if (tree.find('repositories')) {
    return new HubError('CONTENT_INVALID', `${tree.name} was saved by docker before 1.10 and has no manifest.json`, {
      hint: 'load it with an old docker and save it again with a newer one',
    });
  }
  return new HubError('CONTENT_INVALID', `${tree.name} holds no image: neither manifest.json nor index.json is in it`, {
    hint: 'a root file system is turned into an image by import',
  });
}

interface OpenedParts {
  readonly tree: ArchiveTree;
  readonly images: readonly ArchiveImage[];
  readonly built: readonly BuiltImage[];
  readonly options: OpenArchiveOptions;
}

class OpenedArchive implements Archive {
  readonly name: string;
  readonly #parts: OpenedParts;

  constructor(parts: OpenedParts) {
    this.name = `archive ${parts.tree.name}`;
    this.#parts = parts;
  }

  images(): readonly ArchiveImage[] {
    return this.#parts.images;
  }

  /** A canonical name, a tag that the archive gives alone, a digest, an image ID, or empty for the only image. */
  async resolve(reference: string): Promise<Descriptor> {
    const { images } = this.#parts;
    if (reference === '') return this.#only();
    const named = images.find((image) => image.names.includes(reference) || image.descriptor.digest === reference);
    const found = named ?? images.find(({ tags, ids }) => tags.includes(reference) || ids.includes(reference));
    if (found) return found.descriptor;
    const held = images.flatMap((image) => [...image.names, ...image.tags]);
    throw new HubError('NOT_FOUND', `${reference} is not in ${this.name}`, {
      hint: held.length > 0 ? `it holds ${held.join(', ')}` : 'its images have no names',
    });
  }

  async read(descriptor: Descriptor, options: ReadOptions = {}): Promise<Content> {
    const { tree, built, options: services } = this.#parts;
    for (const image of built) {
      if (image.descriptor.digest === descriptor.digest)
        return contentOf(image.bytes.subarray(options.start, options.end));
      if (image.config.descriptor.digest === descriptor.digest) return tree.content(image.config.member, options);
    }
    const member = tree.blob(descriptor);
    if (member) return tree.content(member, options);
    if (built.length > 0) return (await services.store()).read(descriptor, options);
    throw new HubError('NOT_FOUND', `${descriptor.digest} is not in ${this.name}`, {
      details: { digest: descriptor.digest },
    });
  }

  async *tags(): AsyncIterable<string> {
    for (const { names, tags } of this.#parts.images) yield* [...names, ...tags];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.tree.file.close();
  }

  #only(): Descriptor {
    const [image, ...others] = this.#parts.images;
    if (!image) throw new HubError('NOT_FOUND', `${this.name} holds no image`);
    if (others.length === 0) return image.descriptor;
    const names = this.#parts.images.flatMap(({ names }) => names);
    throw new HubError('USAGE', `${this.name} holds ${others.length + 1} images; say which one`, {
      hint: names.length > 0 ? `it holds ${names.join(', ')}` : 'name one by its digest',
    });
  }
}
