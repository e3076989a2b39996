// Which tags does a repository have?
import { isDigest } from '../../spec/digest.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { pullScope, type RepositoryAccess } from './access.ts';
import { namePages } from './pages.ts';

/**
 * Tags, page by page, in the registry's order, without what some registries mix in: null, empty texts, digests
 * [distribution-spec end-8]. Repeats at page borders are dropped. Throws NOT_FOUND for an unknown repository.
 */
export async function* listTags(access: RepositoryAccess, options: CallOptions = {}): AsyncGenerator<string, void> {
  for await (const page of listTagPages(access, options)) for (const tag of page) yield tag;
}

/** The same page by page. */
export async function* listTagPages(
  access: RepositoryAccess,
  { signal }: CallOptions = {},
): AsyncGenerator<readonly string[], void> {
  const { send, registry, name: subject } = access;
  const first = await access.url('tags/list');
  const what = `list tags of ${subject}`;
  const request = { send, first, scopes: [pullScope(access)], signal, what, subject, registry };
  for await (const page of namePages(request, 'tags')) yield page.filter((tag) => !isDigest(tag));
}
