// How is a long list of names printed while it still arrives?
import { HubError } from '../errors.ts';
import { globMatches } from '../spec/glob.ts';
import type { Context } from './context.ts';

export interface ListOptions {
  /** Field of a name in templates: `Tag`. */
  readonly key: string;
  /** Names at most. */
  readonly limit?: number | undefined;
  /** Shell pattern the whole name must match. */
  readonly match?: string | undefined;
  /** All names at once, in the order of versions. */
  readonly sort?: boolean | undefined;
  /** The value of --json. */
  readonly json: (names: readonly string[]) => unknown;
}

/** Digits compare as numbers: v1.9 comes before v1.10. Made on first use, which takes 6 ms. */
let versions: Intl.Collator | undefined;

/** So many names are more than anybody reads. */
const MANY = 20_000;

/** Names, one by one or page by page; with a million of them, pages take a fifth of the time. */
export type Names = AsyncIterable<string | readonly string[]>;

/**
 * Prints one name per line as soon as it is known, so that no list is too long; --json, --format and `sort` need all of
 * them first. Throws USAGE for a limit below 1 or a malformed pattern, before anything is asked of a registry.
 */
export async function listNames(context: Context, names: Names, options: ListOptions): Promise<void> {
  const { output } = context;
  const { limit, match, sort = false } = options;
  checkLimit(limit);
  if (match !== undefined) globMatches(match, '');
  if (!sort && !output.json && output.format === undefined) {
    return output.lines(chosen(names, { match, limit }));
  }
  const all: string[] = [];
  for await (const some of chosen(names, { match, limit: sort ? undefined : limit }))
    for (const name of some) all.push(name);
  print(context, sort ? all.sort(compareVersions).slice(0, limit) : all, options);
}

function checkLimit(limit: number | undefined): void {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1)) return;
  throw new HubError('USAGE', `limit ${limit} is not a whole number from 1 on`);
}

function print({ output }: Context, names: readonly string[], { key, json }: ListOptions): void {
  if (output.json) return output.value(json(names));
  if (output.format === undefined) return names.forEach((name) => output.line(name));
  return output.table(names, [{ header: key.toUpperCase(), key, value: (name) => name }]);
}

function compareVersions(a: string, b: string): number {
  versions ??= new Intl.Collator('en', { numeric: true });
  return versions.compare(a, b) || Number(a > b) - Number(a < b);
}

interface Choice {
  readonly match: string | undefined;
  readonly limit: number | undefined;
}

interface Choice {
  readonly match: string | undefined;
  readonly limit: number | undefined;
}

/** Also drops a name that repeats the one before: registries do that where pages meet. Stops asking once there are enough. */
async function* chosen(names: Names, { match, limit }: Choice): AsyncGenerator<readonly string[], void> {
  let last: string | undefined;
  let seen = 0;
  let left = limit ?? Number.POSITIVE_INFINITY;
  const isWanted = (name: string): boolean => {
    if (left === 0 || name === last || (match !== undefined && !globMatches(match, name))) return false;
    last = name;
    left -= 1;
    return true;
  };
  for await (const one of names) {
    const some = typeof one === 'string' ? [one] : one;
    if (seen < MANY && seen + some.length >= MANY) await stayYoung();
    seen += some.length;
    yield some.filter(isWanted);
    if (left === 0) return;
  }
}

/**
 * Names are garbage as soon as they are printed. V8 gives so much garbage ever more room before it collects it, up to
 * 48 MB, and is hardly quicker for that.
 */
async function stayYoung(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
}
