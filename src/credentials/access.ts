// What can be asked of all the credentials of a user?
import type { CredentialStore, FindCredential } from './credentials.ts';
import { createBackends } from './backends.ts';
import { dockerAuthConfig, hubctlVariables } from './environment.ts';
import { allLogins, allServers, allStores, forgetServer, type ListedLogin } from './everywhere.ts';
import { findCredential, readOrWarn, type Sources } from './find.ts';
import type { Environment, RunProgram } from './helper-program.ts';
import { openKeychain, type KeychainDoor } from './keychain.ts';
import { filesOf, placesOf } from './places.ts';
import { chooseTarget, type StoreChoice, type TargetStore } from './target.ts';
import { NO_CONFIG, type DockerConfig } from './docker-config.ts';

export interface CredentialsOptions {
  readonly env: Environment;
  readonly home: string;
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  /** A file to read and write instead of every other; one named .dockercfg is in the format of docker before 1.7. */
  readonly authfile?: string | undefined;
  /** Folder of docker's config.json, instead of DOCKER_CONFIG and ~/.docker. */
  readonly configDir?: string | undefined;
  /** Told to the user as warnings; each text comes once. */
  readonly warn: (text: string) => void;
  /** Ends helpers and keychain calls under way. */
  readonly signal?: AbortSignal | undefined;
  /** The keychain of the system by default. */
  readonly keychain?: KeychainDoor | undefined;
  /** How programs are started; for tests. */
  readonly run?: RunProgram | undefined;
  /** Milliseconds for one call of a helper, 60,000 by default. */
  readonly helperTimeout?: number | undefined;
}

/** All credentials of a user, wherever they lie. Errors are those of `findCredential` and `chooseTarget`. */
export interface CredentialAccess {
  readonly find: FindCredential;
  /** Every place that is read, in the order of lookup. */
  stores(): Promise<readonly CredentialStore[]>;
  /** Where a login for `server`, as it was typed, puts its secret. */
  target(choice: StoreChoice, server: string): Promise<TargetStore>;
  /** Removes every spelling of a server everywhere; gives the names of the places that had it. */
  logout(server: string): Promise<readonly string[]>;
  /** Every key that `logout` could remove something for. */
  servers(): Promise<readonly string[]>;
  list(): Promise<readonly ListedLogin[]>;
  /** The files that are read for this user and that exist, as people write them: `~/.docker/config.json`. */
  files(): Promise<readonly string[]>;
  /** What docker's config.json says, also of other things than credentials. */
  dockerConfig(): Promise<DockerConfig>;
}

/** The credentials of a user. Opens nothing before it is asked. Throws USAGE for contradicting environment variables. */
export function createCredentials(options: CredentialsOptions): CredentialAccess {
  const { env, signal, run, keychain, helperTimeout: timeout } = options;
  const warn = once(options.warn);
  const places = placesOf({ ...options, warn });
  const backends = createBackends(keychain ?? openKeychain({ env, signal }), { env, warn, signal, run, timeout });
  const variables = [hubctlVariables(env), dockerAuthConfig(env, warn)].filter((store) => store !== undefined);
  const sources: Sources = { variables, places, backends, warn };
  return {
    find: (registry, repository) => findCredential(sources, registry, repository),
    stores: () => allStores(sources),
    target: (choice, server) => chooseTarget(sources, choice, server),
    logout: (server) => forgetServer(sources, server),
    servers: () => allServers(sources),
    list: () => allLogins(sources),
    files: async () => {
      const files = filesOf(places).map(async (file) => ((await file.exists()) ? [file.label] : []));
      return (await Promise.all(files)).flat();
    },
    dockerConfig: async () => (await readOrWarn(sources, places.docker)) ?? NO_CONFIG,
  };
}

function once(warn: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    warn(text);
  };
}
