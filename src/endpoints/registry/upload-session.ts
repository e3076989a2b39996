// What can be done with one upload session of a registry?
import { HubError } from '../../errors.ts';
import { parseRetryAfter } from '../../http/headers.ts';
import type { HttpRequest, HttpResponse } from '../../http/layer.ts';
import { isBodyError } from '../../http/upload.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Open } from '../../transfer/endpoint.ts';
import { contentOf } from '../../util/content.ts';
import { locationOf, pushScope, type RepositoryAccess } from './access.ts';

/** Milliseconds a registry may take to answer after the last byte: some, and more for what it has to hash or move. */
const COMMIT_TIMEOUT = { least: 25_000, perMebibyte: 1000, most: 300_000 };
/** Milliseconds to say how far an upload got. */
const STATUS_TIMEOUT = 10_000;
/** Milliseconds. What broke once most often works at once; after that the wait doubles with each try. */
const FIRST_DELAY = 100;
const DELAY = 250;
const MAX_DELAY = 20_000;
const MAX_ASKED = 300_000;
const CHUNK = 64 * 1024 * 1024;
const MIN_CHUNK = 1024 * 1024;
/** Where connections break again and again, something between may end those that carry too much. */
const CAREFUL_CHUNK = 8 * 1024 * 1024;
const OCTETS = { 'content-type': 'application/octet-stream' };
/** Answers to the PUT of a blob that is stored now. */
const STORED: ReadonlySet<number> = new Set([200, 201, 202, 204]);

export interface SendCall {
  readonly descriptor: Descriptor;
  readonly open: Open;
  /** Bytes the session has already. */
  readonly offset: number;
  readonly signal: AbortSignal | undefined;
  /** The content was sound when it was kept: to hash it is left to a registry that is known to do that. */
  readonly sound?: boolean | undefined;
  /** Told when the session has a new location. */
  readonly onMoved?: (() => void) | undefined;
}

/** Why a blob did not get through: an answer, or no answer. */
export interface UploadFailure {
  readonly method: 'PUT' | 'PATCH';
  readonly response?: HttpResponse | undefined;
  readonly error?: HubError | undefined;
  /** Milliseconds to wait before the attempt after this one, as the registry asked or doubled each time. */
  delay(attempt: number): number;
}

/** An upload session: its newest location, and how large the pieces may be that it is sent. */
export class Session {
  #location: URL | undefined;
  /** The registry. It may name another port, and a name may have another address there. */
  readonly #asked: URL;
  #storedDigest: string | undefined;
  /** Bytes of one PATCH; undefined sends everything at once. */
  chunk: number | undefined;
  /** True for a registry that is, or is made of, distribution: only that keeps the state of an upload in its location. */
  readonly isDistribution: boolean;
  readonly #leastChunk: number;

  /**
   * `leastChunk` is what the registry asks for in bytes. Throws REFUSED for a location on another host, which would get the
   * bytes without being asked for.
   */
  constructor(location: URL, { asked, leastChunk }: { readonly asked: URL; readonly leastChunk?: number | undefined }) {
    this.#location = checkHost(location, asked);
    this.#asked = asked;
    this.#leastChunk = Math.max(MIN_CHUNK, leastChunk ?? 0);
    this.isDistribution = /[?&]_state=/.test(location.href);
  }

  /** The digest the registry says it stored. */
  get storedDigest(): string | undefined {
    return this.#storedDigest;
  }

  /** Where to ask and to send next; undefined when the session is gone. */
  get location(): string | undefined {
    return this.#location?.href;
  }

  /** Makes the next status question answer "gone". */
  forget(): void {
    this.#location = undefined;
  }

  /** Smaller pieces after a 413, or a broken connection. False when they are as small as they get. */
  mayShrink(first: number = CHUNK): boolean {
    const next = Math.min(this.chunk === undefined ? first : this.chunk / 4, first);
    if (next < this.#leastChunk) return false;
    this.chunk = next;
    return true;
  }

  /** Smaller pieces after connections that broke, if they can be smaller. */
  beCareful(): void {
    this.mayShrink(CAREFUL_CHUNK);
  }

  /**
   * Sends what the session lacks and commits it: one PUT from the beginning, or PATCH and PUT from an offset
   * [distribution-spec end-5, end-6]. Gives what stood in the way, undefined when the blob is stored.
   */
  send(access: RepositoryAccess, call: SendCall): Promise<UploadFailure | undefined> {
    const { descriptor, offset } = call;
    const isOnePiece = offset === 0 && (this.chunk === undefined || descriptor.size <= this.chunk);
    return isOnePiece ? this.#putWhole(access, call) : this.#sendPieces(access, call);
  }

  async #sendPieces(access: RepositoryAccess, call: SendCall): Promise<UploadFailure | undefined> {
    const { descriptor, offset } = call;
    let position = offset;
    while (position < descriptor.size) {
      const end = Math.min(position + (this.chunk ?? descriptor.size), descriptor.size);
      const failure = await this.#patch(access, call, { position, end });
      if (failure) return failure;
      position = end;
      call.onMoved?.();
    }
    return this.#commit(access, call, { length: 0, open: async () => contentOf(new Uint8Array()) });
  }

  /** Bytes the registry has, asked with GET [end-13]; undefined when the session is gone. */
  async status(access: RepositoryAccess, signal: AbortSignal | undefined): Promise<number | undefined> {
    const url = this.#location;
    if (!url) return undefined;
    const scopes = [pushScope(access)];
    const response = await access.send({
      method: 'GET',
      url,
      signal,
      scopes,
      namedBy: this.#asked,
      headersTimeout: STATUS_TIMEOUT,
    });
    response.body.cancel();
    if (response.status !== 204 && response.status !== 200) return undefined;
    this.#move(response, url);
    const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers.get('range') ?? '')?.[1];
    // `0-0` stands for nothing as well as for one byte; starting at 0 again is refused by none that has nothing.
    if (end === undefined || end === '0') return undefined;
    return Number(end) + 1;
  }

  #putWhole(access: RepositoryAccess, call: SendCall): Promise<UploadFailure | undefined> {
    const { descriptor, open, signal, sound } = call;
    const unverified = sound === true && this.isDistribution;
    const body = { length: descriptor.size, open: () => open({ signal, unverified }) };
    return this.#commit(access, call, body);
  }

  async #commit(
    access: RepositoryAccess,
    { descriptor, signal }: SendCall,
    body: NonNullable<HttpRequest['body']>,
  ): Promise<UploadFailure | undefined> {
    const url = withDigest(this.#requireLocation(), descriptor.digest);
    const headersTimeout = commitTimeout(descriptor.size);
    const result = await attempt(access, {
      method: 'PUT',
      url,
      headers: OCTETS,
      body,
      signal,
      namedBy: this.#asked,
      headersTimeout,
      scopes: [pushScope(access)],
      repeatable: false,
    });
    if ('delay' in result) return result;
    if (!STORED.has(result.status)) return failed({ method: 'PUT', response: result });
    result.body.cancel();
    this.#storedDigest = result.headers.get('docker-content-digest');
    return undefined;
  }

  async #patch(
    access: RepositoryAccess,
    { open, signal }: SendCall,
    { position, end }: { readonly position: number; readonly end: number },
  ): Promise<UploadFailure | undefined> {
    const url = this.#requireLocation();
    const headers = { ...OCTETS, 'content-range': `${position}-${end - 1}` };
    const body = { length: end - position, open: () => open({ start: position, end, signal }) };
    const result = await attempt(access, {
      method: 'PATCH',
      url,
      headers,
      body,
      signal,
      namedBy: this.#asked,
      headersTimeout: commitTimeout(end - position),
      scopes: [pushScope(access)],
      repeatable: false,
    });
    if ('delay' in result) return result;
    if (result.status !== 202 && result.status !== 201 && result.status !== 204)
      return failed({ method: 'PATCH', response: result });
    result.body.cancel();
    this.#move(result, url);
    return undefined;
  }

  #move(response: HttpResponse, asked: URL): void {
    if (response.headers.get('location') === undefined) return;
    this.#location = checkHost(locationOf(response, asked, 'upload'), asked);
  }

  #requireLocation(): URL {
    if (this.#location) return this.#location;
    throw new HubError('SERVER_ERROR', 'the upload session is gone');
  }
}

function commitTimeout(bytes: number): number {
  const { least, perMebibyte, most } = COMMIT_TIMEOUT;
  return Math.min(most, least + Math.ceil((bytes / (1024 * 1024)) * perMebibyte));
}

async function attempt(
  access: RepositoryAccess,
  request: HttpRequest & { readonly method: 'PUT' | 'PATCH' },
): Promise<HttpResponse | UploadFailure> {
  try {
    return await access.send(request);
  } catch (error) {
    if (!HubError.is(error) || !error.retryable || isBodyError(error)) throw error;
    return failed({ method: request.method, error });
  }
}

function failed(cause: Omit<UploadFailure, 'delay'>): UploadFailure {
  return {
    ...cause,
    delay: (attemptNumber) => {
      const headers = cause.response?.headers;
      const asked = parseRetryAfter(headers?.get('retry-after'), Date.parse(headers?.get('date') ?? '') || 0);
      if (asked !== undefined) return Math.min(asked, MAX_ASKED);
      return attemptNumber === 1 ? FIRST_DELAY : Math.min(DELAY * 2 ** (attemptNumber - 1), MAX_DELAY);
    },
  };
}

/**
 * Adds the digest to whatever query the location has; nothing of the query may be changed [distribution-spec end-6].
 * A fragment is not sent, and may not swallow it.
 */
function withDigest({ href }: URL, digest: string): URL {
  const fragment = href.indexOf('#');
  const location = fragment === -1 ? href : href.slice(0, fragment);
  const separator = location.includes('?') ? '&' : '?';
  return new URL(`${location}${separator}digest=${encodeURIComponent(digest)}`);
}

function checkHost(location: URL, asked: URL): URL {
  if (location.hostname === asked.hostname) return location;
  throw new HubError('REFUSED', `${asked.host} wants the upload sent to another host, ${location.host}`, {
    hint: 'content is only sent to the registry it is pushed to',
    details: { host: asked.host, location: location.host },
  });
}
