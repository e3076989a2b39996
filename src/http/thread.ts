// What does a thread do that reads an answer, writes it to a file and hashes it, so that the main thread need not?
import { writeSync } from 'node:fs';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { HubError } from '../errors.ts';
import { storageError } from '../util/fs.ts';
import { systemClock } from './clock.ts';
import { openDirect, type Route } from './direct.ts';
import { Exchange } from './exchange.ts';
import { GrowingHash } from './growing-hash.ts';
import type { Ask, HashOrder, Order, Report } from './thread-messages.ts';
import type { DispatchController, RawHeaders } from './undici.ts';
import { Wire, type WireOwner } from './wire.ts';

/** Milliseconds after which it is told again how far a body got. */
const TELL_AFTER = 25;
/** After a pause this long somebody may have taken the file over. */
const PAUSE = 10_000; // milliseconds

interface Target {
  readonly fd: number;
  readonly path: string;
  position: number;
}

/** An exchange that shows the headers as they came. */
class Asking extends Exchange {
  raw: RawHeaders = {};
  hasAnswered = false;

  override onResponseStart(controller: DispatchController, status: number, raw: RawHeaders): void {
    if (status >= 200) {
      this.raw = raw;
      this.hasAnswered = true;
    }
    super.onResponseStart(controller, status, raw);
  }
}

/** Follows the orders of the main thread, one request at a time, over one connection that is kept. */
export class ReadingThread implements WireOwner {
  readonly #port: Pick<MessagePort, 'postMessage'>;
  #hash: GrowingHash | undefined;
  #kept: { readonly key: string; readonly wire: Wire } | undefined;
  #exchange: Asking | undefined;
  #isStopped = false;
  /** What goes on with a body that waits for leave. */
  #more: (() => void) | undefined;
  /** Bytes in the file that were not told yet, and what will tell of them. */
  #untold = 0;
  #telling: NodeJS.Timeout | undefined;
  #lastByte = 0;

  constructor(port: Pick<MessagePort, 'postMessage'>) {
    this.#port = port;
  }

  take(order: Order): void {
    switch (order.do) {
      case 'get':
        return void this.#get(order.ask);
      case 'land':
        return this.#drain(this.#landing({ ...order }));
      case 'read':
        return this.#drain((chunk) => this.#handOver(chunk));
      case 'more':
        return this.#more?.();
      case 'stop':
        return this.#stop();
      default:
        return this.#takeHash(order);
    }
  }

  #takeHash(order: HashOrder): void {
    if (order.do === 'hash') return this.#begin(order.fd, order.algorithm);
    if (order.do === 'advance') return this.#hash?.advance(order.prefix);
    if (!this.#hash) return this.#tell({ is: 'hash', hex: undefined });
    if (order.do === 'finish') this.#hash.finish(order.size);
    else this.#hash.stop();
  }

  onRoom(): void {
    // There is one request at a time, and the connection waits for the next.
  }

  onClose(wire: Wire): void {
    if (this.#kept?.wire === wire) this.#kept = undefined;
  }

  #tell(report: Report): void {
    this.#port.postMessage(report, []);
  }

  #begin(fd: number, algorithm: string): void {
    const end = (hex: string | undefined): void => {
      this.#hash = undefined;
      this.#tell({ is: 'hash', hex });
    };
    try {
      this.#hash = new GrowingHash(fd, algorithm, end);
    } catch {
      // It is told when it is asked for.
      this.#hash = undefined;
    }
  }

  async #get(ask: Ask): Promise<void> {
    this.#isStopped = false;
    const wire = await this.#connect(ask).catch(() => undefined);
    if (!wire) return this.#tell({ is: 'unsent' });
    if (this.#isStopped) return this.#tell({ is: 'done' });
    const { head, headersTimeout, bodyTimeout } = ask;
    const limits = { headersTimeout, bodyTimeout };
    const exchange = new Asking({ method: 'GET', url: new URL(ask.origin) }, { clock: systemClock, ...limits });
    this.#exchange = exchange;
    const onOdd = (): void => {
      exchange.response.catch(() => undefined);
      this.#exchange = undefined;
      this.#tell({ is: 'odd' });
    };
    wire.send({ exchange, head, method: 'GET', expected: Number.POSITIVE_INFINITY, onOdd, ...limits });
    try {
      const { status } = await exchange.response;
      this.#tell({ is: 'head', status, headers: { ...exchange.raw } });
    } catch (error) {
      this.#failed(error);
    }
  }

  async #connect({ route, connectTimeout }: Ask): Promise<Wire> {
    const key = keyOf(route);
    if (this.#kept?.key === key && this.#kept.wire.isOpen && this.#kept.wire.load === 0) return this.#kept.wire;
    this.#kept?.wire.destroy(new HubError('ABORTED', 'another host is read from'));
    const wire = new Wire(await openDirect(route, connectTimeout), this);
    this.#kept = { key, wire };
    return wire;
  }

  #drain(consume: (chunk: Uint8Array) => void | Promise<void>): void {
    const exchange = this.#exchange;
    if (!exchange) return this.#failed(new HubError('ABORTED', 'there is no answer to read'));
    this.#lastByte = performance.now();
    exchange.forEach(consume).then(
      () => this.#done(),
      (error: unknown) => this.#failed(error),
    );
  }

  #landing(target: Target): (chunk: Uint8Array) => void | Promise<void> {
    return (chunk) => {
      const now = performance.now();
      const pause = now - this.#lastByte;
      this.#lastByte = now;
      if (pause <= PAUSE) return this.#write(chunk, target);
      // The chunk is not ours for longer than this call.
      const kept = Buffer.from(chunk);
      const leave = this.#leave();
      this.#tell({ is: 'landed', bytes: this.#take(), asks: true });
      return leave.then(() => this.#write(kept, target));
    };
  }

  #write(chunk: Uint8Array, target: Target): void {
    const { fd, path, position } = target;
    try {
      for (let written = 0; written < chunk.length;) {
        written += writeSync(fd, chunk, written, chunk.length - written, position + written);
      }
    } catch (error) {
      throw storageError(error, `cannot write ${path}`);
    }
    target.position += chunk.length;
    this.#hash?.wrote(chunk, position);
    this.#untold += chunk.length;
    this.#telling ??= setTimeout(() => this.#tellRest(), TELL_AFTER);
  }

  /** Bytes that were not told yet. */
  #take(): number {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    const bytes = this.#untold;
    this.#untold = 0;
    return bytes;
  }

  #handOver(chunk: Uint8Array): Promise<void> {
    const leave = this.#leave();
    this.#tell({ is: 'chunk', bytes: Uint8Array.from(chunk) });
    return leave;
  }

  #leave(): Promise<void> {
    return new Promise((resolve) => {
      this.#more = resolve;
    });
  }

  #stop(): void {
    this.#isStopped = true;
    this.#more = undefined;
    const exchange = this.#exchange;
    if (!exchange) return;
    // What is short is read to its end, so that the connection can be used again.
    if (exchange.hasAnswered) exchange.cancel();
    else exchange.fail(unwanted());
    if (exchange.isOver) this.#failed(unwanted());
    else this.#done();
  }

  #done(): void {
    if (!this.#exchange) return;
    this.#exchange = undefined;
    this.#tellRest();
    this.#tell({ is: 'done' });
  }

  #failed(error: unknown): void {
    if (!this.#exchange) return;
    this.#exchange = undefined;
    this.#tellRest();
    const { code, message, hint, details } = HubError.is(error) ? error : new HubError('FAILED', String(error));
    this.#tell({ is: 'failed', error: { code, message, hint, details } });
  }

  #tellRest(): void {
    const bytes = this.#take();
    if (bytes > 0) this.#tell({ is: 'landed', bytes });
  }
}

function unwanted(): HubError {
  return new HubError('ABORTED', 'the answer is no longer wanted');
}

function keyOf(route: Route): string {
  return JSON.stringify(route);
}

if (parentPort) {
  const thread = new ReadingThread(parentPort);
  parentPort.on('message', (order: Order) => thread.take(order));
}
