// How does the body of a request get onto a connection that this program writes by itself, without copies?
import type { Socket } from 'node:net';
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import { Silence } from './silence.ts';
import { bodyError, PIECE, stalled } from './upload.ts';

export interface PourOptions {
  /** For messages. */
  readonly host: string;
  /** Bytes the content has to have. */
  readonly length: number;
  /** Milliseconds the connection may take no byte. */
  readonly timeout: number;
  /** False once the server has answered already, so that the rest is of no use. */
  readonly isWanted: () => boolean;
  /** Called with their count when the connection has taken bytes. */
  readonly onTaken: (bytes: number) => void;
  /** The connection stands still. */
  readonly onStall: (error: HubError) => void;
}

/**
 * Writes a content from the buffers that it comes in, each given back when the connection has taken it. The last piece is
 * held back until the source has said that all is well, so that nothing arrives whole that was not whole. Throws what the
 * source throws, marked as an error of the body; that the connection broke is told by the connection.
 */
export async function pour(content: Content, socket: Socket, options: PourOptions): Promise<void> {
  await new Pouring(content, socket, options).run();
}

class Pouring {
  readonly #content: Content;
  readonly #socket: Socket;
  readonly #options: PourOptions;
  #position = 0;
  /** One for all pieces: to make a timer for each costs more than the piece. */
  readonly #silence: Silence;
  #isWriting = false;
  #isWatched = false;
  #last: Buffer | undefined;
  /** Set when it is not the source's fault that it cannot go on. */
  #isCutShort = false;

  constructor(content: Content, socket: Socket, options: PourOptions) {
    this.#content = content;
    this.#socket = socket;
    this.#options = options;
    this.#silence = new Silence({
      isWaiting: () => this.#isWriting,
      onSilence: () => options.onStall(stalled(options.host, options.timeout)),
    });
  }

  async run(): Promise<void> {
    const { length, host } = this.#options;
    try {
      await this.#content.forEach((chunk) => this.#take(chunk));
      if (this.#position < length) throw new HubError('CONTENT_INVALID', `the body for ${host} ends too early`);
      // A failure now is one of the connection.
      if (this.#last && this.#options.isWanted()) await this.#write(this.#last).catch(() => undefined);
    } catch (error) {
      this.#content.cancel();
      if (this.#isCutShort) return;
      throw bodyError(error);
    } finally {
      this.#silence.stop();
    }
  }

  #take(chunk: Uint8Array): void | Promise<void> {
    const { length, host } = this.#options;
    if (this.#position + chunk.length > length) {
      throw new HubError('CONTENT_INVALID', `the body for ${host} is larger than ${length} bytes`);
    }
    if (chunk.length > PIECE) return this.#takePieces(chunk);
    this.#position += chunk.length;
    if (this.#position < length) return this.#write(chunk);
    this.#last = Buffer.from(chunk);
    return undefined;
  }

  /** A piece has to be taken within the time limit, so its size decides how slow a connection may be. */
  async #takePieces(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.length; start += PIECE) await this.#take(chunk.subarray(start, start + PIECE));
  }

  #write(piece: Uint8Array): Promise<void> {
    const { onTaken, isWanted } = this.#options;
    return new Promise((resolve, reject) => {
      const cutShort = (error: Error): void => {
        this.#isCutShort = true;
        reject(error);
      };
      if (!isWanted()) return cutShort(new HubError('ABORTED', 'the answer came before the body had ended'));
      this.#watch();
      this.#socket.write(piece, (error) => {
        this.#isWriting = false;
        if (error) return cutShort(error);
        onTaken(piece.length);
        resolve();
      });
    });
  }

  #watch(): void {
    this.#isWriting = true;
    if (this.#isWatched) return this.#silence.heard();
    this.#isWatched = true;
    this.#silence.watch(this.#options.timeout);
  }
}
