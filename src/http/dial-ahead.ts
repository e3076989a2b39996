// Which connection is begun while the program is still being loaded?
import type { Socket } from 'node:net';
import { isLoopback, splitHost } from './addresses.ts';
import { dial } from './dial.ts';
import { tapOf } from './tap.ts';

/** One connection that nobody has asked for yet. */
export interface DialledAhead {
  /**
   * The connection, for whoever asks first; undefined when it goes elsewhere, was taken, or came to nothing. `tapped` as
   * for `dial`. Never throws: the reason is told when the same is tried again.
   */
  take(hostname: string, port: number, tapped: boolean): Promise<Socket | undefined>;
  /** Ends the connection unless it was taken. */
  close(): void;
}

/** Milliseconds for each address. */
const TIMEOUT = 10_000;

/**
 * Begins a connection to a registry's host (`localhost:5000`, `example.com`). Nothing is sent over it before it is taken. A
 * port of this machine is expected to speak plain http, all others https.
 */
export function dialAhead(host: string): DialledAhead {
  const { hostname, port: written } = splitHost(host);
  const port = Number(written ?? 443);
  const tapped = isLoopback(hostname) && port !== 443;
  const closing = new AbortController();
  let dialled: Promise<Socket | undefined> | undefined = dial(hostname, port, {
    place: host,
    timeout: TIMEOUT,
    tapped,
    signal: closing.signal,
  }).then(watch, () => undefined);
  return {
    take: async (wanted, wantedPort, wantedTapped) => {
      if (!dialled || splitHost(wanted).hostname !== hostname || wantedPort !== port || wantedTapped !== tapped) {
        return undefined;
      }
      const taken = dialled;
      dialled = undefined;
      return usable(await taken);
    },
    close: () => {
      if (!dialled) return;
      closing.abort();
      void dialled.then((socket) => socket?.destroy());
      dialled = undefined;
    },
  };
}

/** The other side may hang up before anybody listens. */
function watch(socket: Socket): Socket {
  return socket.on('error', ignore);
}

/** Undefined for a connection that has ended, or on which something was said before it was asked. */
function usable(socket: Socket | undefined): Socket | undefined {
  if (!socket) return undefined;
  if (!socket.destroyed && socket.readable && tapOf(socket)?.spoke !== true) return socket.off('error', ignore);
  socket.destroy();
  return undefined;
}

function ignore(): void {
  // It is told by `destroyed`.
}
