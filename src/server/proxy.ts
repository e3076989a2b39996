// How does a registry fetch what it lacks from another one, once for everybody who asks?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { isDigest } from '../spec/digest.ts';

import { SingleFlight } from '../util/single-flight.ts';
import { fetchBlob } from './fetch-blob.ts';
import type { FoundBlob, FoundManifest, RegistryContents } from './contents.ts';
import type { RegistryDir } from './disk/registry-dir.ts';
import type { TagEntry } from './disk/repositories.ts';
import type { Download } from './download.ts';
import { manifestFacts } from './manifest-facts.ts';
import type { Upstream, UpstreamRepository } from './upstream.ts';
import { refusal } from './wire.ts';

export interface ProxyOptions {
  readonly dir: RegistryDir;
  readonly upstream: Upstream;
  /** Milliseconds for which a tag is believed without asking again, 10,000 by default. */
  readonly freshness?: number | undefined;
  /** Milliseconds for which an upstream that failed is not asked while there is an answer without it, 30,000 by default. */
  readonly pause?: number | undefined;
  /** Milliseconds an upstream may take to say what a tag means when there is an older answer, 10,000 by default. */
  readonly patience?: number | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

const FRESHNESS = 10_000;
const PAUSE = 30_000;
const PATIENCE = 10_000;
/** Failures of the upstream itself, not answers of it. */
const DOWN: ReadonlySet<string> = new Set(['UNREACHABLE', 'TIMEOUT', 'SERVER_ERROR', 'RATE_LIMITED', 'TLS']);

/**
 * What the directory has, and what the upstream has besides. Content is stored on its way; a tag that was not pushed here
 * means what it means upstream, and what it meant last while the upstream is down.
 */
export class ProxyContents implements RegistryContents {
  readonly #options: ProxyOptions;
  readonly #dir: RegistryDir;
  readonly #manifests = new SingleFlight<FoundManifest | undefined>();
  readonly #blobs = new SingleFlight<Download | undefined>();
  readonly #running = new Map<string, Download>();
  /** Tag → when it was asked for last, by the monotonic clock. */
  readonly #asked = new Map<string, number>();
  #downUntil = 0;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#dir = options.dir;
  }

  async blob(repository: string, digest: string): Promise<FoundBlob | undefined> {
    const key = `${repository}@${digest}`;
    const stored = await this.#dir.blob(repository, digest);
    if (stored) return stored;
    const running = this.#running.get(key) ?? (await this.#blobs.run(key, () => this.#begin(key, repository, digest)));
    // A download that ended between two questions is a stored blob by now.
    if (!running) return this.#dir.blob(repository, digest);
    return {
      size: running.size,
      open: (range) =>
        running.open(range).catch(async (error: unknown) => {
          const now = await this.#dir.blob(repository, digest);
          if (!now) throw error;
          return now.open(range);
        }),
    };
  }

  async manifest(repository: string, reference: string): Promise<FoundManifest | undefined> {
    const stored = await this.#dir.manifest(repository, reference);
    if (isDigest(reference)) return stored ?? this.#fetchOnce(repository, reference);
    const entry = await this.#dir.tagEntry(repository, reference);
    if (stored && (entry?.upstream === undefined || this.#isFresh(repository, reference))) return stored;
    if (!stored) return this.#fetchOnce(repository, reference);
    return this.#refresh(repository, reference, { entry, stored });
  }

  async tags(repository: string): Promise<readonly string[] | undefined> {
    const stored = await this.#dir.tags(repository);
    try {
      const tags: string[] = [];
      for await (const tag of this.#repository(repository).tags?.() ?? []) tags.push(tag);
      return [...new Set([...(stored ?? []), ...tags])];
    } catch (error) {
      if (stored || HubError.is(error, 'NOT_FOUND')) return stored;
      throw this.#answerOf(error);
    }
  }

  async referrers(repository: string, subject: string): Promise<readonly Descriptor[]> {
    const stored = await this.#dir.referrers(repository, subject);
    const found = new Map(stored.map((entry) => [entry.digest, entry]));
    try {
      const descriptor = { mediaType: '', digest: subject, size: 0 };
      const upstream = this.#repository(repository).referrers?.(descriptor) ?? [];
      for await (const entry of upstream) found.set(entry.digest, entry);
    } catch (error) {
      if (!HubError.is(error)) throw error;
      this.#options.onWarning?.(`referrers of ${repository}@${subject}: ${error.message}`);
    }
    return [...found.values()];
  }

  /** What is here: no upstream tells all it has. */
  repositories(): Promise<readonly string[]> {
    return this.#dir.repositories();
  }

  /** By HEAD, which no quota counts, and GET only when the tag has moved. */
  async #refresh(
    repository: string,
    tag: string,
    { entry, stored }: { readonly entry: TagEntry | undefined; readonly stored: FoundManifest },
  ): Promise<FoundManifest | undefined> {
    if (performance.now() < this.#downUntil) return stored;
    try {
      const signal = AbortSignal.timeout(this.#options.patience ?? PATIENCE);
      const now = await this.#repository(repository).head(tag, { signal });
      this.#asked.set(`${repository}:${tag}`, performance.now());
      return now.digest === entry?.digest ? stored : await this.#fetchOnce(repository, tag);
    } catch (error) {
      if (HubError.is(error, 'NOT_FOUND')) return undefined;
      this.#noteDown(error);
      this.#options.onWarning?.(`${repository}:${tag} is answered from what is here: ${messageOf(error)}`);
      return stored;
    }
  }

  #fetchOnce(repository: string, reference: string): Promise<FoundManifest | undefined> {
    return this.#manifests.run(`${repository} ${reference}`, () => this.#fetch(repository, reference));
  }

  async #fetch(repository: string, reference: string): Promise<FoundManifest | undefined> {
    try {
      const { bytes, descriptor } = await this.#repository(repository).manifest(reference);
      const facts = manifestFacts(bytes, descriptor.mediaType);
      const { subject, artifactType, annotations } = facts;
      await this.#dir.putManifest(repository, {
        descriptor,
        bytes,
        tags: isDigest(reference) ? [] : [reference],
        upstream: this.#options.upstream.name,
        subject: subject?.digest,
        referrer: subject && { ...descriptor, artifactType, annotations },
      });
      if (!isDigest(reference)) this.#asked.set(`${repository}:${reference}`, performance.now());
      return await this.#dir.manifest(repository, descriptor.digest);
    } catch (error) {
      if (HubError.is(error, 'NOT_FOUND')) return undefined;
      this.#noteDown(error);
      throw this.#answerOf(error);
    }
  }

  /** Undefined when the upstream has no such blob, or when it is stored already at the end of this. */
  async #begin(key: string, repository: string, digest: string): Promise<Download | undefined> {
    try {
      const started = await fetchBlob({ dir: this.#dir, upstream: this.#repository(repository), repository, digest });
      if (!started) return undefined;
      this.#running.set(key, started.download);
      started.done
        .catch((error: unknown) => {
          this.#options.onWarning?.(`fetching ${digest} for ${repository}: ${messageOf(error)}`);
        })
        .finally(() => this.#running.delete(key));
      return started.download;
    } catch (error) {
      if (HubError.is(error, 'NOT_FOUND')) return undefined;
      throw this.#answerOf(error);
    }
  }

  #repository(name: string): UpstreamRepository {
    return this.#options.upstream.repository(name);
  }

  #isFresh(repository: string, tag: string): boolean {
    const asked = this.#asked.get(`${repository}:${tag}`);
    return asked !== undefined && performance.now() - asked < (this.#options.freshness ?? FRESHNESS);
  }

  #noteDown(error: unknown): void {
    if (HubError.is(error) && DOWN.has(error.code))
      this.#downUntil = performance.now() + (this.#options.pause ?? PAUSE);
  }

  /** What a client of ours is told of a failure between us and the upstream. */
  #answerOf(error: unknown): unknown {
    if (!HubError.is(error)) return error;
    const { name } = this.#options.upstream;
    this.#options.onWarning?.(`${name}: ${error.message}`);
    if (error.code === 'RATE_LIMITED') return refusal('TOOMANYREQUESTS', { message: `${name} limits requests` });
    if (error.code === 'UNAUTHORIZED' || error.code === 'DENIED') {
      return refusal('DENIED', { message: `${name} does not give this to the account of this registry` });
    }
    return refusal('UNAVAILABLE', { status: 502, message: `${name} could not be asked` });
  }
}

function messageOf(error: unknown): string {
  return HubError.is(error) ? error.message : 'it failed';
}
