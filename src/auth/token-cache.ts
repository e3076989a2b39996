// Which token, fetched earlier, may be used again?
import { createHash } from 'node:crypto';
import type { Credential } from '../credentials/credentials.ts';
import { coversScopes } from './scope.ts';

export interface CachedToken {
  /** Registry, realm, service and account, see `tokenKey`. */
  readonly key: string;
  readonly scopes: readonly string[];
  /** The secret. */
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface TokenPlace {
  /** Origin of the registry. */
  readonly registry: string;
  readonly realm: string;
  readonly service: string | undefined;
  readonly credential: Credential | undefined;
}

/** Tokens are shared neither between accounts nor between registries. The account is a hash, so the key is no secret. */
export function tokenKey({ registry, realm, service, credential }: TokenPlace): string {
  const account = credential && createHash('sha256').update(JSON.stringify(credential)).digest('hex');
  return JSON.stringify([registry, realm, service ?? null, account ?? null]);
}

/** Tokens in memory. `entries` and the constructor let a program keep them between its runs. */
export class TokenCache {
  #tokens: readonly CachedToken[];

  constructor(entries: Iterable<CachedToken> = []) {
    this.#tokens = [...entries];
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

  entries(): readonly CachedToken[] {
    return this.#tokens;
  }
}
