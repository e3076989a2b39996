// How does the body of a request get onto the connection?
import type { Readable } from 'node:stream';
import { HubError } from '../errors.ts';
import { collect, readableFrom, type Content } from '../util/content.ts';
import { seconds } from './failure.ts';
import type { HttpRequest } from './layer.ts';

/** Smaller bodies go out in one write with the headers. */
const IN_ONE_PIECE = 64 * 1024;

/** Bytes. A piece has to be taken within the time limit, so its size decides how slow a connection may be. */
const PIECE = 256 * 1024;

export interface UploadOptions {
  /** Milliseconds the connection may take no byte. */
  readonly timeout: number;
  /** Called once when it took none for that long. */
  readonly onStall: (error: HubError) => void;
}

/** What undici is to send: undefined for no body. Throws what opening or reading the body throws. */
export async function uploadOf(request: HttpRequest, options: UploadOptions): Promise<Readable | Buffer | undefined> {
  const { body, url } = request;
  if (!body || body.length === 0) return undefined;
  const content = await body.open();
  if (body.length <= IN_ONE_PIECE) return collect(content, body.length, `the body for ${url.host}`);
  const stream = readableFrom(watched(content, url.host, options));
  // Its errors reach undici, which may have stopped listening by then.
  stream.on('error', () => undefined);
  return stream;
}

function watched(content: Content, host: string, options: UploadOptions): Content {
  const { timeout, onStall } = options;
  const stall = (): void =>
    onStall(
      new HubError('TIMEOUT', `${host} took no byte of the upload within ${seconds(timeout)}`, {
        details: { host, reason: 'reset' },
      }),
    );
  const send = async (pieces: readonly Uint8Array[], consume: Consume): Promise<void> => {
    for (const piece of pieces) {
      const pause = consume(piece);
      if (!pause) continue;
      const timer = setTimeout(stall, timeout);
      await pause.finally(() => clearTimeout(timer));
    }
  };
  return {
    cancel: () => content.cancel(),
    forEach: async (consume) => content.forEach((chunk) => send(piecesOf(chunk), consume)),
  };
}

type Consume = Parameters<Content['forEach']>[0];

function piecesOf(chunk: Uint8Array): readonly Uint8Array[] {
  const count = Math.ceil(chunk.length / PIECE);
  return Array.from({ length: count }, (_, index) => chunk.subarray(index * PIECE, (index + 1) * PIECE));
}
