// Which Authorization header answers what a registry asked for?
import type { Credential, FindCredential, FoundCredential } from '../credentials/credentials.ts';
import { HubError } from '../errors.ts';
import { isLoopback } from '../http/addresses.ts';
import type { Clock } from '../http/clock.ts';
import { abortedBy } from '../http/failure.ts';
import type { Send } from '../http/layer.ts';
import { redirect } from '../http/redirect.ts';
import { SingleFlight } from '../util/single-flight.ts';
import { checkRealmPin, resolveRealm } from './realm.ts';
import { basicAuthorization, fetchToken } from './token.ts';
import type { TokenCache } from './token-cache.ts';

export interface RegistryTarget {
  /** Name in references: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  readonly repository?: string | undefined;
}

/** What a registry asked for, without the scope, which differs from request to request. */
export interface KnownChallenge {
  readonly scheme: 'bearer' | 'basic';
  readonly realm?: string | undefined;
  readonly service?: string | undefined;
  /** True when an earlier run was asked for it: it may be out of date. */
  readonly earlier?: boolean | undefined;
}

export interface AuthorizationOptions {
  readonly find: FindCredential;
  readonly clientId: string;
  readonly clock: Clock;
  readonly tokens: TokenCache;
  readonly insecure?: ((host: string) => boolean) | undefined;
  readonly pinnedRealm?: ((registry: string) => Promise<string | undefined>) | undefined;
  readonly onRefreshToken?: ((registry: string, token: string) => void) | undefined;
  readonly tokenTimeout?: number | undefined;
}

/** For what a header is needed. */
export interface AuthorizationPurpose {
  readonly url: URL;
  /** Undefined for a host that must not get credentials, only a token anybody may have. */
  readonly target: RegistryTarget | undefined;
  readonly scopes: readonly string[];
  /** False when only a token that is at hand is to be used. */
  readonly mayFetch: boolean;
  readonly send: Send;
  readonly signal?: AbortSignal | undefined;
}

/** Turns challenges into headers; keeps credentials and tokens, and fetches each token once however many ask for it. */
export class Authorizations {
  readonly #options: AuthorizationOptions;
  readonly #found = new Map<string, Promise<FoundCredential | undefined>>();
  readonly #flights = new SingleFlight<string>();

  constructor(options: AuthorizationOptions) {
    this.#options = options;
  }

  /** The value of the header; undefined when there is nothing to send. Throws as `authenticate` says. */
  async answer(known: KnownChallenge, purpose: AuthorizationPurpose): Promise<string | undefined> {
    const found = await this.#find(purpose.target);
    if (found) this.#checkTransport(purpose.url);
    const credential = found?.credential;
    if (credential?.kind === 'bearer') return `Bearer ${credential.token}`;
    if (known.scheme === 'basic') return credential && basicOf(credential);
    const token = await this.#token(known, purpose, found);
    return token === undefined ? undefined : `Bearer ${token}`;
  }

  /** Whose credentials a registry gets, and where they came from: `alice, with credentials from file ~/.docker/config.json`. */
  async accountOf(target: RegistryTarget): Promise<string | undefined> {
    const found = await this.#find(target);
    if (!found) return undefined;
    const { credential, source } = found;
    const name = credential.kind === 'bearer' ? undefined : credential.username;
    return `${name ?? 'the bearer of a token'}, with credentials from ${source}`;
  }

  /** Forgets the token in a header that was not accepted. */
  drop(authorization: string): void {
    this.#options.tokens.drop(tokenIn(authorization));
  }

  /** True for the header of a token that an earlier run fetched. */
  isEarlier(authorization: string): boolean {
    return this.#options.tokens.isEarlier(tokenIn(authorization));
  }

  async #token(
    known: KnownChallenge,
    purpose: AuthorizationPurpose,
    found: FoundCredential | undefined,
  ): Promise<string | undefined> {
    const { clock, tokens } = this.#options;
    const { url, scopes, signal } = purpose;
    const realm = resolveRealm(known.realm ?? '', url);
    const { service } = known;
    const key = tokens.keyFor({ registry: url.origin, realm: realm.href, service, credential: found?.credential });
    const cached = tokens.find(key, scopes, clock.now());
    if (cached !== undefined || !purpose.mayFetch) return cached;
    const flight = `${key} ${[...scopes].sort().join(' ')}`;
    return untilAborted(
      this.#flights.run(flight, () => this.#fetch(purpose, { key, realm, service, found })),
      signal,
    );
  }

  async #fetch(purpose: AuthorizationPurpose, wanted: Wanted): Promise<string> {
    const { clock, tokens, clientId, tokenTimeout: timeout } = this.#options;
    const { url, scopes } = purpose;
    const { key, realm, service, found } = wanted;
    const credential = found?.credential;
    if (credential) await this.#checkPin(realm, purpose);
    const request = { realm, service, scopes, credential, clientId, namedBy: url };
    const token = await fetchToken(request, { send: redirect()(purpose.send), clock, timeout }).catch(
      (error: unknown) => {
        throw explained(error, purpose, found);
      },
    );
    const since = clock.now();
    tokens.add({ key, registry: url.origin, scopes, value: token.value, since, expires: token.expires }, since);
    if (credential?.kind === 'identity') this.#rotate(purpose, credential.token, token.refreshToken);
    return token.value;
  }

  #rotate({ target }: AuthorizationPurpose, old: string, fresh: string | undefined): void {
    if (target && fresh !== undefined && fresh !== old) this.#options.onRefreshToken?.(target.registry, fresh);
  }

  async #checkPin(realm: URL, { url, target }: AuthorizationPurpose): Promise<void> {
    const name = target?.registry ?? url.host;
    checkRealmPin(realm, { name, url, pinned: await this.#options.pinnedRealm?.(name) });
  }

  #checkTransport(url: URL): void {
    const { insecure } = this.#options;
    if (url.protocol === 'https:' || isLoopback(url.hostname)) return;
    // A URL leaves out the port that its scheme implies; the user may have written it.
    if (insecure?.(url.host) || insecure?.(`${url.hostname}:${url.port || '80'}`)) return;
    throw new HubError('REFUSED', `the password for ${url.host} will not be sent over plain http`, {
      hint: `use https, or allow it with --insecure ${url.host}`,
      details: { host: url.host },
    });
  }

  async #find(target: RegistryTarget | undefined): Promise<FoundCredential | undefined> {
    if (!target) return undefined;
    const { registry, repository } = target;
    const key = `${registry}/${repository ?? ''}`;
    const found = this.#found.get(key) ?? this.#options.find(registry, repository);
    this.#found.set(key, found);
    return found;
  }
}

function tokenIn(authorization: string): string {
  return authorization.replace(/^Bearer /, '');
}

interface Wanted {
  readonly key: string;
  readonly realm: URL;
  readonly service: string | undefined;
  readonly found: FoundCredential | undefined;
}

/** Adds to a refusal whose credentials they were and what to do about it. */
function explained(
  error: unknown,
  { target, url, scopes }: AuthorizationPurpose,
  found: FoundCredential | undefined,
): unknown {
  if (!HubError.is(error, 'UNAUTHORIZED') && !HubError.is(error, 'DENIED')) return error;
  const registry = target?.registry ?? url.host;
  const login = `hubctl login ${registry}`;
  return new HubError(error.code, error.message, {
    cause: error.cause,
    hint: found ? `the credentials came from ${found.source}; to replace them: ${login}` : `log in with: ${login}`,
    details: { ...error.details, registry, scopes, ...(found && { source: found.source }) },
  });
}

function basicOf(credential: Credential): string | undefined {
  if (credential.kind === 'basic') return basicAuthorization(credential.username, credential.password);
  return credential.username === undefined ? undefined : basicAuthorization(credential.username, credential.token);
}

/** Others may still wait for the token, so only this caller stops waiting. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  if (signal.aborted) throw abortedBy(signal);
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortedBy(signal));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
