// How does the body of a request arrive, and when is it given up?
import type { IncomingMessage } from 'node:http';
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import { refusal } from './wire.ts';

export interface BodyLimits {
  /** Milliseconds without a byte. */
  readonly idle: number;
  /** Bytes per second a body must reach after `grace`. */
  readonly slowest: number;
  /** Milliseconds in which a body may be slower. */
  readonly grace: number;
}

export const BODY_LIMITS: BodyLimits = { idle: 60_000, slowest: 1024, grace: 60_000 };

/** The body of one request: read once, or not at all. */
export class Body implements Content {
  readonly #incoming: IncomingMessage;
  readonly #limits: BodyLimits;
  readonly #onStart: (() => void) | undefined;
  #reception: Reception | undefined;

  /** `onStart` is called when somebody wants the body: only then a client that asked is told to go on. */
  constructor(incoming: IncomingMessage, limits: BodyLimits = BODY_LIMITS, onStart?: () => void) {
    this.#incoming = incoming;
    this.#limits = limits;
    this.#onStart = onStart;
  }

  /** Bytes read so far. */
  get received(): number {
    return this.#reception?.bytes ?? 0;
  }

  /** Bytes announced; undefined when the client does not know, as with chunked encoding. */
  get length(): number | undefined {
    const { 'content-length': length, 'transfer-encoding': encoding } = this.#incoming.headers;
    if (length !== undefined) return Number(length);
    return encoding === undefined ? 0 : undefined;
  }

  /** Throws UNREACHABLE when the client went away, and the refusal of a client that is too slow. */
  forEach(consume: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    this.#onStart?.();
    this.#reception = new Reception(this.#incoming, this.#limits);
    return this.#reception.run(consume);
  }

  /** All of a small body. Throws SIZE_INVALID with status 413 as soon as it exceeds `limit` bytes. */
  async bytes(limit: number): Promise<Buffer> {
    const tooLarge = (): HubError =>
      refusal('SIZE_INVALID', { status: 413, message: `the body is larger than ${limit} bytes` });
    if ((this.length ?? 0) > limit) throw tooLarge();
    const chunks: Uint8Array[] = [];
    let size = 0;
    await this.forEach((chunk) => {
      size += chunk.length;
      if (size > limit) throw tooLarge();
      chunks.push(chunk);
    });
    return Buffer.concat(chunks, size);
  }

  cancel(): void {
    this.#incoming.resume();
  }
}

/** One run through a body. Chunks are the client's own buffers: whoever keeps them need not copy. */
class Reception {
  readonly #incoming: IncomingMessage;
  readonly #limits: BodyLimits;
  readonly #started = performance.now();
  bytes = 0;
  #lastByte = performance.now();
  #paused = false;

  constructor(incoming: IncomingMessage, limits: BodyLimits) {
    this.#incoming = incoming;
    this.#limits = limits;
  }

  run(consume: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    const incoming = this.#incoming;
    if (incoming.readableEnded) return Promise.resolve();
    if (incoming.destroyed) return Promise.reject(goneError());
    return new Promise<void>((resolve, reject) => {
      const { idle, grace } = this.#limits;
      const watch = setInterval(() => this.#check(fail), Math.max(20, Math.min(idle / 4, grace / 4, 5000)));
      watch.unref();
      const settle = (done: () => void): void => {
        clearInterval(watch);
        incoming.removeListener('data', onData);
        incoming.removeListener('end', onEnd);
        incoming.removeListener('error', onGone);
        incoming.removeListener('close', onGone);
        done();
      };
      const fail = (error: unknown): void => settle(() => reject(error));
      const onEnd = (): void => settle(resolve);
      const onGone = (): void => fail(goneError());
      const onData = (chunk: Uint8Array): void => this.#take(chunk, consume, fail);
      incoming.on('data', onData);
      incoming.on('end', onEnd);
      incoming.on('error', onGone);
      incoming.on('close', onGone);
    });
  }

  #take(chunk: Uint8Array, consume: (chunk: Uint8Array) => void | Promise<void>, fail: (error: unknown) => void): void {
    this.bytes += chunk.length;
    this.#lastByte = performance.now();
    try {
      const pause = consume(chunk);
      if (pause) this.#wait(pause, fail);
    } catch (error) {
      fail(error);
    }
  }

  #wait(pause: Promise<void>, fail: (error: unknown) => void): void {
    this.#incoming.pause();
    this.#paused = true;
    pause.then(() => {
      this.#paused = false;
      this.#lastByte = performance.now();
      this.#incoming.resume();
    }, fail);
  }

  /** Time that we ourselves take is not held against the client. */
  #check(fail: (error: unknown) => void): void {
    if (this.#paused) return;
    const now = performance.now();
    const { idle, slowest, grace } = this.#limits;
    const elapsed = now - this.#started;
    const tooSlow = elapsed > grace && (this.bytes / elapsed) * 1000 < slowest;
    if (now - this.#lastByte <= idle && !tooSlow) return;
    fail(
      refusal('SIZE_INVALID', {
        status: 408,
        message: `the body came too slowly: ${this.bytes} bytes in ${Math.round(elapsed / 1000)} s`,
        headers: { connection: 'close' },
      }),
    );
  }
}

function goneError(): HubError {
  return new HubError('UNREACHABLE', 'the client went away before the body was complete');
}
