// How does one environment (variables, home directory, flags) become registries, credentials and a store?
import { isAbsolute, join } from 'node:path';
import type { SavedTokens } from './auth/saved-tokens.ts';
import type { PinnedRealms } from './auth/pinned-realms.ts';
import type { CredentialAccess } from './credentials/access.ts';
import type { RegistryClient, RegistryClientOptions } from './endpoints/registry/client.ts';
import type { Store } from './endpoints/store/store.ts';
import { HubError } from './errors.ts';
import type { Http, HttpOptions } from './http/client.ts';
import type { Origins } from './http/origin.ts';
import type { PlainFirst } from './http/plain-first.ts';
import { lstatIfExists, readIfExists } from './util/fs.ts';
import { isRecord, parseJson } from './util/json.ts';
import { VERSION } from './version.ts';

/** How the network is met. Only tests have reason to change any of it. */
export interface NetworkOptions extends Pick<HttpOptions, 'clock' | 'random' | 'lookup' | 'timeouts' | 'connections'> {
  /** Milliseconds a token service has; 15,000 by default. */
  readonly tokenTimeout?: number | undefined;
}

export interface DefaultsOptions {
  /** `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The home directory. */
  readonly home: string;
  /** `process.platform`; linux by default. */
  readonly platform?: string | undefined;
  readonly storeDir?: string | undefined;
  /** Folder of docker's config.json. */
  readonly configDir?: string | undefined;
  /** One file of credentials instead of the usual places. */
  readonly authfile?: string | undefined;
  /** Hosts that may speak plain http or show a certificate nobody trusts. */
  readonly insecure?: readonly string[] | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** Bytes per second for all bodies together. */
  readonly limitRate?: number | undefined;
  /** False: tokens are not kept between runs. True by default, unless `HUBCTL_TOKEN_CACHE` is `0`. */
  readonly tokenCache?: boolean | undefined;
  /** A connection that was begun before. */
  readonly ahead?: HttpOptions['ahead'];
  readonly trace?: HttpOptions['trace'];
  readonly onRetry?: HttpOptions['onRetry'];
  readonly onWaiting?: HttpOptions['onWaiting'];
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly network?: NetworkOptions | undefined;
  /** Ends credential helpers and keychain calls under way; requests get a signal of their own. */
  readonly signal?: AbortSignal | undefined;
}

/** What endpoints are opened with. Everything is built on first use. */
export interface Defaults extends AsyncDisposable {
  readonly storeDir: string;
  store(): Promise<Store>;
  registries(): Promise<RegistryClient>;
  credentials(): Promise<CredentialAccess>;
  /** How requests to this host (`example.com:5000`) are sent, but for the credentials. */
  network(host: string): Promise<HttpOptions>;
  /** Forgets the tokens for a registry (its canonical name), or for all, that this and other runs keep in a file. */
  forgetTokens(registry?: string): Promise<void>;
  /** Token services that were accepted at login. */
  realms(): Promise<PinnedRealms>;
}

/** `$HUBCTL_HOME`, else `$XDG_DATA_HOME/hubctl`, else `~/.local/share/hubctl`. */
export function defaultStoreDir({ env, home }: Pick<DefaultsOptions, 'env' | 'home'>): string {
  const own = env['HUBCTL_HOME'];
  if (own !== undefined && own !== '') return own;
  return join(xdg(env['XDG_DATA_HOME']) ?? join(home, '.local', 'share'), 'hubctl');
}

/** A base directory, which has to be absolute to count [XDG Base Directory Specification]. */
function xdg(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/** The registries, credentials and store of a user, set up as the command line sets them up. */
export function createDefaults(options: DefaultsOptions): Defaults {
  const storeDir = options.storeDir ?? defaultStoreDir(options);
  const credentials = once(() => openCredentials(options));
  const named = new Map<string, string>();
  const network = once(async () => httpOptions(options, await credentials(), named));
  const registries = once(async () => openRegistries(options, { credentials: await credentials(), network, named }));
  const store = once(async () => {
    const { openStore } = await import('./endpoints/store/store.ts');
    return openStore(storeDir, { onWarning: options.onWarning });
  });
  return {
    storeDir,
    credentials: () => credentials(),
    registries: () => registries(),
    store: () => store(),
    network: async (host) => {
      if (URL.canParse(`https://${host}`)) named.set(new URL(`https://${host}`).host, host);
      return network();
    },
    forgetTokens: (registry) => forget(options, registry),
    realms: () => realms(options),
    [Symbol.asyncDispose]: async () => {
      const closing: Promise<void>[] = [];
      if (registries.made()) closing.push(registries().then((client) => client.close()));
      if (store.made()) closing.push(store().then((opened) => opened[Symbol.asyncDispose]()));
      // What could not be opened was reported when it was asked for.
      await Promise.allSettled(closing);
    },
  };
}

interface Once<T> {
  (): Promise<T>;
  made(): boolean;
}

function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  const get = (): Promise<T> => {
    made ??= make();
    return made;
  };
  return Object.assign(get, { made: () => made !== undefined });
}

async function openCredentials(options: DefaultsOptions): Promise<CredentialAccess> {
  const { createCredentials } = await import('./credentials/access.ts');
  const { env, home, platform = 'linux', authfile, configDir, signal } = options;
  const warn = (text: string): void => options.onWarning?.(text);
  return createCredentials({ env, home, platform, authfile, configDir, signal, warn });
}

/** Connections to a registry while its first answer is not there yet. More follow when they are needed. */
const WARM = 4;

interface NetworkSetting extends HttpOptions {
  /** Those of config.json, for registries that were named. */
  readonly ownHeaders: Readonly<Record<string, string>>;
}

interface Setting {
  readonly credentials: CredentialAccess;
  readonly network: () => Promise<NetworkSetting>;
  readonly named: Map<string, string>;
}

async function openRegistries(
  options: DefaultsOptions,
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
    import('./http/client.ts'),
    import('./http/origin.ts'),
    import('./http/plain-first.ts'),
    import('./auth/authenticate.ts'),
    import('./endpoints/registry/client.ts'),
    import('./endpoints/registry/traits.ts'),
  ]);
  const hosts = await import('./endpoints/registry/hosts.ts');
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
    const { journalInFile } = await import('./endpoints/registry/upload-journal.ts');
    return journalInFile(join(cacheHome(options), 'hubctl', 'uploads.json'));
  });
  const origins = createOrigins(common);
  const plain = plainFirst({ origins, mayAsk: (host) => !hasHeaders && !wantsLogin(host, challenges) });
  const http = createHttp({ ...common, authenticate: (next) => layer(plain.inner(next)) });
  return createRegistryClient({
    send: plain.outer(http.send),
    ...placesOf({ origins, plain, http, named }),
    delay: (host) => http.delay(host),
    close: async () => {
      await Promise.all([http.close(), saved?.save(), traits.save?.(), journal.made() && (await journal()).save?.()]);
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
  const naming =
    (decide: (host: string) => Promise<URL>) =>
    async (host: string): Promise<URL> => {
      const origin = await decide(host);
      named.set(origin.host, host);
      return origin;
    };
  const askAt = naming(plain.originOf);
  const warm = async (host: string, count = WARM): Promise<void> => {
    const guess = origins.guess(host);
    const guessed = http.warm(guess, count);
    const origin = await askAt(host);
    if (origin.href !== guess.href) await http.warm(origin, count);
    await guessed;
  };
  return {
    originOf: naming(origins.originOf),
    askAt,
    // What goes wrong here goes wrong again when a request is sent, and is told then.
    warm: (host, count) => void warm(host, count).catch(() => undefined),
  };
}

/** True when an earlier run had to log in there, so that this one will do it with its first request. */
function wantsLogin(host: string, challenges: SavedTokens['challenges'] | undefined): boolean {
  return challenges?.has(`http://${host}`) === true || challenges?.has(`https://${host}`) === true;
}

async function savedTokens(options: DefaultsOptions): Promise<SavedTokens | undefined> {
  const path = await tokenFile(options);
  if (path === undefined) return undefined;
  const [{ loadTokens }, { systemClock }] = await Promise.all([
    import('./auth/saved-tokens.ts'),
    import('./http/clock.ts'),
  ]);
  return loadTokens(path, systemClock);
}

async function realms(options: DefaultsOptions): Promise<PinnedRealms> {
  const { pinnedRealms } = await import('./auth/pinned-realms.ts');
  return pinnedRealms(join(configHome(options), 'hubctl', 'realms.json'));
}

/** Wherever any run may have kept them, also where this one keeps none. */
async function forget(options: DefaultsOptions, registry: string | undefined): Promise<void> {
  const places = new Set([runtimeHome(options) ?? cacheHome(options), cacheHome(options)].map(tokensBelow));
  for (const path of places) if (await lstatIfExists(path)) await forgetIn(path, options, registry);
}

async function forgetIn(path: string, options: DefaultsOptions, registry: string | undefined): Promise<void> {
  const [{ forgetTokens }, { apiHost }, { systemClock }] = await Promise.all([
    import('./auth/saved-tokens.ts'),
    import('./endpoints/registry/hosts.ts'),
    import('./http/clock.ts'),
  ]);
  const host = registry === undefined ? undefined : apiHost(registry);
  if (await forgetTokens(path, host, systemClock.now())) return;
  options.onWarning?.(`the tokens in ${path} cannot be removed; they are used until they expire`);
}

/** Gone after a log-out of the system where there is a place for such files, else with the other caches. */
async function tokenFile(options: DefaultsOptions): Promise<string | undefined> {
  if (options.tokenCache === false || options.env['HUBCTL_TOKEN_CACHE'] === '0') return undefined;
  const { isPrivateDirectory } = await import('./util/private-file.ts');
  const runtime = runtimeHome(options);
  return tokensBelow(runtime !== undefined && (await isPrivateDirectory(runtime)) ? runtime : cacheHome(options));
}

function tokensBelow(home: string): string {
  return join(home, 'hubctl', 'tokens.json');
}

function runtimeHome({ env }: Pick<DefaultsOptions, 'env'>): string | undefined {
  return xdg(env['XDG_RUNTIME_DIR']);
}

function cacheHome({ env, home }: Pick<DefaultsOptions, 'env' | 'home'>): string {
  return xdg(env['XDG_CACHE_HOME']) ?? join(home, '.cache');
}

/**
 * `named` has the registries the user named, by their host in URLs, where `example.com:443` has lost its port: only they
 * get the headers of config.json, never a redirect or a token service.
 */
async function httpOptions(
  options: DefaultsOptions,
  credentials: CredentialAccess,
  named: ReadonlyMap<string, string>,
): Promise<NetworkSetting> {
  const { env, platform = 'linux', insecure = [] } = options;
  const [{ hostMatcher }, { proxyFromEnvironment }, { tlsFromEnvironment }] = await Promise.all([
    import('./http/addresses.ts'),
    import('./http/proxy.ts'),
    import('./http/tls.ts'),
  ]);
  const { proxies, httpHeaders } = await credentials.dockerConfig();
  const headers = Object.fromEntries(Object.entries(httpHeaders).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...options.network,
    userAgent: `hubctl/${VERSION}`,
    proxy: proxyFromEnvironment(env, proxies['default']),
    insecure: hostMatcher([...insecure, ...(await insecureRegistries(options))]),
    extraHeaders: (host) => (named.has(host) ? headers : {}),
    ownHeaders: headers,
    tls: {
      ...tlsFromEnvironment(env, platform),
      certDirs: certDirs(options),
      caFiles: options.tlsCa === undefined ? [] : [options.tlsCa],
      certFile: options.tlsCert,
      keyFile: options.tlsKey,
    },
    limitRate: options.limitRate,
    ahead: options.ahead,
    trace: options.trace,
    onRetry: options.onRetry,
    onWaiting: options.onWaiting,
  };
}

/** Where other tools keep their settings. */
function configHome({ env, home }: Pick<DefaultsOptions, 'env' | 'home'>): string {
  return xdg(env['XDG_CONFIG_HOME']) ?? join(home, '.config');
}

/** Where docker and containers' tools keep certificates per host; the first that has the host is used. */
function certDirs({ env, home, platform }: DefaultsOptions): readonly string[] {
  if (platform === 'win32') return [join(env['PROGRAMDATA'] ?? 'C:\\ProgramData', 'docker', 'certs.d')];
  const config = configHome({ env, home });
  return [join(config, 'docker'), join(config, 'containers'), '/etc/containers', '/etc/docker'].map((dir) =>
    join(dir, 'certs.d'),
  );
}

/** `insecure-registries` of docker's daemon.json, so that a machine set up for docker works as it is. */
async function insecureRegistries(options: DefaultsOptions): Promise<readonly string[]> {
  const lists = await Promise.all(
    [join(configHome(options), 'docker', 'daemon.json'), '/etc/docker/daemon.json'].map((path) => readInsecure(path)),
  );
  return lists.flat();
}

async function readInsecure(path: string): Promise<readonly string[]> {
  try {
    const bytes = await readIfExists(path);
    if (!bytes) return [];
    const document = parseJson(bytes.toString('utf8'), path);
    const list = isRecord(document) ? document['insecure-registries'] : undefined;
    return Array.isArray(list) ? list.filter((entry): entry is string => typeof entry === 'string') : [];
  } catch (error) {
    // The daemon's file is not ours: one that is broken or not readable must not stop a client.
    if (HubError.is(error)) return [];
    throw error;
  }
}
