// Which images match a word, on Docker Hub or in another registry?
import { HubError, type ErrorCode } from '../errors.ts';
import type { HttpResponse, Send } from '../http/layer.ts';
import { readSearchPage, searchError, type SearchPage } from './search-answer.ts';
import { isSelective, meets, type SearchFilters, type SearchHit } from './search-query.ts';
import { parseUrl } from '../util/url.ts';

/** Hits the index gives at most per page [docker search: n is 1 to 100]. */
const PAGE_SIZE = 100;
/** Pages asked for at most, so that filters nothing passes come to an end. */
const MAX_PAGES = 20;
const HUB_INDEX_HOST = 'index.docker.io';
/** Failures that asking for something else would only repeat. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['ABORTED', 'RATE_LIMITED', 'TIMEOUT', 'TLS', 'UNREACHABLE']);

export interface SearchRequest {
  /** Empty only for a registry: everything it has. */
  readonly words: string;
  /** Hits wanted at most, after the filters. */
  readonly limit: number;
  readonly filters: SearchFilters;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchIndex {
  /** Base of the v1 protocol, with a slash at its end: `https://index.docker.io/v1/`. See parseIndexUrl. */
  readonly url: URL;
  readonly send: Send;
  /** A login for the host of the index, sent as Basic to its origin only, and never over http to another machine. */
  readonly find?: FindLogin | undefined;
  /** Told why the login was not used. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

type Login =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity' | 'bearer' };

/** Finds the login for a registry: FindCredential of credentials/. Only a password is of use here. */
export type FindLogin = (registry: string) => Promise<{ readonly credential: Login } | undefined>;

/** What search needs of a registry; RegistryHost offers it. */
export interface SearchableRegistry {
  readonly name: string;
  get(path: string, options?: GetOptions): Promise<HttpResponse>;
  catalog(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<string>;
}

interface GetOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

type AskPage = (query: URLSearchParams) => Promise<SearchPage>;

/** Base URL of an index as given: `/v1/` is added where it is missing. Throws USAGE. */
export function parseIndexUrl(text: string): URL {
  const url = parseUrl(text);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new HubError('USAGE', 'the search index is not an http or https URL', {
      hint: 'give it as https://index.docker.io/v1/, with --index or HUBCTL_INDEX',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new HubError('USAGE', `the URL of the search index at ${url.host} must not hold a password`, {
      hint: `log in instead: hubctl login ${url.host}`,
    });
  }
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith('/v1') ? `${path}/` : `${path}/v1/`;
  url.search = '';
  url.hash = '';
  return url;
}

/**
 * Images of an index that match, in its order, each once. Pages are asked for until `limit` hits passed the filters, the
 * pages end or repeat, or 20 were read [v1 search]. Throws UNAUTHORIZED, DENIED, UNSUPPORTED, RATE_LIMITED, SERVER_ERROR
 * (also for an answer that is no search result).
 */
export async function searchIndex(index: SearchIndex, request: SearchRequest): Promise<readonly SearchHit[]> {
  const isHub = index.url.host === HUB_INDEX_HOST;
  let authorization = await basicAuthorization(index, isHub);
  const ask: AskPage = async (query) => {
    let response = await askIndex(index, { query, authorization, signal: request.signal });
    if (response.status === 401 && authorization !== undefined) {
      response.body.cancel();
      authorization = undefined;
      index.onWarning?.(`${index.url.host} refused the stored login: searching without it`);
      response = await askIndex(index, { query, authorization, signal: request.signal });
    }
    if (response.status !== 200) throw await searchError(response, request.words);
    return readSearchPage(response);
  };
  const hits = await collectHits(ask, request);
  return isHub ? hits.map((hit) => ({ ...hit, name: hit.name.replace(/^library\//, '') })) : hits;
}

/**
 * Repositories of a registry that match. A registry of the v1 protocol searches by itself; elsewhere the names of the
 * catalog are compared without regard to case: the exact name first, then names that begin with the words, stars 0.
 * Throws UNSUPPORTED or UNAUTHORIZED for a registry without a catalog.
 */
export async function searchRegistry(
  registry: SearchableRegistry,
  request: SearchRequest,
): Promise<readonly SearchHit[]> {
  const hits = (await searchV1(registry, request)) ?? (await searchCatalog(registry, request));
  return hits.map((hit) => ({ ...hit, name: `${registry.name}/${hit.name}` }));
}

/** All repositories of a registry. Throws UNSUPPORTED or UNAUTHORIZED where it does not tell. */
export async function* listCatalog(
  registry: SearchableRegistry,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<string, void> {
  try {
    yield* registry.catalog(options);
  } catch (error) {
    if (!HubError.is(error) || !['UNAUTHORIZED', 'DENIED', 'NOT_FOUND', 'UNSUPPORTED'].includes(error.code))
      throw error;
    const wantsLogin = error.code === 'UNAUTHORIZED';
    const message = `registry ${registry.name} does not offer a catalog`;
    throw new HubError(
      wantsLogin ? 'UNAUTHORIZED' : 'UNSUPPORTED',
      wantsLogin ? `${message} without a login` : message,
      {
        cause: error,
        hint: wantsLogin
          ? `log in with: hubctl login ${registry.name}; many registries never list everything: hubctl tags REPOSITORY`
          : 'name a repository and list its tags instead: hubctl tags REPOSITORY',
        details: error.details,
      },
    );
  }
}

async function collectHits(ask: AskPage, { words, limit, filters }: SearchRequest): Promise<readonly SearchHit[]> {
  const size = isSelective(filters) ? PAGE_SIZE : Math.min(limit, PAGE_SIZE);
  const seen = new Set<string>();
  const hits: SearchHit[] = [];
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const query = new URLSearchParams({ q: words, n: String(size) });
    if (page > 1) query.set('page', String(page));
    const answer = await ask(query);
    const fresh = answer.hits.filter((hit) => !seen.has(hit.name) && seen.add(hit.name));
    hits.push(...fresh.filter((hit) => meets(hit, filters)));
    // An index that does not know `page` gives the first one again.
    if (fresh.length === 0 || hits.length >= limit || page >= answer.pages) break;
  }
  return hits.slice(0, limit);
}

function askIndex(
  { url, send }: SearchIndex,
  options: {
    readonly query: URLSearchParams;
    readonly authorization: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<HttpResponse> {
  const { query, authorization, signal } = options;
  const target = new URL(`search?${query.toString()}`, url);
  const headers = { accept: 'application/json', 'x-docker-token': 'true' };
  if (authorization === undefined) return send({ method: 'GET', url: target, headers, signal });
  // Not for the authentication layer to replace: an index answers 401 with no challenge it could read.
  return send({ method: 'GET', url: target, headers: { ...headers, authorization }, signal, anonymous: true });
}

async function basicAuthorization(index: SearchIndex, isHub: boolean): Promise<string | undefined> {
  const { url, find, onWarning } = index;
  if (!find || (url.protocol === 'http:' && !isLoopback(url.hostname))) return undefined;
  try {
    const found = await find(isHub ? 'docker.io' : url.host);
    return found && basicHeader(found.credential);
  } catch (error) {
    // Hub answers searches of anybody, so a locked keychain is no reason to fail.
    if (!HubError.is(error, 'CREDENTIALS_UNAVAILABLE')) throw error;
    onWarning?.(`searching without a login: ${error.message}`);
    return undefined;
  }
}

function basicHeader(credential: Login): string | undefined {
  if (credential.kind !== 'basic') return undefined;
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** Undefined where the registry does not search: pages of its web interface answer such paths with 200 as well. */
async function searchV1(
  registry: SearchableRegistry,
  request: SearchRequest,
): Promise<readonly SearchHit[] | undefined> {
  const { signal, words } = request;
  const headers = { accept: 'application/json', 'x-docker-token': 'true' };
  const ask: AskPage = async (query) => {
    const response = await registry.get(`/v1/search?${query.toString()}`, { headers, signal });
    if (response.status !== 200) throw await searchError(response, words);
    return readSearchPage(response);
  };
  try {
    const ping = await registry.get('/v1/_ping', { signal });
    ping.body.cancel();
    return ping.status === 200 ? await collectHits(ask, request) : undefined;
  } catch (error) {
    if (!HubError.is(error) || FINAL.has(error.code)) throw error;
    return undefined;
  }
}

async function searchCatalog(registry: SearchableRegistry, request: SearchRequest): Promise<readonly SearchHit[]> {
  const { words, limit, filters, signal } = request;
  const wanted = words.toLowerCase();
  const best: string[][] = [[], [], []];
  // Catalog names carry no stars or marks: all of them pass the filters, or none does.
  const passes = meets(unrated(''), filters);
  for await (const name of passes ? listCatalog(registry, { signal }) : []) {
    const rank = rankOf(name.toLowerCase(), wanted);
    const group = rank === undefined ? undefined : best[rank];
    if (group && group.length < limit) group.push(name);
    if (wanted === '' && best.flat().length >= limit) break;
  }
  return best.flat().slice(0, limit).map(unrated);
}

function rankOf(name: string, wanted: string): number | undefined {
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  return name.includes(wanted) ? 2 : undefined;
}

function unrated(name: string): SearchHit {
  return { name, description: '', stars: 0, official: false, automated: false };
}
