// Where does undici come from? The only file that imports it, by deep path, because the whole package loads slowly.
import { setFlagsFromString } from 'node:v8';

/** What hubctl uses of an undici pool. */
export interface Pool {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean;
  destroy(error: Error): Promise<void>;
  on(event: 'connect', listener: () => void): unknown;
}

export interface DispatchOptions {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  /** False keeps the connection open after a HEAD, which undici closes by default. */
  readonly reset: boolean;
}

export interface DispatchController {
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

export interface DispatchHandler {
  onRequestStart(controller: DispatchController): void;
  onResponseStart(controller: DispatchController, status: number, headers: RawHeaders): void;
  onResponseData(controller: DispatchController, chunk: Buffer): void;
  onResponseEnd(controller: DispatchController): void;
  onResponseError(controller: DispatchController | undefined, error: Error): void;
}

/** Names in lower case. */
export type RawHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface PoolOptions {
  readonly connections: number;
  readonly pipelining: number;
  readonly allowH2: boolean;
  /** Bytes. */
  readonly maxHeaderSize: number;
  /** Milliseconds an idle connection is kept. */
  readonly keepAliveTimeout: number;
  readonly connect: (options: unknown, callback: (error: Error | null, socket: unknown) => void) => void;
}

type PoolConstructor = new (origin: string, options: PoolOptions) => Pool;

let loading: Promise<PoolConstructor> | undefined;

/** Loads undici on first use and gives its Pool class. */
export async function loadPool(): Promise<PoolConstructor> {
  loading ??= load();
  return loading;
}

async function load(): Promise<PoolConstructor> {
  // undici parses HTTP in WebAssembly; V8's second, optimising compilation of it delays the end of a short process by
  // about 90 ms and gains nothing that can be measured on a long one.
  setFlagsFromString('--liftoff-only');
  const module = await import('undici/lib/dispatcher/pool.js');
  return module.default as PoolConstructor;
}
