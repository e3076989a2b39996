// How does a test send bytes that no HTTP client would, and see all that comes back?
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface RawConnection {
  readonly socket: Socket;
  /** All that was received so far, byte by byte as latin1. */
  readonly text: string;
  write(bytes: string | Uint8Array): void;
  /** Resolves with all that was received when it fits, or when the other side closes. */
  received(pattern: RegExp): Promise<string>;
  /** Resolves with all that was received when the other side has closed. */
  readonly closed: Promise<string>;
}

/** A TCP connection to `127.0.0.1:port`, destroyed after the test. */
export async function rawConnection(host: string): Promise<RawConnection> {
  const raw = await openRaw(host);
  onTestFinished(() => void raw.socket.destroy());
  return raw;
}

/** As `rawConnection`, for whoever makes very many and destroys each. */
export async function openRaw(host: string): Promise<RawConnection> {
  const at = host.lastIndexOf(':');
  const socket = connect(Number(host.slice(at + 1)), host.slice(0, at));
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    socket.emit('more');
  });
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      resolve(text);
      socket.emit('more');
    });
  });
  await new Promise<void>((resolve) => {
    if (socket.connecting) socket.once('connect', resolve);
    else resolve();
    socket.once('close', () => resolve());
  });
  return {
    socket,
    closed,
    get text() {
      return text;
    },
    write: (bytes) => void (socket.writable && socket.write(bytes)),
    received: async (pattern) => {
      while (!pattern.test(text) && !socket.destroyed) {
        await new Promise((resolve) => socket.once('more', resolve));
      }
      return text;
    },
  };
}
