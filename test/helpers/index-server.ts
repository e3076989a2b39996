// How does a test get a search index of the v1 protocol?
import { startLocalServer, type LocalServer, type Reply } from './local-server.ts';

export interface IndexOptions {
  /** Everything there is to find. */
  readonly results: readonly object[];
  /** False: page= is ignored. */
  readonly paged?: boolean;
  /** Another answer than the page. */
  readonly reply?: (page: number) => Reply | undefined;
  /** What `_ping` answers; 404 by default. */
  readonly ping?: Reply;
}

/** Answers `/v1/search?q=&n=&page=`; every result matches every word. */
export function startIndex({ results, paged = true, reply, ping }: IndexOptions): Promise<LocalServer> {
  return startLocalServer(({ url }) => {
    if (url.pathname === '/v1/_ping') return ping ?? { status: 404, body: 'not found' };
    if (url.pathname !== '/v1/search') return { status: 404, body: '404 page not found' };
    const page = Number(url.searchParams.get('page') ?? 1);
    const size = Number(url.searchParams.get('n') ?? 25);
    const other = reply?.(page);
    if (other) return other;
    const start = paged ? (page - 1) * size : 0;
    const body = {
      query: url.searchParams.get('q'),
      num_results: results.length,
      num_pages: Math.ceil(results.length / size),
      page_size: size,
      page,
      results: results.slice(start, start + size),
    };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  });
}

/** Results `image-001`, `image-002` ... with falling stars; each tenth is official. */
export function manyResults(count: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `image-${String(index + 1).padStart(3, '0')}`,
    description: `Image number ${index + 1}`,
    star_count: count - index,
    is_official: (index + 1) % 10 === 0,
    is_automated: false,
    is_trusted: false,
  }));
}
