import { describe, expect, test } from 'vitest';
import { answerCatalog, answerReferrers, answerTags } from '../../src/server/lists.ts';
import { wireAnswer } from '../../src/server/wire.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { documentOf, fakeContents, placeWith, requestWith } from '../helpers/registry-parts.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `r${String(at).padStart(4, '0')}`);
const byName = (count: number): Record<string, object> => Object.fromEntries(names(count).map((name) => [name, {}]));

describe('pages', () => {
  const place = placeWith(fakeContents({ a: { tags: { b: '', A: '', a: '', _: '', '0': '' } } }));

  test('are sorted by bytes', async () => {
    const reply = await answerTags(requestWith(''), { repository: 'a' }, place);
    expect(documentOf(reply)).toEqual({ name: 'a', tags: ['0', 'A', '_', 'a', 'b'] });
  });

  test('link to the next with what they end with', async () => {
    const reply = await answerTags(requestWith('n=2'), { repository: 'a' }, place);
    expect(reply.headers?.['link']).toBe('</v2/a/tags/list?last=A&n=2>; rel="next"');
  });

  test('may begin after something that is not there', async () => {
    const reply = await answerTags(requestWith('n=2&last=9'), { repository: 'a' }, place);
    expect(documentOf(reply)).toEqual({ name: 'a', tags: ['A', '_'] });
  });

  test('of nothing end the list', async () => {
    const reply = await answerTags(requestWith('n=0'), { repository: 'a' }, place);
    expect([documentOf(reply), reply.headers?.['link']]).toEqual([{ name: 'a', tags: [] }, undefined]);
  });
});

describe('the catalog', () => {
  test('gives 100 when nobody asks for a number', async () => {
    const reply = await answerCatalog(requestWith(''), placeWith(fakeContents(byName(101))));
    expect(documentOf(reply)).toEqual({ repositories: names(100) });
    expect(reply.headers?.['link']).toBe('</v2/_catalog?last=r0099&n=100>; rel="next"');
  });

  test('gives 1,000 to whoever asks for more', async () => {
    const reply = await answerCatalog(requestWith('n=5000'), placeWith(fakeContents(byName(1001))));
    expect(documentOf(reply)).toEqual({ repositories: names(1000) });
    expect(reply.headers?.['link']).toBe('</v2/_catalog?last=r0999&n=1000>; rel="next"');
  });

  test.each(['n=-1', 'n=1e3', 'n=%20', 'n=0x1', 'n=9999999999'])('refuses %s', async (query) => {
    const error = await hubErrorFrom(() => answerCatalog(requestWith(query), placeWith(fakeContents({}))));
    expect(wireAnswer(error).body).toContain('PAGINATION_NUMBER_INVALID');
  });
});

describe('referrers', () => {
  test('on one page are never more than fit, and never fewer than one', async () => {
    const large = 'x'.repeat(4 * 1024 * 1024);
    const referrers = ['a', 'b', 'c'].map((text) => ({
      mediaType: 'x',
      digest: digestOf(text),
      size: 1,
      annotations: { large },
    }));
    const place = placeWith(fakeContents({ a: { referrers } }));
    const seen: string[] = [];
    for (let last: string | undefined = ''; last !== undefined;) {
      const query: string = last === '' ? '' : `last=${last}`;
      const reply = await answerReferrers(requestWith(query), { repository: 'a', digest: digestOf('s') }, place);
      const page = (documentOf(reply) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
      expect(page).toHaveLength(1);
      seen.push(...page);
      const link = String(reply.headers?.['link'] ?? '');
      last =
        link === ''
          ? undefined
          : (new URL(link.slice(1, link.indexOf('>')), 'http://x').searchParams.get('last') ?? '');
    }
    expect(seen).toEqual(referrers.map(({ digest }) => digest).toSorted());
  });
});

test('lists are only read', async () => {
  const place = placeWith(fakeContents({ a: {} }));
  const request = requestWith('', 'POST');
  for (const work of [
    () => answerTags(request, { repository: 'a' }, place),
    () => answerCatalog(request, place),
    () => answerReferrers(request, { repository: 'a', digest: digestOf('s') }, place),
  ]) {
    const answer = wireAnswer(await hubErrorFrom(work));
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
  }
});
