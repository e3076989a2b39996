// How are lists read page by page without ever going in circles?
import { HubError } from '../../errors.ts';
import { parseLink } from '../../http/headers.ts';
import type { HttpResponse, Send } from '../../http/layer.ts';
import { collect } from '../../util/content.ts';
import { isRecord, parseJson } from '../../util/json.ts';
import { wireError } from './errors.ts';
import { parseUrl } from '../../util/url.ts';

const PAGE_LIMIT = 8 * 1024 * 1024; // bytes of one page
const MAX_PAGES = 10_000;

export interface PageRequest {
  readonly send: Send;
  readonly first: URL;
  readonly scopes: readonly string[];
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `list tags of app`. */
  readonly what: string;
  readonly subject: string;
  /** Canonical name of the registry. */
  readonly registry: string;
}

export interface Page {
  readonly document: Readonly<Record<string, unknown>>;
  readonly response: HttpResponse;
}

/**
 * The pages of a list, followed by `Link: rel="next"` on the same origin [distribution-spec, RFC 8288]. Throws REFUSED for
 * a link elsewhere, CONTENT_INVALID for one that was followed before, and what the refusal of a page means.
 */
export async function* pages(request: PageRequest): AsyncGenerator<Page, void, undefined> {
  const seen = new Set<string>();
  let url: URL | undefined = request.first;
  while (url) {
    if (seen.has(url.href) || seen.size >= MAX_PAGES) {
      throw new HubError('CONTENT_INVALID', `${request.what}: ${url.host} leads in circles after ${seen.size} pages`, {
        hint: 'the registry sends a wrong Link header; use --limit to stop earlier',
      });
    }
    seen.add(url.href);
    const page = await onePage(request, url);
    yield page;
    url = nextUrl(page.response, url, request.what);
  }
}

/** Names asked for at once; registries with a smaller limit refuse the first page, and are asked for less. */
const PAGE_SIZES = [1000, 100, undefined] as const;

/**
 * The texts in the list `key`, page by page, without null, empty texts, and repeats at page borders. Whole pages, because
 * with a million names it counts how many hands each goes through. Throws like `pages`.
 */
export async function* namePages(
  request: PageRequest,
  key: string,
): AsyncGenerator<readonly string[], void, undefined> {
  for (const size of PAGE_SIZES) {
    const first = new URL(request.first);
    if (size !== undefined) first.searchParams.set('n', String(size));
    try {
      yield* namesOf({ ...request, first }, key);
      return;
    } catch (error) {
      const isTooLarge = HubError.is(error) && error.details['registryCode'] === 'PAGINATION_NUMBER_INVALID';
      if (!isTooLarge || size === undefined) throw error;
    }
  }
}

async function* namesOf(request: PageRequest, key: string): AsyncGenerator<readonly string[], void, undefined> {
  let last: string | undefined;
  const isNew = (name: unknown): name is string => {
    if (typeof name !== 'string' || name === '' || name === last) return false;
    last = name;
    return true;
  };
  for await (const { document } of pages(request)) {
    const names: unknown = document[key];
    if (Array.isArray(names)) yield names.filter(isNew);
  }
}

async function onePage(
  { send, scopes, headers, signal, what, subject, registry }: PageRequest,
  url: URL,
): Promise<Page> {
  const whole = { limit: PAGE_LIMIT, what: `${what}: the answer of ${url.host}` };
  const response = await send({ method: 'GET', url, headers, scopes, signal, whole });
  if (response.status !== 200) throw await wireError(response, { operation: what, subject, registry, method: 'GET' });
  const bytes = await collect(response.body, whole.limit, whole.what);
  const document = parseJson(bytes.toString('utf8'), `answer of ${url.host}`);
  if (!isRecord(document)) throw new HubError('CONTENT_INVALID', `${what}: ${url.host} answered with no JSON object`);
  return { document, response };
}

function nextUrl(response: HttpResponse, asked: URL, what: string): URL | undefined {
  const next = parseLink(response.headers.all('link')).find((link) => link.rel === 'next');
  const url = next && parseUrl(next.url, asked);
  if (!url) return undefined;
  if (url.host === asked.host) {
    url.protocol = asked.protocol; // behind a proxy that ends TLS, registries may write http
    return url;
  }
  throw new HubError('REFUSED', `${what}: ${asked.host} continues the list at another host, ${url.host}`);
}
