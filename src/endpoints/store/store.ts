// Where does an image live on this machine? The local store, an image layout that several processes share.
import { arch, platform } from 'node:os';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { digestOf } from '../../spec/digest.ts';
import { MANIFEST_LIMIT, parseManifest, sniffManifestType } from '../../spec/manifest.ts';
import { isManifestType } from '../../spec/media-types.ts';
import { hostPlatform, type Platform } from '../../spec/platform.ts';
import type {
  CallOptions,
  Content,
  Endpoint,
  Open,
  ReadOptions,
  WriteOptions,
  WriteResult,
} from '../../transfer/endpoint.ts';
import { contentOf } from '../../util/content.ts';
import { storageError } from '../../util/fs.ts';
import { lstatIfExistsSync } from '../../util/fs-sync.ts';
import { Blobs } from './blobs.ts';
import { discard, everyBlob, type Collected, type Discard } from './collect.ts';
import { diffIds, type DiffIds } from './diff-ids.ts';
import { findEntries, resolveName, type NonEmpty } from './find.ts';
import { learn, learnNew, missingFrom, reach } from './graph.ts';
import { writeHashed, type Ingested } from './ingest.ts';
import { sweepLeftovers } from './leases.ts';
import {
  haveOtherNames,
  isContentDigest,
  isNameless,
  keyOf,
  storeName,
  withEntry,
  withName,
  type IndexEntry,
  type StoredImage,
} from './names.ts';
import { isAttached } from './needs.ts';
import { storePaths, type StorePaths } from './paths.ts';
import { seenRepositories, type SeenRepositories } from './seen.ts';
import { Session } from './session.ts';
import { Space } from './space.ts';
import { StateFile, type Change } from './state.ts';
import { byAge, summarise, type ImageSummary, type PlatformSummary } from './summary.ts';
import { upkeep, type Upkeep } from './upkeep.ts';

export type { Collected, DiffIds, ImageSummary, PlatformSummary, SeenRepositories, StoredImage };

export interface StoreOptions {
  /** Whose image of an index gives the image ID; linux on the processor of this machine by default. */
  readonly platform?: Platform | undefined;
  /** Told when another process keeps the store locked for seconds. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface CollectOptions extends CallOptions {
  /** Also partial downloads that are younger than seven days, unless somebody is working on them. */
  readonly allPartial?: boolean | undefined;
  /** Delete nothing, only tell what would go. */
  readonly dryRun?: boolean | undefined;
}

/**
 * The images of this user. The directory is an OCI image layout that other tools can read. Everything may be called by
 * any number of processes at once. Nothing is created before something is written.
 */
export interface Store extends Endpoint {
  readonly dir: string;
  /** An index may be here without some of its manifests. */
  readonly sparse: true;
  readonly seen: SeenRepositories;
  readonly diffIds: DiffIds;
  readonly upkeep: Upkeep;
  /** Every name, and every image without one; signatures and the like are left out. Throws STORAGE for a damaged index. */
  images(): Promise<readonly StoredImage[]>;
  /** The same images with what a list shows of them: newest first, those that do not say when they were made last. */
  summaries(): Promise<readonly ImageSummary[]>;
  /**
   * By name as people write it, digest, or the beginning of an image ID. Throws NOT_FOUND, USAGE when the beginning fits
   * several images, REFERENCE_INVALID.
   */
  find(text: string): Promise<StoredImage>;
  /** All that `find` could mean: every name of the image for a digest or an ID. At least one. Throws as `find`. */
  findAll(text: string): Promise<NonEmpty<StoredImage>>;
  /**
   * Gives content a name (canonical or familiar; the tag is latest by default), which it takes from whatever had it. A
   * digest is no name: then the image is listed without one.
   * Throws STORAGE with `details.missing` when content that the image needs is not there; LOCKED, REFERENCE_INVALID.
   */
  setName(descriptor: Descriptor, name: string, options?: CallOptions): Promise<void>;
  /** Takes a name away; the content stays until it is collected. True when there was such a name. */
  unname(name: string, options?: CallOptions): Promise<boolean>;
  /** Takes names away, and images without a name, and deletes what no other image needs. */
  remove(images: readonly StoredImage[], options?: CallOptions): Promise<Collected>;
  /** Deletes what no image needs and nobody is writing, and what died processes left. Every manifest is read anew. */
  collect(options?: CollectOptions): Promise<Collected>;
  /** Verified bytes of small content, at most `limit`, 4 MiB by default. Throws NOT_FOUND, DIGEST_MISMATCH, CONTENT_INVALID. */
  bytes(descriptor: Descriptor, limit?: number): Promise<Buffer>;
  addBytes(bytes: Uint8Array, mediaType: string): Promise<Descriptor>;
  /** Stores content whose digest is not known beforehand, under its SHA-256. */
  ingest(content: Content, options?: CallOptions): Promise<Ingested>;
  /**
   * Where a blob is, if it is here: one that was written a moment ago is there for certain once `has` or `setName` said
   * so. Throws CONTENT_INVALID for what is no digest.
   */
  blobPath(digest: string): string;
  /** A fresh empty file, gone when the store is disposed of. */
  temp(): Promise<string>;
  /** Fails now rather than later: throws STORAGE when nothing can be written, or there is no room for so many `bytes`. */
  prepare(bytes?: number): Promise<void>;
}

/** Opens the store in a directory that need not exist yet. Throws STORAGE when something else is there. */
export async function openStore(dir: string, options: StoreOptions = {}): Promise<Store> {
  const stats = lookAt(dir);
  if (stats && !stats.isDirectory() && !stats.isSymbolicLink()) {
    throw new HubError('STORAGE', `cannot open the store ${dir}: it is a file, not a directory`, {
      hint: 'choose another place with --store',
    });
  }
  return new LocalStore(dir, options);
}

function lookAt(dir: string): ReturnType<typeof lstatIfExistsSync> {
  try {
    return lstatIfExistsSync(dir);
  } catch (error) {
    throw storageError(error, `cannot open the store ${dir}`);
  }
}

class LocalStore implements Store {
  readonly dir: string;
  readonly name: string;
  readonly sparse = true;
  readonly sound = true;
  readonly seen: SeenRepositories;
  readonly diffIds: DiffIds;
  readonly upkeep: Upkeep;
  readonly #options: StoreOptions;
  readonly #platform: Platform;
  readonly #paths: StorePaths;
  readonly #space: Space;
  readonly #session: Session;
  readonly #blobs: Blobs;
  readonly #state: StateFile;

  constructor(dir: string, options: StoreOptions) {
    this.dir = dir;
    this.name = `store:${dir}`;
    this.#options = options;
    this.#platform = options.platform ?? hostPlatform(platform(), arch());
    this.#paths = storePaths(dir);
    this.#space = new Space(dir);
    this.#session = new Session(this.#paths);
    this.#blobs = new Blobs(this.#paths, this.#space);
    this.#state = new StateFile(this.#paths, this.#blobs, this.#platform);
    this.seen = seenRepositories(this.#paths.seen);
    this.diffIds = diffIds(this.#paths.diffIds, (layer) => this.#blobs.isPresent(layer));
    this.upkeep = upkeep({
      paths: this.#paths,
      blobs: this.#blobs,
      state: this.#state,
      unused: ({ signal }) => this.collect({ signal, allPartial: true, dryRun: true }),
    });
  }

  async resolve(reference: string): Promise<Descriptor> {
    const { entries } = await this.#state.index();
    if (!isContentDigest(reference)) return resolveName(reference, entries).descriptor;
    const entry = entries.find(({ descriptor }) => descriptor.digest === reference);
    return entry?.descriptor ?? this.#describe(reference);
  }

  read(descriptor: Descriptor, options?: ReadOptions): Promise<Content> {
    return this.#blobs.read(descriptor, options);
  }

  has(descriptor: Descriptor): Promise<boolean> {
    return this.#blobs.has(descriptor);
  }

  async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}): Promise<WriteResult> {
    const { as, signal } = options;
    await this.#session.begin();
    const outcome = await this.#blobs.write(descriptor, open, options);
    if (as !== undefined) await this.setName(descriptor, as, { signal });
    else if (isManifestType(descriptor.mediaType)) await this.#list(descriptor, { signal });
    return { outcome };
  }

  async *referrers(subject: Descriptor): AsyncIterable<Descriptor> {
    const { index, facts } = await this.#state.view();
    for (const { descriptor } of index.entries) {
      if (facts.get(descriptor.digest)?.subject === subject.digest) yield descriptor;
    }
  }

  async images(): Promise<readonly StoredImage[]> {
    const { entries } = await this.#state.index();
    if (!entries.some(isNameless)) return entries;
    const { index, facts } = await this.#state.view();
    return index.entries.filter((entry) => !isAttached(entry, facts));
  }

  async summaries(): Promise<readonly ImageSummary[]> {
    const platform = this.#platform;
    const state = await this.#state.key();
    if (state) {
      const { readList } = await import('./kept-list.ts');
      const kept = await readList(this.#paths, { ...state, platform });
      if (kept?.isWorn) await this.#state.keepList({ ...state, platform }, kept.images);
      if (kept) return kept.images;
    }
    const { index, facts, key } = await this.#state.view();
    const shown = index.entries.filter((entry) => !isAttached(entry, facts));
    const summaries = summarise(shown, facts, platform).toSorted(byAge);
    if (key) await this.#state.keepList({ ...key, platform }, summaries);
    return summaries;
  }

  async find(text: string): Promise<StoredImage> {
    return (await this.findAll(text))[0];
  }

  async findAll(text: string): Promise<NonEmpty<StoredImage>> {
    const { entries } = await this.#state.index();
    return findEntries(text, { entries, summaries: () => this.summaries() });
  }

  async setName(descriptor: Descriptor, name: string, options: CallOptions = {}): Promise<void> {
    const canonical = isContentDigest(name) ? undefined : storeName(name);
    await this.#blobs.barrier();
    await this.#change(options, async (change) => {
      const { index } = change;
      const isListed = index.entries.some((entry) => entry.descriptor.digest === descriptor.digest);
      // What was listed before was complete then; only what this process has brought may be new.
      if (!isListed || this.#blobs.isUsed(descriptor.digest)) await this.#checkComplete(change, descriptor, name);
      change.index = canonical === undefined ? withEntry(index, descriptor) : withName(index, descriptor, canonical);
    });
  }

  async unname(name: string, options: CallOptions = {}): Promise<boolean> {
    const canonical = storeName(name);
    const isNamed = (entry: IndexEntry): boolean => entry.name === canonical;
    if (!(await this.#state.index()).entries.some(isNamed)) return false;
    return this.#change(options, async (change) => {
      const { entries } = change.index;
      if (!entries.some(isNamed)) return false;
      change.index = { ...change.index, entries: entries.filter((entry) => !isNamed(entry)) };
      return true;
    });
  }

  async remove(images: readonly StoredImage[], options: CallOptions = {}): Promise<Collected> {
    if (images.length === 0) return { deleted: [], bytes: 0 };
    const keys = new Set(images.map(keyOf));
    return this.#change(options, async (change) => {
      const going = change.index.entries.filter((entry) => keys.has(keyOf(entry)));
      const entries = change.index.entries.filter((entry) => !keys.has(keyOf(entry)));
      if (haveOtherNames(going, entries)) {
        if (going.length > 0) change.index = { ...change.index, entries };
        return { deleted: [], bytes: 0 };
      }
      const facts = await change.facts();
      if (await learnNew(facts, change.index.entries, this.#state.read)) change.factsChanged = true;
      const candidates = going.reduce((all, { descriptor }) => reach(facts, descriptor.digest, all), new Set<string>());
      return this.#discard(change, { entries, candidates });
    });
  }

  async collect(options: CollectOptions = {}): Promise<Collected> {
    if (!lstatIfExistsSync(this.dir)) return { deleted: [], bytes: 0 };
    const { dryRun } = options;
    return this.#change(options, async (change) => {
      const facts = await change.facts();
      facts.clear();
      change.factsChanged = dryRun !== true;
      await learnNew(facts, change.index.entries, this.#state.read);
      const { entries } = change.index;
      const unused = await this.#discard(change, { entries, candidates: await everyBlob(this.#paths), dryRun });
      return { ...unused, bytes: unused.bytes + sweepLeftovers(this.#paths, options) };
    });
  }

  bytes(descriptor: Descriptor, limit: number = MANIFEST_LIMIT): Promise<Buffer> {
    return this.#blobs.bytes(descriptor, limit);
  }

  async addBytes(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    await this.write(descriptor, async () => contentOf(bytes));
    return descriptor;
  }

  async ingest(content: Content, options: CallOptions = {}): Promise<Ingested> {
    const path = await this.#session.temporary();
    const ingested = await writeHashed(path, content, options);
    await this.#blobs.adopt(path, { mediaType: 'application/octet-stream', ...ingested });
    return ingested;
  }

  blobPath(digest: string): string {
    return this.#paths.blob(digest);
  }

  temp(): Promise<string> {
    return this.#session.temporary();
  }

  async prepare(bytes = 0): Promise<void> {
    await this.#session.begin();
    await this.#space.check(bytes * 1.05);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#blobs.settle();
    await this.#session.end();
  }

  #change<T>({ signal }: CallOptions, work: (change: Change) => Promise<T>): Promise<T> {
    const onWait = (): void => this.#options.onWarning?.(`waiting for another process that uses the store ${this.dir}`);
    return this.#state.change({ signal, onWait }, work);
  }

  /** A manifest that is about another one has no name; it is listed so that it can be found from there. */
  async #list(descriptor: Descriptor, options: CallOptions): Promise<void> {
    const bytes = await this.bytes(descriptor);
    if (!bytes.includes('"subject"')) return;
    const { subject, artifactType, config, annotations } = parseManifest(bytes, descriptor.mediaType);
    if (!subject) return;
    const listed = { ...descriptor, artifactType: artifactType ?? config?.mediaType, annotations };
    await this.#change(options, async (change) => {
      if (await learn(await change.facts(), listed, this.#state.read)) change.factsChanged = true;
      change.index = withEntry(change.index, listed);
    });
  }

  async #checkComplete(change: Change, descriptor: Descriptor, name: string): Promise<void> {
    const facts = await change.facts();
    if (await learn(facts, descriptor, this.#state.read)) change.factsChanged = true;
    const missing = await missingFrom(facts, descriptor, this.#blobs);
    if (missing.length > 0) throw incomplete(name, missing);
  }

  #discard(change: Change, parts: Omit<Discard, 'paths' | 'blobs'>): Promise<Collected> {
    return discard(change, { ...parts, paths: this.#paths, blobs: this.#blobs });
  }

  async #describe(digest: string): Promise<Descriptor> {
    const size = await this.#blobs.sizeOf(digest);
    if (size === undefined)
      throw new HubError('NOT_FOUND', `no such image: ${digest}`, { details: { reference: digest } });
    const unknown = { mediaType: 'application/octet-stream', digest, size };
    const mediaType = size > MANIFEST_LIMIT ? undefined : sniffManifestType(await this.bytes(unknown));
    return mediaType === undefined ? unknown : { ...unknown, mediaType };
  }
}

function incomplete(name: string, missing: readonly string[]): HubError {
  return new HubError('STORAGE', `${name} cannot be named: content is missing, such as ${missing[0]}`, {
    hint: 'pull the image again',
    details: { missing },
  });
}
