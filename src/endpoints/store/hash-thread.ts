// How are large files hashed beside everything else that goes on?
import type * as Crypto from 'node:crypto';
import type * as FileSystem from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { FileHash } from '../../util/landing.ts';
import { watchedThreads } from '../../util/machine.ts';

/** What a thread is asked: the hash of an open file, as far as `state` says that it is there. */
interface Task {
  readonly fd: number;
  readonly algorithm: string;
  /** One number: twice the bytes that are there, and one more once those are all; less than 0 to give up. */
  readonly state: SharedArrayBuffer;
}

interface Answer {
  /** Undefined when it was given up, or the file could not be read. */
  readonly hex: string | undefined;
}

const MOST_THREADS = 3;
/** Bytes of a file from which on a thread is worth its start, which takes as much CPU as hashing 64 MiB. */
const LARGE = 128 * 1024 * 1024;
/** Threads that do other work, such as reading and hashing what they read, from which on hashing for others makes none quicker. */
const MOST_OTHERS = availableParallelism();

/** Threads that hash, each one file at a time. They start when they are needed and never keep the process from ending. */
export class HashThreads {
  /** Bytes of a file from which on a thread is worth its start. */
  readonly least: number;
  readonly #most: number;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor(most: number = Math.min(MOST_THREADS, availableParallelism()), least: number = LARGE) {
    this.least = least;
    this.#most = most < 2 ? 0 : most;
  }

  /** Begins with a file; undefined when all threads have one. */
  begin(fd: number, algorithm: string): FileHash | undefined {
    const worker = this.#idle.pop() ?? this.#start();
    return worker && this.#hash(worker, { fd, algorithm, state: new SharedArrayBuffer(8) });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
    this.#all.clear();
    this.#idle.splice(0);
  }

  #start(): Worker | undefined {
    if (this.#all.size >= this.#most || watchedThreads() >= MOST_OTHERS) return undefined;
    const worker = new Worker(SOURCE, { eval: true, execArgv: [], stdin: false });
    worker.unref();
    this.#all.add(worker);
    return worker;
  }

  #hash(worker: Worker, task: Task): FileHash {
    const state = new BigInt64Array(task.state);
    const done = new Promise<Answer>((resolve) => {
      const settle = (answer: Answer, isFit: boolean): void => {
        // One by one: the listeners that Node put there have to stay.
        worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd).unref();
        if (isFit) this.#idle.push(worker);
        else this.#all.delete(worker);
        resolve(answer);
      };
      const onMessage = (answer: Answer): void => settle(answer, true);
      const onEnd = (): void => settle({ hex: undefined }, false);
      worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd);
    });
    // A listener keeps the process; only whoever waits for the hash should.
    worker.unref();
    worker.postMessage(task, []);
    const tell = (value: number): void => {
      Atomics.store(state, 0, BigInt(value));
      Atomics.notify(state, 0);
    };
    return {
      advance: (prefix) => tell(prefix * 2),
      finish: async (size) => {
        // From here on somebody waits for the thread, so it must not be left behind.
        worker.ref();
        tell(size * 2 + 1);
        return (await done).hex;
      },
      stop: async () => {
        tell(-1);
        await done;
      },
    };
  }
}

/**
 * What a thread runs. It gets there as text, which works in a bundle, in a library and in TypeScript alike; so it may use
 * nothing but its arguments.
 */
function hashFiles(port: MessagePort, fs: typeof FileSystem, crypto: typeof Crypto): void {
  const most = 1024 * 1024;
  const page = 4096;
  const buffer = Buffer.allocUnsafeSlow(most + page);
  const hash = ({ fd, algorithm, state }: Task): string | undefined => {
    const shared = new BigInt64Array(state);
    const hasher = crypto.createHash(algorithm);
    for (let at = 0; ;) {
      const told = Atomics.load(shared, 0);
      const available = Number(told / 2n);
      if (told < 0n) return undefined;
      if (at < available) {
        // As in util/read-buffer.ts.
        const lead = (at + page / 2) % page;
        const length = fs.readSync(fd, buffer, lead, Math.min(most, available - at), at);
        if (length === 0) return undefined;
        hasher.update(buffer.subarray(lead, lead + length));
        at += length;
      } else if (told % 2n === 1n) return hasher.digest('hex');
      else Atomics.wait(shared, 0, told);
    }
  };
  port.on('message', (task: Task) => {
    let hex: string | undefined;
    try {
      hex = hash(task);
    } catch {
      hex = undefined;
    }
    port.postMessage({ hex }, []);
  });
}

const SOURCE = `(${hashFiles.toString()})(require('node:worker_threads').parentPort, require('node:fs'), require('node:crypto'))`;
