// How does a connection hand over what it reads without a new buffer for each piece?
import type { OnReadOpts, Socket } from 'node:net';

export interface Tap {
  /** Takes a view of the buffer that pieces are read into; false tells the socket to wait, and keeps the view until it goes on. */
  take: ((bytes: Buffer) => boolean) | undefined;
  /** True when the other side sent something before anybody asked. */
  spoke: boolean;
  /** Hands over what has been read but not yet been handed over. */
  flush(): void;
}

/**
 * What the system has for a connection near by, so that it comes at once. A connection that answers uploads reads a few hundred
 * bytes at a time: sixteen of this size would make V8 look through all memory for some to give back.
 */
const BUFFER = 512 * 1024;
const FIRST_BUFFER = 32 * 1024;
const GROWTH = 4;
/** What TLS reads comes record by record, whatever there is room for. */
const GATHERED = 128 * 1024;
/** Room for a piece: as much as a record of TLS holds. */
const PIECE = 16 * 1024;
const taps = new WeakMap<Socket, Tap>();

/** Opens a socket whose bytes go to its tap; it emits no `data`. */
export function openTapped(connect: (onread: OnReadOpts) => Socket): Socket {
  const tap: Tap = { take: undefined, spoke: false, flush: () => undefined };
  let buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER);
  const socket = connect({
    buffer: () => buffer,
    callback: (length) => {
      const bytes = buffer.subarray(0, length);
      // There is more than it holds. What was read stays where it is.
      if (length === buffer.length && length < BUFFER) buffer = Buffer.allocUnsafeSlow(length * GROWTH);
      if (tap.take) return tap.take(bytes);
      tap.spoke = true;
      return true;
    },
  });
  taps.set(socket, tap);
  return socket;
}

/**
 * As `openTapped`, for a socket that reads in small pieces, as one with TLS does, record by record: what comes in one turn of
 * the event loop is handed over together.
 */
export function openGathering(connect: (onread: OnReadOpts) => Socket): Socket {
  const gathering = new Gathering(() => void socket.pause());
  const socket = connect({
    buffer: () => gathering.room,
    callback: (length) => gathering.add(length),
  });
  taps.set(socket, gathering);
  return socket;
}

class Gathering implements Tap {
  take: Tap['take'];
  spoke = false;
  readonly #pause: () => void;
  #buffer = Buffer.allocUnsafeSlow(GATHERED);
  /** Of what was read and not handed over. */
  #start = 0;
  #end = 0;
  #isDue = false;

  constructor(pause: () => void) {
    this.#pause = pause;
  }

  /** Where the next piece is read into. Never empty: a socket would try for ever to fill that. */
  get room(): Buffer {
    return this.#buffer.subarray(this.#end);
  }

  /** So many bytes were read into the room. False tells the socket to wait. */
  add(length: number): boolean {
    if (!this.take) {
      this.spoke = true;
      return true;
    }
    this.#end += length;
    if (this.#buffer.length - this.#end < PIECE) return this.#beginAgain(this.take);
    if (!this.#isDue) setImmediate(() => this.#endTurn());
    this.#isDue = true;
    return true;
  }

  flush(): void {
    if (this.take) this.#handOver(this.take);
  }

  #endTurn(): void {
    this.#isDue = false;
    if (this.take && !this.#handOver(this.take)) this.#pause();
  }

  /** The room that the socket has been given stays where it is, behind what is handed over. */
  #handOver(take: (bytes: Buffer) => boolean): boolean {
    if (this.#start === this.#end) return true;
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return take(bytes);
  }

  /** Before the socket is given room once more. What is kept has to stay as it is: TLS hands out what it has in spite of a pause. */
  #beginAgain(take: (bytes: Buffer) => boolean): boolean {
    const goesOn = this.#handOver(take);
    if (!goesOn) this.#buffer = Buffer.allocUnsafeSlow(GATHERED);
    this.#start = 0;
    this.#end = 0;
    return goesOn;
  }
}

/** The tap of a socket; undefined for one that emits `data`. */
export function tapOf(socket: Socket): Tap | undefined {
  return taps.get(socket);
}
