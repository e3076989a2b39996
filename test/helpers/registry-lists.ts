// How does the registry of a test answer for lists: the catalog, and the tags of a repository?
import type { LocalRequest, Reply } from './local-server.ts';
import { refuse, type RegistryContents } from './registry-contents.ts';

/** Pages in byte order after `last`, with a Link while there is more [distribution-spec, listing tags]. */
export function handleList(
  { method, url }: LocalRequest,
  contents: RegistryContents,
  { pageSize = 100 }: { readonly pageSize?: number },
  repository?: string,
): Reply {
  if (method !== 'GET') throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  if (repository !== undefined && !contents.hasRepository(repository)) {
    throw refuse(404, 'NAME_UNKNOWN', 'repository name not known to registry', { name: repository });
  }
  const asked = url.searchParams.get('n');
  if (asked !== null && !/^\d+$/.test(asked))
    throw refuse(400, 'PAGINATION_NUMBER_INVALID', 'invalid number of results', { n: asked });
  const size = Math.min(pageSize, asked === null ? pageSize : Number(asked));
  const last = url.searchParams.get('last') ?? '';
  const all = repository === undefined ? contents.repositories() : contents.tags(repository);
  const after = all.filter((name) => name > last);
  const page = after.slice(0, size);
  const more = size > 0 && after.length > size;
  const next = `<${url.pathname}?last=${encodeURIComponent(page.at(-1) ?? '')}&n=${size}>; rel="next"`;
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...(more && { link: next }) },
    body: JSON.stringify(repository === undefined ? { repositories: page } : { name: repository, tags: page }),
  };
}
