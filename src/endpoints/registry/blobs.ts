// How are blobs found and downloaded?
import { HubError } from '../../errors.ts';
import { parseContentRange } from '../../http/headers.ts';
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { isNonDistributable } from '../../spec/media-types.ts';
import type { CallOptions, Content, ReadOptions } from '../../transfer/endpoint.ts';
import { contentOf } from '../../util/content.ts';
import { expect, pullScope, pushScope, type RepositoryAccess } from './access.ts';

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
  return readUrl(access, descriptor, { ...options, url });
}

/** HEAD of a blob. Anything but a plain yes counts as no: the upload that follows decides. */
export async function hasBlob(
  access: RepositoryAccess,
  descriptor: Descriptor,
  { signal }: CallOptions = {},
): Promise<boolean> {
  const url = await access.url(`blobs/${descriptor.digest}`);
  const response = await access.send({ method: 'HEAD', url, signal, scopes: [pushScope(access)] });
  response.body.cancel();
  if (response.status !== 200) return false;
  const length = response.headers.get('content-length');
  return length === undefined || Number(length) === descriptor.size;
}

interface UrlOptions extends ReadOptions {
  readonly url: URL;
  readonly anonymous?: boolean | undefined;
}

async function readUrl(access: RepositoryAccess, descriptor: Descriptor, options: UrlOptions): Promise<Content> {
  const { start = 0, end = descriptor.size, url, signal, anonymous, greedy } = options;
  if (start >= end) return contentOf(new Uint8Array());
  const partial = start > 0 || end < descriptor.size;
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (partial) headers['range'] = `bytes=${start}-${end - 1}`;
  const response = await expect(
    access,
    { method: 'GET', url, headers, signal, anonymous, expected: end - start, scopes: [pullScope(access)] },
    { statuses: partial ? [200, 206, 416] : [200], what: `pull blob ${descriptor.digest} of ${access.name}` },
  );
  if (response.status === 206) return checkRange(response, descriptor, { start, end });
  const last = greedy ? descriptor.size : end;
  if (response.status === 416) {
    response.body.cancel();
    const whole = await readUrl(access, descriptor, { url, signal, anonymous });
    return part(whole, start, last);
  }
  return partial ? part(response.body, start, last) : response.body;
}

function checkRange(
  response: HttpResponse,
  descriptor: Descriptor,
  { start, end }: { readonly start: number; readonly end: number },
): Content {
  const range = parseContentRange(response.headers.get('content-range'));
  const right = range?.start === start && (range.end ?? end) <= end;
  if (right && (range.total === undefined || range.total === descriptor.size)) {
    const { body } = response;
    return { isPart: true, forEach: (consume) => body.forEach(consume), cancel: () => body.cancel() };
  }
  response.body.cancel();
  throw new HubError('UNREACHABLE', `${response.url.host} answered with the wrong range of blob ${descriptor.digest}`, {
    hint: 'the download starts again',
  });
}

/** Bytes `start` to `end` of a content that could not be asked for in parts. */
function part(content: Content, start: number, end: number): Content {
  return {
    cancel: () => content.cancel(),
    forEach: (consume) => {
      let position = 0;
      return content.forEach((chunk) => {
        const from = Math.max(start - position, 0);
        const to = Math.min(end - position, chunk.length);
        position += chunk.length;
        return from < to ? consume(chunk.subarray(from, to)) : undefined;
      });
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
    if (!URL.canParse(text) || !text.startsWith('https://')) continue;
    try {
      return await readUrl(access, descriptor, { ...options, url: new URL(text), anonymous: true });
    } catch (error) {
      if (!HubError.is(error) || error.code === 'ABORTED') throw error;
      access.warn(`layer ${descriptor.digest} cannot be fetched from ${new URL(text).host}: ${error.message}`);
    }
  }
  return undefined;
}
