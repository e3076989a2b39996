// Which answers are read, written to a file and hashed by a thread of their own?
import { availableParallelism } from 'node:os';
import type { HttpRequest, HttpResponse } from './layer.ts';
import type { Landing } from '../util/landing.ts';
import { ThreadReader } from './thread-reader.ts';
import type { Ask } from './thread-messages.ts';

/** One large blob each; more would only take turns, and each costs some megabytes. */
const MOST_THREADS = 3;

export interface ThreadsOptions {
  /** What a thread runs: a module, or its text. */
  readonly program: URL | string;
  /** Threads at most. */
  readonly most?: number | undefined;
}

/** The threads of one client. They start when they are needed and never keep the process from ending. */
export class ReadingThreads {
  readonly #program: URL | string;
  readonly #most: number;
  readonly #all = new Set<ThreadReader>();
  #closed = false;

  constructor({ program, most = availableParallelism() < 2 ? 0 : MOST_THREADS }: ThreadsOptions) {
    this.#program = program;
    this.#most = most;
  }

  /**
   * Sends a request whose answer is for a file. `odd` when somebody else has to read the answer; undefined when nothing was
   * sent, since no thread is free or has a connection. Throws as Send does.
   */
  async get(request: HttpRequest, ask: Ask): Promise<HttpResponse | 'odd' | undefined> {
    const thread = request.into && (await this.#threadFor(request.into.landing));
    return thread?.get(request, ask);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((thread) => thread.close()));
  }

  /** The thread that has to do with the file already, else one that has nothing to do. */
  async #threadFor(landing: Landing): Promise<ThreadReader | undefined> {
    const own = [...this.#all].find((thread) => thread.landing === landing);
    if (own) {
      await own.stopped;
      return own.isBusy || own.landing !== landing ? undefined : own;
    }
    const free = [...this.#all].find((thread) => thread.landing === undefined && !thread.isBusy) ?? this.#start();
    free?.serve(landing);
    return free;
  }

  #start(): ThreadReader | undefined {
    if (this.#closed || this.#all.size >= this.#most) return undefined;
    // One that ends by itself keeps its place among those there may be: another one would end as well.
    const thread = new ThreadReader(this.#program);
    this.#all.add(thread);
    return thread;
  }
}
