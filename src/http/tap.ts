// How does a plain connection hand over what it reads without a new buffer for each piece?
import type { OnReadOpts, Socket } from 'node:net';

export interface Tap {
  /** Takes a view of the buffer that the next piece will be read into; false tells the socket to wait. */
  take: ((bytes: Buffer) => boolean) | undefined;
  /** True when the other side sent something before anybody asked. */
  spoke: boolean;
  /** True when some more may come after it was told to wait, into the same buffer: TLS hands out all it has decrypted. */
  readonly overflows: boolean;
}

const BUFFER = 128 * 1024;
const taps = new WeakMap<Socket, Tap>();

/** Opens a socket whose bytes go to its tap; it emits no `data`. */
export function openTapped(connect: (onread: OnReadOpts) => Socket, overflows = false): Socket {
  const tap: Tap = { take: undefined, spoke: false, overflows };
  const buffer = Buffer.allocUnsafeSlow(BUFFER);
  const socket = connect({
    buffer,
    callback: (length) => {
      if (tap.take) return tap.take(buffer.subarray(0, length));
      tap.spoke = true;
      return true;
    },
  });
  taps.set(socket, tap);
  return socket;
}

/** The tap of a socket; undefined for one that emits `data`. */
export function tapOf(socket: Socket): Tap | undefined {
  return taps.get(socket);
}
