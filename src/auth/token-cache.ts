// Which token, fetched earlier, may be used again?
import { createHmac, randomBytes } from 'node:crypto';
import type { Credential } from '../credentials/credentials.ts';
import { coversScopes } from './scope.ts';

export interface CachedToken {
  /** Registry, realm, service and account, see `keyFor`. */
  readonly key: string;
  /** Origin of the registry. */
  readonly registry: string;
  readonly scopes: readonly string[];
  /** The secret. */
  readonly value: string;
  /** Milliseconds since 1970 at which it was fetched, and from which on it is no longer used. */
  readonly since: number;
  readonly expires: number;
}

export interface TokenPlace {
  /** Origin of the registry. */
  readonly registry: string;
  readonly realm: string;
  readonly service: string | undefined;
  readonly credential: Credential | undefined;
}

/** Characters of the mark of an account: enough to tell accounts apart, too few to try passwords with. */
const MARK = 6;

/** Tokens in memory. `entries` and the constructor let a program keep them between its runs. */
export class TokenCache {
  /** Makes the marks of accounts worthless to whoever does not have it. */
  readonly salt: string;
  readonly #earlier: ReadonlySet<string>;
  #tokens: readonly CachedToken[];

  constructor(entries: Iterable<CachedToken> = [], salt: string = randomBytes(16).toString('hex')) {
    this.#tokens = [...entries];
    this.#earlier = new Set(this.#tokens.map(({ value }) => value));
    this.salt = salt;
  }

  /** Tokens are shared neither between accounts nor between registries. The key is no secret. */
  keyFor({ registry, realm, service, credential }: TokenPlace): string {
    if (!credential) return JSON.stringify([registry, realm, service ?? null, null]);
    const mark = createHmac('sha256', this.salt).update(JSON.stringify(credential)).digest('hex').slice(0, MARK);
    const username = 'username' in credential ? credential.username : undefined;
    return JSON.stringify([registry, realm, service ?? null, credential.kind, username ?? null, mark]);
  }

  /** A token that is valid at `now` for all of `scopes`, possibly for more. */
  find(key: string, scopes: readonly string[], now: number): string | undefined {
    return this.#tokens.find((token) => token.key === key && token.expires > now && coversScopes(token.scopes, scopes))
      ?.value;
  }

  add(token: CachedToken, now: number): void {
    this.#tokens = [token, ...this.#tokens.filter(({ expires }) => expires > now)];
  }

  /** Forgets a token that a registry did not accept. */
  drop(value: string): void {
    this.#tokens = this.#tokens.filter((token) => token.value !== value);
  }

  /** True for a token that an earlier run sent to this origin of a registry. */
  isEarlierAt(registry: string, value: string): boolean {
    return this.isEarlier(value) && this.#tokens.some((token) => token.registry === registry && token.value === value);
  }

  /** True when there is such a token. */
  hasEarlierAt(registry: string): boolean {
    return this.#tokens.some((token) => token.registry === registry && this.isEarlier(token.value));
  }

  /** Forgets all tokens for an origin. */
  dropAll(registry: string): void {
    this.#tokens = this.#tokens.filter((token) => token.registry !== registry);
  }

  /** True for a token that the constructor was given: what it allows may have been widened since. */
  isEarlier(value: string): boolean {
    return this.#earlier.has(value);
  }

  entries(): readonly CachedToken[] {
    return this.#tokens;
  }
}
