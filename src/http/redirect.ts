// How is a redirect followed without carrying secrets or the request to where they do not belong?
import { HubError } from '../errors.ts';
import type { HttpRequest, HttpResponse, Layer, Send } from './layer.ts';
import { redactUrl } from './redact.ts';
import { parseUrl } from '../util/url.ts';

const MAX_HOPS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What another origin needs to know of a GET; every other header belongs to the origin it was made for. */
const HARMLESS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'range',
  'if-range',
  'if-none-match',
  'if-match',
]);

/**
 * Follows 301, 302, 303, 307 and 308 of GET and HEAD, and 307 and 308 of other methods within their origin; any other
 * redirect, and each one of a request with `redirect: 'manual'`, is given to the caller. Another origin is asked without
 * credentials and own headers, and stays that way for the rest of the chain. When a storage host answers 403, the link
 * has expired: the first URL is asked once more. Ranges of one content are asked for where its first range was found. Throws SERVER_ERROR for a loop, more than 10 hops or a malformed
 * location, and REFUSED for a step from https to http or an upload sent elsewhere [distribution-spec, RFC 9110 15.4].
 */
export function redirect(): Layer {
  const shortcuts: Shortcuts = new Map();
  return (next) => async (request) => {
    if (request.redirect === 'manual') return next(request);
    const known = isRange(request) ? shortcuts.get(request.url.href) : undefined;
    const response = (known && (await short(next, request, { known, shortcuts }))) ?? (await next(request));
    return isFinal(response.status) ? response : settle(next, request, { response, shortcuts });
  };
}

/** True for an answer that leads nowhere else, and tells nothing of where ranges are. */
function isFinal(status: number): boolean {
  return !REDIRECTS.has(status) && status !== 206 && status !== 403;
}

interface Answered {
  readonly response: HttpResponse;
  readonly shortcuts: Shortcuts;
}

async function settle(next: Send, request: HttpRequest, { response, shortcuts }: Answered): Promise<HttpResponse> {
  const last = await follow(next, request, { response, shortcuts });
  const isExpired = last.status === 403 && isReading(request) && last.url.origin !== request.url.origin;
  if (!isExpired) return last;
  last.body.cancel();
  return follow(next, request, { response: await next(request), shortcuts });
}

/** Where ranges of a content turned out to be: its next range is asked for there, without the way through the registry. */
type Shortcuts = Map<string, HttpRequest>;

const MOST_SHORTCUTS = 64;

function isRange({ headers }: HttpRequest): boolean {
  return headers?.['range'] !== undefined;
}

/** Undefined when the shortcut leads nowhere any more: then the first URL is asked. */
async function short(
  next: Send,
  request: HttpRequest,
  { known, shortcuts }: { readonly known: HttpRequest; readonly shortcuts: Shortcuts },
): Promise<HttpResponse | undefined> {
  const { signal, expected, into, headers } = request;
  const range = headers?.['range'] ?? '';
  const response = await next({ ...known, signal, expected, into, headers: { ...known.headers, range } });
  if (response.status === 206) return response;
  response.body.cancel();
  shortcuts.delete(request.url.href);
  return undefined;
}

/** A range that another host gave shows where the others are. */
function remember(first: HttpRequest, last: HttpRequest, response: HttpResponse, shortcuts: Shortcuts): void {
  if (response.status !== 206 || !isRange(first) || last.url.origin === first.url.origin) return;
  if (shortcuts.size >= MOST_SHORTCUTS) shortcuts.clear();
  shortcuts.set(first.url.href, last);
}

/** `begun` has the answer to the first request. */
async function follow(next: Send, first: HttpRequest, begun: Answered): Promise<HttpResponse> {
  const visited = new Set<string>();
  let request = first;
  let { response } = begun;
  for (;;) {
    visited.add(request.url.href);
    if (!isFollowed(response.status, request)) {
      remember(first, request, response, begun.shortcuts);
      return response;
    }
    response.body.cancel();
    const url = targetOf(response, request.url);
    if (visited.has(url.href)) throw unusable(`redirect loop at ${redactUrl(url)}`, request.url);
    if (visited.size > MAX_HOPS) throw unusable(`${first.url.host} redirects more than ${MAX_HOPS} times`, request.url);
    request = requestFor(url, request, first);
    response = await next(request);
  }
}

function isFollowed(status: number, request: HttpRequest): boolean {
  return REDIRECTS.has(status) && (isReading(request) || status === 307 || status === 308);
}

function isReading(request: HttpRequest): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function targetOf(response: HttpResponse, base: URL): URL {
  const location = response.headers.get('location');
  if (location === undefined || location === '') {
    throw unusable(`${base.host} answered ${response.status} without a location`, base);
  }
  const url = parseUrl(location, base);
  if (!url) throw unusable(`${base.host} redirects to a malformed address`, base);
  if (url.hash === '') url.hash = base.hash;
  if (base.protocol === 'https:' && url.protocol === 'http:') {
    throw new HubError('REFUSED', `${base.host} redirects from https to plain http at ${url.host}`, {
      hint: 'the content would travel in the clear; report it to whoever runs the registry',
      details: { host: base.host, target: url.host },
    });
  }
  if (url.protocol === 'https:' || url.protocol === 'http:') return url;
  throw unusable(`${base.host} redirects to a ${url.protocol} address`, base);
}

function requestFor(url: URL, request: HttpRequest, first: HttpRequest): HttpRequest {
  const isForeign = url.origin !== request.url.origin;
  if (!isForeign) return { ...request, url };
  if (!isReading(request)) {
    throw new HubError('REFUSED', `${request.url.host} redirects a ${request.method} to another host, ${url.host}`, {
      hint: 'uploads and changes are sent only to the host they were meant for',
      details: { host: request.url.host, target: url.host },
    });
  }
  const kept = Object.entries(request.headers ?? {}).filter(([name]) => HARMLESS.has(name));
  const namedBy = first.namedBy ?? first.url;
  return { ...request, url, headers: Object.fromEntries(kept), anonymous: true, namedBy };
}

function unusable(message: string, url: URL): HubError {
  return new HubError('SERVER_ERROR', message, { details: { host: url.host, retry: false } });
}
