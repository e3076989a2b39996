// How do several requests take turns on one connection that this program reads by itself?
import type { Socket } from 'node:net';
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import { AnswerReader } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { pour } from './pour.ts';
import { Silence } from './silence.ts';
import { tapOf } from './tap.ts';
import type { DispatchController, RawHeaders } from './undici.ts';

/** A request that is ready to be written. */
export interface Job {
  readonly exchange: Exchange;
  /** Everything up to and with the empty line. */
  readonly head: string;
  readonly method: string;
  /** Bytes that will come at most; without end when nobody knows. */
  readonly expected: number;
  /** Milliseconds. */
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  /** What follows the head. A stream has the whole connection to itself. */
  readonly body?: Buffer | JobBody | undefined;
  /** The beginning of the answer is not for this reader; nothing was told to the exchange. */
  readonly onOdd: () => void;
}

export interface JobBody {
  readonly content: Content;
  /** Bytes. */
  readonly length: number;
  /** For messages. */
  readonly host: string;
  /** Milliseconds the connection may take no byte. */
  readonly timeout: number;
}

/** Who owns the connection. */
export interface WireOwner {
  /** An answer has ended, or was given up: there may be room for more. */
  onRoom(wire: Wire): void;
  /** The connection is gone. `unanswered` were written after the one that it broke in, and nothing of their answers came. */
  onClose(wire: Wire, unanswered: readonly Job[]): void;
  /** So many milliseconds passed between a request, with no other before it, and its answer. */
  onAnswer?(delay: number): void;
}

/** Milliseconds an idle connection is kept: load balancers keep one for at least a minute. */
const KEEP_ALIVE = 15_000;

const NOTHING = Buffer.alloc(0);
/** What the codes mean says failure.ts. */
const RESET = { code: 'ECONNRESET' };
const TOO_LATE = { head: { code: 'UND_ERR_HEADERS_TIMEOUT' }, body: { code: 'UND_ERR_BODY_TIMEOUT' } };

export class Wire {
  readonly #socket: Socket;
  readonly #owner: WireOwner;
  readonly #reader: AnswerReader;
  /** Written, not yet answered whole; the first is being answered. */
  readonly #jobs: Job[] = [];
  /** What was read while the reader was paused. Belongs to the socket's buffer, which is not read into meanwhile. */
  readonly #pending: { readonly bytes: Buffer; position: number }[] = [];
  #answers = 0;
  #hasHead = false;
  #closed = false;
  #mayKeep = true;
  /** Bytes of a body that the socket has not taken yet. */
  #left = 0;
  /** The server has sent its last byte, which may not have been looked at. */
  #hasEnded = false;
  readonly #silence = new Silence({
    isWaiting: () => !this.#reader.paused,
    onSilence: () => this.#onSilence(),
  });
  /** When the request was written that is answered next, where nothing was before it. */
  #asked: number | undefined;
  /** When the last bytes came. */
  #heard = 0;
  #idle = KEEP_ALIVE;
  /** For the job whose answer is being read. */
  readonly #controller: DispatchController = {
    pause: () => {
      this.#reader.paused = true;
    },
    resume: () => this.#resume(),
    abort: (reason) => this.#lose(reason),
  };

  constructor(socket: Socket, owner: WireOwner) {
    this.#socket = socket.setKeepAlive(true, 60_000);
    this.#owner = owner;
    this.#reader = new AnswerReader({
      onHead: (status, headers) => this.#onHead(status, headers),
      onBody: (bytes) => this.#jobs[0]?.exchange.onResponseData(this.#controller, bytes as Buffer),
      onEnd: (keeps, idle) => this.#onEnd(keeps, idle),
    });
    const tap = tapOf(socket);
    if (tap) tap.take = (bytes) => this.#take(bytes);
    else socket.on('data', (bytes: Buffer) => void this.#take(bytes));
    socket.on('end', () => {
      tap?.flush();
      this.#onFinish();
    });
    socket.on('error', (error) => {
      tap?.flush();
      this.#lose(error);
    });
    socket.on('close', () => this.#hasEnded || this.#lose(RESET));
    if (tap?.spoke === true) this.#lose(RESET);
    else this.#rest(performance.now());
  }

  /** Requests whose answers have not ended. */
  get load(): number {
    return this.#jobs.length;
  }

  /** Bytes that may still come for them. */
  get due(): number {
    return this.#jobs.reduce((sum, job) => sum + job.expected, 0);
  }

  /** True when another request may be written now. */
  get isOpen(): boolean {
    return !this.#closed && this.#mayKeep;
  }

  send(job: Job): void {
    this.#asked = undefined;
    if (this.#jobs.push(job) === 1) {
      const now = performance.now();
      this.#socket.ref();
      this.#silence.watch(job.headersTimeout, now);
      if (!job.body) this.#asked = now;
    }
    job.exchange.onRequestStart(this.#controllerOf(job), this.#answers > 0 || this.#jobs.length > 1);
    if (!this.#closed) this.#write(job);
  }

  #write({ head, body, exchange }: Job): void {
    if (body === undefined) return void this.#socket.write(head, 'latin1');
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    if (Buffer.isBuffer(body)) this.#socket.write(body);
    else this.#pour(body).catch((error: unknown) => exchange.fail(error));
    this.#socket.uncork();
  }

  async #pour({ content, ...body }: JobBody): Promise<void> {
    this.#left = body.length;
    await pour(content, this.#socket, {
      ...body,
      isWanted: () => !this.#closed && this.#left > 0,
      onTaken: (bytes) => {
        this.#left = Math.max(0, this.#left - bytes);
        this.#silence.heard();
      },
      onStall: (error) => this.#jobs[0]?.exchange.fail(error),
    });
  }

  /** No further request may be written; closes once the answers to those that were have ended. */
  retire(): void {
    this.#mayKeep = false;
    if (this.#jobs.length === 0) this.#lose(RESET);
  }

  destroy(error: HubError): void {
    this.#lose(error);
  }

  /** Bytes from the socket. False tells it to wait. */
  #take(bytes: Buffer): boolean {
    if (this.#closed) return true;
    this.#hear();
    if (this.#jobs.length === 0) {
      this.#lose(RESET);
      return true;
    }
    if (this.#reader.paused) this.#pending.push({ bytes, position: 0 });
    else this.#feed(bytes, 0);
    if (!this.#reader.paused || this.#closed) return true;
    if (!tapOf(this.#socket)) this.#socket.pause();
    return false;
  }

  #hear(): void {
    this.#heard = performance.now();
    this.#silence.heard(this.#heard);
  }

  #feed(bytes: Buffer, from: number): void {
    try {
      let position = from;
      for (;;) {
        position = this.#reader.feed(bytes, position);
        // Bytes after the last answer, such as a body after HEAD: nothing on this connection can be trusted any more.
        const isExtra = position < bytes.length && this.#jobs.length === 0;
        if (isExtra) this.#lose(RESET);
        if (position >= bytes.length || this.#reader.paused || this.#closed) break;
      }
      if (position < bytes.length && !this.#closed) this.#pending.unshift({ bytes, position });
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    const isOdd = HubError.is(error) && error.details['odd'] === true && !this.#hasHead;
    const [first] = this.#jobs;
    if (!isOdd || !first) return this.#lose(error);
    this.#jobs.shift();
    this.#lose(RESET);
    first.onOdd();
  }

  #onHead(status: number, headers: RawHeaders): boolean {
    const job = this.#jobs[0];
    if (!job) return true;
    if (status >= 200) {
      this.#hasHead = true;
      if (this.#asked !== undefined) this.#owner.onAnswer?.(this.#heard - this.#asked);
      this.#asked = undefined;
      if (this.#left > 0) this.#endEarly();
      this.#silence.watch(job.bodyTimeout, this.#heard);
    }
    job.exchange.onResponseStart(this.#controller, status, headers);
    return job.method === 'HEAD';
  }

  /** The server has made up its mind before it had all: the rest stays here, and nobody else can use the connection. */
  #endEarly(): void {
    this.#left = 0;
    this.#mayKeep = false;
  }

  #onEnd(keeps: boolean, idle = KEEP_ALIVE): void {
    const job = this.#jobs.shift();
    this.#answers += 1;
    this.#hasHead = false;
    // A server that says when it will close is left a second before that.
    this.#idle = Math.min(KEEP_ALIVE, idle - 1000);
    this.#reader.paused = false;
    if (!keeps || this.#idle <= 0) this.#mayKeep = false;
    const next = this.#jobs[0];
    if (!this.#mayKeep) this.#lose(RESET);
    else if (next) this.#silence.watch(next.headersTimeout, this.#heard);
    else this.#rest(this.#heard);
    job?.exchange.onResponseEnd(true);
    if (!this.#closed) this.#owner.onRoom(this);
  }

  /** The server ended its side. What came before that is read first. */
  #onFinish(): void {
    this.#hasEnded = true;
    if (this.#closed || this.#reader.paused) return;
    this.#reader.close();
    this.#lose(RESET);
  }

  /** For a job that may have to wait for its turn. */
  #controllerOf(job: Job): DispatchController {
    const isFirst = (): boolean => this.#jobs[0] === job;
    return {
      pause: () => {
        if (isFirst()) this.#reader.paused = true;
      },
      resume: () => {
        if (isFirst()) this.#resume();
      },
      // Answers that are not their turn yet are small: they are read and dropped. The one that is has to stop.
      abort: (reason) => {
        if (isFirst()) this.#lose(reason);
      },
    };
  }

  #resume(): void {
    if (this.#closed || !this.#reader.paused) return;
    this.#reader.paused = false;
    this.#hear();
    this.#feed(NOTHING, 0);
    while (this.#pending.length > 0 && !this.#reader.paused && !this.#closed) {
      const piece = this.#pending.shift();
      if (piece) this.#feed(piece.bytes, piece.position);
    }
    if (this.#reader.paused || this.#closed) return;
    if (this.#hasEnded) this.#onFinish();
    else this.#socket.resume();
  }

  /** Until an idle connection is closed, also one that was idle while the machine slept. */
  #rest(now: number): void {
    this.#socket.unref();
    this.#silence.watch(this.#idle, now, true);
  }

  #onSilence(): void {
    if (this.#jobs.length === 0) return this.#lose(RESET);
    this.#lose(this.#hasHead ? TOO_LATE.body : TOO_LATE.head);
  }

  #lose(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#silence.stop();
    this.#pending.length = 0;
    const [first, ...unanswered] = this.#jobs.splice(0);
    this.#socket.destroy();
    first?.exchange.onResponseError(undefined, error);
    this.#owner.onClose(this, unanswered);
  }
}
