import { describe, expect, test } from 'vitest';
import { isSelective, meets, parseSearchFilters, parseSearchTerm } from '../../src/hub/search-query.ts';

describe('a search term', () => {
  test.each([
    ['alpine', { words: 'alpine' }],
    ['library/ubuntu', { words: 'ubuntu' }],
    ['team/app', { words: 'team/app' }],
    ['Mixed Case', { words: 'Mixed Case' }],
    ['docker.io/redis', { words: 'redis' }],
    ['index.docker.io/library/redis', { words: 'redis' }],
    ['dotted.name', { words: 'dotted.name' }],
    ['localhost:5000/app', { registry: 'localhost:5000', words: 'app' }],
    ['localhost/team/app', { registry: 'localhost', words: 'team/app' }],
    ['ghcr.io/', { registry: 'ghcr.io', words: '' }],
  ])('%s means %j', (text, expected) => {
    expect(parseSearchTerm(text)).toEqual(expected);
  });

  test.each(['https://localhost:5000/app', 'ftp://x'])('%s is refused for its scheme', (text) => {
    expect(() => parseSearchTerm(text)).toThrow(
      expect.objectContaining({
        code: 'REFERENCE_INVALID',
        message: `invalid repository name: repository name (${text}) should not have a scheme`,
      }),
    );
  });

  test.each(['', ' ', 'library/', 'docker.io/'])('"%s" names nothing', (text) => {
    expect(() => parseSearchTerm(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('filters', () => {
  test('of stars: the largest counts', () => {
    expect(parseSearchFilters(['stars=3', 'STARS = 10', 'stars=5'])).toMatchObject({ minStars: 10 });
  });

  test.each([
    ['is-official=true', { official: true }],
    ['is-official=0', { official: false }],
    ['is-automated=1', { automated: true }],
    ['is-automated=false', { automated: false }],
  ])('%s means %j', (text, expected) => {
    expect(parseSearchFilters([text])).toMatchObject(expected);
  });

  test.each([
    [['stars=many'], "invalid filter 'stars=many'"],
    [['stars=-1'], "invalid filter 'stars=-1'"],
    [['stars='], "invalid filter 'stars='"],
    [['is-official=yes'], "invalid filter 'is-official=[yes]'"],
    [['is-official=true', 'is-official=false'], "invalid filter 'is-official=[true false]'"],
    [['colour=red'], "invalid filter 'colour'"],
    [['official'], "invalid filter 'official'"],
  ])('%j is refused', (texts, message) => {
    expect(() => parseSearchFilters(texts)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) as string }),
    );
  });

  test('must all be met', () => {
    const hit = { name: 'a', description: '', stars: 5, official: true, automated: false };
    expect(meets(hit, {})).toBe(true);
    expect(meets(hit, { minStars: 5, official: true, automated: false })).toBe(true);
    expect(meets(hit, { minStars: 6 })).toBe(false);
    expect(meets(hit, { official: false })).toBe(false);
    expect(meets(hit, { automated: true })).toBe(false);
  });

  test('select nothing when there are none, or 0 stars are enough', () => {
    expect(isSelective(parseSearchFilters([]))).toBe(false);
    expect(isSelective(parseSearchFilters(['stars=0']))).toBe(false);
    expect(isSelective(parseSearchFilters(['is-automated=false']))).toBe(true);
  });
});
