// How is content read so that a broken connection costs only what was not received yet?
import { setTimeout as pause } from 'node:timers/promises';
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Content, Open, ReadOptions, Source } from './endpoint.ts';
import { Verifier } from './verify.ts';

/** Tries without at least this many bytes of progress count against the budget. */
const PROGRESS = 64 * 1024;
const TRIES = 5;
/** Milliseconds. What broke once most often works at once; after that the wait doubles with each try. */
const FIRST_DELAY = 100;
const DELAY = 250;

export interface ReaderOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that came just now. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly onStart?: ((offset: number) => void) | undefined;
  /** Waits some milliseconds; a test supplies its own. */
  readonly sleep?: ((delay: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  readonly onRetry?: ((attempt: number, delay: number, error: HubError) => void) | undefined;
}

/**
 * An `Open` over a source that verifies what it reads from byte 0, and continues a body that broke with a new read at
 * the byte it got to. A read that starts later is verified by whoever holds the first part; here its length is bounded.
 * Throws DIGEST_MISMATCH, and what the source throws once the tries are used up.
 */
export function reader(source: Source, descriptor: Descriptor, options: ReaderOptions = {}): Open {
  return async (range: ReadOptions = {}) => {
    const call = { ...range, signal: range.signal ?? options.signal };
    const first = await source.read(descriptor, call).catch((error: unknown) => {
      throw call.signal?.aborted ? error : stoppedAt(descriptor, call.start ?? 0, error);
    });
    options.onStart?.(range.start ?? 0);
    return new ResumingContent({ source, descriptor, range: call, options, first });
  };
}

/** The same content by another way than before. */
export function freshly(open: Open): Open {
  return (range) => open({ ...range, fresh: true });
}

interface Reading {
  readonly source: Source;
  readonly descriptor: Descriptor;
  readonly range: ReadOptions;
  readonly options: ReaderOptions;
  readonly first: Content;
}

class ResumingContent implements Content {
  readonly #reading: Reading;
  readonly #verifier: Verifier | undefined;
  #content: Content;
  #position: number;
  #consumerFailed = false;
  readonly #end: number | undefined;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.#content = reading.first;
    this.#position = reading.range.start ?? 0;
    const { range, descriptor, first } = reading;
    this.#end = range.greedy && first.isPart !== true ? undefined : range.end;
    const whole = this.#position === 0 && (this.#end ?? descriptor.size) >= descriptor.size;
    this.#verifier = whole && range.unverified !== true ? new Verifier(descriptor) : undefined;
  }

  /** The whole is checked here, so nobody has to do it again. */
  get verified(): boolean {
    return this.#verifier !== undefined;
  }

  get lasting(): boolean {
    return this.#content.lasting === true;
  }

  get isPart(): boolean {
    return this.#reading.first.isPart === true;
  }

  async forEach(consume: (chunk: Uint8Array) => void | Promise<void>, landed?: (bytes: number) => void): Promise<void> {
    // What is verified here has to pass here.
    const count = landed && !this.#verifier ? (bytes: number): void => this.#count(bytes, landed) : undefined;
    let failures = 0;
    let refill = this.#position + PROGRESS;
    for (;;) {
      const start = this.#position;
      try {
        await this.#content.forEach((chunk) => this.#pass(chunk, consume), count);
        this.#checkEnd(start);
        this.#verifier?.finish();
        return;
      } catch (error) {
        if (this.#isDamaged(error)) throw damagedAt(this.#reading, error);
        if (this.#position >= refill) failures = 0;
        refill = this.#position + PROGRESS;
        failures += 1;
        if (!this.#mayRetry(error, failures)) throw this.#stopped(error);
        await this.#reopen(failures, error as HubError);
      }
    }
  }

  cancel(): void {
    this.#content.cancel();
  }

  #pass(chunk: Uint8Array, consume: (chunk: Uint8Array) => void | Promise<void>): void | Promise<void> {
    this.#verifier?.update(chunk);
    this.#position += chunk.length;
    this.#reading.options.onBytes?.(chunk.length);
    try {
      const pause = consume(chunk);
      return pause?.catch((error: unknown) => {
        this.#consumerFailed = true;
        throw error;
      });
    } catch (error) {
      this.#consumerFailed = true;
      throw error;
    }
  }

  #count(bytes: number, landed: (bytes: number) => void): void {
    this.#position += bytes;
    if (bytes > 0) this.#reading.options.onBytes?.(bytes);
    try {
      landed(bytes);
    } catch (error) {
      this.#consumerFailed = true;
      throw error;
    }
  }

  /** An answer that ended in order, but too early, is one that broke off, unless it brought nothing at all. */
  #checkEnd(start: number): void {
    const { descriptor, source } = this.#reading;
    const end = Math.min(this.#end ?? descriptor.size, descriptor.size);
    if (this.#position >= end || this.#position === start) return;
    throw new HubError('UNREACHABLE', `${source.name} sent less than there is of ${descriptor.digest}`, {
      details: { reason: 'broken-body', received: this.#position, expected: end },
    });
  }

  #isDamaged(error: unknown): error is HubError {
    return !this.#consumerFailed && this.#reading.source.sound === true && HubError.is(error, 'DIGEST_MISMATCH');
  }

  #mayRetry(error: unknown, failures: number): boolean {
    if (this.#consumerFailed || this.#reading.range.signal?.aborted) return false;
    return HubError.is(error) && error.retryable && failures <= TRIES;
  }

  async #reopen(failures: number, error: HubError): Promise<void> {
    const { source, descriptor, range, options } = this.#reading;
    const delay = failures === 1 ? FIRST_DELAY : DELAY * 2 ** (failures - 1);
    options.onRetry?.(failures, delay, error);
    if (options.sleep) await options.sleep(delay, range.signal);
    else if (source.sleep) await source.sleep(delay, range.signal);
    else await pause(delay, undefined, { signal: range.signal });
    try {
      this.#content = await source.read(descriptor, { ...range, start: this.#position, end: this.#end });
    } catch (cause) {
      throw this.#stopped(cause);
    }
  }

  #stopped(error: unknown): unknown {
    const { range, descriptor } = this.#reading;
    return this.#consumerFailed || range.signal?.aborted ? error : stoppedAt(descriptor, this.#position, error);
  }
}

/** Says of what, and how far it got where trying again later may help. */
function stoppedAt({ digest, size }: Descriptor, position: number, error: unknown): unknown {
  if (!HubError.is(error)) return error;
  const { code, message, details, retryable } = error;
  // Of this machine's own files, the message tells which one.
  if (!retryable && (details['host'] === undefined || message.includes(digest))) return error;
  const said = message.replace(new RegExp(`^pull (?:blob|manifest) ${digest} of \\S+: `), '');
  return new HubError(code, `${digest}${retryable ? ` stopped at ${position} of ${size} bytes` : ''}: ${said}`, {
    cause: error,
    hint: retryable && position > 0 ? 'run the same command again: it goes on from there' : error.hint,
    details: { ...details, digest, position },
  });
}

/** The error for content that was sound once: to read it again is of no use. */
function damagedAt({ source, descriptor }: Reading, cause: HubError): HubError {
  return new HubError('DIGEST_MISMATCH', `${descriptor.digest} is damaged in ${source.name}`, {
    cause,
    hint: 'fetch what is damaged once more with: hubctl store verify --repair',
    details: { ...cause.details, damaged: true },
  });
}
