import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Socket, type AddressInfo, type OnReadOpts } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openGathering, openTapped, tapOf, type Tap } from '../../src/http/tap.ts';
import { issueCertificate } from '../helpers/certificates.ts';

/** A socket that reads when the test says so, as TLS does: also after it was told to wait. */
class Reading {
  readonly socket = new Socket();
  readonly tap: Tap;
  readonly taken: Buffer[] = [];
  pauses = 0;
  #onread: OnReadOpts | undefined;
  #room: Buffer = Buffer.alloc(0);

  constructor(goesOn: () => boolean = () => true) {
    openGathering((onread) => {
      this.#onread = onread;
      return this.socket;
    });
    this.socket.pause = () => {
      this.pauses += 1;
      return this.socket;
    };
    this.tap = tapOf(this.socket)!;
    this.tap.take = (bytes) => {
      this.taken.push(bytes);
      return goesOn();
    };
    this.#next();
  }

  get text(): string {
    return this.taken.map((bytes) => bytes.toString()).join('|');
  }

  read(piece: Uint8Array | string): boolean {
    const bytes = Buffer.from(piece as string);
    expect(this.#room.length).toBeGreaterThanOrEqual(16 * 1024);
    this.#room.set(bytes);
    const goesOn = this.#onread?.callback(bytes.length, this.#room) ?? false;
    this.#next();
    return goesOn;
  }

  #next(): void {
    const { buffer } = this.#onread!;
    this.#room = (typeof buffer === 'function' ? buffer() : buffer) as Buffer;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a tap that gathers', () => {
  test('hands over together what comes in one turn', async () => {
    const reading = new Reading();
    expect([reading.read('one '), reading.read('two ')]).toEqual([true, true]);
    expect(reading.taken).toEqual([]);
    await turn();
    reading.read('three');
    await turn();
    expect(reading.text).toBe('one two |three');
    expect(reading.pauses).toBe(0);
  });

  test('does not wait for the end of the turn when there is no room for another piece', () => {
    const reading = new Reading();
    const piece = randomBytes(16 * 1024);
    while (reading.taken.length === 0) expect(reading.read(piece)).toBe(true);
    expect(reading.taken[0]?.length).toBe(128 * 1024);
    expect(reading.taken[0]?.subarray(-piece.length)).toEqual(piece);
  });

  test('leaves alone what is kept, whatever comes in spite of the pause', async () => {
    const reading = new Reading(() => false);
    reading.read('kept');
    await turn();
    expect(reading.pauses).toBe(1);
    const pieces = Array.from({ length: 20 }, () => randomBytes(16 * 1024));
    for (const piece of pieces) reading.read(piece);
    reading.tap.flush();
    expect(Buffer.concat(reading.taken).equals(Buffer.concat([Buffer.from('kept'), ...pieces]))).toBe(true);
  });

  test('hands over what there is when it is asked to, and nothing twice', async () => {
    const reading = new Reading();
    reading.read('the end');
    reading.tap.flush();
    await turn();
    expect(reading.text).toBe('the end');
  });

  test('tells when something was said before anybody asked', () => {
    const reading = new Reading();
    reading.tap.take = undefined;
    reading.read('hello');
    expect(reading.tap.spoke).toBe(true);
  });

  test('gives every byte of a connection with TLS, in order, to a reader that pauses', async () => {
    const { key, certificate } = issueCertificate({ name: 'localhost', hosts: ['localhost'] });
    const sent = randomBytes(4 * 1024 * 1024);
    const server = createServer({ key, cert: certificate }, (peer) => peer.end(sent)).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const kept: Buffer[] = [];
    const received: Buffer[] = [];
    const where = { host: '127.0.0.1', port, rejectUnauthorized: false };
    const socket = openGathering((onread) => connect({ ...where, onread } as typeof where));
    const tap = tapOf(socket)!;
    tap.take = (bytes) => {
      if (kept.length === 0 && received.length % 3 > 0) return received.push(Buffer.from(bytes)) > 0;
      if (kept.push(bytes) > 1) return false;
      setTimeout(() => {
        received.push(...kept.splice(0).map((view) => Buffer.from(view)));
        socket.resume();
      }, 1);
      return false;
    };
    await once(socket, 'end');
    tap.flush();
    expect(received.length).toBeGreaterThan(5);
    expect(Buffer.concat([...received, ...kept]).equals(sent)).toBe(true);
  });
});

describe('a tap', () => {
  /** Reads pieces that fill the room up to so many bytes each; gives the rooms, and what was taken. */
  function read(...lengths: readonly number[]): {
    readonly rooms: readonly number[];
    readonly taken: readonly Buffer[];
  } {
    let onread: OnReadOpts | undefined;
    const socket = openTapped((options) => {
      onread = options;
      return new Socket();
    });
    const taken: Buffer[] = [];
    tapOf(socket)!.take = (bytes) => taken.push(bytes) > 0;
    const rooms = lengths.map((length, index) => {
      const { buffer, callback } = onread!;
      const room = (typeof buffer === 'function' ? buffer() : buffer) as Buffer;
      const read = Math.min(length, room.length);
      room.fill(index + 1, 0, read);
      callback(read, room);
      return room.length;
    });
    socket.destroy();
    return { rooms, taken };
  }

  test('has little room for short answers', () => {
    expect(read(400, 300, 30_000).rooms).toEqual([32_768, 32_768, 32_768]);
  });

  test('has more once an answer filled it, up to what the system has', () => {
    const all = 1024 * 1024;
    expect(read(all, all, all, all, 400).rooms).toEqual([32_768, 131_072, 524_288, 524_288, 524_288]);
  });

  test('leaves what filled it as it was, for whoever does not go on yet', () => {
    const { taken } = read(32_768, 400);
    expect(taken[0]?.every((byte) => byte === 1)).toBe(true);
  });
});
