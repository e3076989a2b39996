// What happens between one request going out on a connection and the last byte of its answer?
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import { whenAborted } from '../util/when-aborted.ts';
import type { Clock } from './clock.ts';
import { abortedBy, codeOf, failureOf, seconds } from './failure.ts';
import { headersOf } from './headers.ts';
import type { HttpRequest, HttpResponse } from './layer.ts';
import { tlsFailureOf } from './tls-failure.ts';
import type { DispatchController, RawHeaders } from './undici.ts';

export interface ExchangeOptions {
  readonly clock: Clock;
  /** Milliseconds, for the messages. */
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
}

/** An answer that has less than this many bytes left is read to its end when it is cancelled, which saves the connection. */
const WORTH_READING = 64 * 1024;
const MAX_INFORMATIONAL = 20;
/** Whoever sends slower than this for that long is treated as if it sent nothing. */
const SLOWEST = { bytes: 60 * 1024, milliseconds: 60_000 };

/** Shared by all, as there are hundreds. */
const NOBODY = { resolve: (): void => undefined, reject: (): void => undefined };

/** One request on one connection: whoever reads the connection reports to it, the caller gets `response` and later the body. */
export class Exchange implements Content {
  readonly response: Promise<HttpResponse>;
  readonly #request: HttpRequest;
  readonly #options: ExchangeOptions;
  #state: 'waiting' | 'answered' | 'ended' | 'failed' = 'waiting';
  #controller: DispatchController | undefined;
  /** Why it failed: what the caller gets, and the same as undici wants it. */
  #failure: { readonly error: unknown; readonly reason: HubError } | undefined;
  #settle: { resolve(response: HttpResponse): void; reject(error: unknown): void } = NOBODY;
  #reader:
    | { consume(chunk: Uint8Array): void | Promise<void>; resolve(): void; reject(error: unknown): void }
    | undefined;
  /** An answer without a body, until it is complete. */
  #empty: HttpResponse | undefined;
  /** Once the answer is not wanted: how many of its bytes may still come before the connection is given up instead. */
  #discardUntil: number | undefined;
  #forgetSignal: () => void = NOBODY.reject;
  /** Told when it fails, for whoever keeps it until there is a connection. */
  onGivenUp: (() => void) | undefined;
  #isReused = false;
  #informational = 0;
  #expected: number | undefined;
  #received = 0;
  #pace = { since: 0, last: 0, received: 0, paused: false };

  constructor(request: HttpRequest, options: ExchangeOptions) {
    this.#request = request;
    this.#options = options;
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    if (request.signal?.aborted) this.#onAbort();
    else if (request.signal) this.#forgetSignal = whenAborted(request.signal, () => this.#onAbort());
  }

  /** True when nothing more can come of it. */
  get isOver(): boolean {
    return this.#state === 'ended' || this.#state === 'failed';
  }

  /** Called once per request and connection, before a byte is written. `isReused`: the connection has answered before. */
  onRequestStart(controller: DispatchController, isReused: boolean): void {
    this.#controller = controller;
    this.#isReused = isReused;
    if (this.#failure) controller.abort(this.#failure.reason);
  }

  onResponseStart(controller: DispatchController, status: number, raw: RawHeaders): void {
    if (this.#state !== 'waiting') return;
    if (status < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) this.fail(this.#nonsense('sends informational answers without end'));
      return;
    }
    this.#state = 'answered';
    const headers = headersOf(raw);
    this.#expected = expectedLength(this.#request.method, status, headers.get('content-length'));
    const response = { status, headers, url: this.#request.url, body: this };
    if (this.#expected === 0) {
      this.#empty = response;
      return;
    }
    controller.pause();
    this.#settle.resolve(response);
  }

  onResponseData(controller: DispatchController, chunk: Buffer): void {
    // Resuming a paused parser when nothing has arrived yet gives an empty piece. A reader that pauses for each piece
    // would be resumed and given the next empty one for ever, and the socket would never get its turn.
    if (this.#state !== 'answered' || chunk.length === 0) return;
    this.#received += chunk.length;
    if (this.#discardUntil !== undefined && this.#received > this.#discardUntil) return this.fail(unwanted());
    if (!this.#reader) return;
    if (this.#isTooSlow()) return this.fail(this.#tooSlow());
    try {
      const pause = this.#reader.consume(chunk);
      if (pause) this.#pauseFor(pause, controller);
    } catch (error) {
      this.fail(error);
    }
  }

  /** `isFree`: the connection takes another request at once. That of undici does one turn later, and would open a second one. */
  onResponseEnd(isFree = false): void {
    if (this.#state !== 'answered') return;
    this.#state = 'ended';
    this.#forgetSignal();
    if (isFree) this.#complete();
    else soon(() => setImmediate(() => this.#complete()));
  }

  #complete(): void {
    if (this.#empty) this.#settle.resolve(this.#empty);
    this.#reader?.resolve();
  }

  onResponseError(_controller: DispatchController | undefined, error: unknown): void {
    this.fail(this.#explain(error));
  }

  /** Ends the exchange: the caller, whatever it is waiting for, gets the error, and the connection is closed. */
  fail(error: unknown): void {
    if (this.#state === 'ended' || this.#state === 'failed') return;
    this.#state = 'failed';
    const reason = HubError.is(error)
      ? error
      : new HubError('ABORTED', 'the answer is no longer wanted', { cause: error });
    this.#failure = { error, reason };
    this.#forgetSignal();
    this.#settle.reject(error);
    this.#reader?.reject(error);
    this.#controller?.abort(reason);
    this.onGivenUp?.();
  }

  async forEach(consume: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    if (this.#reader || this.#discardUntil !== undefined)
      throw new HubError('FAILED', 'the body of an answer can be read only once');
    if (this.#failure) throw this.#failure.error;
    if (this.#state === 'ended') return undefined;
    return new Promise((resolve, reject) => {
      this.#reader = { consume, resolve, reject };
      this.#pace.since = this.#pace.last = this.#options.clock.now();
      // Not in this turn: undici may be inside the parser of another connection.
      soon(() => this.#resume());
    });
  }

  cancel(): void {
    if (this.#state !== 'answered' || this.#discardUntil !== undefined) return;
    const isLong = this.#expected !== undefined && this.#expected - this.#received > WORTH_READING;
    if (this.#reader || isLong) {
      this.fail(unwanted());
      return;
    }
    this.#discardUntil = this.#received + WORTH_READING;
    soon(() => this.#resume());
  }

  #onAbort(): void {
    const { signal } = this.#request;
    if (signal) this.fail(abortedBy(signal));
  }

  #resume(): void {
    if (this.#state === 'answered') this.#controller?.resume();
  }

  #pauseFor(pause: Promise<void>, controller: DispatchController): void {
    controller.pause();
    this.#pace.paused = true;
    pause.then(
      () => this.#resume(),
      (error: unknown) => this.fail(error),
    );
  }

  /**
   * Looks at whole windows only; one in which the reader made the sender wait does not count. Nor does one with a gap that a
   * body is never waited for: this machine slept, or its clock was set.
   */
  #isTooSlow(): boolean {
    const now = this.#options.clock.now();
    const { since, last, received, paused } = this.#pace;
    this.#pace.last = now;
    const isWhole = now >= last && now - last <= this.#options.bodyTimeout;
    if (isWhole && now - since < SLOWEST.milliseconds) return false;
    const isSlow = isWhole && !paused && this.#received - received < SLOWEST.bytes;
    this.#pace = { since: now, last: now, received: this.#received, paused: false };
    return isSlow;
  }

  #tooSlow(): HubError {
    const limit = `less than 1 KiB a second for ${seconds(SLOWEST.milliseconds)}`;
    return new HubError('TIMEOUT', `${this.#host} sends ${limit}${this.#progress}`, {
      details: { host: this.#host, reason: 'body-timeout' },
    });
  }

  #nonsense(what: string): HubError {
    return new HubError('SERVER_ERROR', `${this.#host} ${what}`, { details: { host: this.#host, retry: false } });
  }

  get #host(): string {
    return this.#request.url.host;
  }

  get #progress(): string {
    const total = this.#expected === undefined ? '' : ` of ${this.#expected}`;
    return ` (after ${this.#received}${total} bytes)`;
  }

  #explain(error: unknown): HubError {
    if (HubError.is(error)) return error;
    const { headersTimeout, bodyTimeout, clock } = this.#options;
    const hasAnswered = this.#state === 'answered';
    if (codeOf(error).startsWith('ERR_SSL_')) {
      return tlsFailureOf(error, { host: this.#host, now: clock.now(), limit: headersTimeout });
    }
    const limit = hasAnswered ? bodyTimeout : headersTimeout;
    const failure = failureOf(error, {
      host: this.#host,
      limit,
      details: { ...(!this.#controller && { sent: false }) },
    });
    const isReset = failure.details['reason'] === 'reset';
    if (hasAnswered) return this.#brokenBody(failure, isReset);
    // A kept connection that the other side closed just before it was used again: nothing is wrong.
    return isReset && this.#isReused ? withDetails(failure, { stale: true }) : failure;
  }

  #brokenBody(failure: HubError, isReset: boolean): HubError {
    const says = isReset ? `the connection to ${this.#host} broke` : failure.message;
    const details = { received: this.#received, expected: this.#expected, ...(isReset && { reason: 'broken-body' }) };
    return withDetails(failure, details, `${says}${this.#progress}`);
  }
}

/** As queueMicrotask, which makes a resource to be traced of each call. */
function soon(call: () => void): void {
  void Promise.resolve().then(call);
}

function withDetails(error: HubError, details: object, message = error.message): HubError {
  const { code, cause, hint } = error;
  return new HubError(code, message, { cause, hint, details: { ...error.details, ...details } });
}

function unwanted(): HubError {
  return new HubError('ABORTED', 'the answer is no longer wanted');
}

/** Bytes of the body; undefined when only its end will tell. */
function expectedLength(method: string, status: number, declared: string | undefined): number | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  return declared !== undefined && /^\d+$/.test(declared) ? Number(declared) : undefined;
}
