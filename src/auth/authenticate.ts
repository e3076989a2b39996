// How does a request to a registry get its credentials, and what happens when the registry wants others?
import type { FindCredential } from '../credentials/credentials.ts';
import { HubError } from '../errors.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import type { HttpRequest, HttpResponse, Layer, Send } from '../http/layer.ts';
import { safeText } from '../util/text.ts';
import { Authorizations, type KnownChallenge, type RegistryTarget } from './authorization.ts';
import { chooseChallenge, parseChallenges, type Challenge } from './challenge.ts';
import { mergeScopes } from './scope.ts';
import { TokenCache } from './token-cache.ts';

export interface AuthenticateOptions {
  readonly find: FindCredential;
  /** Which registry, and repository, a URL belongs to; undefined for a URL that gets no credentials. */
  readonly registryOf: (url: URL) => RegistryTarget | undefined;
  readonly clientId: string;
  /** True for a host (`example.com:5000`) that may get credentials over plain http. Loopback always may. */
  readonly insecure?: ((host: string) => boolean) | undefined;
  /** Origin of the token service that was accepted for a registry at login. */
  readonly pinnedRealm?: ((registry: string) => Promise<string | undefined>) | undefined;
  /** Called when a token service took the credentials of a registry and gave another refresh token in exchange. */
  readonly onRefreshToken?: ((registry: string, token: string) => void) | undefined;
  /** Challenges by origin of the registry; pass a map to keep them between runs. */
  readonly challenges?: Map<string, KnownChallenge> | undefined;
  readonly tokens?: TokenCache | undefined;
  /** Milliseconds for a token request, 15,000 by default. */
  readonly tokenTimeout?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Sends credentials to registries and to nobody else. The first challenge of a registry is remembered, so later requests
 * carry their token at once; a 401 drops the token and asks once more with what the challenge wants. An answer that is
 * still 401, and any 403, is given to the caller. A request with `anonymous` or an own Authorization header is left alone,
 * except that an anonymous request with scopes may fetch a token without credentials. Throws UNAUTHORIZED and DENIED for a
 * refused token or an unknown scheme, REFUSED for an unsafe token service or plain http, what `find` throws, and what
 * fetchToken throws.
 */
export function authenticate(options: AuthenticateOptions): Layer {
  const { clock = systemClock, tokens = new TokenCache(), challenges = new Map<string, KnownChallenge>() } = options;
  const authorizations = new Authorizations({ ...options, clock, tokens });
  const { registryOf } = options;
  const shared: Shared = { authorizations, challenges, registryOf, uses: new Map() };
  return (next) => (request) => new Attempt(next, request, shared).send();
}

interface Shared {
  readonly authorizations: Authorizations;
  readonly challenges: Map<string, KnownChallenge>;
  readonly registryOf: (url: URL) => RegistryTarget | undefined;
  /** How often each header was sent. */
  readonly uses: Map<string, number>;
}

/** Tokens fetched for one request, while others use them up. */
const MAX_REFRESHES = 3;

class Attempt {
  readonly #next: Send;
  readonly #request: HttpRequest;
  readonly #shared: Shared;

  constructor(next: Send, request: HttpRequest, shared: Shared) {
    this.#next = next;
    this.#request = request;
    this.#shared = shared;
  }

  async send(): Promise<HttpResponse> {
    const first = this.#shared.challenges.size > 0 && this.#isOurs ? await this.#upFront() : undefined;
    const response = await (first === undefined ? this.#next(this.#request) : this.#sendWith(first));
    // Most are neither, and there are hundreds.
    if ((response.status !== 401 && response.status !== 403) || !this.#isOurs) return response;
    if (response.status === 403 && first !== undefined && this.#shared.authorizations.isEarlier(first)) {
      return this.#withFreshToken(response, first);
    }
    return this.#signed(await this.#answered(response, first));
  }

  /** Says in a refusal whose credentials were refused. */
  async #signed(response: HttpResponse): Promise<HttpResponse> {
    if (response.status !== 401 || !this.#target) return response;
    return { ...response, account: await this.#shared.authorizations.accountOf(this.#target) };
  }

  /**
   * Asks again with what the challenge wants. A fresh token that is refused as well says no, unless others have used it
   * meanwhile: it may have been good for a few requests only.
   */
  async #answered(refused: HttpResponse, first: string | undefined): Promise<HttpResponse> {
    let response = refused;
    let used = first;
    for (let refreshes = 0; response.status === 401 && refreshes < MAX_REFRESHES; refreshes += 1) {
      if (refreshes > 0 && !this.#isShared(used)) break;
      const next = await this.#secondTry(response);
      if (next === undefined || next === used) break;
      response.body.cancel();
      used = next;
      response = await this.#sendWith(next);
    }
    return response;
  }

  #isShared(authorization: string | undefined): boolean {
    return authorization !== undefined && (this.#shared.uses.get(authorization) ?? 0) > 1;
  }

  get #target(): RegistryTarget | undefined {
    return this.#request.anonymous ? undefined : this.#shared.registryOf(this.#request.url);
  }

  get #isOurs(): boolean {
    const { headers, anonymous, scopes = [] } = this.#request;
    if (headers?.['authorization'] !== undefined) return false;
    return this.#target !== undefined || (anonymous === true && scopes.length > 0);
  }

  /** What is known to be wanted is sent at once. What an earlier run was asked for is forgotten when it leads nowhere. */
  async #upFront(): Promise<string | undefined> {
    const { origin } = this.#request.url;
    const known = this.#target && this.#shared.challenges.get(origin);
    if (!known) return undefined;
    const scopes = mergeScopes(this.#request.scopes ?? []);
    try {
      return await this.#authorization(known, scopes, scopes.length > 0);
    } catch (error) {
      if (known.earlier !== true || HubError.is(error, 'ABORTED')) throw error;
      if (this.#shared.challenges.get(origin) === known) this.#shared.challenges.delete(origin);
      return undefined;
    }
  }

  /** Rights may have been given since an earlier run fetched the token. */
  async #withFreshToken(response: HttpResponse, first: string): Promise<HttpResponse> {
    this.#shared.authorizations.drop(first);
    const second = await this.#upFront();
    if (second === undefined || second === first) return response;
    response.body.cancel();
    return this.#sendWith(second);
  }

  /** Answers a challenge: the scope it names comes first, then what the request needs. */
  async #secondTry(response: HttpResponse): Promise<string | undefined> {
    try {
      const challenge = await this.#challengeOf(response);
      if (!challenge) return undefined;
      const { realm, service, scope } = challenge.parameters;
      const known: KnownChallenge =
        challenge.scheme === 'basic' ? { scheme: 'basic' } : { scheme: 'bearer', realm, service };
      if (this.#target) this.#shared.challenges.set(this.#request.url.origin, known);
      // The scopes of a redirected request are those of the registry it came from.
      const own = this.#target ? (this.#request.scopes ?? []) : [];
      return await this.#authorization(known, mergeScopes([...(scope === undefined ? [] : [scope]), ...own]), true);
    } catch (error) {
      response.body.cancel();
      throw error;
    }
  }

  async #authorization(
    known: KnownChallenge,
    scopes: readonly string[],
    mayFetch: boolean,
  ): Promise<string | undefined> {
    const { url, signal } = this.#request;
    return this.#shared.authorizations.answer(known, {
      url,
      signal,
      scopes,
      mayFetch,
      target: this.#target,
      send: this.#next,
    });
  }

  async #sendWith(authorization: string): Promise<HttpResponse> {
    const { uses } = this.#shared;
    uses.set(authorization, (uses.get(authorization) ?? 0) + 1);
    const response = await this.#next({ ...this.#request, headers: { ...this.#request.headers, authorization } });
    if (response.status === 401) this.#shared.authorizations.drop(authorization);
    return response;
  }

  /** The challenge to answer. A registry that refuses without saying what it wants is asked at its base. */
  async #challengeOf(response: HttpResponse): Promise<Challenge | undefined> {
    const lines = response.headers.all('www-authenticate');
    const challenges = parseChallenges(lines);
    const chosen = chooseChallenge(challenges);
    if (chosen) return chosen;
    if (lines.length > 0) throw unknownScheme(this.#request.url.host, lines, challenges);
    return this.#target && this.#baseChallenge();
  }

  async #baseChallenge(): Promise<Challenge | undefined> {
    const { url, signal } = this.#request;
    const known = this.#shared.challenges.get(url.origin);
    if (known) return { scheme: known.scheme, parameters: onlyTexts({ realm: known.realm, service: known.service }) };
    const response = await this.#next({ method: 'GET', url: new URL('/v2/', url), signal, anonymous: true });
    response.body.cancel();
    return response.status === 401
      ? chooseChallenge(parseChallenges(response.headers.all('www-authenticate')))
      : undefined;
  }
}

function unknownScheme(host: string, lines: readonly string[], challenges: readonly Challenge[]): HubError {
  const schemes = [...new Set(challenges.map(({ scheme }) => safeText(scheme).slice(0, 40)))].join(', ');
  const what =
    schemes === '' ? `with a WWW-Authenticate header that is not understood` : `by ${schemes}, which hubctl cannot do`;
  return new HubError('UNAUTHORIZED', `${host} wants a login ${what}`, {
    details: { host, status: 401, header: safeText(lines.join(', ').slice(0, 200)) },
  });
}

function onlyTexts(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
