// Does the registry stay up, and within its folder, whatever arrives?
import { readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ServeOptions } from '../../src/server/serve.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { folder } from '../helpers/folder.ts';
import { openRaw, rawConnection } from '../helpers/raw.ts';
import { codesOf, locationOf, newServed, type Served } from '../helpers/served.ts';
import { noise } from '../helpers/registry-images.ts';
import { filesBelow } from '../helpers/tree.ts';

/** Requests of chance; a longer run tells the same more surely. */
const REQUESTS = Number(process.env['HUBCTL_TEST_REQUESTS'] ?? 2000);

/** A registry in a folder beside which nothing else is. */
async function newPlace(options: ServeOptions = {}): Promise<{ served: Served; around: string }> {
  const around = folder();
  return { served: await newServed({ dir: join(around, 'registry'), ...options }), around };
}

/** Every file is one that the registry makes, and lies where it makes it. */
function expectTidy(around: string): void {
  expect(readdirSync(around)).toEqual(['registry']);
  const made =
    /^(?:registry\.(?:json|lock)|uploads\/[a-f0-9]{32}\.(?:data|json)|blobs\/sha(?:256|512)\/[a-f0-9]{2}\/[a-f0-9]+|repositories\/(?:[a-z0-9._-]+\/)+_(?:blobs|manifests|tags|referrers)\/[a-z0-9+._/-]+)$/;
  const files = filesBelow(around).map((path) => relative(join(around, 'registry'), path));
  expect(files.filter((path) => !made.test(path))).toEqual([]);
}

/** Sends bytes, then the end of them. Gives the first line of each answer. */
async function statusesOf(served: Served, ...parts: readonly (string | Uint8Array)[]): Promise<string[]> {
  const raw = await rawConnection(served.host);
  for (const part of parts) raw.write(part);
  raw.socket.end();
  return statusesIn(await raw.closed);
}

function statusesIn(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = '']) => status);
}

describe('requests that are none', () => {
  test.each<[string, readonly (string | Uint8Array)[], readonly string[]]>([
    ['words', ['hello\r\n\r\n'], ['400']],
    ['zeros', [Buffer.alloc(1000)], ['400']],
    ['a greeting of TLS', [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])], ['400']],
    ['nothing', [], []],
    ['half a header', ['GET /v2/ HTTP/1.1\r\nHost: x\r\nAcc'], ['400']],
    ['an unknown version', ['GET /v2/ HTTP/9.9\r\n\r\n'], ['400']],
    ['a line feed within a header', ['GET /v2/ HTTP/1.1\r\nHost: x\r\nA: b\nc\r\n\r\n'], ['400']],
    ['two lengths', ['POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'], ['400']],
    ['a negative length', ['POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'], ['400']],
    [
      'a length beyond counting',
      [`POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${'9'.repeat(30)}\r\n\r\n`],
      ['400'],
    ],
    [
      'a length and chunks at once',
      ['POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
      ['400'],
    ],
    ['headers of 40 KiB', [`GET /v2/ HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(40_960)}\r\n\r\n`], ['431']],
    ['a target of 40 KiB', [`GET /v2/${'a'.repeat(40_960)} HTTP/1.1\r\nHost: x\r\n\r\n`], ['431']],
    ['many headers', [`GET /v2/ HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(20_000)}\r\n`], ['431']],
  ])('%s end the connection', async (_, parts, statuses) => {
    const { served, around } = await newPlace();
    expect(await statusesOf(served, ...parts)).toEqual(statuses);
    expect((await served.ask('/v2/')).status).toBe(200);
    expectTidy(around);
  });

  test('bytes that are no text in a path are refused', async () => {
    const { served } = await newPlace();
    const target = Buffer.concat([
      Buffer.from('GET /v2/a'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('/tags/list HTTP/1.1\r\nHost: x\r\n\r\n'),
    ]);
    expect(await statusesOf(served, target)).toEqual(['400']);
    expect((await served.ask('/v2/%ff/tags/list')).status).toBe(400);
  });
});

describe('bodies', () => {
  test('that end before their length leave what came, and can be continued', async () => {
    const { served } = await newPlace();
    const bytes = noise('cut', 2_000_000);
    const location = locationOf(await served.ask('/v2/a/blobs/uploads/', { method: 'POST' }));
    const raw = await rawConnection(served.host);
    raw.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    raw.write(bytes.subarray(0, 1_000_000));
    while ((await served.ask(location)).headers['range'] === '0-0') continue;
    raw.socket.end();
    await raw.closed;
    while (!served.log.some(({ method }) => method === 'PATCH')) await served.ask('/v2/');
    const range = String((await served.ask(location)).headers['range']);
    const start = Number(range.slice(2)) + 1;
    expect(start).toBeLessThanOrEqual(1_000_000);
    const headers = { 'content-range': `${start}-${bytes.length - 1}` };
    const rest = { method: 'PUT', headers, body: bytes.subarray(start) };
    expect((await served.ask(`${location}?digest=${digestOf(bytes)}`, rest)).status).toBe(201);
  });

  test('in chunks that are none leave a session that is still good', async () => {
    const { served } = await newPlace();
    const location = locationOf(await served.ask('/v2/a/blobs/uploads/', { method: 'POST' }));
    const head = `PATCH ${location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    await statusesOf(served, head, '5\r\nhello\r\nZZZ\r\n');
    expect((await served.ask(location)).status).toBe(204);
  });

  test('of one POST that breaks leave nothing', async () => {
    const { served, around } = await newPlace();
    const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`;
    await statusesOf(served, `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`, 'hello');
    await served.logged(1);
    expect(filesBelow(around).filter((file) => file.includes('/uploads/'))).toEqual([]);
  });

  test('of manifests beyond 4 MiB are refused before they are read, and while they are', async () => {
    const { served } = await newPlace();
    const announced = await rawConnection(served.host);
    announced.write('PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n');
    expect(await announced.received(/\]\}$/)).toMatch(/^HTTP\/1\.1 413[\s\S]*SIZE_INVALID/);
    const body = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
    const streamed = await served.ask('/v2/a/manifests/x', { method: 'PUT', body, streamed: true });
    expect([streamed.status, codesOf(streamed)]).toEqual([413, ['SIZE_INVALID']]);
  });
});

describe('ways out of the folder', () => {
  const UP = [
    '../../escape',
    '..%2f..%2fescape',
    '%2e%2e/%2e%2e/escape',
    '....//escape',
    '..\\..\\escape',
    '/etc/escape',
    '.%00./escape',
    '..%c0%af..%c0%afescape',
    '%252e%252e%252fescape',
  ];

  test.each(UP)('%s leads nowhere', async (way) => {
    const { served, around } = await newPlace();
    const digest = digestOf('{}');
    const requests = [
      ['PUT', `/v2/${way}/manifests/x`],
      ['PUT', `/v2/a/manifests/${way}`],
      ['PUT', `/v2/a/manifests/${digest}?tag=${way}`],
      ['PUT', `/v2/a/manifests/sha256:${way}`],
      ['POST', `/v2/${way}/blobs/uploads/?digest=${digest}`],
      ['POST', `/v2/a/blobs/uploads/?digest=sha256:${way}`],
      ['POST', `/v2/a/blobs/uploads/?mount=${digest}&from=${way}`],
      ['POST', `/v2/a/blobs/uploads/?mount=sha256:${way}&from=a`],
      ['POST', `/v2/a/blobs/uploads/?digest-algorithm=${way}`],
      ['PATCH', `/v2/a/blobs/uploads/${way}`],
      ['PUT', `/v2/a/blobs/uploads/${way}?digest=${digest}`],
      ['DELETE', `/v2/a/blobs/sha256:${way}`],
      ['DELETE', `/v2/a/manifests/${way}`],
      ['GET', `/v2/a/blobs/${way}`],
      ['GET', `/v2/a/referrers/${way}`],
    ] as const;
    for (const [method, path] of requests) {
      const answer = await served.ask(
        path,
        method === 'GET' || method === 'DELETE' ? { method } : { method, body: '{}' },
      );
      expect([method, path, [400, 404].includes(answer.status)]).toEqual([method, path, true]);
    }
    expectTidy(around);
    expect(filesBelow(around).some((path) => basename(path).includes('escape'))).toBe(false);
  });
});

describe('chance', () => {
  /** The same numbers for the same seed [mulberry32]. */
  function chance(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    };
  }

  const REAL_METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'];
  const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PRI', 'get', ''];
  const WORDS = [
    'v1',
    'v2',
    'a',
    'b/c',
    'manifests',
    'blobs',
    'uploads',
    'tags',
    'list',
    'referrers',
    '_catalog',
    '..',
    '%2e%2e',
    '%00',
    '%ff',
    '%',
    '\u00e9',
    '_tags',
    'x'.repeat(300),
    digestOf('{}'),
    `sha512:${'0'.repeat(128)}`,
    'sha256:',
    '0'.repeat(32),
    '',
  ];
  const TARGETS = [
    '/v2/',
    '/v2/_catalog',
    '/v2/a/blobs/uploads/',
    '/v2/a/manifests/x',
    '/v2/a/tags/list',
    '/v1/search',
    `/v2/a/blobs/${digestOf('{}')}`,
    `/v2/a/blobs/uploads/${'0'.repeat(32)}`,
  ];
  const QUERIES = [
    '',
    '',
    `?digest=${digestOf('{}')}`,
    '?digest=sha256:..',
    '?n=-1',
    '?n=0&last=%ff',
    '?mount=x&from=..',
    '?tag=..',
    '?artifactType=%',
    '?'.repeat(50),
  ];
  const HEADERS = [
    'Content-Range: 0-1',
    'Content-Range: 5-1',
    'Content-Range: bytes */*',
    'Range: bytes=0-',
    'Range: bytes=-',
    'Content-Type: application/vnd.oci.image.manifest.v1+json',
    'Content-Type: \u00ff',
    'Authorization: Basic =',
    'If-None-Match: *',
    'Expect: 100-continue',
    'Expect: x',
    'Origin: null',
    'X: ',
    ': x',
    'Accept',
  ];
  /** Those that say where a request ends. */
  const FRAMING = [
    'Connection: upgrade\r\nUpgrade: h2c',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Content-Length: 2',
    'Content-Length: 2',
    'Content-Length: 0',
    'Content-Length: x',
    'Content-Length: 99999',
  ];
  const BODIES = [
    '',
    '{}',
    '{}',
    '2\r\n{}\r\n0\r\n\r\n',
    'ffffffff\r\n',
    '[]',
    '{"schemaVersion":2,"layers":[{}]}',
    '\0\u00ff',
    `{"a":${'['.repeat(500)}`,
  ];

  interface Chosen {
    readonly bytes: Buffer;
    /** Complete as far as its length says: there is an answer to wait for. */
    readonly isWhole: boolean;
  }

  function requestOf(pick: (below: number) => number): Chosen {
    const one = (list: readonly string[]): string => list[pick(list.length)] ?? '';
    if (pick(10) === 0)
      return { bytes: Buffer.from(Array.from({ length: pick(200) }, () => pick(256))), isWhole: false };
    const isWhole = pick(2) === 0;
    const path = Array.from({ length: 1 + pick(6) }, () => one(WORDS)).join('/');
    const target = (pick(2) === 0 ? one(TARGETS) : `${pick(4) === 0 ? '/' : '/v2/'}${path}`) + one(QUERIES);
    const body = one(BODIES);
    const chosen = Array.from({ length: pick(4) }, () => one(isWhole ? HEADERS : [...HEADERS, ...FRAMING]));
    const framing = isWhole ? ['Connection: close', `Content-Length: ${Buffer.byteLength(body, 'latin1')}`] : [];
    const headers = ['Host: x', ...framing, ...chosen].map((header) => `${header}\r\n`).join('');
    const text = `${one(pick(4) === 0 ? METHODS : REAL_METHODS)} ${target} HTTP/1.${isWhole ? 1 : pick(3)}\r\n${headers}\r\n${body}`;
    // Cut anywhere, now and then.
    const isCut = !isWhole && pick(8) === 0;
    return { bytes: Buffer.from(isCut ? text.slice(0, pick(text.length)) : text, 'latin1'), isWhole };
  }

  test('sends thousands of requests without breaking anything', async () => {
    const { served, around } = await newPlace({ onAccess: () => undefined });
    const pick = chance(20_261_125);
    await served.pushBlob('a', '{}');
    const before = process.memoryUsage().rss;
    const seen = new Set<string>();
    let left = REQUESTS;
    const client = async (): Promise<void> => {
      while ((left -= 1) >= 0) {
        const { bytes, isWhole } = requestOf(pick);
        const raw = await openRaw(served.host);
        raw.write(bytes);
        if (!isWhole) raw.socket.end();
        for (const status of statusesIn(await raw.closed)) seen.add(status);
        raw.socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 16 }, client));
    expect([...seen].filter((status) => Number(status) >= 500)).toEqual([]);
    // Chance came far enough to be worth it.
    for (const status of ['200', '202', '400', '403', '404', '405'])
      expect([status, seen.has(status)]).toEqual([status, true]);
    expect(served.warnings).toEqual([]);
    expect((await served.ask('/v2/')).status).toBe(200);
    expectTidy(around);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  }, 600_000);

  test('holds no memory for bodies that are too large, however many come at once', async () => {
    const { served } = await newPlace();
    const before = process.memoryUsage().rss;
    const answers = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const raw = await rawConnection(served.host);
        raw.write('PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n');
        return raw.received(/\]\}$/);
      }),
    );
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 413/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });
});
