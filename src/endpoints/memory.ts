// Where do images live that never touch a disk: those of tests, and those that are being built?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { digestOf } from '../spec/digest.ts';
import type { Content, Endpoint, Open, ReadOptions, WriteOptions, WriteResult } from '../transfer/endpoint.ts';
import { verifyBytes } from '../transfer/verify.ts';
import { collect, contentOf } from '../util/content.ts';

/** An endpoint in memory. Names are any texts; content without a name stays as long as the endpoint. */
export class MemoryEndpoint implements Endpoint {
  readonly name: string;
  readonly sparse = true;
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #names = new Map<string, Descriptor>();
  readonly #types = new Map<string, Descriptor>();

  constructor(name = 'memory') {
    this.name = name;
  }

  /** Adds content, under a name if one is given. */
  add(bytes: Uint8Array | string, mediaType: string, as?: string): Descriptor {
    const copy = Buffer.from(bytes);
    const descriptor = { mediaType, digest: digestOf(copy), size: copy.length };
    this.#keep(descriptor, copy, as);
    return descriptor;
  }

  /** Takes content away, as if it had never been here. */
  remove(digest: string): void {
    this.#blobs.delete(digest);
  }

  /** By name or digest. Throws NOT_FOUND. */
  async resolve(reference: string): Promise<Descriptor> {
    const found = this.#names.get(reference) ?? (this.#blobs.has(reference) ? this.#types.get(reference) : undefined);
    if (found) return found;
    throw new HubError('NOT_FOUND', `${reference} is not in ${this.name}`);
  }

  async read({ digest }: Descriptor, options: ReadOptions = {}): Promise<Content> {
    const bytes = this.#blobs.get(digest);
    if (!bytes) throw new HubError('NOT_FOUND', `${digest} is not in ${this.name}`, { details: { digest } });
    return contentOf(bytes.subarray(options.start ?? 0, options.end));
  }

  async *tags(): AsyncIterable<string> {
    yield* this.#names.keys();
  }

  async has({ digest, size }: Descriptor): Promise<boolean> {
    return this.#blobs.get(digest)?.length === size;
  }

  async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}): Promise<WriteResult> {
    const there = options.force !== true && (await this.has(descriptor));
    if (!there) {
      const bytes = await collect(
        await open({ signal: options.signal }),
        descriptor.size,
        `content ${descriptor.digest}`,
      );
      verifyBytes(descriptor, bytes);
      this.#keep(descriptor, bytes, undefined);
    }
    if (options.as !== undefined) this.#names.set(options.as, descriptor);
    return { outcome: there ? 'exists' : 'copied' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#blobs.clear();
    this.#names.clear();
  }

  #keep(descriptor: Descriptor, bytes: Uint8Array, as: string | undefined): void {
    this.#blobs.set(descriptor.digest, bytes);
    this.#types.set(descriptor.digest, descriptor);
    if (as !== undefined) this.#names.set(as, descriptor);
  }
}
