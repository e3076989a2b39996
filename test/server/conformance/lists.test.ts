// Are tags, repositories and referrers listed, and errors told, as the official conformance suite wants it?
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { bytesOf, codesOf, newServed, type Answer, type Served } from '../../helpers/served.ts';

const EMPTY = { mediaType: MEDIA_TYPES.ociEmpty, digest: digestOf('{}'), size: 2 };

interface Listed {
  readonly mediaType: string;
  readonly digest: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

function artifact(more: object = {}): Buffer {
  return bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: EMPTY, layers: [EMPTY], ...more });
}

function subjectOf(bytes: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.length };
}

async function prepared(repository = 'conf/a'): Promise<Served> {
  const served = await newServed();
  await served.pushBlob(repository, '{}');
  return served;
}

async function follow(served: Served, first: string): Promise<{ answers: Answer[]; paths: string[] }> {
  const [answers, paths]: [Answer[], string[]] = [[], []];
  for (let path: string | undefined = first; path !== undefined;) {
    paths.push(path);
    const answer: Answer = await served.ask(path);
    answers.push(answer);
    path = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers.link ?? ''))?.[1];
  }
  return { answers, paths };
}

describe('ping', () => {
  test.each(['GET', 'HEAD'])('%s /v2/ says that this is a registry', async (method) => {
    const served = await newServed();
    for (const path of ['/v2/', '/v2']) {
      const answer = await served.ask(path, { method });
      expect(answer.status).toBe(200);
      expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0');
      expect(answer.body.toString()).toBe(method === 'GET' ? '{}' : '');
    }
  });
});

describe('tags', () => {
  test('a repository that is not there is unknown', async () => {
    const served = await newServed();
    const answer = await served.ask('/v2/conf/a/tags/list');
    expect([answer.status, codesOf(answer)]).toEqual([404, ['NAME_UNKNOWN']]);
  });

  test('a repository without tags has an empty list', async () => {
    const served = await prepared();
    await served.pushManifest('conf/a', digestOf(artifact()), artifact());
    const answer = await served.ask('/v2/conf/a/tags/list');
    expect(JSON.parse(answer.body.toString())).toEqual({ name: 'conf/a', tags: [] });
  });

  test('pages follow each other in order and repeat nothing', async () => {
    const served = await prepared();
    const tags = Array.from({ length: 7 }, (_, at) => `v${at}`);
    for (const tag of ['v3', 'v0', 'v6', 'v1', 'v5', 'v2', 'v4']) await served.pushManifest('conf/a', tag, artifact());
    const { answers, paths } = await follow(served, '/v2/conf/a/tags/list?n=3');
    const pages = answers.map(({ body }) => (JSON.parse(body.toString()) as { tags: string[] }).tags);
    expect(pages).toEqual([tags.slice(0, 3), tags.slice(3, 6), tags.slice(6)]);
    expect(paths[1]).toBe('/v2/conf/a/tags/list?last=v2&n=3');
  });

  test('a page that ends with the last tag has no next one', async () => {
    const served = await prepared();
    for (const tag of ['a', 'b']) await served.pushManifest('conf/a', tag, artifact());
    expect((await served.ask('/v2/conf/a/tags/list?n=2')).headers.link).toBeUndefined();
  });

  test.each([
    ['n=0', []],
    ['n=999999999', ['a', 'b', 'c']],
    ['last=a', ['b', 'c']],
    ['last=aa', ['b', 'c']],
    ['last=zzz', []],
    ['n=1&last=b', ['c']],
  ])('with %s it is %j', async (query, expected) => {
    const served = await prepared();
    for (const tag of ['c', 'a', 'b']) await served.pushManifest('conf/a', tag, artifact());
    const answer = await served.ask(`/v2/conf/a/tags/list?${query}`);
    expect(JSON.parse(answer.body.toString())).toEqual({ name: 'conf/a', tags: expected });
    expect(answer.headers.link).toBeUndefined();
  });

  test.each(['n=-1', 'n=x', 'n=', 'n=1.5', 'n=99999999999999999999'])('%s is no number', async (query) => {
    const served = await prepared();
    await served.pushManifest('conf/a', 'a', artifact());
    const answer = await served.ask(`/v2/conf/a/tags/list?${query}`);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['PAGINATION_NUMBER_INVALID']]);
  });
});

describe('the catalog', () => {
  test('lists repositories that have a manifest, page by page', async () => {
    const served = await newServed();
    for (const name of ['b/c', 'a', 'b']) {
      await served.pushBlob(name, '{}');
      await served.pushManifest(name, 'x', artifact());
    }
    await served.pushBlob('only-a-blob', '{}');
    const { answers } = await follow(served, '/v2/_catalog?n=2');
    expect(answers.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([
      { repositories: ['a', 'b'] },
      { repositories: ['b/c'] },
    ]);
  });
});

describe('referrers', () => {
  async function referrers(served: Served, digest: string, query = ''): Promise<Answer & { list: Listed[] }> {
    const answer = await served.ask(`/v2/conf/a/referrers/${digest}${query}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(MEDIA_TYPES.ociIndex);
    const body = JSON.parse(answer.body.toString()) as { mediaType: string; manifests: Listed[] };
    expect(body).toMatchObject({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex });
    return { ...answer, list: body.manifests };
  }

  test('of a digest nobody knows there are none', async () => {
    const served = await newServed();
    expect((await referrers(served, digestOf('unknown'))).list).toEqual([]);
    expect((await referrers(served, digestOf('unknown', 'sha512'))).list).toEqual([]);
  });

  test('of what is no digest there is no list', async () => {
    const served = await newServed();
    const answer = await served.ask('/v2/conf/a/referrers/sha256:abc');
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
  });

  test.each(['present', 'missing'])('a manifest with a subject is listed: subject %s', async (state) => {
    const served = await prepared();
    const subject = artifact();
    if (state === 'present') await served.pushManifest('conf/a', 'subject', subject);
    const annotations = { 'org.example.note': 'signed' };
    const bytes = artifact({ artifactType: 'application/vnd.example.sig', subject: subjectOf(subject), annotations });
    const answer = await served.pushManifest('conf/a', digestOf(bytes), bytes);
    expect(answer.headers['oci-subject']).toBe(digestOf(subject));
    expect((await referrers(served, digestOf(subject))).list).toEqual([
      {
        mediaType: MEDIA_TYPES.ociManifest,
        digest: digestOf(bytes),
        size: bytes.length,
        artifactType: 'application/vnd.example.sig',
        annotations,
      },
    ]);
  });

  test('without an artifact type that of the config counts, and an index has only its own', async () => {
    const served = await prepared();
    const subject = subjectOf(artifact());
    const image = artifact({ subject });
    const index = bytesOf({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [],
      subject,
      artifactType: 'application/vnd.example.list',
    });
    await served.pushManifest('conf/a', digestOf(image), image);
    const answer = await served.pushManifest('conf/a', digestOf(index), index, MEDIA_TYPES.ociIndex);
    expect(answer.headers['oci-subject']).toBe(subject.digest);
    const { list } = await referrers(served, subject.digest);
    expect(Object.fromEntries(list.map((entry) => [entry.mediaType, entry.artifactType]))).toEqual({
      [MEDIA_TYPES.ociManifest]: MEDIA_TYPES.ociEmpty,
      [MEDIA_TYPES.ociIndex]: 'application/vnd.example.list',
    });
  });

  test('a filter keeps those of one type and says that it did', async () => {
    const served = await prepared();
    const subject = subjectOf(artifact());
    for (const kind of ['a', 'b']) {
      const bytes = artifact({ artifactType: `application/vnd.example.${kind}`, subject });
      await served.pushManifest('conf/a', digestOf(bytes), bytes);
    }
    const all = await referrers(served, subject.digest);
    expect([all.list.length, all.headers['oci-filters-applied']]).toEqual([2, undefined]);
    const some = await referrers(served, subject.digest, '?artifactType=application%2Fvnd.example.b');
    expect(some.list.map(({ artifactType }) => artifactType)).toEqual(['application/vnd.example.b']);
    expect(some.headers['oci-filters-applied']).toBe('artifactType');
    expect((await referrers(served, subject.digest, '?artifactType=none')).list).toEqual([]);
  });

  test('a referrer that was deleted is listed no more', async () => {
    const served = await prepared();
    const subject = subjectOf(artifact());
    const bytes = artifact({ subject });
    await served.pushManifest('conf/a', 'signature', bytes);
    await served.ask(`/v2/conf/a/manifests/${digestOf(bytes)}`, { method: 'DELETE' });
    expect((await referrers(served, subject.digest)).list).toEqual([]);
  });

  test('a subject by sha512 has its list', async () => {
    const served = await prepared();
    const digest = digestOf(artifact(), 'sha512');
    const bytes = artifact({ subject: { ...subjectOf(artifact()), digest } });
    const answer = await served.pushManifest('conf/a', digestOf(bytes, 'sha512'), bytes);
    expect(answer.headers['oci-subject']).toBe(digest);
    expect((await referrers(served, digest)).list.map((entry) => entry.digest)).toEqual([digestOf(bytes, 'sha512')]);
  });

  test('more than fit into one answer come page by page', async () => {
    const served = await prepared();
    const subject = subjectOf(artifact());
    const expected: string[] = [];
    for (let at = 0; at < 5; at += 1) {
      const bytes = artifact({ subject, annotations: { number: String(at), large: 'x'.repeat(1024 * 1024) } });
      await served.pushManifest('conf/a', digestOf(bytes), bytes);
      expected.push(digestOf(bytes));
    }
    const filter = `?artifactType=${encodeURIComponent(MEDIA_TYPES.ociEmpty)}`;
    const { answers, paths } = await follow(served, `/v2/conf/a/referrers/${subject.digest}${filter}`);
    expect(paths.length).toBeGreaterThan(1);
    for (const { body } of answers) expect(body.length).toBeLessThan(4 * 1024 * 1024);
    const lists = answers.map(({ body }) => (JSON.parse(body.toString()) as { manifests: Listed[] }).manifests);
    expect(lists.flat().map(({ digest }) => digest)).toEqual(expected.toSorted());
  });
});

describe('errors', () => {
  test('are JSON with code, message and detail', async () => {
    const served = await newServed();
    const answer = await served.ask(`/v2/conf/a/blobs/${EMPTY.digest}`);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.body.toString())).toEqual({
      errors: [{ code: 'BLOB_UNKNOWN', message: 'blob unknown to registry', detail: { digest: EMPTY.digest } }],
    });
  });

  test.each(['Upper', 'a//b', 'a..b', '_a', 'a-', 'a/./b', 'a'.repeat(256)])('%s is no name', async (name) => {
    const served = await newServed();
    const answer = await served.ask(`/v2/${name}/tags/list`);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['NAME_INVALID']]);
  });

  test.each(['/', '/v3/', '/v2/x', '/v2/x/y/z', '/v2/tags/list/', '/v2/a/tags/other'])(
    '%s is no place of the API',
    async (path) => {
      const served = await newServed();
      const answer = await served.ask(path);
      expect([answer.status, answer.headers['content-type']]).toEqual([404, 'text/plain']);
    },
  );

  test('an upload that is not there is unknown', async () => {
    const served = await newServed();
    for (const id of ['0'.repeat(32), 'x', '../../blobs']) {
      const answer = await served.ask(`/v2/conf/a/blobs/uploads/${id}`);
      expect([id, answer.status, codesOf(answer)]).toEqual([id, 404, ['BLOB_UPLOAD_UNKNOWN']]);
    }
  });
});
