// How does a registry start, listen and stop?
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HubError } from '../errors.ts';
import type { OnAccess } from './access-log.ts';
import { BODY_LIMITS } from './body.ts';
import { joinContents } from './contents.ts';
import { openRegistryDir, type RegistryDir } from './disk/registry-dir.ts';
import { exchange } from './exchange.ts';
import type { Accounts } from './htpasswd.ts';
import { StoreImages, type ImageStore } from './images.ts';
import { checkExposure, formatAddress, type ListenAddress } from './listen.ts';
import { ProxyContents } from './proxy.ts';
import type { RegistryPlace } from './reply.ts';
import type { Upstream } from './upstream.ts';

export interface ServeOptions {
  /** Folder of the registry; by default a temporary one that is removed when the registry is closed. */
  readonly dir?: string | undefined;
  /** 127.0.0.1 by default. */
  readonly host?: string | undefined;
  /** 0, which takes any that is free, by default. */
  readonly port?: number | undefined;
  readonly readOnly?: boolean | undefined;
  /** False refuses to delete tags, manifests and blobs; true by default. */
  readonly allowDelete?: boolean | undefined;
  /** Who may use it; everybody when undefined. See `openHtpasswd`. */
  readonly accounts?: Accounts | undefined;
  /** PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** Listen beyond this machine even without TLS and accounts. */
  readonly insecureListen?: boolean | undefined;
  /** A local store whose images are offered too, read-only. */
  readonly images?: ImageStore | undefined;
  /** A registry that is asked for what is not here. */
  readonly upstream?: Upstream | undefined;
  /** Bytes that chunks of an upload must have, as some registries want it; no minimum by default. */
  readonly chunkMinLength?: number | undefined;
  /** Milliseconds after which an upload that got no byte is given up; a day by default. */
  readonly uploadAge?: number | undefined;
  readonly onAccess?: OnAccess | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface RegistryServer extends AsyncDisposable {
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  /** `127.0.0.1:41234`: what stands before a repository in the name of an image. */
  readonly host: string;
  readonly dir: string;
  /** Takes no more requests and ends when those that run are done, at the latest after `grace` milliseconds (10,000). */
  close(grace?: number): Promise<void>;
}

/** Bounds of what one client, and all of them together, can make us hold. */
const LIMITS = {
  connections: 512,
  /** Bytes of all headers of a request. */
  headers: 32 * 1024,
  /** Milliseconds. */
  headersTime: 20_000,
  idle: 60_000,
};
const UPLOAD_AGE = 24 * 60 * 60 * 1000;
const SWEEP_EVERY = 60 * 60 * 1000;
const GRACE = 10_000;
const CLOSE_IDLE_EVERY = 50;

/**
 * Starts a registry: the OCI distribution API 1.1, the catalog, and v1 search. Throws REFUSED for an address that other
 * machines reach when it has no TLS or no accounts, STORAGE for a folder that holds something else, LOCKED for one that
 * is served already, CONFIG_INVALID for a certificate or key that is none, and UNREACHABLE when the address cannot be had.
 */
export async function serve(options: ServeOptions = {}): Promise<RegistryServer> {
  const { host = '127.0.0.1', port = 0, tls, accounts } = options;
  const address = { host, port };
  if (options.insecureListen !== true) {
    checkExposure(address, { tls: tls !== undefined, accounts: accounts !== undefined });
  }
  const temporary = options.dir === undefined ? await mkdtemp(join(tmpdir(), 'hubctl-registry-')) : undefined;
  const dir = await openRegistryDir(options.dir ?? temporary ?? '', { readOnly: options.readOnly });
  try {
    const server = createServer(options, placeOf(dir, options));
    await listen(server, address);
    return new RunningRegistry({ server, dir, temporary, options, host });
  } catch (error) {
    await dir[Symbol.asyncDispose]();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

function placeOf(dir: RegistryDir, options: ServeOptions): RegistryPlace {
  const { images, upstream, onWarning, readOnly = false, allowDelete = true, chunkMinLength } = options;
  const stored = images ? [new StoreImages(images)] : [];
  // A tag that was fetched is for the proxy to judge, so it stands in the place of the directory.
  const contents = upstream
    ? joinContents([...stored, new ProxyContents({ dir, upstream, onWarning })])
    : joinContents([dir, ...stored]);
  return { contents, dir, readOnly, allowDelete, chunkMinLength };
}

function createServer(options: ServeOptions, place: RegistryPlace): Server {
  const { accounts, onAccess, onWarning, tls } = options;
  const settings: ServerOptions = {
    maxHeaderSize: LIMITS.headers,
    headersTimeout: LIMITS.headersTime,
    // A body may take as long as it likes, as long as it moves: see body.ts.
    requestTimeout: 0,
    keepAliveTimeout: LIMITS.idle,
    noDelay: true,
  };
  const onFailure = (error: unknown, request: string): void => onWarning?.(`${request}: ${describe(error)}`);
  const common = { place, accounts, onAccess, onFailure, bodyLimits: BODY_LIMITS };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    void exchange(incoming, response, common);
  };
  const server = tls ? createSecureServer({ ...settings, ...tls }, listener) : createPlainServer(settings, listener);
  server.on('checkContinue', (incoming: IncomingMessage, response: ServerResponse) => {
    void exchange(incoming, response, { ...common, expectsContinue: true });
  });
  server.maxConnections = LIMITS.connections;
  server.setTimeout(LIMITS.idle + 15_000);
  return server;
}

function createSecureServer(
  settings: ServerOptions & NonNullable<ServeOptions['tls']>,
  listener: RequestListener,
): Server {
  try {
    return createTlsServer(settings, listener);
  } catch (error) {
    throw new HubError('CONFIG_INVALID', `the certificate and the key cannot be used: ${describe(error)}`, {
      cause: error,
      hint: 'give a certificate and the key that belongs to it, both as PEM',
    });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : 'it failed';
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, { host, port })));
    // What people call localhost has two addresses; clients that try both find this one.
    server.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }, resolve);
  });
  server.removeAllListeners('error');
}

function cannotListen(error: NodeJS.ErrnoException, address: ListenAddress): HubError {
  const where = formatAddress(address);
  const isTaken = error.code === 'EADDRINUSE';
  return new HubError('UNREACHABLE', `cannot listen on ${where}: ${isTaken ? 'the port is in use' : error.code}`, {
    cause: error,
    hint: 'choose another address, or port 0 for any that is free',
  });
}

interface Running {
  readonly server: Server;
  readonly dir: RegistryDir;
  readonly temporary: string | undefined;
  readonly options: ServeOptions;
  readonly host: string;
}

class RunningRegistry implements RegistryServer {
  readonly url: string;
  readonly host: string;
  readonly dir: string;
  readonly #running: Running;
  readonly #sweeping: NodeJS.Timeout;
  #closing: Promise<void> | undefined;

  constructor(running: Running) {
    const { server, dir, options, host } = running;
    const { port } = server.address() as AddressInfo;
    this.host = formatAddress({ host, port });
    this.url = `${options.tls ? 'https' : 'http'}://${this.host}`;
    this.dir = dir.dir;
    this.#running = running;
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_EVERY);
    this.#sweeping.unref();
    this.#sweep();
  }

  close(grace: number = GRACE): Promise<void> {
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close(0);
  }

  /** Uploads that do not end in time stay where they are: their clients go on with them after the next start. */
  async #close(grace: number): Promise<void> {
    const { server, dir, temporary } = this.#running;
    clearInterval(this.#sweeping);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    // A connection whose last answer was under way becomes idle later.
    const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY);
    const timer = setTimeout(() => server.closeAllConnections(), grace);
    await closed;
    clearInterval(idle);
    clearTimeout(timer);
    await dir[Symbol.asyncDispose]();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }

  #sweep(): void {
    const { dir, options } = this.#running;
    if (options.readOnly === true) return;
    dir.uploads
      .sweep(options.uploadAge ?? UPLOAD_AGE)
      .catch((error: unknown) => options.onWarning?.(`cannot remove old uploads: ${describe(error)}`));
  }
}
