// Who gives out tokens in front of a registry that asks for none, and who counts how often they are used?
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface TokenServiceOptions {
  /** Anybody gets a token when absent. */
  readonly account?: { readonly username: string | undefined; readonly password: string };
  /** Basic instead of tokens. */
  readonly basic?: true | undefined;
  /** Where the challenge says tokens are; the proxy itself, as the client calls it, when absent. */
  readonly realm?: string | undefined;
  /** A token is good for so many requests. */
  readonly uses?: number | undefined;
  /** Seconds, as told. */
  readonly expiresIn?: number | undefined;
  readonly issuedAt?: string | undefined;
}

export interface Said {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: string;
}

/** The doorkeeper of the proxy. */
export class TokenService {
  readonly #options: TokenServiceOptions;
  readonly #uses = new Map<string, number>();
  /** Every token given out, to look for where they should not be. */
  readonly given: string[] = [];

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /** Counts a use of a token. */
  accepts(headers: IncomingHttpHeaders): boolean {
    const { authorization = '' } = headers;
    if (this.#options.basic) return authorization === this.#basic();
    const token = authorization.replace(/^Bearer /i, '');
    const uses = this.#uses.get(token);
    if (uses === undefined) return false;
    this.#uses.set(token, uses + 1);
    return uses < (this.#options.uses ?? Infinity);
  }

  challenge(self: string, method: string, path: string, error?: string): Said {
    const { basic, realm = `${self}/token` } = this.#options;
    const repository = /^\/v2\/(.+)\/(?:blobs|manifests|tags|referrers)\//.exec(path)?.[1];
    const actions = method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push';
    const scope = repository === undefined ? '' : `,scope="repository:${repository}:${actions}"`;
    const why = error === undefined ? '' : `,error="${error}"`;
    const value = basic ? 'Basic realm="faults"' : `Bearer realm="${realm}",service="faults"${scope}${why}`;
    return { ...refusal(401, 'UNAUTHORIZED', 'authentication required'), headers: { 'www-authenticate': value } };
  }

  token(headers: IncomingHttpHeaders): Said {
    const { account, expiresIn = 300, issuedAt = new Date().toISOString() } = this.#options;
    if (account && headers.authorization !== this.#basic()) return refusal(401, 'UNAUTHORIZED', 'wrong password');
    const token = `canary-token-${randomBytes(12).toString('hex')}`;
    this.#uses.set(token, 0);
    this.given.push(token);
    return { status: 200, body: JSON.stringify({ token, expires_in: expiresIn, issued_at: issuedAt }) };
  }

  #basic(): string {
    const { username = '', password = '' } = this.#options.account ?? {};
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }
}

export function refusal(status: number, code: string, message: string): Said {
  return { status, body: JSON.stringify({ errors: [{ code, message }] }) };
}
