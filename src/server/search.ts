// How does `docker search HOST/WORD` find repositories here?
import { DESCRIPTION } from '../spec/annotations.ts';
import { parseManifest } from '../spec/manifest.ts';
import { isManifestType } from '../spec/media-types.ts';
import { HubError } from '../errors.ts';
import { jsonReply, type RegistryPlace, type RegistryRequest, type Reply } from './reply.ts';

const PAGE_SIZE = 25;
const LARGEST_PAGE = 100;
const LATEST = 'latest';

/** v1 ping: what a client asks before it searches. */
export function answerPing(): Reply {
  return jsonReply(true, { 'x-docker-registry-version': '0.6.0', 'x-docker-registry-standalone': 'true' });
}

/** v1 search: repositories with the words in their name, the exact name first, then names that begin with them. */
export async function answerSearch({ query }: RegistryRequest, { contents }: RegistryPlace): Promise<Reply> {
  const words = (query.get('q') ?? '').toLowerCase();
  const size = Math.max(1, Math.min(numberOf(query.get('n'), PAGE_SIZE), LARGEST_PAGE));
  const page = Math.max(1, numberOf(query.get('page'), 1));
  const names = (await contents.repositories())
    .filter((name) => name.includes(words))
    .toSorted((a, b) => rank(a, words) - rank(b, words) || (a < b ? -1 : 1));
  const results = await Promise.all(
    names.slice((page - 1) * size, page * size).map(async (name) => ({
      name,
      description: await descriptionOf(name, contents),
      star_count: 0,
      is_official: false,
      is_automated: false,
      is_trusted: false,
    })),
  );
  return jsonReply({
    query: query.get('q') ?? '',
    num_results: names.length,
    num_pages: Math.ceil(names.length / size),
    page_size: size,
    page,
    results,
  });
}

function rank(name: string, words: string): number {
  if (name === words) return 0;
  return name.startsWith(words) ? 1 : 2;
}

function numberOf(text: string | null, usual: number): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : usual;
}

/** What the image called latest says of itself. */
async function descriptionOf(repository: string, contents: RegistryPlace['contents']): Promise<string> {
  const found = await contents.manifest(repository, LATEST);
  if (!found || !isManifestType(found.mediaType)) return '';
  try {
    return parseManifest(await found.bytes(), found.mediaType).annotations?.[DESCRIPTION] ?? '';
  } catch (error) {
    // A search lists what is there, whatever state it is in.
    if (HubError.is(error)) return '';
    throw error;
  }
}
