// What was seen in the repositories of a registry, so that a push can borrow blobs and need not ask for manifests?
import { isDigest } from '../../spec/digest.ts';
import { isRecord } from '../../util/json.ts';
import { Memory } from './memory.ts';

/** A hint, never a truth: repositories are deleted, and rights change. */
export interface SeenRepositories {
  /** Repositories of that registry, the one seen last first. Throws STORAGE. */
  repositories(registry: string, digest: string): Promise<readonly string[]>;
  /** The same for many digests, as it is known now. Throws STORAGE. */
  lookUp(registry: string): Promise<(digest: string) => readonly string[]>;
  /** Throws STORAGE. */
  add(registry: string, repository: string, digests: readonly string[]): Promise<void>;
  /** What is known of a manifest: its name there, or only that it was there under another. Throws STORAGE. */
  manifest(place: NamedPlace, digest: string): Promise<'named' | 'present' | undefined>;
  /** Remembers what a tag means now. Throws STORAGE. */
  name(place: NamedPlace, digest: string): Promise<void>;
}

export interface NamedPlace {
  readonly registry: string;
  readonly repository: string;
  /** Undefined for a manifest that was asked for or put by its digest. */
  readonly tag: string | undefined;
}

interface Sighting {
  readonly registry: string;
  readonly repository: string;
  readonly digests: readonly string[];
  /** Present where the only digest is that of a manifest; empty when the manifest has no tag. */
  readonly tag?: string | undefined;
}

/** Repositories per blob; a base layer may be in hundreds. */
const MOST = 20;
const NONE: readonly string[] = [];

export function seenRepositories(path: string): SeenRepositories {
  const memory = new Memory<Sighting>(path, { parse: parseSighting });
  let index: Index | undefined;
  const read = async (): Promise<Index> => {
    const records = await memory.records();
    if (index?.of !== records) index = { of: records, ...indexOf(records) };
    return index;
  };
  const lookUp: SeenRepositories['lookUp'] = async (registry) => {
    const { repositories } = await read();
    return (digest) => {
      const found = repositories.get(`${registry} ${digest}`);
      return found ? [...found].reverse().slice(0, MOST) : NONE;
    };
  };
  return {
    lookUp,
    repositories: async (registry, digest) => (await lookUp(registry))(digest),
    add: async (registry, repository, digests) => {
      const fresh: string[] = [];
      const { repositories } = await read();
      for (const digest of digests) {
        if (repositories.get(`${registry} ${digest}`)?.has(repository) !== true) fresh.push(digest);
      }
      if (fresh.length > 0) await memory.add([{ registry, repository, digests: fresh }]);
    },
    manifest: async (place, digest) => {
      const { tags, manifests } = await read();
      if (place.tag !== undefined && tags.get(tagKey(place)) === digest) return 'named';
      return manifests.has(`${repositoryKey(place)} ${digest}`) ? 'present' : undefined;
    },
    name: async (place, digest) => {
      const { tags, manifests } = await read();
      const isKnown = manifests.has(`${repositoryKey(place)} ${digest}`);
      if (isKnown && (place.tag === undefined || tags.get(tagKey(place)) === digest)) return;
      const { registry, repository, tag = '' } = place;
      await memory.add([{ registry, repository, digests: [digest], tag }]);
    },
  };
}

interface Index {
  readonly of: readonly Sighting[];
  /** Of `registry digest`. */
  readonly repositories: ReadonlyMap<string, ReadonlySet<string>>;
  /** Digest of `registry/repository:tag`. */
  readonly tags: ReadonlyMap<string, string>;
  /** `registry/repository digest`. */
  readonly manifests: ReadonlySet<string>;
}

function indexOf(sightings: readonly Sighting[]): Omit<Index, 'of'> {
  const repositories = new Map<string, Set<string>>();
  const tags = new Map<string, string>();
  const manifests = new Set<string>();
  for (const { registry, repository, digests, tag } of sightings) {
    for (const digest of digests) {
      const key = `${registry} ${digest}`;
      if (tag === undefined) repositories.set(key, (repositories.get(key) ?? new Set()).add(repository));
      else manifests.add(`${repositoryKey({ registry, repository })} ${digest}`);
      if (tag) tags.set(tagKey({ registry, repository, tag }), digest);
    }
  }
  return { repositories, tags, manifests };
}

function repositoryKey({ registry, repository }: Pick<NamedPlace, 'registry' | 'repository'>): string {
  return `${registry}/${repository}`;
}

function tagKey(place: NamedPlace): string {
  return `${repositoryKey(place)}:${place.tag}`;
}

function parseSighting(value: unknown): Sighting | undefined {
  if (!isRecord(value)) return undefined;
  const { registry, repository, digests, tag } = value;
  if (typeof registry !== 'string' || typeof repository !== 'string' || !Array.isArray(digests)) return undefined;
  return {
    registry,
    repository,
    digests: digests.filter((digest): digest is string => typeof digest === 'string' && isDigest(digest)),
    ...(typeof tag === 'string' && { tag }),
  };
}
