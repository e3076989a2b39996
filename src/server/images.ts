// How are the images of the local store offered under names that a registry can have?
import type { Store, StoredImage } from '../endpoints/store/store.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { childrenOf, parseManifest } from '../spec/manifest.ts';
import { isManifestType } from '../spec/media-types.ts';
import { isRepository, parseReference } from '../spec/reference.ts';
import { HubError } from '../errors.ts';
import type { FoundBlob, FoundManifest, RegistryContents } from './contents.ts';

/** Closures of images kept in memory; each is a few dozen descriptors. */
const MOST_KNOWN = 2000;

/** What this needs of a store. */
export type ImageStore = Pick<Store, 'images' | 'bytes' | 'has' | 'read' | 'referrers'>;

interface Named {
  readonly tag: string | undefined;
  readonly descriptor: Descriptor;
}

/**
 * The images of the store, read-only: those of Docker Hub under their path (`library/alpine`), others under `HOST/PATH`,
 * with `-` for the colon before a port. A blob is there only in repositories with an image that has it.
 */
export class StoreImages implements RegistryContents {
  readonly #store: ImageStore;
  /** Root digest → everything below it that is here, by digest. */
  readonly #closures = new Map<string, ReadonlyMap<string, Descriptor>>();

  constructor(store: ImageStore) {
    this.#store = store;
  }

  async blob(repository: string, digest: string): Promise<FoundBlob | undefined> {
    const descriptor = await this.#find(repository, digest);
    if (!descriptor || isManifestType(descriptor.mediaType)) return undefined;
    if (!(await this.#store.has(descriptor))) return undefined;
    return { size: descriptor.size, open: (range) => this.#store.read(descriptor, range) };
  }

  async manifest(repository: string, reference: string): Promise<FoundManifest | undefined> {
    const images = await this.#images(repository);
    const named = images.find(
      ({ tag, descriptor }) => tag === reference || descriptor.digest === reference,
    )?.descriptor;
    const found = named ?? (reference.includes(':') ? await this.#find(repository, reference) : undefined);
    if (!found || !isManifestType(found.mediaType) || !(await this.#store.has(found))) return undefined;
    const { digest, mediaType, size } = found;
    return { digest, mediaType, size, bytes: () => this.#store.bytes(found) };
  }

  async tags(repository: string): Promise<readonly string[] | undefined> {
    const images = await this.#images(repository);
    return images.length === 0 ? undefined : images.flatMap(({ tag }) => tag ?? []);
  }

  async referrers(repository: string, subject: string): Promise<readonly Descriptor[]> {
    const descriptor = await this.#find(repository, subject);
    if (!descriptor) return [];
    const found: Descriptor[] = [];
    for await (const referrer of this.#store.referrers?.(descriptor) ?? []) found.push(referrer);
    return found;
  }

  async repositories(): Promise<readonly string[]> {
    const images = await this.#store.images();
    return [...new Set(images.flatMap((image) => placeOf(image)?.repository ?? []))];
  }

  async #images(repository: string): Promise<readonly Named[]> {
    const images = await this.#store.images();
    return images.flatMap((image) => {
      const place = placeOf(image);
      return place?.repository === repository ? [{ tag: place.tag, descriptor: image.descriptor }] : [];
    });
  }

  /** Content that an image of the repository consists of, or that refers to it. */
  async #find(repository: string, digest: string): Promise<Descriptor | undefined> {
    for (const { descriptor } of await this.#images(repository)) {
      const found = (await this.#closure(descriptor)).get(digest);
      if (found) return found;
    }
    return undefined;
  }

  async #closure(root: Descriptor): Promise<ReadonlyMap<string, Descriptor>> {
    const known = this.#closures.get(root.digest);
    if (known) return known;
    const all = new Map<string, Descriptor>();
    const isWhole = await this.#walk(root, all);
    if (this.#closures.size >= MOST_KNOWN) this.#closures.clear();
    // Manifests of other platforms may be pulled later.
    if (isWhole) this.#closures.set(root.digest, all);
    return all;
  }

  /** False when a manifest is not here. */
  async #walk(descriptor: Descriptor, all: Map<string, Descriptor>): Promise<boolean> {
    if (all.has(descriptor.digest)) return true;
    all.set(descriptor.digest, descriptor);
    if (!isManifestType(descriptor.mediaType)) return true;
    if (!(await this.#store.has(descriptor))) return false;
    let isWhole = true;
    const bytes = await this.#store.bytes(descriptor);
    for (const child of childrenOf(parseManifest(bytes, descriptor.mediaType))) {
      isWhole = (await this.#walk(child.descriptor, all)) && isWhole;
    }
    for await (const referrer of this.#store.referrers?.(descriptor) ?? []) {
      isWhole = (await this.#walk(referrer, all)) && isWhole;
    }
    return isWhole;
  }
}

/** Undefined for an image without a name, or whose name no registry can have, such as one of an IPv6 host. */
function placeOf({ name }: StoredImage): { readonly repository: string; readonly tag: string | undefined } | undefined {
  if (name === undefined) return undefined;
  try {
    const { registry, repository, tag } = parseReference(name);
    const path = registry === 'docker.io' ? repository : `${registry.toLowerCase().replace(':', '-')}/${repository}`;
    return isRepository(path) ? { repository: path, tag } : undefined;
  } catch (error) {
    if (HubError.is(error, 'REFERENCE_INVALID')) return undefined;
    throw error;
  }
}
