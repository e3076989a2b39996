// How does the body of a request get onto the connection?
import type { Readable } from 'node:stream';
import { HubError } from '../errors.ts';
import { collect, readableFrom, type Content } from '../util/content.ts';
import { seconds } from './failure.ts';
import type { HttpRequest } from './layer.ts';
import { Silence } from './silence.ts';

/** Bytes. Bodies up to that size go out in one write with the headers. */
export const IN_ONE_PIECE: number = 128 * 1024;

/** Bytes. A piece has to be taken within the time limit, so its size decides how slow a connection may be. */
export const PIECE: number = 256 * 1024;

export interface UploadOptions {
  /** Milliseconds the connection may take no byte. */
  readonly timeout: number;
  /** Called with the reason when a body that is a stream cannot go on: its source failed, or the connection stands still. */
  readonly onFailure: (error: unknown) => void;
}

/** What the sources of bodies threw. */
const bodyErrors = new WeakSet<object>();

/**
 * True for an error that is not about the connection or the host: the body of a request could not be opened or read. Such
 * a request must not be sent again, whatever the error's code: whoever gave the body has tried already.
 */
export function isBodyError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && bodyErrors.has(error);
}

/** Marks an error as one of the body. */
export function bodyError(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) bodyErrors.add(error);
  return error;
}

/**
 * What is to be sent: undefined for no body, bytes for a short one. Throws what opening it or reading a short one throws, see
 * `isBodyError`.
 */
export async function openUpload({ body, url }: HttpRequest): Promise<Content | Buffer | undefined> {
  if (!body || body.length === 0) return undefined;
  try {
    const content = await body.open();
    return body.length > IN_ONE_PIECE ? content : await collect(content, body.length, `the body for ${url.host}`);
  } catch (error) {
    throw bodyError(error);
  }
}

/** The same as undici wants it. */
export async function uploadOf(request: HttpRequest, options: UploadOptions): Promise<Readable | Buffer | undefined> {
  const upload = await openUpload(request);
  return upload === undefined || Buffer.isBuffer(upload) ? upload : streamOf(upload, request.url.host, options);
}

function streamOf(content: Content, host: string, options: UploadOptions): Readable {
  const stream = readableFrom({
    cancel: () => content.cancel(),
    forEach: async (consume) => {
      try {
        await timed(content, host, options).forEach(consume);
      } catch (error) {
        // A stream that undici has given up ends its source as well, which is then no reason but a consequence.
        if (!stream.destroyed) options.onFailure(bodyError(error));
        throw error;
      }
    },
  });
  // Its errors reach undici, which may have stopped listening by then.
  stream.on('error', () => undefined);
  return stream;
}

/** The content in pieces, each of which the connection has to take within the time limit. */
function timed(content: Content, host: string, { timeout, onFailure }: UploadOptions): Content {
  const silence = new Silence({ onSilence: () => onFailure(stalled(host, timeout)) });
  const send = async (pieces: readonly Uint8Array[], consume: Consume): Promise<void> => {
    for (const piece of pieces) {
      const pause = consume(piece);
      if (!pause) continue;
      silence.watch(timeout);
      await pause.finally(() => silence.stop());
    }
  };
  return {
    cancel: () => content.cancel(),
    forEach: async (consume) => content.forEach((chunk) => send(piecesOf(chunk), consume)),
  };
}

/** The error for a connection that takes nothing any more. */
export function stalled(host: string, timeout: number): HubError {
  return new HubError('TIMEOUT', `${host} took no byte of the upload within ${seconds(timeout)}`, {
    details: { host, reason: 'reset' },
  });
}

type Consume = Parameters<Content['forEach']>[0];

function piecesOf(chunk: Uint8Array): readonly Uint8Array[] {
  const count = Math.ceil(chunk.length / PIECE);
  return Array.from({ length: count }, (_, index) => chunk.subarray(index * PIECE, (index + 1) * PIECE));
}
