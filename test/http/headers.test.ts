import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  apiVersionOf,
  headersOf,
  parseContentRange,
  parseLink,
  parseRateLimit,
  parseRetryAfter,
  parseWarning,
} from '../../src/http/headers.ts';
import { headers } from '../helpers/web.ts';

test('the API of a registry is that of its header', () => {
  expect(apiVersionOf(headersOf({ 'docker-distribution-api-version': 'registry/2.0' }))).toBe('registry/2.0');
  expect(apiVersionOf(headersOf({ 'content-type': 'text/html' }))).toBeUndefined();
});

describe('headers', () => {
  test('have one value, several or none', () => {
    const found = headersOf({ a: '1', b: ['2', '3'], c: undefined });
    expect([found.get('a'), found.get('b'), found.get('c'), found.get('d')]).toEqual([
      '1',
      '2, 3',
      undefined,
      undefined,
    ]);
    expect([found.all('a'), found.all('b'), found.all('c')]).toEqual([['1'], ['2', '3'], []]);
  });

  test('have no names of objects', () => {
    expect([headersOf({}).get('constructor'), headersOf({}).get('__proto__')]).toEqual([undefined, undefined]);
  });
});

describe('Link', () => {
  test.each([
    ['</v2/_catalog?last=b&n=2>; rel="next"', [{ url: '/v2/_catalog?last=b&n=2', rel: 'next' }]],
    ['<https://a/b>;rel=next', [{ url: 'https://a/b', rel: 'next' }]],
    [
      '<a>; title="x, y; rel=no"; REL="Next prev"',
      [
        { url: 'a', rel: 'next' },
        { url: 'a', rel: 'prev' },
      ],
    ],
    [
      '<a>; rel="prev", <b?x=1,2>; rel="next"',
      [
        { url: 'a', rel: 'prev' },
        { url: 'b?x=1,2', rel: 'next' },
      ],
    ],
    ['<a>', [{ url: 'a', rel: '' }]],
    ['a; rel=next', []],
    ['', []],
  ])('%s', (value, links) => {
    expect(parseLink([value])).toEqual(links);
  });

  test('may come as several headers', () => {
    expect(parseLink(['<a>; rel=next', '<b>; rel=last'])).toHaveLength(2);
  });

  test('of any kind does not fail', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseLink([text])));
    parseLink(['<a>;'.repeat(10_000), '<'.repeat(100_000), `<a>${'; a="b"'.repeat(10_000)}`]);
  });
});

describe('Content-Range', () => {
  test.each([
    ['bytes 0-99/1000', { start: 0, end: 100, total: 1000 }],
    ['bytes 5-5/*', { start: 5, end: 6, total: undefined }],
    ['bytes */5', { start: undefined, end: undefined, total: 5 }],
    [' bytes 0-0/1 ', { start: 0, end: 1, total: 1 }],
    ['bytes 10-5/20', undefined],
    ['bytes 0-20/20', undefined],
    ['items 0-1/2', undefined],
    ['bytes 0-1', undefined],
    ['bytes -1-2/3', undefined],
    [`bytes 0-${'9'.repeat(30)}/*`, undefined],
    [undefined, undefined],
  ])('%s', (value, range) => {
    expect(parseContentRange(value)).toEqual(range);
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1);
  test.each([
    ['0', 0],
    ['120', 120_000],
    ['1000000000', 1_000_000_000_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2020 00:00:30 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (value, wait) => {
    expect(parseRetryAfter(value, now)).toBe(wait);
  });
});

describe('the rate limit', () => {
  test('has a limit, what is left, a window and who is counted', () => {
    const found = headers({
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '76;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    });
    expect(parseRateLimit(found)).toEqual({ limit: 100, remaining: 76, window: 21_600, source: '192.0.2.1' });
  });

  test('may be known in part or not at all', () => {
    expect(parseRateLimit(headers({ 'ratelimit-remaining': '0' }))).toMatchObject({ limit: undefined, remaining: 0 });
    expect(parseRateLimit(headers({ 'ratelimit-limit': 'many' }))).toBeUndefined();
    expect(parseRateLimit(headers())).toBeUndefined();
  });
});

describe('Warning', () => {
  test.each([
    ['299 - "repository moves on 1 May"', ['repository moves on 1 May']],
    ['299 - "say \\"hi\\" \\\\ "', ['say "hi" \\ ']],
    ['199 - "other code"', []],
    ['299 agent "other agent"', []],
    ['299 - unquoted', []],
    [`299 - "${'x'.repeat(5000)}"`, []],
  ])('%s', (value, texts) => {
    expect(parseWarning([value])).toEqual(texts);
  });
});
