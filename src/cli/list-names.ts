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

/**
 * Prints one name per line as soon as it is known, so that no list is too long; --json, --format and `sort` need all of
 * them first. Throws USAGE for a limit below 1 or a malformed pattern, before anything is asked of a registry.
 */
export async function listNames(context: Context, names: AsyncIterable<string>, options: ListOptions): Promise<void> {
  const { output } = context;
  const { limit, match, sort = false } = options;
  checkLimit(limit);
  if (match !== undefined) globMatches(match, '');
  const wanted = matching(names, match);
  if (!sort && !output.json && output.format === undefined) {
    for await (const name of first(wanted, limit)) output.line(name);
    return;
  }
  const all: string[] = [];
  for await (const name of first(wanted, sort ? undefined : limit)) all.push(name);
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

/** Also drops a name that repeats the one before: registries do that where pages meet. */
async function* matching(names: AsyncIterable<string>, match: string | undefined): AsyncGenerator<string, void> {
  let last: string | undefined;
  for await (const name of names) {
    if (name === last || (match !== undefined && !globMatches(match, name))) continue;
    last = name;
    yield name;
  }
}

/** Stops asking once there are enough. */
async function* first(names: AsyncIterable<string>, limit: number | undefined): AsyncGenerator<string, void> {
  let count = 0;
  for await (const name of names) {
    yield name;
    count += 1;
    if (limit !== undefined && count >= limit) return;
  }
}
