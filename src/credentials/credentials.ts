// What is a credential, and what can a place that keeps credentials do?

/** Secrets. Never log, print or put one into an error. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (`identitytoken`, or helper user `<token>`). A password may be known as well. */
  | { readonly kind: 'identity'; readonly username?: string | undefined; readonly token: string }
  /** A bearer token used as it is (`registrytoken`). */
  | { readonly kind: 'bearer'; readonly username?: string | undefined; readonly token: string };

export interface FoundCredential {
  readonly credential: Credential;
  /** For people: `file ~/.docker/config.json`, `helper pass`, `keychain`, `environment DOCKER_AUTH_CONFIG`. */
  readonly source: string;
}

/** Looks a credential up for a registry (`docker.io`, `localhost:5000`), a repository narrows it. Undefined = anonymous. */
export type FindCredential = (registry: string, repository?: string) => Promise<FoundCredential | undefined>;

export interface LoginEntry {
  /** The key as stored: `https://index.docker.io/v1/`, `localhost:5000`. */
  readonly server: string;
  readonly username: string;
  /** Old file format only. */
  readonly email?: string | undefined;
}

/** One place that keeps credentials: a file, the OS keychain, or a docker-credential helper. */
export interface CredentialStore {
  readonly name: string;
  get(server: string): Promise<Credential | undefined>;
  store(server: string, credential: Credential, email?: string): Promise<void>;
  /** True when something was removed. */
  erase(server: string): Promise<boolean>;
  list(): Promise<readonly LoginEntry[]>;
}
