// How is one thread that reads given its work, and what becomes of the work when the thread ends?
import { Worker } from 'node:worker_threads';
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import type { FileHash, Landing } from '../util/landing.ts';
import { watchLoad } from '../util/machine.ts';
import { abortedBy } from './failure.ts';
import { headersOf, parseContentRange } from './headers.ts';
import type { HttpHeaders, HttpRequest, HttpResponse } from './layer.ts';
import type { Ask, Order, PlainError, Report } from './thread-messages.ts';

/** Megabytes. The thread keeps nothing but one piece of an answer. */
const MEMORY = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4 };

/** The main thread's end of a thread that reads; see thread.ts. */
export class ThreadReader {
  readonly #worker: Worker;
  #landing: Landing | undefined;
  #running: Running | undefined;
  #hashing: ((hex: string | undefined) => void) | undefined;
  #hasEnded = false;
  readonly #unwatch: () => void;

  /** `program` is a module, or its text. */
  constructor(program: URL | string) {
    const options = { execArgv: [], stdin: false, resourceLimits: MEMORY };
    this.#worker = new Worker(program, { ...options, eval: typeof program === 'string' });
    this.#worker.on('message', (report: Report) => this.#told(report));
    this.#worker.on('error', () => this.#end());
    this.#worker.on('exit', () => this.#end());
    this.#unwatch = watchLoad(() => this.#worker.performance.eventLoopUtilization().utilization);
    // A listener keeps the process; only whoever waits for something should.
    this.#worker.unref();
  }

  /** The file it has to do with. */
  get landing(): Landing | undefined {
    return this.#landing;
  }

  get isBusy(): boolean {
    return this.#hasEnded || this.#running !== undefined;
  }

  /** Resolves when a request that is no longer wanted has ended; at once when there is none. */
  get stopped(): Promise<void> | undefined {
    return this.#running?.isStopped ? this.#running.ended : undefined;
  }

  /** From now on it has to do with this file, and hashes it unless somebody else does. */
  serve(landing: Landing): void {
    this.#landing = landing;
    this.#order({ do: 'hash', fd: landing.fd, algorithm: landing.algorithm });
    const done = new Promise<string | undefined>((resolve) => {
      this.#hashing = resolve;
    });
    const hash: FileHash = {
      advance: (prefix) => this.#order({ do: 'advance', prefix }),
      finish: async (size) => {
        // From here on somebody waits for the thread, so it must not be left behind.
        this.#worker.ref();
        this.#order({ do: 'finish', size });
        return done;
      },
      stop: async () => {
        this.#order({ do: 'forget' });
        await done;
      },
    };
    if (!landing.adopt(hash)) this.#order({ do: 'forget' });
  }

  /** As `ReadingThreads.get`. */
  async get(request: HttpRequest, ask: Ask): Promise<HttpResponse | 'odd' | undefined> {
    const running = new Running(request, {
      order: (order) => this.#order(order),
      onEnd: () => {
        this.#running = undefined;
        this.#rest();
      },
    });
    this.#running = running;
    this.#worker.ref();
    this.#order({ do: 'get', ask });
    if (this.#hasEnded) running.lost();
    return running.response;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
    this.#end();
  }

  #order(order: Order): void {
    this.#worker.postMessage(order, []);
  }

  #told(report: Report): void {
    if (report.is !== 'hash') return this.#running?.told(report);
    this.#hashing?.(report.hex);
    this.#hashing = undefined;
    this.#rest();
  }

  #rest(): void {
    if (this.#hashing || this.#running) return;
    this.#landing = undefined;
    this.#worker.unref();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#unwatch();
    this.#hashing?.(undefined);
    this.#hashing = undefined;
    this.#running?.lost();
    this.#rest();
  }
}

interface RunningOptions {
  readonly order: (order: Order) => void;
  readonly onEnd: () => void;
}

/** One request, until its body is where it belongs or nothing is written any more. */
class Running implements Content {
  readonly response: Promise<HttpResponse | 'odd' | undefined>;
  readonly ended: Promise<void>;
  readonly #request: HttpRequest;
  readonly #options: RunningOptions;
  #settle: { resolve(answer: HttpResponse | 'odd' | undefined): void; reject(error: unknown): void };
  #end: () => void = () => undefined;
  #state: 'waiting' | 'answered' | 'ended' = 'waiting';
  #canLand = false;
  #reader: Reader | undefined;
  /** Why it is to end. */
  #stop: { readonly error: unknown } | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(request: HttpRequest, options: RunningOptions) {
    this.#request = request;
    this.#options = options;
    this.#settle = { resolve: () => undefined, reject: () => undefined };
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get isStopped(): boolean {
    return this.#stop !== undefined;
  }

  told(report: Exclude<Report, { is: 'hash' }>): void {
    switch (report.is) {
      case 'head':
        return this.#answer(report);
      case 'landed':
        return this.#landed(report.bytes, report.asks === true);
      case 'chunk':
        return void this.#chunk(report.bytes);
      case 'done':
        return this.#finish(this.#stop);
      case 'failed':
        return this.#finish(this.#stop ?? { error: errorOf(report.error) });
      case 'odd':
        if (!this.#stop) this.#settle.resolve('odd');
        return this.#finish(this.#stop);
      case 'unsent':
        if (!this.#stop) this.#settle.resolve(undefined);
        return this.#finish(this.#stop);
    }
  }

  /** The thread is no more. What it was asked before there was an answer, somebody else can be asked. */
  lost(): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'waiting' && !this.#stop) this.#settle.resolve(undefined);
    const { host } = this.#request.url;
    const message = `the thread that read from ${host} ended`;
    const error = new HubError('UNREACHABLE', message, { details: { host, reason: 'broken-body' } });
    this.#finish(this.#stop ?? { error });
  }

  async forEach(consume: (chunk: Uint8Array) => void | Promise<void>, landed?: (bytes: number) => void): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    if (this.#reader || this.#stop) throw new HubError('FAILED', 'the body of an answer can be read only once');
    const { into } = this.#request;
    return new Promise((resolve, reject) => {
      this.#reader = { consume, landed, resolve, reject };
      if (!into || !landed || !this.#canLand) return this.#options.order({ do: 'read' });
      const { landing, position } = into;
      this.#options.order({ do: 'land', fd: landing.fd, path: landing.path, position });
    });
  }

  cancel(): void {
    this.#giveUp(new HubError('ABORTED', 'the answer is no longer wanted'));
  }

  readonly #onAbort = (): void => {
    const { signal } = this.#request;
    if (!signal) return;
    const error = abortedBy(signal);
    this.#giveUp(error);
    // Nobody writes before there is an answer.
    if (this.#state === 'waiting') this.#settle.reject(error);
  };

  /** Whoever reads is told when the thread has stopped: before that the file may still be written to. */
  #giveUp(error: unknown): void {
    if (this.#state === 'ended' || this.#stop) return;
    this.#stop = { error };
    this.#options.order({ do: 'stop' });
  }

  #answer({ status, headers: raw }: Extract<Report, { is: 'head' }>): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'answered';
    const headers = headersOf(raw);
    this.#canLand = isAsAsked(this.#request, { status, headers });
    this.#settle.resolve({ status, headers, url: this.#request.url, body: this });
  }

  #landed(bytes: number, asks: boolean): void {
    if (!this.#reader?.landed) return;
    try {
      // What is in the file counts, also when the rest is not wanted.
      this.#reader.landed(bytes);
      if (asks) this.#options.order({ do: 'more' });
    } catch (error) {
      this.#giveUp(error);
    }
  }

  async #chunk(bytes: Uint8Array): Promise<void> {
    if (this.#stop || !this.#reader) return;
    try {
      await this.#reader.consume(bytes);
      this.#options.order({ do: 'more' });
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #finish(failure: { readonly error: unknown } | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#failure = failure;
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#options.onEnd();
    this.#end();
    if (failure) {
      this.#settle.reject(failure.error);
      this.#reader?.reject(failure.error);
    } else this.#reader?.resolve();
  }
}

interface Reader {
  readonly consume: (chunk: Uint8Array) => void | Promise<void>;
  readonly landed: ((bytes: number) => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Only a body of known length that fits where it is to go may be written there without being looked at. */
function isAsAsked(request: HttpRequest, { status, headers }: Pick<HttpResponse, 'status' | 'headers'>): boolean {
  const { into, expected = 0 } = request;
  const length = plainLength(headers);
  if (!into || length === undefined) return false;
  if (status === 200) return into.position === 0 && length <= into.landing.size;
  const range = parseContentRange(headers.get('content-range'));
  return status === 206 && range?.start === into.position && length <= expected;
}

/** Bytes of a body that is sent as it is; undefined for any other. */
function plainLength(headers: HttpHeaders): number | undefined {
  const encoding = headers.get('content-encoding')?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity' || headers.get('transfer-encoding') !== undefined) return undefined;
  const length = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function errorOf({ code, message, hint, details }: PlainError): HubError {
  return new HubError(code, message, { hint, details });
}
