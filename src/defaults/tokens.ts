// Where are tokens kept between runs, and how are they forgotten?
import { join } from 'node:path';
import type { SavedTokens } from '../auth/saved-tokens.ts';
import { lstatIfExists } from '../util/fs.ts';
import { cacheHome, runtimeHome, type User } from './directories.ts';

export interface TokenOptions extends User {
  readonly tokenCache?: boolean | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Undefined when this run keeps none. */
export async function savedTokens(options: TokenOptions): Promise<SavedTokens | undefined> {
  const path = await tokenFile(options);
  if (path === undefined) return undefined;
  const [{ loadTokens }, { systemClock }] = await Promise.all([
    import('../auth/saved-tokens.ts'),
    import('../http/clock.ts'),
  ]);
  return loadTokens(path, systemClock);
}

/** Wherever any run may have kept them, also where this one keeps none. */
export async function forgetTokens(options: TokenOptions, registry: string | undefined): Promise<void> {
  const places = new Set([runtimeHome(options) ?? cacheHome(options), cacheHome(options)].map(tokensBelow));
  for (const path of places) if (await lstatIfExists(path)) await forgetIn(path, options, registry);
}

async function forgetIn(path: string, options: TokenOptions, registry: string | undefined): Promise<void> {
  const [saved, { apiHost }, { systemClock }] = await Promise.all([
    import('../auth/saved-tokens.ts'),
    import('../endpoints/registry/hosts.ts'),
    import('../http/clock.ts'),
  ]);
  const host = registry === undefined ? undefined : apiHost(registry);
  if (await saved.forgetTokens(path, host, systemClock.now())) return;
  options.onWarning?.(`the tokens in ${path} cannot be removed; they are used until they expire`);
}

/** Gone after a log-out of the system where there is a place for such files, else with the other caches. */
async function tokenFile(options: TokenOptions): Promise<string | undefined> {
  if (options.tokenCache === false || options.env['HUBCTL_TOKEN_CACHE'] === '0') return undefined;
  const { isPrivateDirectory } = await import('../util/private-file.ts');
  const runtime = runtimeHome(options);
  return tokensBelow(runtime !== undefined && isPrivateDirectory(runtime) ? runtime : cacheHome(options));
}

function tokensBelow(home: string): string {
  return join(home, 'hubctl', 'tokens.json');
}
