// Which images does an archive hold, and under which names?
import type { Descriptor } from '../../spec/descriptor.ts';
import type { OnEvent } from '../../transfer/events.ts';
import type { BuiltImage } from './docker.ts';
import { canonicalName, namesOf } from './names.ts';
import type { OciImage } from './oci.ts';

export interface ArchiveImage {
  /** Canonical full names, `docker.io/library/alpine:3`; none for an untagged image. */
  readonly names: readonly string[];
  /** Tags that the archive gives without saying of what. */
  readonly tags: readonly string[];
  readonly descriptor: Descriptor;
  /** Image IDs: the digests of its configs. */
  readonly ids: readonly string[];
}

interface Collected {
  readonly descriptor: Descriptor;
  readonly names: Set<string>;
  readonly tags: Set<string>;
  readonly ids: Set<string>;
}

/** Collects images, each once, and their names. A name that is given twice belongs to the last image, with a warning. */
export class Catalogue {
  readonly #images = new Map<string, Collected>();
  readonly #onEvent: OnEvent | undefined;

  constructor(onEvent: OnEvent | undefined) {
    this.#onEvent = onEvent;
  }

  /** In the order in which they were added. */
  images(): readonly ArchiveImage[] {
    return [...this.#images.values()].map(({ descriptor, names, tags, ids }) => ({
      descriptor,
      names: [...names],
      tags: [...tags],
      ids: [...ids],
    }));
  }

  addOci({ descriptor, configs }: OciImage): void {
    const image = this.#image(descriptor);
    for (const config of configs) image.ids.add(config);
    const { full, tag, invalid } = namesOf(descriptor);
    if (invalid !== undefined) this.#refuse(invalid);
    if (full !== undefined) this.#give([image], full);
    else if (tag !== undefined) this.#giveTag(image, tag);
  }

  /** Names an image that is there already by its ID. False when there is none. */
  addNames(id: string, repoTags: readonly string[]): boolean {
    const images = [...this.#images.values()].filter(({ ids }) => ids.has(id));
    if (images.length > 0) this.#giveAll(images, repoTags);
    return images.length > 0;
  }

  addBuilt({ descriptor, config }: BuiltImage, repoTags: readonly string[]): void {
    const image = this.#image(descriptor);
    image.ids.add(config.descriptor.digest);
    this.#giveAll([image], repoTags);
  }

  #image(descriptor: Descriptor): Collected {
    const known = this.#images.get(descriptor.digest);
    if (known) return known;
    const image = { descriptor, names: new Set<string>(), tags: new Set<string>(), ids: new Set<string>() };
    this.#images.set(descriptor.digest, image);
    return image;
  }

  #giveAll(images: readonly Collected[], repoTags: readonly string[]): void {
    for (const text of repoTags) {
      const name = text.includes('@') ? undefined : canonicalName(text);
      if (name === undefined) this.#refuse(text);
      else this.#give(images, name);
    }
  }

  /** Any of the images may have the name; the first gets it when none has. */
  #give(images: readonly Collected[], name: string): void {
    const [first] = images;
    if (!first || images.some((image) => image.names.has(name))) return;
    for (const other of this.#images.values()) if (other.names.delete(name)) this.#warnTwice(name);
    first.names.add(name);
  }

  #giveTag(image: Collected, tag: string): void {
    for (const other of this.#images.values()) if (other !== image && other.tags.delete(tag)) this.#warnTwice(tag);
    image.tags.add(tag);
  }

  #warnTwice(name: string): void {
    this.#warn(`the archive gives the name ${name} to several images; the last one has it`);
  }

  #refuse(name: string): void {
    this.#warn(`"${name}" in the archive is not a valid image name and is left out`);
  }

  #warn(message: string): void {
    this.#onEvent?.({ type: 'warning', message });
  }
}
