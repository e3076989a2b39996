// How are blobs found and downloaded?
import { HubError } from '../../errors.ts';
import { parseContentRange } from '../../http/headers.ts';
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { isNonDistributable } from '../../spec/media-types.ts';
import type { CallOptions, Content, ReadOptions } from '../../transfer/endpoint.ts';
import { contentOf } from '../../util/content.ts';
import { expect, pullScope, pushScope, type RepositoryAccess } from './access.ts';
import { parseUrl } from '../../util/url.ts';

/** Milliseconds until a blob that was not found is asked for again. */
const PATIENCE = 1000;

/**
 * GET of a blob, or a part of it [distribution-spec end-2]. A registry that ignores Range is read from the beginning, and
 * what came before `start` is dropped. Throws NOT_FOUND.
 */
export async function readBlob(
  access: RepositoryAccess,
  descriptor: Descriptor,
  options: ReadOptions = {},
): Promise<Content> {
  if (descriptor.size === 0) return contentOf(new Uint8Array());
  if (isNonDistributable(descriptor.mediaType) && descriptor.urls && descriptor.urls.length > 0) {
    const foreign = await readForeign(access, descriptor, options);
    if (foreign) return foreign;
  }
  const url = await access.url(`blobs/${descriptor.digest}`);
  try {
    return await readUrl(access, descriptor, { ...options, url });
  } catch (error) {
    if (!HubError.is(error, 'NOT_FOUND')) throw error;
    return readAgain(access, descriptor, { ...options, url });
  }
}

/** A manifest names it, so it should be there; a registry of several machines may not know yet. */
async function readAgain(access: RepositoryAccess, descriptor: Descriptor, options: UrlOptions): Promise<Content> {
  await access.sleep(PATIENCE, options.signal);
  try {
    return await readUrl(access, descriptor, options);
  } catch (error) {
    if (!HubError.is(error, 'NOT_FOUND')) throw error;
    const { digest } = descriptor;
    const message = `pull blob ${digest} of ${access.name}: it is missing at ${options.url.host}, although a manifest names it`;
    throw new HubError('NOT_FOUND', message, {
      cause: error,
      hint: 'the image is broken in the registry; whoever made it has to push it again',
      details: error.details,
    });
  }
}

/** For a host that has left another question unanswered already. */
const SOON = { headersTimeout: 10_000 };

/**
 * HEAD of a blob. Anything but a plain yes counts as no: the upload that follows decides. `soon` waits less long for an
 * answer.
 */
export async function hasBlob(
  access: RepositoryAccess,
  descriptor: Descriptor,
  { signal, soon }: CallOptions & { readonly soon?: boolean } = {},
): Promise<boolean> {
  const url = await access.url(`blobs/${descriptor.digest}`);
  const scopes = [pushScope(access)];
  const response = await access.send({ method: 'HEAD', url, signal, scopes, ...(soon && SOON) });
  response.body.cancel();
  if (response.status !== 200) return false;
  const length = response.headers.get('content-length');
  return length === undefined || Number(length) === descriptor.size;
}

/** A rest that is sooner read than a new connection is opened. */
const WORTH_READING = 256 * 1024;

interface UrlOptions extends ReadOptions {
  readonly url: URL;
  readonly anonymous?: boolean | undefined;
  /** Whoever named `url`, when it is not the registry's own. */
  readonly namedBy?: URL | undefined;
}

async function readUrl(access: RepositoryAccess, descriptor: Descriptor, options: UrlOptions): Promise<Content> {
  const { start = 0, end = descriptor.size } = options;
  if (start >= end) return contentOf(new Uint8Array());
  if (start > 0 || end < descriptor.size) return readPart(access, descriptor, { ...options, start, end });
  return (await getBlob(access, descriptor, { ...options, start, end })).body;
}

type PartOptions = UrlOptions & { readonly start: number; readonly end: number };

async function readPart(access: RepositoryAccess, descriptor: Descriptor, options: PartOptions): Promise<Content> {
  const { start, end, url, signal, anonymous, greedy, fresh, namedBy } = options;
  const { size } = descriptor;
  const cut = { start, end: greedy ? size : end, size };
  const whole = (): Promise<Content> => readUrl(access, descriptor, { url, signal, anonymous, namedBy, fresh });
  // Who wants no more than a part may have no use for the whole.
  if (greedy === false && !(await mayGiveParts(access))) return part(later(whole), cut);
  const response = await getBlob(access, descriptor, options, `bytes=${start}-${end - 1}`);
  const isPart = isRange(response, descriptor, { start, end });
  if (anonymous !== true) void noteParts(access, { isPart, status: response.status });
  if (isPart) {
    const { body } = response;
    return { isPart, forEach: (consume, landed) => body.forEach(consume, landed), cancel: () => body.cancel() };
  }
  if (response.status === 200) return part(response.body, cut);
  // Refused, or another part than was asked for: bytes are never put together from what may not fit.
  response.body.cancel();
  return part(greedy === false ? later(whole) : await whole(), cut);
}

function getBlob(
  access: RepositoryAccess,
  { digest }: Descriptor,
  { start, end, url, signal, anonymous, fresh, namedBy, into }: PartOptions,
  range?: string,
): Promise<HttpResponse> {
  return expect(
    access,
    {
      method: 'GET',
      url,
      headers: { 'accept-encoding': 'identity', ...(range !== undefined && { range }) },
      signal,
      anonymous,
      namedBy,
      fresh,
      expected: end - start,
      into: into && { landing: into, position: start },
      scopes: [pullScope(access)],
    },
    { statuses: range === undefined ? [200] : [200, 206, 416], what: `pull blob ${digest} of ${access.name}` },
  );
}

/** False where parts were asked for before, and all came: then nobody asks ahead for others. */
async function mayGiveParts({ registry, traits }: RepositoryAccess): Promise<boolean> {
  return (await traits.get(registry)).parts !== false;
}

async function noteParts(
  { registry, traits }: RepositoryAccess,
  { isPart, status }: { readonly isPart: boolean; readonly status: number },
): Promise<void> {
  if (!isPart && status !== 200) return;
  const { parts } = await traits.get(registry);
  if (isPart ? parts === false : parts !== false) traits.learn(registry, { parts: isPart });
}

/** Content that is asked for when it is read. */
function later(open: () => Promise<Content>): Content {
  return {
    cancel: () => undefined,
    forEach: async (consume) => (await open()).forEach(consume),
  };
}

function isRange(
  { status, headers }: HttpResponse,
  { size }: Descriptor,
  { start, end }: { readonly start: number; readonly end: number },
): boolean {
  if (status !== 206) return false;
  const range = parseContentRange(headers.get('content-range'));
  // A page of somebody in between, under headers of the registry.
  if (headers.get('content-type')?.startsWith('text/html')) return false;
  return range?.start === start && (range.end ?? end) <= end && (range.total === undefined || range.total === size);
}

interface Part {
  readonly start: number;
  readonly end: number;
  /** Of the whole. */
  readonly size: number;
}

/** Bytes `start` to `end` of a content that could not be asked for in parts. When all of it is wanted, nothing is counted. */
function part(content: Content, { start, end, size }: Part): Content {
  if (start === 0 && end === size) return content;
  return {
    cancel: () => content.cancel(),
    forEach: async (consume) => {
      let position = 0;
      let isEnough = false;
      const pauses: Promise<void>[] = [];
      const reading = content.forEach((chunk) => {
        if (isEnough) return undefined;
        const from = Math.max(start - position, 0);
        const to = Math.min(end - position, chunk.length);
        position += chunk.length;
        const pause = from < to ? consume(chunk.subarray(from, to)) : undefined;
        isEnough = position >= end && size - position > WORTH_READING;
        if (!isEnough) return pause;
        if (pause) pauses.push(pause);
        content.cancel();
        return undefined;
      });
      await reading.catch((error: unknown) => {
        if (!isEnough) throw error;
      });
      await Promise.all(pauses);
    },
  };
}

/** Layers that live elsewhere are fetched from there, without credentials and over https only [CVE-2020-15157]. */
async function readForeign(
  access: RepositoryAccess,
  descriptor: Descriptor,
  options: ReadOptions,
): Promise<Content | undefined> {
  for (const text of descriptor.urls ?? []) {
    const url = parseUrl(text);
    if (!url || !text.startsWith('https://')) continue;
    try {
      const namedBy = await access.url('');
      return await readUrl(access, descriptor, { ...options, url, anonymous: true, namedBy });
    } catch (error) {
      if (!HubError.is(error) || error.code === 'ABORTED') throw error;
      access.warn(`layer ${descriptor.digest} cannot be fetched from ${url.host}: ${error.message}`);
    }
  }
  return undefined;
}
