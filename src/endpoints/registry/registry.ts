// How is one repository of a registry a place to copy images from and to?
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { isDigest } from '../../spec/digest.ts';
import { MANIFEST_LIMIT, parseManifest } from '../../spec/manifest.ts';
import { isManifestType } from '../../spec/media-types.ts';
import type {
  CallOptions,
  Content,
  Endpoint,
  Open,
  ReadOptions,
  ResolveOptions,
  Standing,
  StandingOptions,
  WriteOptions,
  WriteResult,
} from '../../transfer/endpoint.ts';
import { collect, contentOf } from '../../util/content.ts';
import type { RepositoryAccess } from './access.ts';
import { hasBlob, readBlob } from './blobs.ts';
import {
  deleteManifest,
  getManifest,
  hasManifest,
  headManifest,
  putManifest,
  type FetchedManifest,
  type PutAnswer,
} from './manifests.ts';
import { Standings } from './standing.ts';
import { addReferrer, listReferrers } from './referrers.ts';
import { forgetStrict, isRefusal, lostManifest } from './strict.ts';
import { listTagPages, listTags } from './tags.ts';
import { uploadBlob } from './upload.ts';

/** A manifest that answered a resolve is not asked for again; more than a few are never waiting to be read. */
const REMEMBERED = 16;
/** Connections opened ahead of the uploads that will use them, and while it is not known yet how many there will be. */
const WARM = 15;
const WARM_AHEAD = 7;

/** One repository [OCI distribution-spec]. Names are tags or digests. */
export class RegistryEndpoint implements Endpoint {
  readonly name: string;
  /** All repositories of a host share its limits. */
  readonly lane: string;
  readonly registry: string;
  readonly repository: string;
  readonly #access: RepositoryAccess;
  readonly #manifests = new Map<string, FetchedManifest>();
  readonly #standings: Standings;
  readonly #uploads = new Map<string, Promise<WriteResult>>();
  /** Blobs that the repository was found to have, or got, since this endpoint was made. */
  readonly #there = new Set<string>();

  constructor(access: RepositoryAccess) {
    this.#access = access;
    this.#standings = new Standings(access);
    this.name = access.name;
    this.lane = access.registry;
    this.registry = access.registry;
    this.repository = access.repository;
  }

  /** Connects while a manifest is under way; to few at first, since it is not known how many blobs there are. */
  warm(pieces?: number): void {
    this.#access.warm?.(pieces === undefined ? undefined : Math.min(pieces, WARM));
  }

  delay(): number | undefined {
    return this.#access.delay?.();
  }

  /** With `expected`, asks by HEAD whether it still holds; else GETs the manifest at once and keeps it for `read`. */
  async resolve(reference: string, options: ResolveOptions = {}): Promise<Descriptor> {
    if (options.expected) {
      const now = await headManifest(this.#access, reference, options);
      if (now?.digest === options.expected.digest) return options.expected;
    }
    return (await this.manifest(reference, options)).descriptor;
  }

  /** GET of a manifest: bytes and their descriptor. Throws NOT_FOUND, DIGEST_MISMATCH. */
  async manifest(reference: string, options: CallOptions = {}): Promise<FetchedManifest> {
    const known = this.#manifests.get(reference);
    if (known) return known;
    const fetched = await getManifest(this.#access, reference, options);
    if (this.#manifests.size >= REMEMBERED) this.#manifests.clear();
    this.#manifests.set(fetched.descriptor.digest, fetched);
    this.#standings.noteRead(fetched.descriptor.digest);
    return fetched;
  }

  /** HEAD of a manifest, which no quota counts; GET where the registry answers HEAD poorly. Throws NOT_FOUND. */
  async head(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    return (
      (await headManifest(this.#access, reference, options)) ?? (await this.manifest(reference, options)).descriptor
    );
  }

  async read(descriptor: Descriptor, options: ReadOptions = {}): Promise<Content> {
    if (!isManifestType(descriptor.mediaType)) return readBlob(this.#access, descriptor, options);
    const { bytes } = await this.manifest(descriptor.digest, options);
    return contentOf(bytes.subarray(options.start ?? 0, options.end));
  }

  async has(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    if (!isManifestType(descriptor.mediaType)) return hasBlob(this.#access, descriptor, options);
    return hasManifest(this.#access, descriptor.digest, options);
  }

  expect(as: string, options: CallOptions = {}): void {
    this.#standings.askAhead(as, options);
    this.#access.warm?.(WARM_AHEAD);
  }

  standing(descriptor: Descriptor, options: StandingOptions): Promise<Standing> {
    // While it is being found out how the registry is spoken to, it may be connected to.
    this.#access.warm?.(1);
    return this.#standings.of(descriptor, options);
  }

  write(descriptor: Descriptor, open: Open, options: WriteOptions = {}): Promise<WriteResult> {
    const isManifest = isManifestType(descriptor.mediaType);
    return isManifest ? this.#name(descriptor, open, options) : this.#upload(descriptor, open, options);
  }

  async #name(descriptor: Descriptor, open: Open, options: WriteOptions): Promise<WriteResult> {
    const bytes = await collect(
      await open({ signal: options.signal }),
      MANIFEST_LIMIT,
      `manifest ${descriptor.digest}`,
    );
    const as = options.as ?? descriptor.digest;
    const { subject } = await this.#put({ descriptor, bytes }, { as, signal: options.signal });
    this.#standings.noteWritten(descriptor.digest);
    if (subject === undefined) await this.#noteReferrer(descriptor, bytes, options);
    return { outcome: 'copied' };
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return this.#access.sleep(milliseconds, signal);
  }

  tags(options: CallOptions = {}): AsyncIterable<string> {
    return listTags(this.#access, options);
  }

  /** The same page by page, which is quicker with very many. */
  tagPages(options: CallOptions = {}): AsyncIterable<readonly string[]> {
    return listTagPages(this.#access, options);
  }

  referrers(subject: Descriptor, options: CallOptions = {}): AsyncIterable<Descriptor> {
    return listReferrers(this.#access, subject, options);
  }

  /** Deletes a tag, or a manifest with all its tags. Throws UNSUPPORTED where the registry does not allow it. */
  async delete(reference: string, options: CallOptions = {}): Promise<void> {
    await deleteManifest(this.#access, reference, options);
    if (!isDigest(reference)) return;
    this.#manifests.delete(reference);
    this.#standings.forget(reference);
  }

  /** Any other request below `/v2/<repository>/`, with this repository's credentials. */
  async get(path: string, options: CallOptions = {}): Promise<HttpResponse> {
    const scopes = [`repository:${this.repository}:pull`];
    return this.#access.send({ method: 'GET', url: await this.#access.url(path), signal: options.signal, scopes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manifests.clear();
  }

  async #upload(descriptor: Descriptor, open: Open, options: WriteOptions): Promise<WriteResult> {
    const { digest } = descriptor;
    // Whoever brings the same blob at this moment is waited for; then the registry has it, or it is our turn.
    for (let other = this.#uploads.get(digest); other; other = this.#uploads.get(digest))
      await Promise.allSettled([other]);
    if (this.#there.has(digest) && options.force !== true) return { outcome: 'exists' };
    const upload = uploadBlob(this.#access, { descriptor, open }, options);
    this.#uploads.set(digest, upload);
    try {
      const result = await upload;
      this.#there.add(digest);
      return result;
    } finally {
      this.#uploads.delete(digest);
    }
  }

  /** Throws CONFLICT with `details.missing` when the manifest was thought to be there, and may not be whole. */
  async #put(manifest: FetchedManifest, options: CallOptions & { readonly as: string }): Promise<PutAnswer> {
    const { descriptor } = manifest;
    const isAssumed = this.#standings.isAssumed(descriptor.digest);
    try {
      const answer = await putManifest(this.#access, manifest, options);
      if (!isAssumed || answer.namesVersion) return answer;
      forgetStrict(this.#access);
    } catch (error) {
      if (!isAssumed || !isRefusal(error)) throw error;
    }
    this.#standings.forget(descriptor.digest);
    throw lostManifest(this.#access, descriptor);
  }

  /** The registry did not say that it keeps the list of referrers, so the list under the tag is ours to keep. */
  async #noteReferrer(descriptor: Descriptor, bytes: Buffer, options: CallOptions): Promise<void> {
    const { subject, artifactType, annotations, config } = parseManifest(bytes, descriptor.mediaType);
    if (!subject) return;
    const { mediaType, digest, size } = descriptor;
    const referrer = { mediaType, digest, size, annotations, artifactType: artifactType ?? config?.mediaType };
    await addReferrer(this.#access, { subject: subject.digest, referrer }, options);
  }
}
