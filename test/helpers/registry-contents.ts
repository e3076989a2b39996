// What does the registry of a test hold?
import { createHash, randomUUID } from 'node:crypto';
import type { Reply } from './local-server.ts';

export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface Upload {
  readonly repository: string;
  readonly chunks: Buffer[];
  size: number;
  /** Changes with every answer, as the Location of distribution does. */
  state: string;
}

interface Repository {
  readonly blobs: Set<string>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
}

/** An answer that is thrown. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(String(reply.body));
    this.reply = reply;
  }
}

/** The JSON error of the distribution specification. */
export function refuse(status: number, code: string, message: string, detail?: unknown): Refusal {
  const body = JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] });
  return new Refusal({ status, headers: { 'content-type': 'application/json; charset=utf-8' }, body });
}

export function isDigest(text: string): boolean {
  return /^sha256:[a-f0-9]{64}$|^sha512:[a-f0-9]{128}$/.test(text);
}

export function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}

export function isRepository(text: string): boolean {
  return (
    text.length <= 255 &&
    /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/.test(text)
  );
}

export function digestOf(bytes: Buffer, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Blobs are visible only in repositories where they were put or mounted. */
export class RegistryContents {
  readonly #bytes = new Map<string, Buffer>();
  readonly #repositories = new Map<string, Repository>();
  readonly #uploads = new Map<string, Upload>();

  /** Adds a blob under its sha256 digest, or under the one given, whether it fits or not. */
  putBlob(repository: string, bytes: Buffer, digest: string = digestOf(bytes)): string {
    this.#bytes.set(digest, bytes);
    this.#at(repository).blobs.add(digest);
    return digest;
  }

  /** Adds a manifest, whatever it says, and names it. */
  putManifest(repository: string, manifest: StoredManifest, reference?: string): string {
    const digest = reference !== undefined && isDigest(reference) ? reference : digestOf(manifest.bytes);
    this.#at(repository).manifests.set(digest, manifest);
    if (reference !== undefined && !isDigest(reference)) this.#at(repository).tags.set(reference, digest);
    return digest;
  }

  blob(repository: string, digest: string): Buffer | undefined {
    return this.#repositories.get(repository)?.blobs.has(digest) ? this.#bytes.get(digest) : undefined;
  }

  anyBlob(digest: string): Buffer | undefined {
    return this.#bytes.get(digest);
  }

  /** By tag or digest. */
  manifest(repository: string, reference: string): (StoredManifest & { readonly digest: string }) | undefined {
    const at = this.#repositories.get(repository);
    const digest = at?.tags.get(reference) ?? reference;
    const found = at?.manifests.get(digest);
    return found && { ...found, digest };
  }

  mount(repository: string, from: string, digest: string): boolean {
    if (!this.#repositories.get(from)?.blobs.has(digest)) return false;
    this.#at(repository).blobs.add(digest);
    return true;
  }

  deleteBlob(repository: string, digest: string): boolean {
    return this.#repositories.get(repository)?.blobs.delete(digest) ?? false;
  }

  /** A tag alone, or a manifest with all its tags. */
  deleteManifest(repository: string, reference: string): boolean {
    const at = this.#repositories.get(repository);
    if (!at || at.tags.delete(reference)) return at !== undefined;
    for (const [tag, digest] of at.tags) if (digest === reference) at.tags.delete(tag);
    return at.manifests.delete(reference);
  }

  repositories(): string[] {
    return [...this.#repositories.keys()].toSorted();
  }

  hasRepository(repository: string): boolean {
    return this.#repositories.has(repository);
  }

  tags(repository: string): string[] {
    return [...(this.#repositories.get(repository)?.tags.keys() ?? [])].toSorted();
  }

  /** Digests of the blobs of a repository. */
  blobs(repository: string): string[] {
    return [...(this.#repositories.get(repository)?.blobs ?? [])];
  }

  /** Descriptors of what names a manifest as its subject. */
  referrers(repository: string, subject: string): object[] {
    return [...(this.#repositories.get(repository)?.manifests ?? [])].flatMap(([digest, { mediaType, bytes }]) => {
      const parsed = JSON.parse(bytes.toString()) as {
        subject?: { digest: string };
        artifactType?: string;
        annotations?: object;
        config?: { mediaType: string };
      };
      if (parsed.subject?.digest !== subject) return [];
      const artifactType = parsed.artifactType ?? parsed.config?.mediaType;
      return [{ mediaType, digest, size: bytes.length, artifactType, annotations: parsed.annotations }];
    });
  }

  openUpload(repository: string): string {
    const id = randomUUID();
    this.#uploads.set(id, { repository, chunks: [], size: 0, state: randomUUID() });
    return id;
  }

  upload(repository: string, id: string): Upload | undefined {
    const upload = this.#uploads.get(id);
    return upload?.repository === repository ? upload : undefined;
  }

  closeUpload(id: string): void {
    this.#uploads.delete(id);
  }

  /** Upload sessions that were neither finished nor cancelled. */
  get openUploads(): number {
    return this.#uploads.size;
  }

  #at(repository: string): Repository {
    const found = this.#repositories.get(repository);
    if (found) return found;
    const made: Repository = { blobs: new Set(), manifests: new Map(), tags: new Map() };
    this.#repositories.set(repository, made);
    return made;
  }
}
