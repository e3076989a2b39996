// Which connection to a host does the next request take, and when is another one opened?
import type { Socket } from 'node:net';
import { HubError } from '../errors.ts';
import { failureOf } from './failure.ts';
import { Wire, type Job, type WireOwner } from './wire.ts';

export interface LaneOptions {
  /** Host for messages. */
  readonly host: string;
  readonly open: () => Promise<Socket>;
  /** Connections at most. */
  readonly connections: number;
  /** Told how many milliseconds an answer took to begin. */
  readonly onAnswer?: ((delay: number) => void) | undefined;
}

/** An answer up to this many bytes may come behind another one on the same connection. */
const SMALL = 1024 * 1024;
/** Requests on one connection at most, and the bytes they may still bring when another one is added. */
const DEPTH = 8;
const AHEAD = 1024 * 1024;
/** Milliseconds in which refusals count as one. */
const PRESSURE = 1000;

/** The connections to one origin. Large answers have one each; small ones follow each other closely (pipelining, RFC 9112 9.3.2). */
export class Lane implements WireOwner {
  readonly #options: LaneOptions;
  readonly #wires = new Set<Wire>();
  readonly #waiting: Job[] = [];
  #opening = 0;
  #most: number;
  #depth = DEPTH;
  #slowed = Number.NEGATIVE_INFINITY;
  #closed: HubError | undefined;
  /** The one that had room last: most likely the next request is for it. */
  #free: Wire | undefined;
  /** Who waits until connections that are opened ahead are there. */
  readonly #warming: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#most = options.connections;
  }

  add(job: Job): void {
    if (this.#closed) return job.exchange.fail(this.#closed);
    if (this.#waiting.length === 0) {
      this.#trim();
      const wire = this.#wireFor(job);
      if (wire) return wire.send(job);
    }
    this.#keep(job);
    this.#waiting.push(job);
    this.#next();
  }

  /** Opens connections until there are `count`; requests that come meanwhile use them. */
  async warm(count: number): Promise<void> {
    const missing = Math.min(count, this.#most) - this.#wires.size - this.#opening;
    for (let index = 0; index < missing; index += 1) this.#open();
    if (this.#opening > 0) await new Promise<void>((resolve) => this.#warming.push(resolve));
  }

  /** The host is under pressure: from now on it gets half as many connections, and one request at a time on each. */
  slowDown(): void {
    const now = performance.now();
    // What was sent at the same time was refused for the same reason.
    if (now - this.#slowed < PRESSURE) return;
    this.#slowed = now;
    this.#depth = 1;
    this.#most = Math.max(1, Math.floor(Math.min(this.#most, this.#wires.size) / 2));
  }

  /** From now on there are other connections than those there were: something on their way may be out of order. */
  renew(): void {
    for (const wire of this.#wires) wire.retire();
  }

  close(reason: HubError): void {
    this.#closed = reason;
    for (const { exchange } of this.#waiting.splice(0)) exchange.fail(reason);
    for (const wire of this.#wires) wire.destroy(reason);
  }

  onRoom(wire: Wire): void {
    if (!wire.isOpen) this.#wires.delete(wire);
    this.#free = wire;
    this.#next();
  }

  onAnswer(delay: number): void {
    this.#options.onAnswer?.(delay);
  }

  onClose(wire: Wire, unanswered: readonly Job[]): void {
    this.#wires.delete(wire);
    if (unanswered.length > 0 && !this.#closed) {
      // The server, or something before it, may not like several requests at once.
      this.#depth = Math.max(1, Math.floor(this.#depth / 2));
    }
    const waiting = unanswered.filter((job) => !job.exchange.isOver);
    if (this.#closed) for (const { exchange } of waiting) exchange.fail(this.#closed);
    else {
      for (const job of waiting) this.#keep(job);
      this.#waiting.unshift(...waiting);
    }
    this.#next();
  }

  /** Gives out what can be given out, and opens what is missing. */
  #next(): void {
    this.#trim();
    while (!this.#closed && this.#waiting.length > 0) {
      const job = this.#waiting[0];
      const wire = job && this.#wireFor(job);
      if (!job || !wire) break;
      this.#waiting.shift();
      wire.send(job);
    }
    this.#openMore();
  }

  /** Closes idle connections that are too many since the host is under pressure. */
  #trim(): void {
    if (this.#wires.size <= this.#most) return;
    for (const wire of this.#wires) {
      if (this.#wires.size <= this.#most) return;
      if (wire.load > 0) continue;
      this.#wires.delete(wire);
      wire.destroy(surplus());
    }
  }

  #wireFor(job: Job): Wire | undefined {
    if (this.#isFree(this.#free)) return this.#free;
    let best: Wire | undefined;
    for (const wire of this.#wires) {
      if (!wire.isOpen) continue;
      if (wire.load === 0) return wire;
      if (!best || wire.load < best.load) best = wire;
    }
    const isSmall = job.expected <= SMALL;
    return best && isSmall && best.load < this.#share() && best.due <= AHEAD ? best : undefined;
  }

  #isFree(wire: Wire | undefined): boolean {
    return wire?.load === 0 && wire.isOpen && this.#wires.has(wire);
  }

  /** So many requests may be on one connection at once, such that those that are being opened get their part. */
  #share(): number {
    let all = this.#waiting.length;
    for (const wire of this.#wires) all += wire.load;
    const connections = this.#wires.size + this.#wanted();
    return Math.min(this.#depth, Math.ceil(all / Math.max(1, connections)));
  }

  /** Connections that are being opened or will be for what waits now. */
  #wanted(): number {
    let small = 0;
    for (const { expected } of this.#waiting) if (expected <= SMALL) small += 1;
    const wanted = this.#waiting.length - small + Math.ceil(small / this.#depth);
    return Math.min(this.#most - this.#wires.size, Math.max(this.#opening, wanted));
  }

  #openMore(): void {
    if (this.#closed || this.#waiting.length === 0) return;
    for (let missing = this.#wanted() - this.#opening; missing > 0; missing -= 1) this.#open();
  }

  #open(): void {
    this.#opening += 1;
    this.#options.open().then(
      (socket) => this.#opened(socket),
      (error: unknown) => this.#failed(error),
    );
  }

  #opened(socket: Socket): void {
    this.#opening -= 1;
    if (this.#closed) socket.destroy();
    else {
      const wire = new Wire(socket, this);
      if (wire.isOpen) this.#wires.add(wire);
    }
    this.#told();
    this.#next();
  }

  /** Whoever waits longest gets the failure; the others have connections, or will get failures of their own. */
  #failed(error: unknown): void {
    this.#opening -= 1;
    this.#told();
    const needsIt = this.#wires.size === 0 || this.#waiting.length > this.#opening;
    if (needsIt) this.#waiting.shift()?.exchange.fail(failureOf(error, { host: this.#options.host }));
    this.#next();
  }

  /** It has to wait, unless it is given up. */
  #keep(job: Job): void {
    job.exchange.onGivenUp = () => this.#forget(job);
  }

  #told(): void {
    if (this.#opening === 0) for (const tell of this.#warming.splice(0)) tell();
  }

  #forget(job: Job): void {
    const index = this.#waiting.indexOf(job);
    if (index !== -1) this.#waiting.splice(index, 1);
  }
}

function surplus(): HubError {
  return new HubError('ABORTED', 'the connection is one too many');
}
