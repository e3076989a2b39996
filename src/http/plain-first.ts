// May a host on this machine be asked in the clear before it is known whether it speaks TLS?
import { HubError } from '../errors.ts';
import { apiVersionOf } from './headers.ts';
import type { HttpRequest, HttpResponse, Layer, Send } from './layer.ts';
import type { Origins } from './origin.ts';

export interface PlainFirstOptions {
  readonly origins: Origins;
  /** False for a host that gets something secret with its first request, so that it has to be decided before that. */
  readonly mayAsk: (host: string) => boolean;
  /** What earlier runs have sent in the clear; nothing by default. */
  readonly earlier?: EarlierRuns | undefined;
  /** Told, while that is being found out, of an origin (`https://localhost:5000`) that most likely is the right one. */
  readonly onLikely?: ((origin: URL) => void) | undefined;
}

/** What an origin (`http://localhost:5000`) was sent in the clear by earlier runs, which had found that to be right. */
export interface EarlierRuns {
  hadAuthorization(origin: string, authorization: string): boolean;
  /** True when it was sent content. */
  hadContent(origin: string): Promise<boolean>;
  /** Told when it turns out to speak TLS by now. */
  forget(origin: string): void;
}

export interface PlainFirst {
  /**
   * Where a host is to be asked: what it speaks when that is known, else, for a port of this machine, plain http until its
   * answer tells. Throws as `Origins.originOf` does.
   */
  originOf(host: string): URL | Promise<URL>;
  /** The outermost layer: sends once more, with TLS, what was meant for a port that turns out to speak it. */
  readonly outer: Layer;
  /** Inside the layer that adds credentials, and nearer to the host than redirects: sees what is really sent. */
  readonly inner: Layer;
}

/** An origin of plain http that was only guessed. */
interface Guess {
  readonly host: string;
  readonly origin: string;
  /** It answered a request as a registry does. Enough for what is no secret. */
  hasAnswered: boolean;
  /** It was asked, and does not speak TLS. */
  isPlain: boolean;
  secure: URL | undefined;
}

const SPEAKS_TLS = 'speaks-tls';

/**
 * Most ports of this machine speak plain http, and whether one does is found out by its answer to the first request, which
 * saves the connection that would ask. The first request must not hold a secret, and no secret follows on the strength of
 * that answer: a port may speak both, or lead through a tunnel to one that does. So before an Authorization header is sent,
 * and before a 401 is answered, TLS is asked for as for every other host.
 *
 * What an earlier run has sent to the same origin in the clear is no secret from whoever can listen there: a token that has not
 * expired, never the password that it was given for. It is sent again without asking, which saves a round trip. The port may
 * belong to another program by then: one that wants the token would have said to the question that it speaks no TLS, and got it
 * as well. It may lead through a tunnel, as it did when the token went that way before. And the same registry may speak TLS by
 * now: then it answers 400, all that was remembered is forgotten, and the request is sent once more, with TLS and without that
 * token. Hosts that are not this machine are never guessed to be plain, so nothing of this is for them.
 */
export function plainFirst({ mayAsk, ...options }: PlainFirstOptions): PlainFirst {
  const { origins } = options;
  const trials = new Map<string, Trial>();
  /** Some origin that was guessed to be plain is not. */
  let secured = false;
  const trialOf = (url: URL): Trial | undefined => (trials.size === 0 ? undefined : trials.get(url.origin));
  const originOf = (host: string): URL | Promise<URL> => {
    const guess = origins.guess(host);
    const known = trials.get(guess.origin);
    if (known) return known.secure ?? guess;
    // An origin without a port would stand for another one once its scheme changed.
    const isOpen = guess.protocol === 'http:' && guess.port !== '' && !origins.isKnown(host) && mayAsk(host);
    if (!isOpen) return origins.originOf(host);
    const { origin } = guess;
    const made = { host, origin, hasAnswered: false, isPlain: false, secure: undefined };
    trials.set(origin, new Trial(made, options));
    return guess;
  };
  return {
    originOf,
    inner: (next) => (request) => {
      const trial = trialOf(request.url);
      return !trial || trial.isPlain ? next(request) : trial.send(next, request);
    },
    outer: (next) => async (request) => {
      const secure = secured ? trialOf(request.url)?.secure : undefined;
      if (secure) return next(over(secure, request));
      try {
        return await next(request);
      } catch (error) {
        const found = reasonOf(error) === SPEAKS_TLS ? trialOf(request.url)?.secure : undefined;
        if (!found) throw error;
        secured = true;
        return next(over(found, request));
      }
    },
  };
}

/** Asks in the clear, and finds out whether that is right. */
class Trial {
  readonly #guess: Guess;
  readonly #origins: Origins;
  readonly #earlier: EarlierRuns | undefined;
  readonly #onLikely: PlainFirstOptions['onLikely'];

  constructor(guess: Guess, { origins, earlier, onLikely }: Omit<PlainFirstOptions, 'mayAsk'>) {
    this.#guess = guess;
    this.#origins = origins;
    this.#earlier = earlier;
    this.#onLikely = onLikely;
  }

  get isPlain(): boolean {
    return this.#guess.isPlain;
  }

  /** Where TLS is spoken, if it is. */
  get secure(): URL | undefined {
    return this.#guess.secure;
  }

  async send(next: Send, request: HttpRequest): Promise<HttpResponse> {
    const { hasAnswered } = this.#guess;
    if (this.#isSecret(request) || (!hasAnswered && (await this.#isNews(request)))) await this.#decide();
    const response = await (hasAnswered ? next(request) : this.#ask(next, request));
    if (answersAsRegistry(response)) this.#guess.hasAnswered = true;
    else if (response.status === 401 || !this.#guess.hasAnswered) await this.#confirm(response);
    return response;
  }

  #isSecret({ method, url, headers, body }: HttpRequest): boolean {
    // What is posted is a password or a refresh token, in exchange for a token.
    if (method === 'POST' && body) return true;
    const authorization = headers?.['authorization'];
    return authorization !== undefined && this.#earlier?.hadAuthorization(url.origin, authorization) !== true;
  }

  async #isNews({ url, body }: HttpRequest): Promise<boolean> {
    return body !== undefined && (await this.#earlier?.hadContent(url.origin)) !== true;
  }

  async #ask(next: Send, request: HttpRequest): Promise<HttpResponse> {
    try {
      return await next(request);
    } catch (error) {
      const mayBeTls = HubError.is(error) && error.code !== 'ABORTED' && error.details['sent'] !== false;
      // The failure of the request says more than that of the question.
      if (mayBeTls && !this.#guess.hasAnswered) await this.#decide().catch((other: unknown) => rethrow(other, error));
      throw error;
    }
  }

  async #confirm({ status, body }: HttpResponse): Promise<void> {
    // So say Go, nginx and Apache. Whoever has to know for sure asks, and may open connections that way meanwhile.
    if (status === 400) this.#onLikely?.(securely(this.#guess.origin));
    try {
      await this.#decide();
    } catch (error) {
      body.cancel();
      throw error;
    }
  }

  /** Throws UNREACHABLE, which `outer` knows, when the port speaks TLS. */
  async #decide(): Promise<void> {
    const { host } = this.#guess;
    const origin = await this.#origins.originOf(host);
    if (origin.protocol === 'http:') {
      this.#guess.isPlain = true;
      return;
    }
    this.#guess.secure = origin;
    this.#earlier?.forget(this.#guess.origin);
    const details = { host, reason: SPEAKS_TLS, retry: false };
    throw new HubError('UNREACHABLE', `${host} speaks TLS, and was asked in the clear`, { details });
  }
}

/**
 * Whether an answer is one that a port for TLS does not give to a request in the clear: such a port says 400, leads
 * elsewhere, or, before several sites, says 404 without being a registry.
 */
function answersAsRegistry({ status, headers }: HttpResponse): boolean {
  if (status === 404) return apiVersionOf(headers) !== undefined;
  return (status >= 200 && status < 300) || status === 429 || status >= 500;
}

function securely(origin: string): URL {
  const url = new URL(origin);
  url.protocol = 'https:';
  return url;
}

function over(origin: URL, request: HttpRequest): HttpRequest {
  const url = new URL(request.url);
  url.protocol = origin.protocol;
  return { ...request, url };
}

function reasonOf(error: unknown): unknown {
  return HubError.is(error) ? error.details['reason'] : undefined;
}

function rethrow(other: unknown, error: unknown): never {
  throw reasonOf(other) === SPEAKS_TLS ? other : error;
}
