// How is text shown without the secrets in it?
import { parseUrl } from '../util/url.ts';

const HIDDEN = '[hidden]';

/** Query parameters whose values are public words of the protocols; the value of any other may be a signature. */
const PUBLIC_PARAMETERS: ReadonlySet<string> = new Set([
  'artifactType',
  'digest',
  'from',
  'last',
  'mount',
  'n',
  'ns',
  'page',
  'page_size',
  'q',
  'query',
  'scope',
  'service',
  'tag',
]);

/** Headers whose values are shown; every other is left out, since nobody can list all names of secrets. */
const PUBLIC_HEADERS: readonly string[] = [
  'accept',
  'accept-ranges',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'docker-content-digest',
  'docker-distribution-api-version',
  'docker-ratelimit-source',
  'docker-upload-uuid',
  'etag',
  'link',
  'location',
  'oci-chunk-min-length',
  'oci-filters-applied',
  'oci-subject',
  'oci-tag',
  'range',
  'ratelimit-limit',
  'ratelimit-remaining',
  'retry-after',
  'server',
  'transfer-encoding',
  'user-agent',
  'via',
  'warning',
  'www-authenticate',
  'x-request-id',
];

/** A URL without user, password and fragment; query parameters that are not known to be public become one `[hidden]`. */
export function redactUrl(url: URL): string {
  if (url.host === '') return `${url.protocol}${HIDDEN}`;
  return `${url.protocol}//${url.host}${url.pathname}${redactQuery(url.search)}`;
}

function redactQuery(query: string): string {
  const parameters = [...new URLSearchParams(query)];
  const shown = parameters.filter(([name]) => PUBLIC_PARAMETERS.has(name));
  const pairs = shown.map(([name, value]) => `${name}=${encodePublic(value)}`);
  if (shown.length < parameters.length) pairs.push(HIDDEN);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** `name: value` of the headers that may be shown, in a fixed order. Values keep no URL secrets. */
export function redactHeaders(get: (name: string) => string | undefined): readonly string[] {
  return PUBLIC_HEADERS.flatMap((name) => {
    const value = get(name);
    return value === undefined ? [] : [`${name}: ${redactText(value)}`];
  });
}

/**
 * Text from elsewhere (an error message of a server, a header) without URLs' secrets, without what follows `Bearer` and
 * `Basic`, without JSON web tokens, and without the values of names such as `token` and `password`.
 */
export function redactText(text: string): string {
  return text
    .replaceAll(URL_IN_TEXT, redactFound)
    .replaceAll(QUERY_IN_TEXT, (found) => (found.includes('=') ? redactQuery(found) : found))
    .replaceAll(AFTER_SCHEME, (_, scheme: string) => `${scheme} ${HIDDEN}`)
    .replaceAll(WEB_TOKEN, HIDDEN)
    .replaceAll(NAMED_SECRET, (_, name: string) => `${name}${HIDDEN}`);
}

const URL_IN_TEXT = /\b[a-z][a-z\d+.-]{0,20}:\/\/[^\s"'<>]+/gi;
/** Of an address without a host, as in `Location: /v2/...?_state=...`. */
const QUERY_IN_TEXT = /\?[^\s"'<>]+/g;
const AFTER_SCHEME = /\b(Bearer|Basic)\s+(?!(?:realm|service|scope|error|error_description|charset)\s*=)[^\s,"']+/gi;
/** Where one begins it ends too, with or without its dots: looking for a dot from each beginning anew would take for ever. */
const WEB_TOKEN = /\beyJ[\w-]+(?:\.[\w-]*){0,2}/g;
const NAMED_SECRET = /((?:token|passwd|password|secret|signature|authorization)["']?\s*[=:]\s*["']?)[^\s"',&;]+/gi;

function redactFound(text: string): string {
  const url = parseUrl(text);
  return url ? redactUrl(url) : HIDDEN;
}

function encodePublic(value: string): string {
  return encodeURIComponent(value).replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',');
}
