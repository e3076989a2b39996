// What has a registry shown that it can do, so that the next push need not find out again?

/** Hints. Each may be wrong, which then costs requests or bytes sent in vain, and never what arrives. */
export interface Traits {
  /** Whether a mount from the same repository tells that a blob is there. Unknown until one was seen to be there. */
  readonly selfMount?: boolean | undefined;
  /** Bytes of the largest piece of an upload that a proxy or the registry takes. */
  readonly chunk?: number | undefined;
}

/** The traits of registries by their canonical names. */
export interface TraitMemory {
  get(registry: string): Promise<Traits>;
  /** Adds to what is known. Never throws. */
  learn(registry: string, traits: Traits): void;
}

/** Forgets when the program ends. */
export function traitsInMemory(): TraitMemory {
  const known = new Map<string, Traits>();
  return {
    get: async (registry) => known.get(registry) ?? {},
    learn: (registry, traits) => void known.set(registry, { ...known.get(registry), ...traits }),
  };
}
