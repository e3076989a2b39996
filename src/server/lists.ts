// How are tags, repositories and referrers listed, page by page?
import type { Descriptor } from '../spec/descriptor.ts';
import { MEDIA_TYPES } from '../spec/media-types.ts';
import { methodNotAllowed } from './permissions.ts';
import { jsonReply, type RegistryPlace, type RegistryRequest, type Reply } from './reply.ts';
import { refusal } from './wire.ts';

/** Entries of a page when the client asks for no number, or for more. */
const TAGS = { usual: Number.POSITIVE_INFINITY, most: 100_000 };
const REPOSITORIES = { usual: 100, most: 1000 };
/** Bytes of referrers on one page: clients need not read answers larger than a manifest. */
const REFERRERS_LIMIT = 3 * 1024 * 1024;

/** end-8 [OCI distribution-spec]. */
export async function answerTags(
  request: RegistryRequest,
  { repository }: { readonly repository: string },
  { contents }: RegistryPlace,
): Promise<Reply> {
  checkMethod(request);
  const tags = await contents.tags(repository);
  if (!tags) throw refusal('NAME_UNKNOWN', { details: [{ name: repository }] });
  const page = pageOf(tags, request.query, TAGS);
  return jsonReply({ name: repository, tags: page.names }, page.link(`/v2/${repository}/tags/list`));
}

/** The catalog of distribution; not in the specification, but what `crane catalog` and the like ask for. */
export async function answerCatalog(request: RegistryRequest, { contents }: RegistryPlace): Promise<Reply> {
  checkMethod(request);
  const page = pageOf(await contents.repositories(), request.query, REPOSITORIES);
  return jsonReply({ repositories: page.names }, page.link('/v2/_catalog'));
}

/** end-12 [OCI distribution-spec]. None is an answer, not an error. */
export async function answerReferrers(
  request: RegistryRequest,
  { repository, digest }: { readonly repository: string; readonly digest: string },
  { contents }: RegistryPlace,
): Promise<Reply> {
  checkMethod(request);
  const type = request.query.get('artifactType');
  const last = request.query.get('last') ?? '';
  const all = (await contents.referrers(repository, digest))
    .filter((entry) => type === null || entry.artifactType === type)
    .filter((entry) => entry.digest > last)
    .toSorted((a, b) => compare(a.digest, b.digest));
  const entries = withinLimit(all);
  const query = new URLSearchParams({
    ...(type !== null && { artifactType: type }),
    last: entries.at(-1)?.digest ?? '',
  });
  const next = `</v2/${repository}/referrers/${digest}?${query.toString()}>; rel="next"`;
  return jsonReply(
    { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: entries },
    {
      'content-type': MEDIA_TYPES.ociIndex,
      ...(type !== null && { 'oci-filters-applied': 'artifactType' }),
      ...(entries.length < all.length && { link: next }),
    },
  );
}

interface Page {
  readonly names: readonly string[];
  /** The `Link` header, when there are more. */
  link(path: string): Readonly<Record<string, string>>;
}

function pageOf(
  all: readonly string[],
  query: URLSearchParams,
  { usual, most }: { readonly usual: number; readonly most: number },
): Page {
  const n = query.get('n');
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw refusal('PAGINATION_NUMBER_INVALID', { details: [{ n: n.slice(0, 100) }] });
  }
  const size = n === null ? usual : Math.min(Number(n), most);
  const last = query.get('last') ?? '';
  const rest = all.filter((name) => compare(name, last) > 0).toSorted(compare);
  const names = rest.slice(0, size);
  return {
    names,
    link: (path) => {
      const end = names.at(-1);
      if (end === undefined || names.length === rest.length) return {};
      return { link: `<${path}?${new URLSearchParams({ last: end, n: String(size) }).toString()}>; rel="next"` };
    },
  };
}

function withinLimit(all: readonly Descriptor[]): readonly Descriptor[] {
  let bytes = 0;
  const end = all.findIndex((entry, index) => {
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    return index > 0 && bytes > REFERRERS_LIMIT;
  });
  return end === -1 ? all : all.slice(0, end);
}

/** By bytes; names and digests are ASCII. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function checkMethod({ method }: RegistryRequest): void {
  if (method !== 'GET' && method !== 'HEAD') methodNotAllowed(['GET', 'HEAD']);
}
