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
    const response = (await short(next, request, shortcuts)) ?? (await follow(next, request, shortcuts));
    const isExpired = response.status === 403 && isReading(request) && response.url.origin !== request.url.origin;
    if (!isExpired) return response;
    response.body.cancel();
    return follow(next, request, shortcuts);
  };
}

/** Where ranges of a content turned out to be: its next range is asked for there, without the way through the registry. */
type Shortcuts = Map<string, HttpRequest>;

const MOST_SHORTCUTS = 64;

/** Undefined when no shortcut is known, or it leads nowhere any more: then the first URL is asked. */
async function short(next: Send, request: HttpRequest, shortcuts: Shortcuts): Promise<HttpResponse | undefined> {
  const range = request.headers?.['range'];
  const known = range === undefined ? undefined : shortcuts.get(request.url.href);
  if (!known || range === undefined) return undefined;
  const response = await next({ ...known, signal: request.signal, headers: { ...known.headers, range } });
  if (response.status === 206) return response;
  response.body.cancel();
  shortcuts.delete(request.url.href);
  return undefined;
}

/** A range that another host gave shows where the others are. */
function remember(first: HttpRequest, last: HttpRequest, response: HttpResponse, shortcuts: Shortcuts): void {
  if (response.status !== 206 || last.url.origin === first.url.origin || first.headers?.['range'] === undefined) return;
  if (shortcuts.size >= MOST_SHORTCUTS) shortcuts.clear();
  shortcuts.set(first.url.href, last);
}

async function follow(next: Send, first: HttpRequest, shortcuts: Shortcuts): Promise<HttpResponse> {
  const visited = new Set<string>();
  let request = first;
  for (;;) {
    visited.add(request.url.href);
    const response = await next(request);
    if (!isFollowed(response.status, request)) {
      remember(first, request, response, shortcuts);
      return response;
    }
    response.body.cancel();
    const url = targetOf(response, request.url);
    if (visited.has(url.href)) throw unusable(`redirect loop at ${redactUrl(url)}`, request.url);
    if (visited.size > MAX_HOPS) throw unusable(`${first.url.host} redirects more than ${MAX_HOPS} times`, request.url);
    request = requestFor(url, request, first);
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
