import { expect, test } from 'vitest';
import type { Reply } from '../../src/server/reply.ts';
import { answerPing, answerSearch } from '../../src/server/search.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { documentOf, fakeContents, placeWith, requestWith } from '../helpers/registry-parts.ts';

interface Found {
  readonly num_results: number;
  readonly num_pages: number;
  readonly page: number;
  readonly page_size: number;
  readonly results: readonly { readonly name: string; readonly description: string }[];
}

async function search(query: string, repositories: Parameters<typeof fakeContents>[0]): Promise<Found> {
  const reply: Reply = await answerSearch(requestWith(query), placeWith(fakeContents(repositories)));
  return documentOf(reply) as Found;
}

const names = ({ results }: Found): string[] => results.map(({ name }) => name);

test('the ping says that this is a registry of its own', () => {
  expect(answerPing()).toMatchObject({
    status: 200,
    headers: { 'x-docker-registry-standalone': 'true' },
    body: 'true',
  });
});

test('the exact name comes first, then names that begin so, then the others', async () => {
  const repositories = { 'my/app': {}, 'app-two': {}, app: {}, 'app-one': {}, other: {} };
  const found = await search('q=App', repositories);
  expect(names(found)).toEqual(['app', 'app-one', 'app-two', 'my/app']);
  expect(found).toMatchObject({ num_results: 4, num_pages: 1, page: 1, page_size: 25 });
});

test('without words everything is found', async () => {
  expect(names(await search('', { b: {}, a: {} }))).toEqual(['a', 'b']);
});

test('results come in pages of at most 100', async () => {
  const many = Object.fromEntries(Array.from({ length: 130 }, (_, at) => [`r${String(at).padStart(3, '0')}`, {}]));
  expect(await search('q=r&n=1000', many)).toMatchObject({ page_size: 100, num_pages: 2, num_results: 130 });
  expect(names(await search('q=r&n=60&page=3', many))).toEqual(Array.from({ length: 10 }, (_, at) => `r${120 + at}`));
  expect(names(await search('q=r&n=60&page=4', many))).toEqual([]);
  for (const query of ['n=0', 'n=-5&page=-1', 'n=x&page=0']) expect((await search(query, many)).page).toBe(1);
});

test('the description is what the image called latest says of itself', async () => {
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf('c'), size: 1 };
  const manifest = (annotations: object): string =>
    JSON.stringify({ schemaVersion: 2, config, layers: [], annotations });
  const found = await search('', {
    described: { tags: { latest: manifest({ 'org.opencontainers.image.description': 'Does it all' }) } },
    plain: { tags: { latest: manifest({}) } },
    damaged: { tags: { latest: '{' } },
    untagged: { tags: { other: manifest({ 'org.opencontainers.image.description': 'unseen' }) } },
  });
  expect(Object.fromEntries(found.results.map(({ name, description }) => [name, description]))).toEqual({
    described: 'Does it all',
    plain: '',
    damaged: '',
    untagged: '',
  });
});

test('a result has all that docker wants to see', async () => {
  const { results } = await search('q=a', { a: {} });
  expect(results).toEqual([
    { name: 'a', description: '', star_count: 0, is_official: false, is_automated: false, is_trusted: false },
  ]);
});
