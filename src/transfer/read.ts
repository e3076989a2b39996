// How is content read so that a broken connection costs only what was not received yet?
import { setTimeout as pause } from 'node:timers/promises';
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Content, Open, ReadOptions, Source } from './endpoint.ts';
import { Verifier } from './verify.ts';

/** Tries without at least this many bytes of progress count against the budget. */
const PROGRESS = 64 * 1024;
const TRIES = 5;
const FIRST_DELAY = 250; // milliseconds, doubled with each try

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
    const first = await source.read(descriptor, call);
    options.onStart?.(range.start ?? 0);
    return new ResumingContent({ source, descriptor, range: call, options, first });
  };
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

  get isPart(): boolean {
    return this.#reading.first.isPart === true;
  }

  async forEach(consume: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    let failures = 0;
    let refill = this.#position + PROGRESS;
    for (;;) {
      try {
        await this.#content.forEach((chunk) => this.#pass(chunk, consume));
        this.#verifier?.finish();
        return;
      } catch (error) {
        if (this.#position >= refill) failures = 0;
        refill = this.#position + PROGRESS;
        failures += 1;
        if (!this.#mayRetry(error, failures)) throw error;
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

  #mayRetry(error: unknown, failures: number): boolean {
    if (this.#consumerFailed || this.#reading.range.signal?.aborted) return false;
    return HubError.is(error) && error.retryable && failures <= TRIES;
  }

  async #reopen(failures: number, error: HubError): Promise<void> {
    const { source, descriptor, range, options } = this.#reading;
    const delay = FIRST_DELAY * 2 ** (failures - 1);
    options.onRetry?.(failures, delay, error);
    await (options.sleep ?? defaultSleep)(delay, range.signal);
    this.#content = await source.read(descriptor, { ...range, start: this.#position, end: this.#end });
  }
}

async function defaultSleep(delay: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(delay, undefined, { signal });
}
