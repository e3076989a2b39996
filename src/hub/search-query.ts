// What does a search ask for: which place, which words, which conditions?
import { HubError } from '../errors.ts';

export interface SearchHit {
  /** As it can be given to pull: `ubuntu`, `team/app`, `localhost:5000/team/app`. */
  readonly name: string;
  /** Empty where there is none. As the index sent it, so it may hold line feeds and controls. */
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
  readonly automated: boolean;
}

/** Conditions a hit must meet; all are checked here, since the index knows none of them. */
export interface SearchFilters {
  readonly minStars?: number | undefined;
  readonly official?: boolean | undefined;
  readonly automated?: boolean | undefined;
}

export interface SearchTerm {
  /** A registry other than Docker Hub: `localhost:5000`. */
  readonly registry?: string | undefined;
  /** Empty only with a registry: everything it has. */
  readonly words: string;
}

const HUB_NAMES = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
const TRUE = new Set(['true', '1']);
const FALSE = new Set(['false', '0']);

/**
 * Splits `[HOST/]TERM`: the first part is a host when it has a dot or colon or is `localhost`, as in image names; Docker
 * Hub's own names and `library/` are dropped. Throws REFERENCE_INVALID for a URL, USAGE for nothing to search.
 */
export function parseSearchTerm(text: string): SearchTerm {
  if (text.includes('://')) {
    throw new HubError(
      'REFERENCE_INVALID',
      `invalid repository name: repository name (${text}) should not have a scheme`,
      {
        hint: 'write HOST/TERM without https://',
      },
    );
  }
  const slash = text.indexOf('/');
  const host = slash === -1 ? '' : text.slice(0, slash);
  const isHost = host.includes('.') || host.includes(':') || host === 'localhost';
  if (isHost && !HUB_NAMES.has(host)) return { registry: host, words: text.slice(slash + 1) };
  const rest = isHost ? text.slice(slash + 1) : text;
  const words = rest.startsWith('library/') ? rest.slice('library/'.length) : rest;
  if (words.trim() === '')
    throw new HubError('USAGE', `"${text}" names nothing to search for`, { hint: 'try: hubctl search alpine' });
  return { words };
}

/**
 * Filters of `--filter KEY=VALUE` [docker search]: `stars=N` (the largest counts), `is-official=`, `is-automated=` with
 * true, false, 1 or 0. Throws USAGE for any other key or value, or for two values that contradict each other.
 */
export function parseSearchFilters(texts: readonly string[]): SearchFilters {
  const values = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals === -1) throw invalidFilter(text, 'expected KEY=VALUE');
    const key = text.slice(0, equals).trim().toLowerCase();
    if (!['stars', 'is-official', 'is-automated'].includes(key)) {
      throw invalidFilter(key, 'known are stars, is-official and is-automated');
    }
    values.set(key, [...(values.get(key) ?? []), text.slice(equals + 1).trim()]);
  }
  return {
    minStars: largest(values.get('stars') ?? []),
    official: truth('is-official', values.get('is-official') ?? []),
    automated: truth('is-automated', values.get('is-automated') ?? []),
  };
}

/** True when a hit meets every condition. */
export function meets(hit: SearchHit, filters: SearchFilters): boolean {
  if (filters.minStars !== undefined && hit.stars < filters.minStars) return false;
  if (filters.official !== undefined && hit.official !== filters.official) return false;
  return filters.automated === undefined || hit.automated === filters.automated;
}

/** True when some hits may fail. */
export function isSelective(filters: SearchFilters): boolean {
  return (filters.minStars ?? 0) > 0 || filters.official !== undefined || filters.automated !== undefined;
}

function largest(values: readonly string[]): number | undefined {
  for (const value of values) if (!/^\d{1,15}$/.test(value)) throw invalidFilter(`stars=${value}`, 'expected a number');
  return values.length === 0 ? undefined : Math.max(...values.map(Number));
}

function truth(key: string, values: readonly string[]): boolean | undefined {
  const isTrue = values.some((value) => TRUE.has(value));
  const isFalse = values.some((value) => FALSE.has(value));
  if ((isTrue && isFalse) || values.some((value) => !TRUE.has(value) && !FALSE.has(value))) {
    throw invalidFilter(`${key}=[${values.join(' ')}]`, 'expected true or false');
  }
  return values.length === 0 ? undefined : isTrue;
}

function invalidFilter(filter: string, why: string): HubError {
  return new HubError('USAGE', `invalid filter '${filter}': ${why}`);
}
