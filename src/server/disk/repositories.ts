// Which repositories are there, and what does each of them have?
import { join } from 'node:path';
import { parseDescriptor, type Descriptor } from '../../spec/descriptor.ts';
import { isDigest } from '../../spec/digest.ts';
import { isRepository } from '../../spec/reference.ts';
import type { SmallFiles } from './files.ts';
import { PRIVATE, tagOfFile, type RegistryPaths } from './paths.ts';

export interface TagEntry {
  readonly digest: string;
  /** The upstream it was fetched from last, and which still decides about it; undefined for a tag that was pushed. */
  readonly upstream?: string | undefined;
}

/** Links from repositories to content, and names. Everything is read from disk when asked for, but the list of repositories. */
export class Repositories {
  readonly #paths: RegistryPaths;
  readonly #files: SmallFiles;
  /** Every folder that may be a repository; read once, since nobody else writes here. */
  #names: Promise<Set<string>> | undefined;

  constructor(paths: RegistryPaths, files: SmallFiles) {
    this.#paths = paths;
    this.#files = files;
  }

  hasBlob(name: string, digest: string): Promise<boolean> {
    return this.#files.isThere(this.#paths.blobLink(name, digest));
  }

  async addBlob(name: string, digest: string): Promise<void> {
    await this.#files.mark(this.#paths.blobLink(name, digest));
    await this.#added(name);
  }

  removeBlob(name: string, digest: string): Promise<boolean> {
    return this.#files.remove(this.#paths.blobLink(name, digest));
  }

  /** The media type of a manifest that the repository has. */
  async manifestType(name: string, digest: string): Promise<string | undefined> {
    const link = await this.#files.read(this.#paths.manifestLink(name, digest));
    const mediaType = link?.['mediaType'];
    return typeof mediaType === 'string' ? mediaType : undefined;
  }

  async addManifest(name: string, { digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>): Promise<void> {
    await this.#files.write(this.#paths.manifestLink(name, digest), { mediaType });
    await this.#added(name);
  }

  removeManifest(name: string, digest: string): Promise<boolean> {
    return this.#files.remove(this.#paths.manifestLink(name, digest));
  }

  async tag(name: string, tag: string): Promise<TagEntry | undefined> {
    const { digest, upstream } = (await this.#files.read(this.#paths.tag(name, tag))) ?? {};
    if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
    return { digest, upstream: typeof upstream === 'string' ? upstream : undefined };
  }

  setTag(name: string, tag: string, entry: TagEntry): Promise<void> {
    return this.#files.write(this.#paths.tag(name, tag), entry);
  }

  removeTag(name: string, tag: string): Promise<boolean> {
    return this.#files.remove(this.#paths.tag(name, tag));
  }

  async tags(name: string): Promise<readonly string[]> {
    const files = await this.#files.names(this.#paths.tags(name));
    return files.flatMap((file) => tagOfFile(file) ?? []);
  }

  addReferrer(name: string, subject: string, referrer: Descriptor): Promise<void> {
    return this.#files.write(this.#paths.referrer(name, subject, referrer.digest), referrer);
  }

  removeReferrer(name: string, subject: string, digest: string): Promise<boolean> {
    return this.#files.remove(this.#paths.referrer(name, subject, digest));
  }

  async referrers(name: string, subject: string): Promise<readonly Descriptor[]> {
    const directory = this.#paths.referrers(name, subject);
    const files = (await this.#files.names(directory)).filter((file) => /^sha(?:256|512)-[a-f0-9]+$/.test(file));
    const entries = await Promise.all(files.map((file) => this.#files.read(join(directory, file))));
    return entries.flatMap((entry) => (entry === undefined ? [] : [parseDescriptor(entry, 'a stored referrer')]));
  }

  /** True when a manifest was pushed to it, and not all of them deleted. */
  async isFilled(name: string): Promise<boolean> {
    for (const algorithm of ['sha256', 'sha512']) {
      if ((await this.#files.names(this.#paths.manifests(name, algorithm))).some((file) => !file.startsWith('.')))
        return true;
    }
    return false;
  }

  /** Every repository that something was ever pushed to. */
  async names(): Promise<readonly string[]> {
    this.#names ??= this.#walk().catch((error: unknown) => {
      this.#names = undefined;
      throw error;
    });
    return [...(await this.#names)];
  }

  async #added(name: string): Promise<void> {
    // A walk that has begun may have passed the place.
    (await this.#names)?.add(name);
  }

  async #walk(): Promise<Set<string>> {
    const found = new Set<string>();
    const visit = async (folder: string, name: string): Promise<void> => {
      const folders = await this.#files.folders(folder);
      if (folders.some((child) => child.startsWith(PRIVATE)) && isRepository(name)) found.add(name);
      for (const child of folders) {
        if (!child.startsWith(PRIVATE)) await visit(join(folder, child), name === '' ? child : `${name}/${child}`);
      }
    };
    await visit(this.#paths.repositories, '');
    return found;
  }
}
