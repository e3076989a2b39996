import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { checkedDigest, checkedName, checkedTag, routeOf, targetOf } from '../../src/server/routes.ts';
import { wireAnswer } from '../../src/server/wire.ts';
import { digestOf, isDigest } from '../../src/spec/digest.ts';
import { isRepository } from '../../src/spec/reference.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const digest = digestOf('x');
const id = '0123456789abcdef'.repeat(2);

async function refusalOf(path: string): Promise<string> {
  const error = await hubErrorFrom(() => routeOf(targetOf(path).path));
  const { errors } = JSON.parse(wireAnswer(error).body) as { errors: { code: string }[] };
  return errors[0]?.code ?? '';
}

describe('paths', () => {
  test.each([
    ['/v2', { kind: 'base' }],
    ['/v2/', { kind: 'base' }],
    ['/v2/_catalog', { kind: 'catalog' }],
    ['/v1/_ping', { kind: 'ping' }],
    ['/v1/search', { kind: 'search' }],
    ['/v2/a/tags/list', { kind: 'tags', repository: 'a' }],
    ['/v2/a/b/c/manifests/1.0', { kind: 'manifest', repository: 'a/b/c', reference: '1.0' }],
    [`/v2/a/manifests/${digest}`, { kind: 'manifest', repository: 'a', reference: digest }],
    [`/v2/a/blobs/${digest}`, { kind: 'blob', repository: 'a', digest }],
    ['/v2/a/blobs/uploads/', { kind: 'uploads', repository: 'a' }],
    [`/v2/a/blobs/uploads/${id}`, { kind: 'upload', repository: 'a', id }],
    [`/v2/a/referrers/${digest}`, { kind: 'referrers', repository: 'a', digest }],
  ])('%s is %j', (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });

  test.each([
    ['/v2/a/manifests/manifests/x', { kind: 'manifest', repository: 'a/manifests', reference: 'x' }],
    ['/v2/manifests/manifests/manifests', { kind: 'manifest', repository: 'manifests', reference: 'manifests' }],
    ['/v2/tags/tags/list', { kind: 'tags', repository: 'tags' }],
    ['/v2/tags/list/tags/list', { kind: 'tags', repository: 'tags/list' }],
    [`/v2/blobs/uploads/blobs/${digest}`, { kind: 'blob', repository: 'blobs/uploads', digest }],
    ['/v2/a/blobs/uploads/blobs/uploads/', { kind: 'uploads', repository: 'a/blobs/uploads' }],
    [`/v2/a/blobs/blobs/uploads/${id}`, { kind: 'upload', repository: 'a/blobs', id }],
    [`/v2/a/referrers/referrers/${digest}`, { kind: 'referrers', repository: 'a/referrers', digest }],
  ])('a name may have words of the API in it: %s', (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });

  test.each([
    '',
    '/',
    '/v2x',
    '/v1/',
    '/v2/a',
    '/v2/a/tags',
    '/v2/a/tags/x',
    '/v2/a/blobs',
    '/v2//tags/list',
    '/v2/__proto__',
  ])('"%s" is no endpoint', (path) => {
    expect(routeOf(path)).toBeUndefined();
  });
});

describe('what leads elsewhere', () => {
  test.each([
    '/v2/../tags/list',
    '/v2/a/../../etc/tags/list',
    '/v2/a/%2e%2e/b/tags/list',
    '/v2/a/%2E%2E%2F%2e%2e/tags/list',
    '/v2/..%2f..%2fetc/tags/list',
    '/v2/..%5c..%5cetc/tags/list',
    '/v2/a/./b/tags/list',
    '/v2/a%00b/tags/list',
    '/v2/a%0ab/tags/list',
    '/v2/A/tags/list',
    '/v2/%61%2F%2F/tags/list',
    '/v2/a/_tags/tags/list',
    '/v2/%C3%A9/tags/list',
    `/v2/${'a'.repeat(256)}/tags/list`,
    '/v2/%252e%252e/tags/list',
  ])('%s is no name', async (path) => {
    expect(await refusalOf(path)).toBe('NAME_INVALID');
  });

  test.each(['/v2/%ff/tags/list', '/v2/%/tags/list', '/v2/%c0%ae%c0%ae/tags/list', '/v2/a/manifests/%e2%82', '/%'])(
    '%s is no text',
    async (path) => {
      expect(await refusalOf(path)).toBe('NAME_INVALID');
    },
  );

  test.each([
    ['/v2/a/manifests/..', 'TAG_INVALID'],
    ['/v2/a/manifests/%2e%2e%2fx', 'TAG_INVALID'],
    ['/v2/a/manifests/', 'TAG_INVALID'],
    ['/v2/a/manifests/sha256:..%2f..', 'DIGEST_INVALID'],
    ['/v2/a/blobs/sha256:../../../etc/passwd', 'DIGEST_INVALID'],
    ['/v2/a/blobs/..', 'DIGEST_INVALID'],
    ['/v2/a/blobs/', 'DIGEST_INVALID'],
    ['/v2/a/referrers/x', 'DIGEST_INVALID'],
    ['/v2/a/blobs/uploads/../../x', 'BLOB_UPLOAD_UNKNOWN'],
    [`/v2/a/blobs/uploads/${id}%00`, 'BLOB_UPLOAD_UNKNOWN'],
  ])('%s is refused as %s', async (path, code) => {
    expect(await refusalOf(path)).toBe(code);
  });

  test('whatever the path is, only what is grammatical gets through', () => {
    const word = fc.constantFrom(
      'v2',
      'v1',
      'manifests',
      'blobs',
      'uploads',
      'tags',
      'list',
      'referrers',
      '..',
      '.',
      'a',
      'A',
      '%2e',
      '%2f',
      '%',
      '\0',
      '_x',
      digest,
      id,
      '',
    );
    const path = fc.oneof(
      fc.array(word, { maxLength: 10 }).map((words) => `/v2/${words.join('/')}`),
      fc.string().map((text) => `/v2/${text}`),
    );
    fc.assert(
      fc.property(path, (text) => {
        try {
          const route = routeOf(targetOf(text).path);
          if (route && 'repository' in route) expect(isRepository(route.repository)).toBe(true);
          if (route && 'digest' in route) expect(isDigest(route.digest)).toBe(true);
        } catch (error) {
          if (!HubError.is(error)) throw error;
          expect(wireAnswer(error).status).toBeGreaterThanOrEqual(400);
          expect(wireAnswer(error).status).toBeLessThan(500);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('targets', () => {
  test('have a path and a query', () => {
    const { path, query } = targetOf('/v2/a%2Fb/tags/list?n=1&last=%C3%A9&n=2');
    expect(path).toBe('/v2/a/b/tags/list');
    expect([query.getAll('n'), query.get('last')]).toEqual([['1', '2'], 'é']);
  });

  test('may name the origin, as a proxy is told', () => {
    expect(targetOf('http://127.0.0.1:5000/v2/?x=1')).toMatchObject({ path: '/v2/' });
    expect(targetOf('https://other/v2/a/tags/list').path).toBe('/v2/a/tags/list');
  });

  test('may be anything, such as *', () => {
    expect(targetOf('*').path).toBe('*');
    expect(targetOf('').path).toBe('');
    expect(targetOf('?a=b').query.get('a')).toBe('b');
  });
});

test('parts of a query are checked in the same way', async () => {
  expect([checkedName('a/b'), checkedDigest(digest), checkedTag('x')]).toEqual(['a/b', digest, 'x']);
  for (const work of [() => checkedName('../a'), () => checkedDigest('blake3:00'), () => checkedTag('-')]) {
    expect(wireAnswer(await hubErrorFrom(work)).status).toBe(400);
  }
});

test('what was wrong is told, but not without end', async () => {
  const { body } = wireAnswer(await hubErrorFrom(() => checkedName('X'.repeat(10_000))));
  expect(body.length).toBeLessThan(500);
});
