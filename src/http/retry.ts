// Which requests are sent again, after which wait, and when is enough enough? The only place where requests are retried.
import { HubError } from '../errors.ts';
import { collect, contentOf } from '../util/content.ts';
import { isLoopback } from './addresses.ts';
import type { Clock } from './clock.ts';
import { abortedBy } from './failure.ts';
import type { Gate } from './gate.ts';
import { parseRetryAfter } from './headers.ts';
import type { HttpRequest, HttpResponse, Layer, Send } from './layer.ts';
import { isBodyError } from './upload.ts';

export interface RetryEvent {
  /** Without secrets. */
  readonly url: string;
  /** The attempt that failed; the first is 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  readonly message: string;
}

export interface RetryOptions {
  readonly clock: Clock;
  /** Chance between 0 and 1. */
  readonly random: () => number;
  readonly gate: Gate;
  /** Attempts in all, 6 by default. */
  readonly tries?: number | undefined;
  /** Milliseconds; a host that asks for a longer wait gets none: its answer is given to the caller at once. 300,000 by default. */
  readonly maxWait?: number | undefined;
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Makes a URL fit to be shown. */
  readonly show: (url: URL) => string;
}

const TRIES = 6;
const MAX_WAIT = 300_000;
const FIRST_DELAY = 250;
const LONGEST_DELAY = 20_000;
/** Connections that were closed while they were idle; each attempt removes one, so this only guards against surprises. */
const MAX_STALE = 64;
/** Answers that never came, until the host is given up: so that this takes less than a minute. */
const SILENCES = 2;
/** Bytes of an answer that may take its time. */
const LARGE = 1024 * 1024;
/** Milliseconds for which a host that has answered before may be out of reach: a network that comes back, a server that restarts. */
const OUTAGE = 30_000;
const LONGEST_OUTAGE_DELAY = 5000;
const OUT_OF_REACH: ReadonlySet<unknown> = new Set([
  'refused',
  'no-such-host',
  'name-service',
  'no-route',
  'connect-timeout',
]);
/** What a proxy says of a host that it cannot reach. */
const PROXY_OUTAGE: ReadonlySet<unknown> = new Set([502, 503, 504]);
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 522]);

type Outcome = { readonly response: HttpResponse } | { readonly error: unknown };

/**
 * Sends repeatable requests up to six times: on broken connections, timeouts and the statuses 408, 429, 499, 500, 502,
 * 503, 504, 522, with full jitter between 0 and 0.25 s doubling to 20 s, or exactly the wait of `Retry-After`, during
 * which every request to that host waits. An answer that never comes is waited for twice, a large one six times, and a host
 * that answered before and is now out of reach is tried for at least half a minute. The last answer is given as it is; the
 * last error is thrown with the number of tries in its message. What the source of a request's body throws is thrown as it
 * is, at once.
 */
export function retry(options: RetryOptions): Layer {
  const shared = { ...options, reached: new Set<string>() };
  return (next) => (request) => new Attempts(next, request, shared).run();
}

class Attempts {
  readonly #next: Send;
  readonly #request: HttpRequest;
  readonly #options: RetryOptions & { readonly reached: Set<string> };
  #tries = 0;
  #stale = 0;
  /** When the host was first found to be out of reach. */
  #outSince: number | undefined;

  constructor(next: Send, request: HttpRequest, options: RetryOptions & { readonly reached: Set<string> }) {
    this.#next = next;
    this.#request = request;
    this.#options = options;
  }

  async run(): Promise<HttpResponse> {
    const { url, signal, whole } = this.#request;
    for (;;) {
      if (signal?.aborted) throw abortedBy(signal);
      let outcome: Outcome;
      try {
        const response = await this.#next(this.#request);
        this.#options.reached.add(url.host);
        outcome = { response: whole ? await gathered(response, this.#request) : response };
      } catch (error) {
        if (isBodyError(error)) throw error;
        outcome = { error };
      }
      if (this.#wasStale(outcome)) continue;
      this.#tries += 1;
      const delay = this.#delayAfter(outcome);
      if (delay !== undefined) await this.#pause(outcome, delay);
      const settled = 'error' in outcome ? await this.#settled(outcome.error) : undefined;
      if (settled) return settled;
      if (delay === undefined) return this.#finish(outcome);
    }
  }

  async #pause(outcome: Outcome, delay: number): Promise<void> {
    if ('response' in outcome) outcome.response.body.cancel();
    this.#announce(outcome, delay);
    await this.#options.clock.sleep(delay, this.#request.signal);
  }

  /** What a request has done whose answer was lost. Who asks has tries of their own, so their failure says nothing. */
  async #settled(lost: unknown): Promise<HttpResponse | undefined> {
    const { settled, signal } = this.#request;
    if (!settled || signal?.aborted) return undefined;
    if (!HubError.is(lost) || !lost.retryable || lost.details['sent'] === false) return undefined;
    try {
      return await settled();
    } catch (error) {
      if (HubError.is(error) && error.retryable) return undefined;
      throw error;
    }
  }

  /** The other side closed a kept connection just before it was used again: try at once, without counting. */
  #wasStale(outcome: Outcome): boolean {
    if (!('error' in outcome) || !this.#isRepeatable || !HubError.is(outcome.error)) return false;
    // It looks the same when the connection broke after the request was carried out.
    if (this.#request.settled) return false;
    if (outcome.error.details['stale'] !== true || this.#stale >= MAX_STALE) return false;
    this.#stale += 1;
    return true;
  }

  /** Milliseconds until the next attempt; undefined when there is to be none. */
  #delayAfter(outcome: Outcome): number | undefined {
    if ('response' in outcome && !RETRYABLE_STATUS.has(outcome.response.status)) return undefined;
    if (this.#request.signal?.aborted) return undefined;
    if ('error' in outcome) return this.#delayAfterError(outcome.error);
    const { headers, url } = outcome.response;
    const asked = parseRetryAfter(headers.get('retry-after'), this.#options.clock.now());
    if (this.#isRepeatable) return this.#wait(asked, url.host);
    // Whoever sends this one again decides when; the others leave the host alone as well.
    if (asked !== undefined) this.#close(asked, url.host);
    return undefined;
  }

  #delayAfterError(error: unknown): number | undefined {
    if (!HubError.is(error) || !this.#mayRepeat(error)) return undefined;
    const { retryAfter, host } = error.details;
    if (this.#isOutage(error)) return this.#outageDelay();
    return this.#wait(typeof retryAfter === 'number' ? retryAfter : undefined, String(host));
  }

  /** False also when it has lasted too long. */
  #isOutage(error: HubError): boolean {
    const { reached, clock } = this.#options;
    const { host } = this.#request.url;
    if (!reached.has(host) || !this.#isOnTheWay(error.details)) return false;
    const now = clock.now();
    this.#outSince ??= now;
    return now - this.#outSince < OUTAGE;
  }

  /** True when it was the host, or a proxy before it, that could not be reached. Where a redirect led may never have been there. */
  #isOnTheWay({ reason, host: failed, proxy, target, status }: HubError['details']): boolean {
    const { host, hostname, port } = this.#request.url;
    if (reason === 'proxy') return target === `${hostname}:${port || '443'}` && PROXY_OUTAGE.has(status);
    return (proxy === true || (failed ?? host) === host) && OUT_OF_REACH.has(reason);
  }

  /** Never nothing, and never so long that the end of the outage is missed for long. */
  #outageDelay(): number {
    const delay = Math.min(LONGEST_OUTAGE_DELAY, FIRST_DELAY * 2 ** (this.#tries - 1));
    return (delay * (1 + this.#options.random())) / 2;
  }

  #wait(asked: number | undefined, host: string): number | undefined {
    const { random } = this.#options;
    if (this.#tries >= (this.#options.tries ?? TRIES)) return undefined;
    if (asked === undefined) return random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (this.#tries - 1));
    return this.#close(asked, host) ? asked : undefined;
  }

  /** False when that is longer than anybody wants to wait. */
  #close(asked: number, host: string): boolean {
    const { clock, gate, maxWait = MAX_WAIT } = this.#options;
    if (asked > maxWait) return false;
    gate.close(host, clock.now() + asked);
    return true;
  }

  get #isRepeatable(): boolean {
    return this.#request.repeatable ?? this.#request.method !== 'PATCH';
  }

  #mayRepeat(error: HubError): boolean {
    if (!error.retryable || error.details['retry'] === false) return false;
    if (!this.#isRepeatable && error.details['sent'] !== false) return false;
    return this.#tries < this.#triesFor(error) || this.#isOutage(error);
  }

  /** Nobody needs long for a small answer; a registry that gets a large one from elsewhere first may. */
  get #silences(): number {
    const { silences, expected = 0 } = this.#request;
    return silences ?? (expected > LARGE ? TRIES : SILENCES);
  }

  /** A host that was never reached is given up sooner: it is more likely wrong than busy. */
  #triesFor(error: HubError): number {
    const { reached, tries = TRIES } = this.#options;
    const { url } = this.#request;
    const reason = error.details['reason'];
    if (reason === 'headers-timeout' || (reason === 'body-timeout' && this.#request.whole))
      return Math.min(tries, this.#silences);
    if (reason === 'token-timeout') return 2;
    if (reached.has(url.host)) return tries;
    if (reason === 'no-such-host') return 1;
    if (reason === 'refused') return isLoopback(url.hostname) ? 2 : 1;
    return reason === 'connect-timeout' || reason === 'no-route' ? 2 : tries;
  }

  #announce(outcome: Outcome, delay: number): void {
    const { onRetry, show } = this.#options;
    const message =
      'response' in outcome ? `${outcome.response.status} from ${outcome.response.url.host}` : messageOf(outcome.error);
    onRetry?.({ url: show(this.#request.url), attempt: this.#tries, delay, message });
  }

  #finish(outcome: Outcome): HttpResponse {
    const tries = this.#tries;
    if ('response' in outcome) return tries > 1 ? { ...outcome.response, tries } : outcome.response;
    const { error } = outcome;
    if (tries <= 1 || !HubError.is(error) || !error.retryable) throw error;
    throw new HubError(error.code, `${error.message} (${tries} tries)`, {
      cause: error,
      hint: error.hint,
      details: { ...error.details, tries },
    });
  }
}

async function gathered(response: HttpResponse, { whole, method }: HttpRequest): Promise<HttpResponse> {
  if (!whole || response.status !== 200 || method === 'HEAD') return response;
  return { ...response, body: contentOf(await collect(response.body, whole.limit, whole.what)) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
