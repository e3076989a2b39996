// What do the main thread and a thread that reads say to each other?
import type { ErrorCode } from '../errors.ts';
import type { Route } from './direct.ts';
import type { RawHeaders } from './undici.ts';

/** To the thread. A message never leaves the process: heads hold credentials. */
export type Order = HashOrder | ReadOrder;

export type HashOrder =
  /** From now on this file is hashed, from its beginning. */
  | { readonly do: 'hash'; readonly fd: number; readonly algorithm: string }
  | { readonly do: 'advance'; readonly prefix: number }
  | { readonly do: 'finish'; readonly size: number }
  | { readonly do: 'forget' };

export type ReadOrder =
  /** One request at a time. */
  | { readonly do: 'get'; readonly ask: Ask }
  /** The body into a file, or, without one, piece by piece to whoever asked. */
  | { readonly do: 'land'; readonly fd: number; readonly path: string; readonly position: number }
  | { readonly do: 'read' }
  | { readonly do: 'more' }
  /** The answer is not wanted any more. */
  | { readonly do: 'stop' };

export interface Ask {
  /** Of the URL, for messages. */
  readonly origin: string;
  /** The request as it is written. */
  readonly head: string;
  readonly route: Route;
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
}

/** From the thread. Each order to get ends with `done`, `failed`, `odd` or `unsent`; then nothing is written any more. */
export type Report =
  | { readonly is: 'head'; readonly status: number; readonly headers: RawHeaders }
  /** Bytes that are in the file since the last time. `asks` after a long pause, for leave to go on. */
  | { readonly is: 'landed'; readonly bytes: number; readonly asks?: boolean }
  | { readonly is: 'chunk'; readonly bytes: Uint8Array }
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: PlainError }
  /** The answer is not for this reader. */
  | { readonly is: 'odd' }
  /** There was no connection to send the request over. */
  | { readonly is: 'unsent' }
  /** The hash in hex; undefined when it was given up, or the file could not be read. */
  | { readonly is: 'hash'; readonly hex: string | undefined };

/** A HubError on its way between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}
