// What has a registry shown that it can do, so that the next push need not find out again?
import { isRecord } from '../../util/json.ts';
import { readPrivate, updatePrivate } from '../../util/private-file.ts';

/** Hints. Each may be wrong, which then costs requests or bytes sent in vain, and never what arrives: see strict.ts for the last. */
export interface Traits {
  /** Whether a mount from the same repository tells that a blob is there. Unknown until one was seen to be there. */
  readonly selfMount?: boolean | undefined;
  /** Bytes of the largest piece of an upload that a proxy or the registry takes. */
  readonly chunk?: number | undefined;
  /** False where parts of blobs were asked for and all of them came. */
  readonly parts?: boolean | undefined;
  /** Origin (`https://example.com`) where a registry is that refuses a manifest when it lacks what the manifest needs. */
  readonly strictAt?: string | undefined;
}

/** The traits of registries by their canonical names. */
export interface TraitMemory {
  get(registry: string): Promise<Traits>;
  /** Adds to what is known. Never throws. */
  learn(registry: string, traits: Traits): void;
  /** Writes down what was learnt, where that outlives the program. Never throws for want of a file. */
  save?(): Promise<void>;
}

/** Bytes. Smaller pieces are not made, whatever a file says. */
const LEAST_CHUNK = 1024 * 1024;
const MOST = 200;
const VERSION = 1;

/** Forgets when the program ends. */
export function traitsInMemory(): TraitMemory {
  const known = new Map<string, Traits>();
  return {
    get: async (registry) => known.get(registry) ?? {},
    learn: (registry, traits) => void known.set(registry, { ...known.get(registry), ...traits }),
  };
}

/** Keeps what is learnt in a file that several processes may use; one that is damaged holds nothing. */
export function traitsInFile(path: string): TraitMemory {
  const learnt = new Map<string, Traits>();
  let earlier: Promise<ReadonlyMap<string, Traits>> | undefined;
  const read = (): Promise<ReadonlyMap<string, Traits>> => {
    earlier ??= readPrivate(path).then(parseTraits);
    return earlier;
  };
  return {
    get: async (registry) => ({ ...(await read()).get(registry), ...learnt.get(registry) }),
    learn: (registry, traits) => void learnt.set(registry, { ...learnt.get(registry), ...traits }),
    save: async () => {
      if (learnt.size === 0) return;
      await updatePrivate(path, (text) => formatTraits(merged(parseTraits(text), learnt)));
    },
  };
}

/** What was learnt last stands last, and outlives the rest. */
function merged(known: ReadonlyMap<string, Traits>, learnt: ReadonlyMap<string, Traits>): ReadonlyMap<string, Traits> {
  const all = new Map(known);
  for (const [registry, traits] of learnt) {
    all.delete(registry);
    all.set(registry, { ...known.get(registry), ...traits });
  }
  return all;
}

function formatTraits(traits: ReadonlyMap<string, Traits>): string {
  return `${JSON.stringify({ version: VERSION, registries: Object.fromEntries([...traits].slice(-MOST)) })}\n`;
}

function parseTraits(text: string | undefined): ReadonlyMap<string, Traits> {
  const document = valueOf(text);
  const registries = isRecord(document) && document['version'] === VERSION ? document['registries'] : undefined;
  if (!isRecord(registries)) return new Map();
  return new Map(
    Object.entries(registries).flatMap(([registry, value]) => (isRecord(value) ? [[registry, traitsOf(value)]] : [])),
  );
}

function traitsOf({ selfMount, parts, chunk, strictAt }: Readonly<Record<string, unknown>>): Traits {
  return {
    ...(typeof strictAt === 'string' && { strictAt }),
    ...(typeof selfMount === 'boolean' && { selfMount }),
    ...(typeof parts === 'boolean' && { parts }),
    ...(typeof chunk === 'number' && Number.isSafeInteger(chunk) && chunk >= LEAST_CHUNK && { chunk }),
  };
}

function valueOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
