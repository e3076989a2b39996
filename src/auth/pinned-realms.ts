// Which token service was accepted for a registry at login, also in later runs?
import { isRecord } from '../util/json.ts';
import { readPrivate, updatePrivate } from '../util/private-file.ts';
import { parseUrl } from '../util/url.ts';

/** Origins of token services by the names that registries have in references. */
export interface PinnedRealms {
  get(registry: string): Promise<string | undefined>;
  /** Never throws: what cannot be kept has to be accepted again. */
  pin(registry: string, realm: string): Promise<void>;
}

const VERSION = 1;
const MOST = 1000;

/** Kept in a file of the user; one that others could have written holds nothing. */
export function pinnedRealms(path: string): PinnedRealms {
  return {
    get: async (registry) => parsePins(await readPrivate(path)).get(registry),
    pin: async (registry, realm) => {
      const pinning = (text: string | undefined): string => {
        const pins = new Map(parsePins(text));
        // The newest stands last, and outlives the others.
        pins.delete(registry);
        pins.set(registry, realm);
        const realms = Object.fromEntries([...pins].slice(-MOST));
        return `${JSON.stringify({ version: VERSION, realms }, undefined, 2)}\n`;
      };
      await updatePrivate(path, pinning, { durable: true });
    },
  };
}

function parsePins(text: string | undefined): ReadonlyMap<string, string> {
  const document = text === undefined ? undefined : parsed(text);
  if (!isRecord(document) || document['version'] !== VERSION || !isRecord(document['realms'])) return new Map();
  return new Map(
    Object.entries(document['realms']).flatMap(([registry, realm]) => {
      const url = typeof realm === 'string' ? parseUrl(realm) : undefined;
      return url ? [[registry, url.origin] as const] : [];
    }),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
