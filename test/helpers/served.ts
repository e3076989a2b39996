// How does a test get our own registry, and speak to it so that it sees every status, header and byte?
import { request, type IncomingHttpHeaders } from 'node:http';
import { onTestFinished } from 'vitest';
import type { AccessEntry } from '../../src/server/access-log.ts';
import { serve, type RegistryServer, type ServeOptions } from '../../src/server/serve.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { folder } from './folder.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Sends the body in pieces without saying how long it is. */
  readonly streamed?: boolean;
}

export interface Served {
  readonly registry: RegistryServer;
  readonly dir: string;
  /** `127.0.0.1:41234` */
  readonly host: string;
  /** Requests that were answered. */
  readonly log: readonly AccessEntry[];
  /** The log as soon as it has so many entries: a client may have its answer before the entry is there. */
  logged(count: number): Promise<readonly AccessEntry[]>;
  readonly warnings: readonly string[];
  /** One request of its own connection, with nothing added and nothing followed. */
  ask(path: string, options?: Ask): Promise<Answer>;
  /** POST and PUT of a blob; gives its digest. Fails when it is not taken. */
  pushBlob(repository: string, bytes: Uint8Array | string, algorithm?: string): Promise<string>;
  /** PUT of a manifest; fails when it is not taken. */
  pushManifest(repository: string, reference: string, document: unknown, mediaType?: string): Promise<Answer>;
}

/** A registry in a folder of its own, closed after the test. */
export async function newServed(options: ServeOptions = {}): Promise<Served> {
  const log: AccessEntry[] = [];
  const warnings: string[] = [];
  const dir = options.dir ?? folder();
  const registry = await serve({
    dir,
    onAccess: (entry) => log.push(entry),
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  onTestFinished(() => registry.close(0));
  const toHere = (path: string, asked: Ask = {}): Promise<Answer> => ask(registry.url, path, asked);
  return {
    registry,
    dir,
    host: registry.host,
    log,
    warnings,
    logged: async (count) => {
      while (log.length < count) await new Promise((resolve) => setImmediate(resolve));
      return log;
    },
    ask: toHere,
    pushBlob: async (repository, bytes, algorithm = 'sha256') => {
      const digest = digestOf(bytes, algorithm);
      const path = `/v2/${repository}/blobs/uploads/?digest-algorithm=${algorithm}`;
      const session = expectStatus(await toHere(path, { method: 'POST' }), 202);
      const location = `${locationOf(session)}?digest=${digest}`;
      expectStatus(await toHere(location, { method: 'PUT', body: bytes }), 201);
      return digest;
    },
    pushManifest: async (repository, reference, document, mediaType = MEDIA_TYPES.ociManifest) =>
      expectStatus(
        await toHere(`/v2/${repository}/manifests/${reference}`, {
          method: 'PUT',
          headers: { 'content-type': mediaType },
          body: bytesOf(document),
        }),
        201,
      ),
  };
}

/** A document as it is sent: bytes stay what they are. */
export function bytesOf(document: unknown): Buffer {
  if (Buffer.isBuffer(document)) return document;
  return Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
}

/** The path a Location names. */
export function locationOf({ headers }: Answer): string {
  if (headers.location === undefined) throw new Error('there is no Location');
  return headers.location;
}

/** Codes of an error body. */
export function codesOf({ body }: Answer): readonly string[] {
  return (JSON.parse(body.toString()) as { errors: { code: string }[] }).errors.map(({ code }) => code);
}

/** Fails with what the registry said. */
export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  throw new Error(`status ${answer.status} instead of ${status}: ${answer.body.toString().slice(0, 500)}`);
}

export function ask(origin: string, path: string, options: Ask = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, streamed = false } = options;
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const length = body === undefined || streamed ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    // The path goes as it is: a URL would take `..` out of it.
    const outgoing = request({
      host: hostname.replaceAll(/[[\]]/g, ''),
      port,
      path,
      method,
      agent: false,
      headers: { ...length, ...headers },
    });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', reject);
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
      );
    });
    if (streamed) for (const part of partsOf(Buffer.from(body ?? ''))) outgoing.write(part);
    else if (body !== undefined) outgoing.write(body);
    outgoing.end();
  });
}

function partsOf(bytes: Buffer): Buffer[] {
  const size = Math.max(1, Math.ceil(bytes.length / 3));
  return [0, 1, 2].map((part) => bytes.subarray(part * size, (part + 1) * size)).filter((part) => part.length > 0);
}
