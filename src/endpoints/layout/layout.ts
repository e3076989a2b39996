// How is an OCI image layout directory read and written?
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, digestOf, isDigest } from '../../spec/digest.ts';
import { MANIFEST_LIMIT, sniffManifestType } from '../../spec/manifest.ts';
import { isManifestType } from '../../spec/media-types.ts';
import type { Content, Endpoint, Open, ReadOptions, WriteOptions, WriteResult } from '../../transfer/endpoint.ts';
import { collect } from '../../util/content.ts';
import { blobSize, hasBlob, prepareBlobs, readBlob, syncBlobs, writeBlob } from './blobs.ts';
import { addEntry, prepareLayout, readEntries } from './index-file.ts';
import { DEFAULT_TAG, matching, nameOf } from './names.ts';

export interface OpenLayoutOptions {
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * A layout directory [OCI image-spec image-layout.md]. Nothing is touched before the first question; the directory is
 * created by the first write. Names: a tag, a full name, a digest, or empty for the only image (`latest` if there are
 * several). As `as`, a canonical full name is also written for containerd; anything else becomes the OCI name as it is.
 */
export async function openLayout(dir: string, options: OpenLayoutOptions = {}): Promise<Endpoint> {
  return new Layout(dir, options);
}

class Layout implements Endpoint {
  readonly name: string;
  readonly sparse = true;
  readonly #dir: string;
  readonly #options: OpenLayoutOptions;
  readonly #writing = new Map<string, Promise<unknown>>();
  readonly #prepared = new Map<string, Promise<void>>();
  readonly #swept = new Set<string>();
  #isLayout: Promise<void> | undefined;

  constructor(dir: string, options: OpenLayoutOptions) {
    this.name = `oci:${dir}`;
    this.#dir = dir;
    this.#options = options;
  }

  async resolve(reference: string): Promise<Descriptor> {
    const entries = await readEntries(this.#dir);
    if (!entries) throw this.#missing(`${this.#dir} is not an OCI layout`, 'it needs a file index.json');
    if (reference === '') return this.#default(entries);
    return (
      this.#last(matching(entries, reference), reference) ??
      (await this.#byDigest(reference)) ??
      this.#unknown(entries, reference)
    );
  }

  read({ digest }: Descriptor, options?: ReadOptions): Promise<Content> {
    return readBlob(this.#dir, digest, options);
  }

  async *tags(): AsyncIterable<string> {
    for (const entry of (await readEntries(this.#dir)) ?? []) {
      const name = nameOf(entry);
      if (name !== entry.digest) yield name;
    }
  }

  has(descriptor: Descriptor): Promise<boolean> {
    return hasBlob(this.#dir, descriptor);
  }

  async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}): Promise<WriteResult> {
    const outcome = await this.#blob(descriptor, open, options);
    if (options.as === undefined) return { outcome };
    await syncBlobs(this.#dir, descriptor.digest);
    await addEntry(this.#dir, descriptor, { name: options.as, signal: options.signal });
    return { outcome };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#writing.values());
  }

  async #blob(descriptor: Descriptor, open: Open, options: WriteOptions): Promise<WriteResult['outcome']> {
    const { digest } = descriptor;
    // Whoever writes the same blob at this moment is waited for; if that fails, it is our turn.
    for (let other = this.#writing.get(digest); other; other = this.#writing.get(digest))
      await Promise.allSettled([other]);
    const writing = this.#write(descriptor, open, options);
    this.#writing.set(digest, writing);
    try {
      return await writing;
    } finally {
      this.#writing.delete(digest);
    }
  }

  async #write(descriptor: Descriptor, open: Open, { force, signal }: WriteOptions): Promise<WriteResult['outcome']> {
    await this.#prepare(descriptor.digest);
    if (force !== true && (await hasBlob(this.#dir, descriptor))) return 'exists';
    const algorithm = algorithmOf(descriptor.digest);
    const sweep = !this.#swept.has(algorithm);
    this.#swept.add(algorithm);
    await writeBlob(this.#dir, descriptor, { open, sweep, signal });
    return 'copied';
  }

  async #prepare(digest: string): Promise<void> {
    this.#isLayout ??= prepareLayout(this.#dir);
    await this.#isLayout;
    const algorithm = algorithmOf(digest);
    const prepared = this.#prepared.get(algorithm) ?? prepareBlobs(this.#dir, digest);
    this.#prepared.set(algorithm, prepared);
    await prepared;
  }

  #default(entries: readonly Descriptor[]): Descriptor {
    const [only] = entries;
    if (only && new Set(entries.map(({ digest }) => digest)).size === 1) return only;
    return this.#last(matching(entries, DEFAULT_TAG), DEFAULT_TAG) ?? this.#unknown(entries, DEFAULT_TAG);
  }

  #last(found: readonly Descriptor[], name: string): Descriptor | undefined {
    if (new Set(found.map(({ digest }) => digest)).size > 1) {
      this.#options.onWarning?.(`${this.name} has several images called ${name}; the last one is taken`);
    }
    return found.at(-1);
  }

  /** A manifest that index.json does not list itself, such as one platform of an index. */
  async #byDigest(digest: string): Promise<Descriptor | undefined> {
    const size = isDigest(digest) ? await blobSize(this.#dir, digest) : undefined;
    if (size === undefined || size > MANIFEST_LIMIT) return undefined;
    const bytes = await collect(await readBlob(this.#dir, digest), MANIFEST_LIMIT, `blob ${digest}`);
    const mediaType = digestOf(bytes, algorithmOf(digest)) === digest ? sniffManifestType(bytes) : undefined;
    return mediaType !== undefined && isManifestType(mediaType) ? { mediaType, digest, size } : undefined;
  }

  #unknown(entries: readonly Descriptor[], reference: string): never {
    const names = entries.map(nameOf);
    throw this.#missing(
      `${reference} is not in ${this.name}`,
      names.length > 0 ? `it holds ${names.slice(0, 20).join(', ')}` : 'it holds no image',
    );
  }

  #missing(message: string, hint: string): HubError {
    return new HubError('NOT_FOUND', message, { hint, details: { layout: this.#dir } });
  }
}
