// How does a directory hold a registry: content once, links per repository, nothing visible before it is proven?
import { mkdir } from 'node:fs/promises';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { isDigest } from '../../spec/digest.ts';
import { MANIFEST_LIMIT } from '../../spec/manifest.ts';
import { contentOf } from '../../util/content.ts';
import { namesIn, storageError } from '../../util/fs.ts';
import { hold, isAlive, readHolder, removeHeld, type Holder, type Holding } from '../../util/lock-file.ts';
import { now } from '../../util/machine.ts';
import type { FoundBlob, FoundManifest, RegistryContents } from '../contents.ts';
import { Turns } from '../turns.ts';
import { ContentFiles } from './content.ts';
import { SmallFiles } from './files.ts';
import { registryPaths, type RegistryPaths } from './paths.ts';
import { Repositories, type TagEntry } from './repositories.ts';
import { DirectorySync } from './sync.ts';
import type { Upload } from './upload.ts';
import { Uploads } from './uploads.ts';

/** What the marker file says. */
const FORMAT = { kind: 'hubctl registry', version: 1 };
/** Milliseconds without a heartbeat after which a holder elsewhere counts as dead. */
const SILENT = 30_000;

export interface NewManifest {
  readonly descriptor: Pick<Descriptor, 'digest' | 'mediaType'>;
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  /** Where its tags come from, when they were not pushed. */
  readonly upstream?: string | undefined;
  readonly subject?: string | undefined;
  /** What the list of the subject's referrers says of it. */
  readonly referrer?: Descriptor | undefined;
}

export interface RegistryDirOptions {
  /** Nothing is written, and others may use the directory at the same time. */
  readonly readOnly?: boolean | undefined;
}

/**
 * Opens a directory that is empty, new, or was a registry before. Throws STORAGE for one that holds anything else, and
 * LOCKED while another process serves it.
 */
export async function openRegistryDir(dir: string, options: RegistryDirOptions = {}): Promise<RegistryDir> {
  const paths = registryPaths(dir);
  const directories = new DirectorySync();
  const files = new SmallFiles(directories);
  const readOnly = options.readOnly === true;
  await checkMarker(paths, files, readOnly);
  const holding = readOnly ? undefined : lock(paths);
  const registry = new RegistryDir({ paths, files, directories }, holding);
  try {
    if (!readOnly) {
      await files.write(paths.marker, FORMAT);
      await registry.uploads.begin();
    }
  } catch (error) {
    await registry[Symbol.asyncDispose]();
    throw error;
  }
  return registry;
}

interface RegistryDirParts {
  readonly paths: RegistryPaths;
  readonly files: SmallFiles;
  /** That of `files`, so that all writers of a directory share its syncs. */
  readonly directories: DirectorySync;
}

/** One process writes to a directory; within it, whatever concerns one digest of content takes turns. */
export class RegistryDir implements RegistryContents, AsyncDisposable {
  readonly dir: string;
  readonly uploads: Uploads;
  readonly #content: ContentFiles;
  readonly #repositories: Repositories;
  readonly #turns = new Turns();
  #holding: Holding | undefined;

  constructor({ paths, files, directories }: RegistryDirParts, holding: Holding | undefined) {
    this.dir = paths.dir;
    this.#holding = holding;
    this.#content = new ContentFiles(paths, directories);
    this.#repositories = new Repositories(paths, files);
    this.uploads = new Uploads(paths, files);
  }

  async blob(repository: string, digest: string): Promise<FoundBlob | undefined> {
    if (!(await this.#repositories.hasBlob(repository, digest))) return undefined;
    const size = await this.#content.sizeOf(digest);
    return size === undefined ? undefined : { size, open: (range) => this.#content.open(digest, range) };
  }

  async manifest(repository: string, reference: string): Promise<FoundManifest | undefined> {
    const digest = isDigest(reference) ? reference : (await this.#repositories.tag(repository, reference))?.digest;
    if (digest === undefined) return undefined;
    const mediaType = await this.#repositories.manifestType(repository, digest);
    if (mediaType === undefined) return undefined;
    const size = await this.#content.sizeOf(digest);
    if (size === undefined) return undefined;
    return { digest, mediaType, size, bytes: () => this.#content.bytes(digest, MANIFEST_LIMIT) };
  }

  async tags(repository: string): Promise<readonly string[] | undefined> {
    const tags = await this.#repositories.tags(repository);
    return tags.length > 0 || (await this.#repositories.isFilled(repository)) ? tags : undefined;
  }

  referrers(repository: string, subject: string): Promise<readonly Descriptor[]> {
    return this.#repositories.referrers(repository, subject);
  }

  async repositories(): Promise<readonly string[]> {
    const names = await this.#repositories.names();
    const filled = await Promise.all(names.map((name) => this.#repositories.isFilled(name)));
    return names.filter((_, index) => filled[index]);
  }

  tagEntry(repository: string, tag: string): Promise<TagEntry | undefined> {
    return this.#repositories.tag(repository, tag);
  }

  /** Runs work on a session while nobody else changes it. */
  exclusive<T>(upload: Upload, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(`upload ${upload.id}`, work);
  }

  /**
   * Makes what a session received a blob of its repository. Durable when it resolves. Throws DIGEST_INVALID; then the
   * session is over as well.
   */
  async finish(upload: Upload, digest: string): Promise<void> {
    const path = await upload.finish(digest).catch(async (error: unknown) => {
      if (HubError.is(error, 'DIGEST_MISMATCH')) await this.uploads.end(upload);
      throw error;
    });
    await this.#turns.take(digest, async () => {
      if ((await this.#content.sizeOf(digest)) === undefined) await this.#content.adopt(path, digest);
      await this.#repositories.addBlob(upload.repository, digest);
    });
    await this.uploads.end(upload);
  }

  /** Lends a blob of one repository, or of any, to another. False when there is none. */
  mount(repository: string, digest: string, from: string | undefined): Promise<boolean> {
    return this.#turns.take(digest, async () => {
      if ((await this.#content.sizeOf(digest)) === undefined) return false;
      const candidates = from === undefined ? await this.#repositories.names() : [from];
      for (const candidate of candidates) {
        if (!(await this.#repositories.hasBlob(candidate, digest))) continue;
        await this.#repositories.addBlob(repository, digest);
        return true;
      }
      return false;
    });
  }

  /** Bytes first, then the link, then who it refers to, then the names: whoever sees one of them finds the ones before. */
  async putManifest(repository: string, manifest: NewManifest): Promise<void> {
    const { descriptor, bytes, tags, subject, referrer, upstream } = manifest;
    const { digest } = descriptor;
    await this.#turns.take(digest, async () => {
      if ((await this.#content.sizeOf(digest)) === undefined) await this.#store(repository, manifest, bytes);
      await this.#repositories.addManifest(repository, descriptor);
      if (subject !== undefined && referrer) await this.#repositories.addReferrer(repository, subject, referrer);
      for (const tag of tags) {
        await this.#named(repository, tag, () => this.#repositories.setTag(repository, tag, { digest, upstream }));
      }
    });
  }

  deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.#named(repository, tag, () => this.#repositories.removeTag(repository, tag));
  }

  /** Takes a manifest away with its tags and its entry among the referrers of `subject`. False when it is not there. */
  deleteManifest(repository: string, digest: string, subject: string | undefined): Promise<boolean> {
    return this.#unlink(digest, async () => {
      if ((await this.#repositories.manifestType(repository, digest)) === undefined) return false;
      for (const tag of await this.#repositories.tags(repository)) await this.#untag(repository, tag, digest);
      if (subject !== undefined) await this.#repositories.removeReferrer(repository, subject, digest);
      return this.#repositories.removeManifest(repository, digest);
    });
  }

  /** Takes a blob away from one repository. False when it did not have it. */
  deleteBlob(repository: string, digest: string): Promise<boolean> {
    return this.#unlink(digest, () => this.#repositories.removeBlob(repository, digest));
  }

  /** Lets others serve the directory. A second time would take the lock from them. */
  async [Symbol.asyncDispose](): Promise<void> {
    const holding = this.#holding;
    this.#holding = undefined;
    holding?.release();
  }

  /** Whatever concerns one tag takes turns, within the turn of a digest if there is one. */
  #named<T>(repository: string, tag: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(`tag ${repository}:${tag}`, work);
  }

  /** Takes a tag away unless it has moved to another manifest. */
  async #untag(repository: string, tag: string, digest: string): Promise<void> {
    await this.#named(repository, tag, async () => {
      const entry = await this.#repositories.tag(repository, tag);
      if (entry?.digest === digest) await this.#repositories.removeTag(repository, tag);
    });
  }

  /** Content that no repository has any more is deleted with its last link. */
  #unlink(digest: string, remove: () => Promise<boolean>): Promise<boolean> {
    return this.#turns.take(digest, async () => {
      if (!(await remove())) return false;
      for (const name of await this.#repositories.names()) {
        if (await this.#repositories.hasBlob(name, digest)) return true;
        if ((await this.#repositories.manifestType(name, digest)) !== undefined) return true;
      }
      await this.#content.remove(digest);
      return true;
    });
  }

  async #store(repository: string, { descriptor }: NewManifest, bytes: Uint8Array): Promise<void> {
    const upload = await this.uploads.start(repository);
    try {
      await upload.append(contentOf(bytes));
      await this.#content.adopt(await upload.finish(descriptor.digest), descriptor.digest);
    } finally {
      await this.uploads.end(upload);
    }
  }
}

async function checkMarker(paths: RegistryPaths, files: SmallFiles, readOnly: boolean): Promise<void> {
  const marker = await files.read(paths.marker);
  if (marker?.['kind'] === FORMAT.kind && marker['version'] === FORMAT.version) return;
  if (marker !== undefined) {
    throw new HubError('STORAGE', `${paths.dir} holds a registry of another version`, {
      hint: 'serve it with the hubctl that wrote it, or choose another directory',
    });
  }
  // A first start that was cut short leaves a lock and nothing else.
  const strangers = (await namesIn(paths.dir)).filter((name) => !/^\.?registry\.(?:json|lock)/.test(name));
  if (strangers.length > 0) {
    throw new HubError('STORAGE', `${paths.dir} is not a registry: it holds ${strangers[0] ?? 'something'}`, {
      hint: 'choose an empty or a new directory',
    });
  }
  if (readOnly) return;
  try {
    await mkdir(paths.dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageError(error, `cannot create ${paths.dir}`);
  }
}

/** A holder that nothing is known of, such as one before the machine was restarted, shows signs of life or is gone. */
function isServing(holder: Holder): boolean {
  return isAlive(holder) ?? now() - holder.beat < SILENT;
}

/** Held for as long as the registry is open; a holder that died is replaced. */
function lock(paths: RegistryPaths): Holding {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const holding = hold(paths.lock);
    if (holding) return holding;
    const holder = readHolder(paths.lock);
    if (holder && isServing(holder)) {
      throw new HubError('LOCKED', `${paths.dir} is served by process ${holder.pid ?? 'unknown'} already`, {
        hint: 'use that registry, stop it, or choose another directory',
      });
    }
    if (holder) removeHeld(paths.lock, holder.token);
  }
  throw new HubError('LOCKED', `${paths.dir} is being opened by another process`, { hint: 'try again' });
}
