// In which repositories of a registry was a blob seen, so that a push can borrow it from there?
import { isDigest } from '../../spec/digest.ts';
import { isRecord } from '../../util/json.ts';
import { Memory } from './memory.ts';

/** A hint, never a truth: repositories are deleted, and rights change. */
export interface SeenRepositories {
  /** Repositories of that registry, the one seen last first. Throws STORAGE. */
  repositories(registry: string, digest: string): Promise<readonly string[]>;
  /** Throws STORAGE. */
  add(registry: string, repository: string, digests: readonly string[]): Promise<void>;
}

interface Sighting {
  readonly registry: string;
  readonly repository: string;
  readonly digests: readonly string[];
}

/** Repositories per blob; a base layer may be in hundreds. */
const MOST = 20;

export function seenRepositories(path: string): SeenRepositories {
  const memory = new Memory<Sighting>(path, { parse: parseSighting });
  let index:
    | { readonly of: readonly Sighting[]; readonly repositories: ReadonlyMap<string, ReadonlySet<string>> }
    | undefined;
  const lookUp = async (registry: string, digest: string): Promise<ReadonlySet<string>> => {
    const records = await memory.records();
    if (index?.of !== records) index = { of: records, repositories: indexOf(records) };
    return index.repositories.get(`${registry} ${digest}`) ?? new Set();
  };
  return {
    repositories: async (registry, digest) => [...(await lookUp(registry, digest))].reverse().slice(0, MOST),
    add: async (registry, repository, digests) => {
      const fresh: string[] = [];
      for (const digest of digests) if (!(await lookUp(registry, digest)).has(repository)) fresh.push(digest);
      if (fresh.length > 0) await memory.add([{ registry, repository, digests: fresh }]);
    },
  };
}

function indexOf(sightings: readonly Sighting[]): ReadonlyMap<string, ReadonlySet<string>> {
  const index = new Map<string, Set<string>>();
  for (const { registry, repository, digests } of sightings) {
    for (const digest of digests) {
      const key = `${registry} ${digest}`;
      index.set(key, (index.get(key) ?? new Set()).add(repository));
    }
  }
  return index;
}

function parseSighting(value: unknown): Sighting | undefined {
  if (!isRecord(value)) return undefined;
  const { registry, repository, digests } = value;
  if (typeof registry !== 'string' || typeof repository !== 'string' || !Array.isArray(digests)) return undefined;
  return {
    registry,
    repository,
    digests: digests.filter((digest): digest is string => typeof digest === 'string' && isDigest(digest)),
  };
}
