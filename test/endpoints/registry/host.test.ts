import { describe, expect, test } from 'vitest';
import { RegistryHost } from '../../../src/endpoints/registry/host.ts';
import type { HttpRequest, Send } from '../../../src/http/layer.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { answer, type FakeAnswer } from '../../helpers/web.ts';

interface Stage {
  readonly host: RegistryHost;
  readonly requests: HttpRequest[];
  /** Paths and queries asked for. */
  readonly paths: () => readonly string[];
}

/** A registry whose answers follow each other; the last one repeats. */
function stage(...replies: readonly FakeAnswer[]): Stage {
  const requests: HttpRequest[] = [];
  const send: Send = async (request) => {
    const reply = replies[Math.min(requests.length, replies.length - 1)];
    requests.push(request);
    return answer(request.url, reply);
  };
  const base = async (): Promise<URL> => new URL('https://reg.example:5000/');
  const host = new RegistryHost({ name: 'reg.example:5000', send, sendAnonymous: send, base });
  return { host, requests, paths: () => requests.map(({ url }) => url.pathname + url.search) };
}

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}

function page(repositories: unknown, link?: string): FakeAnswer {
  return { body: JSON.stringify({ repositories }), ...(link !== undefined && { headers: { link } }) };
}

function refusal(status: number, code: string): FakeAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errors: [{ code, message: 'no' }] }),
  };
}

describe('a path of a registry', () => {
  test('is asked for at its base, with what the caller adds', async () => {
    const { host, requests } = stage({ status: 404 });
    const { signal } = new AbortController();
    const { status } = await host.get('/v2/?x=1', { headers: { accept: 'a/b' }, scopes: ['s'], signal });
    expect(status).toBe(404);
    expect(requests).toEqual([
      {
        method: 'GET',
        url: new URL('https://reg.example:5000/v2/?x=1'),
        headers: { accept: 'a/b' },
        scopes: ['s'],
        signal,
      },
    ]);
  });
});

describe('the catalog', () => {
  test('is read page by page, with the right to see it', async () => {
    const { host, requests, paths } = stage(page(['a', 'b'], '</v2/_catalog?n=2&last=b>; rel="next"'), page(['c']));
    expect(await all(host.catalog())).toEqual(['a', 'b', 'c']);
    expect(paths()).toEqual(['/v2/_catalog?n=1000', '/v2/_catalog?n=2&last=b']);
    expect(requests[0]?.scopes).toEqual(['registry:catalog:*']);
  });

  test('is not read further than it is wanted', async () => {
    const { host, requests } = stage(page(['a', 'b'], '</v2/_catalog?last=b>; rel="next"'));
    for await (const name of host.catalog()) {
      expect(name).toBe('a');
      break;
    }
    expect(requests).toHaveLength(1);
  });

  test('leaves out what is no name, and repeats at the border of pages', async () => {
    const { host } = stage(page(['a', null, 7, '', 'b'], '</v2/_catalog?last=b>; rel="next"'), page(['b', 'c']));
    expect(await all(host.catalog())).toEqual(['a', 'b', 'c']);
  });

  test.each([null, undefined, 'a', {}])('may be empty: %j', async (repositories) => {
    expect(await all(stage(page(repositories)).host.catalog())).toEqual([]);
  });

  test('is asked for in smaller pages where the registry wants that', async () => {
    const tooMany = refusal(400, 'PAGINATION_NUMBER_INVALID');
    const { host, paths } = stage(tooMany, tooMany, page(['a']));
    expect(await all(host.catalog())).toEqual(['a']);
    expect(paths()).toEqual(['/v2/_catalog?n=1000', '/v2/_catalog?n=100', '/v2/_catalog']);
    const { code } = await hubErrorFrom(() => all(stage(tooMany).host.catalog()));
    expect(code).toBe('FAILED');
  });

  test.each([
    [404, 'NOT_FOUND'],
    [405, 'UNSUPPORTED'],
    [403, 'DENIED'],
  ])('that is answered with %d is not offered', async (status, wire) => {
    const error = await hubErrorFrom(() => all(stage(refusal(status, wire)).host.catalog()));
    expect(error).toMatchObject({
      code: 'UNSUPPORTED',
      message: 'registry reg.example:5000 does not offer a catalog',
      hint: 'name the repository and list its tags instead: hubctl tags REPOSITORY',
      details: { status },
    });
  });

  test.each([
    [401, 'UNAUTHORIZED'],
    [429, 'RATE_LIMITED'],
    [500, 'SERVER_ERROR'],
  ])('that is answered with %d fails with %s', async (status, code) => {
    expect((await hubErrorFrom(() => all(stage({ status }).host.catalog()))).code).toBe(code);
  });

  test('that is no JSON object is refused', async () => {
    for (const body of ['', '[]', '<html>']) {
      const { code } = await hubErrorFrom(() => all(stage({ body }).host.catalog()));
      expect(code).toBe('CONTENT_INVALID');
    }
  });
});
