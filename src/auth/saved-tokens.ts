// Which tokens and challenges did earlier runs leave, and how are those of this one left to later runs?
import { randomBytes } from 'node:crypto';
import type { Clock } from '../http/clock.ts';
import { isRecord } from '../util/json.ts';
import { readPrivate, updatePrivate } from '../util/private-file.ts';
import type { KnownChallenge } from './authorization.ts';
import { TokenCache, type CachedToken } from './token-cache.ts';
import { parseUrl } from '../util/url.ts';

export interface SavedTokens {
  readonly tokens: TokenCache;
  /** By origin of the registry. */
  readonly challenges: Map<string, KnownChallenge>;
  /** Writes down what this run learnt, if anything, beside what others did meanwhile. Never throws for want of a file. */
  save(): Promise<void>;
}

interface SavedFile {
  readonly salt: string;
  readonly challenges: ReadonlyMap<string, KnownChallenge>;
  readonly tokens: readonly CachedToken[];
  /** When a registry was forgotten, by its origin: what a run that began before that had still in hand is not kept. */
  readonly forgotten: ReadonlyMap<string, number>;
}

const VERSION = 1;
/** Stands for the origin of every registry that was forgotten. */
const EVERY = '*';
/** Milliseconds. No token is used for longer; one that claims to be is from another clock than this one. */
const LONGEST_LIFE = 24 * 60 * 60 * 1000;
const MOST_TOKENS = 200;
const MOST_REGISTRIES = 200;
/** What may stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

/** What is in the file at `path`, none of it when it is damaged or was not safe from others. */
export async function loadTokens(path: string, clock: Pick<Clock, 'now'>): Promise<SavedTokens> {
  const file = parseFile(await readPrivate(path), clock.now()) ?? emptyFile();
  const tokens = new TokenCache(file.tokens, file.salt);
  const challenges = new Map(file.challenges);
  return {
    tokens,
    challenges,
    save: async () => {
      const fresh = tokens.entries().filter(({ value }) => !tokens.isEarlier(value));
      const kept = new Set(tokens.entries().map(({ value }) => value));
      const gone = new Set(file.tokens.filter(({ value }) => !kept.has(value)).map(({ value }) => value));
      const learnt = [...challenges].filter(([, challenge]) => challenge.earlier !== true);
      const refuted = [...file.challenges.keys()].filter((origin) => !challenges.has(origin));
      if (fresh.length + gone.size + learnt.length + refuted.length === 0) return;
      await updatePrivate(path, (text) => {
        const others = parseFile(text, clock.now()) ?? emptyFile(file.salt);
        // Marks made with another salt mean nothing to who reads the file.
        const mine = others.salt === file.salt ? fresh : fresh.filter(isAnonymous);
        return formatFile({
          salt: others.salt,
          challenges: new Map([...without(others.challenges, refuted), ...learnt]),
          tokens: [...mine, ...others.tokens.filter(({ value }) => !gone.has(value))],
          forgotten: others.forgotten,
        });
      });
    },
  };
}

/**
 * Forgets the tokens of a host (`localhost:5000`), or of all, also those that a run under way will have at its end. `now` is in milliseconds since 1970.
 * False when the file could not be changed.
 */
export async function forgetTokens(path: string, host: string | undefined, now: number): Promise<boolean> {
  const [https, http] = host === undefined ? [] : [parseUrl(`https://${host}`), parseUrl(`http://${host}`)];
  if (host !== undefined && (!https || !http)) return true;
  const origins = https && http ? [https.origin, http.origin] : undefined;
  return updatePrivate(path, (text) => {
    const file = parseFile(text, now) ?? emptyFile();
    const forgotten = (origins ?? [EVERY]).map((origin) => [origin, now] as const);
    const challenges = new Map(origins ? without(file.challenges, origins) : []);
    return formatFile({ ...file, challenges, forgotten: new Map([...file.forgotten, ...forgotten]) });
  });
}

function isAnonymous({ key }: CachedToken): boolean {
  return key.endsWith(',null]');
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): readonly (readonly [string, V])[] {
  return [...map].filter(([key]) => !keys.includes(key));
}

/** The newest of all, without what was forgotten. */
function formatFile({ salt, challenges, tokens, forgotten }: SavedFile): string {
  const end = (registry: string): number => Math.max(forgotten.get(registry) ?? 0, forgotten.get(EVERY) ?? 0);
  const kept = tokens.filter(({ registry, since }) => since > end(registry)).slice(0, MOST_TOKENS);
  const known = [...challenges].slice(-MOST_REGISTRIES).map(([origin, { scheme, realm, service }]) => {
    return [origin, { scheme, realm, service }] as const;
  });
  return `${JSON.stringify({
    version: VERSION,
    salt,
    challenges: Object.fromEntries(known),
    tokens: kept,
    forgotten: Object.fromEntries([...forgotten].slice(-MOST_REGISTRIES)),
  })}\n`;
}

/** Undefined for text that was not written here. */
function parseFile(text: string | undefined, now: number): SavedFile | undefined {
  const value = valueOf(text);
  if (!isRecord(value) || value['version'] !== VERSION) return undefined;
  const { salt } = value;
  if (typeof salt !== 'string' || !/^[0-9a-f]{32}$/.test(salt)) return undefined;
  const forgotten = new Map(
    entriesOf(value['forgotten']).flatMap(([origin, at]) =>
      typeof at === 'number' && at <= now && now - at < LONGEST_LIFE ? [[origin, at] as const] : [],
    ),
  );
  const tokens = Array.isArray(value['tokens']) ? value['tokens'].flatMap((token) => parseToken(token, now)) : [];
  const challenges = entriesOf(value['challenges']).flatMap(([origin, challenge]) => {
    const parsed = parseChallenge(challenge);
    return parsed ? [[origin, parsed] as const] : [];
  });
  return { salt, challenges: new Map(challenges), tokens, forgotten };
}

function emptyFile(salt = randomBytes(16).toString('hex')): SavedFile {
  return { salt, challenges: new Map(), tokens: [], forgotten: new Map() };
}

/** One that has expired, or would last longer than any, is left out. */
function parseToken(value: unknown, now: number): readonly CachedToken[] {
  if (!isRecord(value)) return [];
  const { key, registry, scopes, value: secret, since, expires } = value;
  if (typeof key !== 'string' || typeof registry !== 'string' || !areTexts(scopes)) return [];
  if (typeof secret !== 'string' || !TOKEN.test(secret) || !isTime(since) || !isTime(expires)) return [];
  if (expires <= now || since > now || expires - now > LONGEST_LIFE) return [];
  return [{ key, registry, scopes, value: secret, since, expires }];
}

function parseChallenge(value: unknown): KnownChallenge | undefined {
  if (!isRecord(value)) return undefined;
  const { scheme, realm, service } = value;
  if (scheme === 'basic') return { scheme, earlier: true };
  if (scheme !== 'bearer' || typeof realm !== 'string') return undefined;
  if (service !== undefined && typeof service !== 'string') return undefined;
  return { scheme, realm, service, earlier: true };
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isTime(value: unknown): value is number {
  return Number.isFinite(value);
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return isRecord(value) ? Object.entries(value) : [];
}

function valueOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
