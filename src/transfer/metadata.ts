// How is small content, such as manifests and configs, read in one piece and only once?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { MANIFEST_LIMIT } from '../spec/manifest.ts';
import { collect } from '../util/content.ts';
import type { Source } from './endpoint.ts';
import type { Limiter } from './limit.ts';
import type { ReadableSink } from './options.ts';
import { reader } from './read.ts';
import { tryTwice, verifyBytes } from './verify.ts';

interface MetadataParts {
  readonly from: Source;
  readonly to: ReadableSink;
  readonly limiter: Limiter;
  readonly signal: AbortSignal;
}

/** Verified bytes of the small content of one copy, from whoever of source and sink has them nearer. */
export class Metadata {
  readonly #parts: MetadataParts;
  readonly #manifests = new Map<string, Promise<Buffer>>();
  /** What was read before it is copied. */
  readonly #blobs = new Map<string, Promise<Buffer>>();

  constructor(parts: MetadataParts) {
    this.#parts = parts;
  }

  /** Bytes of a manifest that the source does not have. */
  provide(descriptor: Descriptor, bytes: Uint8Array): void {
    this.#manifests.set(descriptor.digest, Promise.resolve(Buffer.from(bytes)));
  }

  /** A manifest, read once. Throws CONTENT_INVALID when it is larger than manifests may be, and what the source throws. */
  manifest(descriptor: Descriptor): Promise<Buffer> {
    return remember(this.#manifests, descriptor, () => this.#readManifest(descriptor));
  }

  /** Whether the source has a manifest, which is read for that. */
  async has(descriptor: Descriptor): Promise<boolean> {
    try {
      await this.manifest(descriptor);
      return true;
    } catch (error) {
      if (HubError.is(error, 'NOT_FOUND')) return false;
      throw error;
    }
  }

  /** A config or another small blob, read without a word: it is not yet being copied. Read once. */
  blob(descriptor: Descriptor): Promise<Buffer> {
    return remember(this.#blobs, descriptor, () => this.#readBlob(descriptor));
  }

  /** What `blob` read or is reading. */
  known(descriptor: Descriptor): Promise<Buffer> | undefined {
    return this.#blobs.get(descriptor.digest);
  }

  async #readManifest(descriptor: Descriptor): Promise<Buffer> {
    if (descriptor.size > MANIFEST_LIMIT) {
      throw new HubError('CONTENT_INVALID', `manifest ${descriptor.digest} is larger than ${MANIFEST_LIMIT} bytes`);
    }
    const own = await this.#readBack(descriptor);
    if (own) return own;
    const { limiter, signal } = this.#parts;
    return limiter.run({ lane: 'manifests', size: descriptor.size, signal }, () => this.#fetch(descriptor));
  }

  async #readBlob(descriptor: Descriptor): Promise<Buffer> {
    return (await this.#readBack(descriptor)) ?? tryTwice((fresh) => this.#fetch(descriptor, fresh));
  }

  async #fetch(descriptor: Descriptor, fresh = false): Promise<Buffer> {
    const open = reader(this.#parts.from, descriptor, { signal: this.#parts.signal });
    return collect(await open({ fresh }), MANIFEST_LIMIT, `content ${descriptor.digest}`);
  }

  /** What the sink has already need not be asked for again: it may cost a request, or a pull from a quota. */
  async #readBack(descriptor: Descriptor): Promise<Buffer | undefined> {
    const { to, signal } = this.#parts;
    if (!to.read || !to.sparse || !(await to.has(descriptor, { signal }))) return undefined;
    try {
      const bytes = await collect(await to.read(descriptor, { signal }), MANIFEST_LIMIT);
      verifyBytes(descriptor, bytes);
      return bytes;
    } catch (error) {
      if (HubError.is(error, 'DIGEST_MISMATCH') || HubError.is(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

/** What failed is forgotten, so that it can be tried again. */
function remember(
  known: Map<string, Promise<Buffer>>,
  { digest }: Descriptor,
  read: () => Promise<Buffer>,
): Promise<Buffer> {
  const before = known.get(digest);
  if (before) return before;
  const bytes = read();
  known.set(digest, bytes);
  bytes.catch(() => known.delete(digest));
  return bytes;
}
