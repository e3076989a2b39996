// Which tags does a repository have?
import { HubError } from '../../errors.ts';
import { isDigest } from '../../spec/digest.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { pullScope, type RepositoryAccess } from './access.ts';
import { pages } from './pages.ts';

const PAGE_SIZE = 1000;

/**
 * Tags, page by page, in the registry's order, without what some registries mix in: null, empty texts, digests
 * [distribution-spec end-8]. Repeats at page borders are dropped. Throws NOT_FOUND for an unknown repository.
 */
export async function* listTags(access: RepositoryAccess, { signal }: CallOptions = {}): AsyncGenerator<string, void> {
  for (const size of [PAGE_SIZE, 100, undefined]) {
    try {
      yield* tagPages(access, { signal, size });
      return;
    } catch (error) {
      // A registry with a smaller page limit says so on the first page, before anything was given out.
      if (!HubError.is(error) || error.details['registryCode'] !== 'PAGINATION_NUMBER_INVALID') throw error;
    }
  }
}

async function* tagPages(
  access: RepositoryAccess,
  { signal, size }: CallOptions & { readonly size: number | undefined },
): AsyncGenerator<string, void> {
  const first = await access.url('tags/list');
  if (size !== undefined) first.searchParams.set('n', String(size));
  const { send, registry, name: subject } = access;
  const request = {
    send,
    first,
    scopes: [pullScope(access)],
    signal,
    what: `list tags of ${subject}`,
    subject,
    registry,
  };
  let last: string | undefined;
  for await (const { document } of pages(request)) {
    const { tags } = document;
    if (!Array.isArray(tags)) continue;
    for (const tag of tags) {
      if (typeof tag !== 'string' || tag === '' || tag === last || isDigest(tag)) continue;
      last = tag;
      yield tag;
    }
  }
}
