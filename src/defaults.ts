// How does one environment (variables, home directory, flags) become registries, credentials and a store?
import { join } from 'node:path';
import type { PinnedRealms } from './auth/pinned-realms.ts';
import type { CredentialAccess } from './credentials/access.ts';
import { xdg } from './defaults/directories.ts';
import { networkSetting } from './defaults/network.ts';
import { openRegistries, realms } from './defaults/registries.ts';
import { forgetTokens } from './defaults/tokens.ts';
import type { RegistryClient } from './endpoints/registry/client.ts';
import type { Store } from './endpoints/store/store.ts';
import type { HttpOptions } from './http/client.ts';
import { once } from './util/once.ts';
import { parseUrl } from './util/url.ts';

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
  /** The process ends once this is disposed of, and then closes connections by itself. */
  readonly processEnds?: boolean | undefined;
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

/** The registries, credentials and store of a user, set up as the command line sets them up. */
export function createDefaults(options: DefaultsOptions): Defaults {
  const storeDir = options.storeDir ?? defaultStoreDir(options);
  const credentials = once(() => openCredentials(options));
  const named = new Map<string, string>();
  const network = once(async () => networkSetting(options, await credentials(), named));
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
      named.set(parseUrl(`https://${host}`)?.host ?? host, host);
      return network();
    },
    forgetTokens: (registry) => forgetTokens(options, registry),
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

async function openCredentials(options: DefaultsOptions): Promise<CredentialAccess> {
  const { createCredentials } = await import('./credentials/access.ts');
  const { env, home, platform = 'linux', authfile, configDir, signal } = options;
  const warn = (text: string): void => options.onWarning?.(text);
  return createCredentials({ env, home, platform, authfile, configDir, signal, warn });
}
