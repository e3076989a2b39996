// How do the parts that speak to registries become one client?
import { join } from 'node:path';
import type { SavedTokens } from '../auth/saved-tokens.ts';
import type { PinnedRealms } from '../auth/pinned-realms.ts';
import type { CredentialAccess } from '../credentials/access.ts';
import type { RegistryClient, RegistryClientOptions } from '../endpoints/registry/client.ts';
import type { TraitMemory } from '../endpoints/registry/traits.ts';
import type { Http } from '../http/client.ts';
import type { Origins } from '../http/origin.ts';
import type { EarlierRuns, PlainFirst } from '../http/plain-first.ts';
import { once } from '../util/once.ts';
import { cacheHome, configHome, type User } from './directories.ts';
import type { NetworkSetting } from './network.ts';
import { savedTokens, type TokenOptions } from './tokens.ts';

/** Connections to a registry while its first answer is not there yet. More follow when they are needed. */
const WARM = 5;

export interface RegistriesOptions extends TokenOptions {
  readonly network?: { readonly tokenTimeout?: number | undefined } | undefined;
  /** As in DefaultsOptions. */
  readonly processEnds?: boolean | undefined;
}

interface Setting {
  readonly credentials: CredentialAccess;
  readonly network: () => Promise<NetworkSetting>;
  readonly named: Map<string, string>;
}

export async function openRegistries(
  options: RegistriesOptions,
  { credentials, network, named }: Setting,
): Promise<RegistryClient> {
  const [
    { createHttp },
    { createOrigins },
    { plainFirst },
    { authenticate },
    { createRegistryClient },
    { traitsInFile },
  ] = await Promise.all([
    import('../http/client.ts'),
    import('../http/origin.ts'),
    import('../http/plain-first.ts'),
    import('../auth/authenticate.ts'),
    import('../endpoints/registry/client.ts'),
    import('../endpoints/registry/traits.ts'),
  ]);
  const hosts = await import('../endpoints/registry/hosts.ts');
  const common = await network();
  const hasHeaders = Object.keys(common.ownHeaders).length > 0;
  const registryOf = (url: URL): { readonly registry: string; readonly repository: string | undefined } => ({
    registry: hosts.registryOfHost(named.get(url.host) ?? url.host),
    repository: hosts.repositoryOfPath(url.pathname),
  });
  const { insecure, clock } = common;
  const tokenTimeout = options.network?.tokenTimeout;
  const saved = await savedTokens(options);
  const { tokens, challenges } = saved ?? {};
  const { find } = credentials;
  const pinnedRealm = async (registry: string): Promise<string | undefined> => (await realms(options)).get(registry);
  const shared = { tokens, challenges, clock, tokenTimeout, pinnedRealm };
  const layer = authenticate({ find, registryOf, clientId: 'hubctl', insecure, ...shared });
  const traits = traitsInFile(join(cacheHome(options), 'hubctl', 'registries.json'));
  const journal = once(async () => {
    const { journalInFile } = await import('../endpoints/registry/upload-journal.ts');
    return journalInFile(join(cacheHome(options), 'hubctl', 'uploads.json'));
  });
  const origins = createOrigins(common);
  const earlier = earlierRuns(saved, traits, (origin) => registryOf(new URL(origin)).registry);
  const mayAsk = (host: string): boolean => !hasHeaders && mayGreet(host, saved);
  const plain = plainFirst({ origins, earlier, mayAsk, onLikely: (origin) => void http.warm(origin, WARM) });
  const http = createHttp({ ...common, authenticate: (next) => layer(plain.inner(next)) });
  return createRegistryClient({
    send: plain.outer(http.send),
    ...placesOf({ origins, plain, http, named }),
    delay: (host) => http.delay(host),
    close: async () => {
      const shut = options.processEnds ? http.leave() : http.close();
      await Promise.all([shut, saved?.save(), traits.save?.(), journal.made() && (await journal()).save?.()]);
    },
    sleep: clock && ((milliseconds, signal) => clock.sleep(milliseconds, signal)),
    traits,
    journal,
    onWarning: options.onWarning,
  });
}

interface Places {
  readonly origins: Origins;
  readonly plain: PlainFirst;
  readonly http: Http;
  readonly named: Map<string, string>;
}

/** How hosts become origins; which host the user meant by each is noted. */
function placesOf({ origins, plain, http, named }: Places): Pick<RegistryClientOptions, 'originOf' | 'askAt' | 'warm'> {
  const noted = new WeakSet<URL>();
  const noting = (origin: URL, host: string): URL => {
    // Each request asks where it goes to, and is told the same.
    if (!noted.has(origin)) named.set(origin.host, host);
    noted.add(origin);
    return origin;
  };
  const askAt = (host: string): URL | Promise<URL> => {
    const origin = plain.originOf(host);
    return origin instanceof URL ? noting(origin, host) : origin.then((decided) => noting(decided, host));
  };
  const warm = async (host: string, count = WARM): Promise<void> => {
    const guess = origins.guess(host);
    // Where it has to be found out first how a host is spoken to, the connection that was begun ahead is used for that.
    const asked = askAt(host);
    const guessed = http.warm(guess, count);
    const origin = await asked;
    if (origin.href !== guess.href) await http.warm(origin, count);
    await guessed;
  };
  return {
    originOf: async (host) => noting(await origins.originOf(host), host),
    askAt,
    // What goes wrong here goes wrong again when a request is sent, and is told then.
    warm: (host, count) => void warm(host, count).catch(() => undefined),
  };
}

/** False when an earlier run had to log in there, so that this one will do it with its first request, unless a token is left. */
function mayGreet(host: string, saved: SavedTokens | undefined): boolean {
  if (!saved) return true;
  const { challenges, tokens } = saved;
  const origin = `http://${host}`;
  return !challenges.has(`https://${host}`) && (!challenges.has(origin) || tokens.hasEarlierAt(origin));
}

/** What the files of earlier runs tell of that. */
function earlierRuns(
  saved: SavedTokens | undefined,
  traits: TraitMemory,
  registryAt: (origin: string) => string,
): EarlierRuns {
  return {
    hadAuthorization: (origin, authorization) => {
      const [, token] = /^Bearer (.+)$/.exec(authorization) ?? [];
      return token !== undefined && saved?.tokens.isEarlierAt(origin, token) === true;
    },
    hadContent: async (origin) => (await traits.get(registryAt(origin))).strictAt === origin,
    forget: (origin) => {
      saved?.challenges.delete(origin);
      saved?.tokens.dropAll(origin);
      traits.learn(registryAt(origin), { strictAt: undefined });
    },
  };
}

/** Token services that were accepted at login. */
export async function realms(user: User): Promise<PinnedRealms> {
  const { pinnedRealms } = await import('../auth/pinned-realms.ts');
  return pinnedRealms(join(configHome(user), 'hubctl', 'realms.json'));
}
