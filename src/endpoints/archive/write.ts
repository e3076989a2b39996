// How is one archive written that docker, podman, skopeo and containerd all read?
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, encodedOf, isDigest, isVerifiable } from '../../spec/digest.ts';
import { MANIFEST_LIMIT, parseManifest } from '../../spec/manifest.ts';
import { isConfigType, isManifestType } from '../../spec/media-types.ts';
import type { Platform } from '../../spec/platform.ts';
import type { Content, Open, ReadOptions, Sink, WriteOptions, WriteResult } from '../../transfer/endpoint.ts';
import { collect, contentOf } from '../../util/content.ts';
import { openOutput, type ArchiveOutput, type ArchiveTarget } from './output.ts';
import { encodeEntry, paddingAfter, TAR_END } from '../../layers/tar.ts';
import { trailerFiles, type Written } from './trailer.ts';

export interface CreateArchiveOptions {
  /** Which image of an index the name means to programs that know no indexes. The first of the index by default. */
  readonly host?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface NewArchive extends Sink, AsyncDisposable {
  readonly sparse: true;
  commit(): Promise<void>;
  /** Gives back the manifests written so far. Throws NOT_FOUND for anything else. */
  read(descriptor: Descriptor, options?: ReadOptions): Promise<Content>;
}

/**
 * A new archive: OCI layout and docker archive in one tar, blobs byte for byte as they are, equal images giving equal
 * bytes. Blobs are streamed one after the other, however many writes are under way. `as` is a canonical full name; a
 * plain tag, a digest or nothing leaves the image without one. A file appears at `commit`; disposing without it leaves
 * nothing. Throws USAGE for a directory, STORAGE.
 */
export async function createArchive(target: ArchiveTarget, options: CreateArchiveOptions = {}): Promise<NewArchive> {
  return new ArchiveWriter(await openOutput(target), options);
}

/** Configs above this size are copied like any blob, but describe no image. */
const CONFIG_LIMIT = 4 * 1024 * 1024;

class ArchiveWriter implements NewArchive {
  readonly name: string;
  readonly sparse = true;
  readonly #output: ArchiveOutput;
  readonly #options: CreateArchiveOptions;
  readonly #written: Written = { blobs: new Map(), manifests: new Map(), configs: new Map(), roots: new Map() };
  readonly #manifestBytes = new Map<string, Uint8Array>();
  readonly #directories = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();
  #broken: HubError | undefined;

  constructor(output: ArchiveOutput, options: CreateArchiveOptions) {
    this.#output = output;
    this.#options = options;
    this.name = `archive ${output.name}`;
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    return this.#written.blobs.has(descriptor.digest);
  }

  async read(descriptor: Descriptor, options: ReadOptions = {}): Promise<Content> {
    const bytes = this.#manifestBytes.get(descriptor.digest);
    if (bytes) return contentOf(bytes.subarray(options.start, options.end));
    throw new HubError('NOT_FOUND', `${descriptor.digest} cannot be read from an archive that is being written`);
  }

  write(descriptor: Descriptor, open: Open, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#exclusive(async () => {
      const there = this.#written.blobs.has(descriptor.digest);
      if (!there) await this.#blob(descriptor, open, options.signal);
      if (options.as !== undefined) this.#name(descriptor, options.as);
      return { outcome: there ? 'exists' : 'copied' };
    });
  }

  commit(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#begin();
      for (const [path, bytes] of trailerFiles(this.#written, this.#options.host)) await this.#file(path, bytes);
      await this.#output.write(TAR_END);
      await this.#output.commit();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output.discard();
  }

  /** A tar is written from front to back, so whoever comes waits for those before, with nothing opened yet. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      this.#options.signal?.throwIfAborted();
      if (this.#broken) throw this.#broken;
      return work();
    });
    // A failure is the business of whoever asked for that work, not of the next in line.
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #begin(): Promise<void> {
    if (this.#output.position > 0) return;
    await this.#file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    await this.#directory('blobs/');
  }

  async #blob(descriptor: Descriptor, open: Open, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    await this.#begin();
    await this.#directory(directoryOf(descriptor));
    const start = this.#output.position;
    const content = await open({ signal });
    try {
      await this.#describe(descriptor, content, () => this.#blobEntry(descriptor));
    } catch (error) {
      content.cancel();
      await this.#undo(start, error);
      throw error;
    }
    this.#written.blobs.set(descriptor.digest, descriptor);
  }

  /** Manifests and configs are looked at before they are written, everything else passes through. */
  async #describe(descriptor: Descriptor, content: Content, begin: () => Promise<void>): Promise<void> {
    const { digest, mediaType, size } = descriptor;
    const isManifest = isManifestType(mediaType);
    if (!isManifest && !(isConfigType(mediaType) && size <= CONFIG_LIMIT)) {
      await begin();
      return this.#stream(content, descriptor);
    }
    const bytes = await collect(content, isManifest ? MANIFEST_LIMIT : CONFIG_LIMIT, `content ${digest}`);
    const manifest = isManifest ? parseManifest(bytes, mediaType) : undefined;
    await begin();
    await this.#stream(contentOf(bytes), descriptor);
    if (!manifest) return void this.#written.configs.set(digest, bytes);
    this.#manifestBytes.set(digest, bytes);
    this.#written.manifests.set(digest, manifest);
  }

  #blobEntry(descriptor: Descriptor): Promise<void> {
    return this.#header(`${directoryOf(descriptor)}${encodedOf(descriptor.digest)}`, descriptor.size);
  }

  async #stream(content: Content, { digest, size }: Descriptor): Promise<void> {
    let seen = 0;
    await content.forEach((chunk) => {
      seen += chunk.length;
      if (seen > size) throw wrongSize(digest, size, 'more');
      return this.#output.write(chunk);
    });
    if (seen < size) throw wrongSize(digest, size, `${seen}`);
    await this.#output.write(Buffer.alloc(paddingAfter(size)));
  }

  /** Half an entry must not stay; where it cannot be taken back, no archive comes of this. */
  async #undo(start: number, cause: unknown): Promise<void> {
    if (await this.#output.rewind(start)) return;
    this.#broken = new HubError('FAILED', `${this.name} broke off in the middle of a blob and cannot be continued`, {
      cause,
      hint: 'write to a file instead of a stream, or try again',
    });
  }

  #name({ digest, ...rest }: Descriptor, as: string): void {
    const root = this.#written.roots.get(digest) ?? {
      descriptor: { ...rest, digest },
      names: new Set(),
      tags: new Set(),
    };
    this.#written.roots.set(digest, root);
    if (as.includes('/')) root.names.add(as);
    else if (as !== '' && !(isDigest(as) && isVerifiable(as))) root.tags.add(as);
  }

  async #directory(path: string): Promise<void> {
    if (this.#directories.has(path)) return;
    for (const block of encodeEntry({ path, kind: 'directory', size: 0 })) await this.#output.write(block);
    this.#directories.add(path);
  }

  async #file(path: string, bytes: Uint8Array): Promise<void> {
    await this.#header(path, bytes.length);
    await this.#output.write(bytes);
    await this.#output.write(Buffer.alloc(paddingAfter(bytes.length)));
  }

  async #header(path: string, size: number): Promise<void> {
    for (const block of encodeEntry({ path, kind: 'file', size })) await this.#output.write(block);
  }
}

function directoryOf({ digest }: Descriptor): string {
  return `blobs/${algorithmOf(digest)}/`;
}

function wrongSize(digest: string, size: number, seen: string): HubError {
  return new HubError('DIGEST_MISMATCH', `expected ${digest} of ${size} bytes, received ${seen} bytes`, {
    details: { expected: digest, size },
  });
}
