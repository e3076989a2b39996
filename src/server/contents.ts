// What does a registry need to know in order to answer questions?
import type { Descriptor } from '../spec/descriptor.ts';
import type { CallOptions, Content, ReadOptions } from '../transfer/endpoint.ts';

export interface FoundBlob {
  /** Bytes. */
  readonly size: number;
  /** Throws NOT_FOUND when the blob was deleted meanwhile. */
  open(range?: ReadOptions): Promise<Content>;
}

export interface FoundManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** Exactly as pushed. */
  bytes(): Promise<Buffer>;
}

/** Where answers come from. A blob or manifest is there only in repositories that have it. */
export interface RegistryContents {
  blob(repository: string, digest: string, options?: CallOptions): Promise<FoundBlob | undefined>;
  /** By tag or digest. */
  manifest(repository: string, reference: string, options?: CallOptions): Promise<FoundManifest | undefined>;
  /** Undefined for a repository that does not exist; in any order. */
  tags(repository: string): Promise<readonly string[] | undefined>;
  /** Descriptors of the manifests whose subject this is, with artifactType and annotations; in any order. */
  referrers(repository: string, subject: string): Promise<readonly Descriptor[]>;
  /** Repositories that have a manifest; in any order. */
  repositories(): Promise<readonly string[]>;
}

/** Several contents as one: the first that has something gives it, lists are joined. */
export function joinContents(all: readonly RegistryContents[]): RegistryContents {
  const [only] = all;
  if (only && all.length === 1) return only;
  return {
    blob: (repository, digest, options) => firstOf(all, (one) => one.blob(repository, digest, options)),
    manifest: (repository, reference, options) => firstOf(all, (one) => one.manifest(repository, reference, options)),
    tags: async (repository) => {
      const lists = await Promise.all(all.map((one) => one.tags(repository)));
      const known = lists.filter((list) => list !== undefined);
      return known.length === 0 ? undefined : [...new Set(known.flat())];
    },
    referrers: async (repository, subject) => {
      const lists = await Promise.all(all.map((one) => one.referrers(repository, subject)));
      return [...new Map(lists.flat().map((descriptor) => [descriptor.digest, descriptor])).values()];
    },
    repositories: async () => {
      const lists = await Promise.all(all.map((one) => one.repositories()));
      return [...new Set(lists.flat())];
    },
  };
}

async function firstOf<T>(
  all: readonly RegistryContents[],
  find: (one: RegistryContents) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const one of all) {
    const found = await find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
