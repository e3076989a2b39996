import { describe, expect, test } from 'vitest';
import { headersOf } from '../../src/http/headers.ts';
import type { HttpResponse } from '../../src/http/layer.ts';
import { readSearchPage, searchError } from '../../src/hub/search-answer.ts';
import { contentOf } from '../../src/util/content.ts';

function answer(body: unknown, status = 200, headers: Record<string, string> = {}): HttpResponse {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    status,
    url: new URL('https://index.example.com/v1/search'),
    headers: headersOf(headers),
    body: contentOf(Buffer.from(text)),
  };
}

describe('a page of hits', () => {
  test('is read with all its fields', async () => {
    const result = {
      name: '某某/中文镜像',
      description: '这是一个很长的中文描述\nsecond line',
      star_count: 7000,
      is_official: true,
      is_automated: true,
    };
    expect(await readSearchPage(answer({ num_pages: 3, results: [result] }))).toEqual({
      pages: 3,
      hits: [
        {
          name: '某某/中文镜像',
          description: '这是一个很长的中文描述\nsecond line',
          stars: 7000,
          official: true,
          automated: true,
        },
      ],
    });
  });

  test('may lack everything but the name', async () => {
    const results = [{ name: 'a', description: null, star_count: null }, { name: 'b' }, { name: 'c', star_count: -3 }];
    const { hits, pages } = await readSearchPage(answer({ results }));
    const empty = { description: '', stars: 0, official: false, automated: false };
    expect(hits).toEqual([
      { name: 'a', ...empty },
      { name: 'b', ...empty },
      { name: 'c', ...empty },
    ]);
    expect(pages).toBe(1);
  });

  test('reads trusted as automated, as old indexes call it', async () => {
    const { hits } = await readSearchPage(answer({ results: [{ name: 'a', is_trusted: true }] }));
    expect(hits[0]?.automated).toBe(true);
  });

  test('loses hits without a name', async () => {
    const { hits } = await readSearchPage(answer({ results: [null, 'x', {}, { name: '' }, { name: 7 }] }));
    expect(hits).toEqual([]);
  });

  test('has a finite number of stars', async () => {
    const { hits } = await readSearchPage(answer('{"results":[{"name":"a","star_count":1e999}]}'));
    expect(Number.isSafeInteger(hits[0]?.stars)).toBe(true);
  });

  test('may be null when there are no hits', async () => {
    expect(await readSearchPage(answer({ results: null }))).toEqual({ hits: [], pages: 1 });
  });

  test.each([
    ['{"results":[', 'with invalid JSON'],
    ['<!doctype html><title>Sign in</title>', 'with a web page'],
    ['[]', 'with no JSON object'],
    ['{}', 'without a list of results'],
    ['{"results":{}}', 'without a list of results'],
  ])('%s is none', async (body, what) => {
    await expect(readSearchPage(answer(body))).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      message: `index.example.com answered a search ${what}`,
    });
  });
});

describe('a refusal', () => {
  test.each([
    ['{"message":"too\\u001b[2J many"}', 'too\\u{1b}[2J many'],
    ['{"errors":[{"code":"X","message":"from errors"}]}', 'from errors'],
    ['{"detail":"from detail"}', 'from detail'],
    ['{broken', '{broken'],
    ['first line\nsecond line', 'first line'],
    ['<html>', 'a web page'],
  ])('says what its body says: %s', async (body, said) => {
    const error = await searchError(answer(body, 500), 'x');
    expect(error.message).toBe(`search "x": index.example.com answered 500: ${said}`);
  });

  test('says its status when it has no body', async () => {
    const error = await searchError(answer('', 302), 'x');
    expect(error).toMatchObject({ code: 'SERVER_ERROR', message: 'search "x": index.example.com answered 302' });
  });

  test('counts the wait from the date of the answer', async () => {
    const headers = { date: 'Mon, 06 May 2024 07:00:00 GMT', 'retry-after': 'Mon, 06 May 2024 07:01:00 GMT' };
    const error = await searchError(answer('', 429, headers), 'x');
    expect(error).toMatchObject({ code: 'RATE_LIMITED', hint: 'try again in 60 s, or log in' });
  });

  test('cuts a long text', async () => {
    const error = await searchError(answer('x'.repeat(10_000), 400), 'x');
    expect(error.message.length).toBeLessThan(300);
  });
});
