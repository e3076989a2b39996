// Which faults of the same kinds are there besides those that clients are compared by: other objects, offsets, several at once?
import { expect } from 'vitest';
import { ACCOUNT, bytesOfBig, type Played, type Row, type Targets } from './play.ts';
import type { Fault, Rule } from './rules.ts';

const KIB = 1024;
const HTML = '<!doctype html><title>Sign in to the network</title>';
const BODIES = ['PATCH', 'PUT'];
const get = (path: RegExp, fault: Fault, more: Omit<Rule, 'do' | 'path' | 'method'> = {}): Rule => ({
  method: 'GET',
  path,
  do: fault,
  ...more,
});
const once = (path: RegExp, fault: Fault): Rule => get(path, fault, { nth: 1 });
const put = (path: RegExp, fault: Fault, more: Omit<Rule, 'do' | 'path' | 'method'> = {}): Rule => ({
  method: 'PUT',
  path,
  do: fault,
  ...more,
});

function nothingTwice({ proxy }: Played, { image }: Targets): void {
  expect(bytesOfBig(proxy, image)).toBeLessThanOrEqual(image.big.descriptor.size * 1.01);
}

const resets: readonly Row[] = ([0, 1, '1%', '99%'] as const).map((size) => ({
  id: `reset-${size}`,
  fault: `reset after ${size} of a blob, once`,
  rules: ({ big }) => [once(big, { resetAfter: size })],
  exit: 0,
}));

const statuses: readonly Row[] = [408, 429, 499, 500, 502, 503, 504, 522].map((status) => ({
  id: `status-${status}`,
  fault: `${status} for the manifest and for a blob, once each`,
  rules: ({ tag, big }) => [once(tag, { status }), once(big, { status })],
  exit: 0,
}));

/** Header, and the seconds that have to be waited. */
const waits: readonly Row[] = (
  [
    ['0', 0],
    ['3', 3],
    [new Date(0).toUTCString(), 0],
    ['soon', 0],
  ] as const
).map(([value, seconds]) => ({
  id: `retry-after-${value}`,
  fault: `429 with Retry-After: ${value} for a blob, once`,
  rules: ({ big }) => [once(big, { status: 429, headers: { 'retry-after': value } })],
  exit: 0,
  check: ({ proxy }, { big }) => {
    const [first, second] = proxy.requests('GET', big).map(({ at }) => at);
    expect(second! - first!).toBeGreaterThanOrEqual(seconds * 1000);
  },
}));

export const MORE_PULL_ROWS: readonly Row[] = [
  ...resets,
  ...statuses,
  ...waits,
  {
    id: 'retry-after-too-long',
    fault: '429 with Retry-After: 1000000000 for the manifest',
    rules: ({ tag }) => [get(tag, { status: 429, headers: { 'retry-after': '1000000000' } })],
    exit: 5,
    requests: 1,
  },
  {
    id: 'limited-for-a-minute-each-time',
    fault: '429 with Retry-After: 60 for the manifest, always',
    rules: ({ tag }) => [{ path: tag, do: { status: 429, headers: { 'retry-after': '60' } } }],
    exit: 5,
    patience: 310,
    requests: 6,
    check: ({ proxy }) => {
      const times = proxy.log.map(({ at }) => at);
      for (const [index, at] of times.slice(1).entries()) expect(at - times[index]!).toBeGreaterThanOrEqual(60_000);
    },
  },
  {
    id: 'host-is-left-alone',
    fault: '429 with Retry-After: 5 for one blob, after which nobody may ask for anything',
    rules: ({ blob }) => [get(blob, { status: 429, headers: { 'retry-after': '5' } }, { nth: 1 })],
    exit: 0,
    check: ({ proxy }) => {
      const limited = proxy.log.find(({ status }) => status === 429)!;
      // What was under way is not called back.
      const early = proxy.log.filter(({ at }) => at > limited.at && at < limited.at + 5000);
      expect(early).toEqual([]);
    },
  },
  {
    id: 'every-blob-dies-once',
    fault: 'every blob breaks once at 90 %',
    rules: ({ blob }) => [get(blob, { closeAfter: '90%' }, { nth: 1, perPath: true })],
    exit: 0,
    check: nothingTwice,
  },
  {
    id: 'several-at-once',
    fault: 'a blob that is reset, refused with 503, cut short, wrong, and then right',
    rules: ({ big }) => [
      once(big, { resetAfter: '30%' }),
      once(big, { status: 503 }),
      once(big, { closeAfter: '20%' }),
      once(big, { corrupt: 100 }),
    ],
    exit: 0,
    bigTimes: 2,
  },
  {
    id: 'corrupt-after-resume',
    fault: 'reset at 50 %, and a wrong bit in what is resumed',
    rules: ({ big }) => [
      once(big, { resetAfter: '50%' }),
      get(big, { corrupt: 100 }, { headers: { range: true }, max: 1 }),
    ],
    exit: 0,
    bigTimes: 2,
  },
  {
    id: 'other-half',
    fault: 'reset at 50 %, and the second half is that of something else',
    rules: ({ big, image }) => [
      once(big, { resetAfter: '50%' }),
      get(big, { replace: Buffer.alloc(image.big.descriptor.size / 2, 'x') }, { headers: { range: true }, max: 1 }),
    ],
    exit: 0,
    // What a reset throws away of what had arrived is sent once more.
    bigTimes: 2.5,
  },
  {
    id: 'wrong-range',
    fault: 'reset at 50 %, and 206 for another range than asked for',
    rules: ({ big }) => [
      once(big, { resetAfter: '50%' }),
      get(big, { setHeaders: { 'content-range': 'bytes 0-99/100' } }, { headers: { range: true }, max: 1 }),
    ],
    exit: 0,
  },
  {
    id: 'multipart-range',
    fault: 'reset at 50 %, and 206 in parts, always',
    rules: ({ big }) => [
      once(big, { resetAfter: '50%' }),
      get(
        big,
        { setHeaders: { 'content-type': 'multipart/byteranges; boundary=x' }, withoutHeaders: ['content-range'] },
        { headers: { range: true } },
      ),
    ],
    exit: 0,
  },
  {
    id: 'manifest-reset',
    fault: 'reset in the middle of the manifest, once',
    rules: ({ tag }) => [once(tag, { resetAfter: '50%' })],
    exit: 0,
  },
  {
    id: 'manifest-closed',
    fault: 'end of the connection in the middle of the manifest, once',
    rules: ({ tag }) => [once(tag, { closeAfter: '50%' })],
    exit: 0,
  },
  {
    id: 'manifest-stalls',
    fault: 'nothing more after half of the manifest, once',
    rules: ({ tag }) => [once(tag, { stallAfter: '50%' })],
    exit: 0,
    stalls: true,
  },
  {
    id: 'manifest-truncated',
    fault: 'half of the manifest with a length that agrees, once',
    rules: ({ tag }) => [once(tag, { truncate: '50%' })],
    exit: 0,
  },
  {
    id: 'manifest-corrupt',
    fault: 'a wrong bit in the manifest, once',
    rules: ({ tag }) => [once(tag, { corrupt: 50 })],
    exit: 0,
    check: ({ proxy }, { tag }) => {
      const [damaged, again] = proxy.requests('GET', tag);
      expect(again?.connection).not.toBe(damaged?.connection);
    },
  },
  {
    id: 'manifest-stalled-for-ever',
    fault: 'the manifest is never answered',
    rules: ({ tag }) => [get(tag, { stall: true })],
    exit: 6,
    says: 'pull {ref}: {host} did not answer within 0.4 s (2 tries)',
    hint: 'run the same command again; what was received is kept',
    stalls: true,
    requests: 2,
  },
  {
    id: 'manifest-stalls-for-ever',
    fault: 'nothing more after half of the manifest, always',
    rules: ({ tag }) => [get(tag, { stallAfter: '50%' })],
    exit: 6,
    stalls: true,
    requests: 2,
  },
  {
    id: 'nothing-answered',
    fault: 'nothing is ever answered',
    rules: () => [{ do: { stall: true } }],
    exit: 6,
    stalls: true,
    requests: 4,
  },
  {
    id: 'config-reset',
    fault: 'reset in the middle of the config, once',
    rules: ({ image }) => [once(new RegExp(image.config.descriptor.digest), { resetAfter: '50%' })],
    exit: 0,
  },
  {
    id: 'config-corrupt',
    fault: 'a wrong bit in the config, once',
    rules: ({ image }) => [once(new RegExp(image.config.descriptor.digest), { corrupt: 50 })],
    exit: 0,
  },
  {
    id: 'all-truncated-twice',
    fault: 'half of what is left of each blob with a length that agrees, twice',
    rules: ({ blob }) => [get(blob, { truncate: '50%' }, { nth: [1, 2], perPath: true })],
    exit: 0,
    check: nothingTwice,
  },
  {
    id: 'blob-missing',
    fault: '404 for a blob that the manifest lists, always',
    rules: ({ big }) => [get(big, { status: 404, body: '{"errors":[{"code":"BLOB_UNKNOWN"}]}' })],
    exit: 3,
    says: 'pull {ref}: blob {big}: it is missing at {host}, although a manifest names it',
    hint: 'the image is broken in the registry; whoever made it has to push it again',
  },
  {
    id: 'blob-is-a-page',
    fault: 'a web page with 200 for a blob, always',
    rules: ({ big }) => [get(big, { replace: HTML, setHeaders: { 'content-type': 'text/html' } })],
    exit: 7,
  },
  {
    id: 'token-is-a-page',
    fault: 'a web page instead of a token',
    rules: ({ token }) => [{ path: token, do: { replace: HTML } }],
    tokens: { account: ACCOUNT },
    exit: 6,
    says: 'pull {ref}: the token service {host} gave a web page instead of a token',
    hint: 'is a proxy or a login page of the network in between?',
    requests: 3,
  },
  {
    id: 'token-empty',
    fault: 'an answer of the token service without a token',
    rules: ({ token }) => [{ path: token, do: { replace: '{}' } }],
    tokens: { account: ACCOUNT },
    exit: 6,
    requests: 3,
  },
  {
    id: 'token-old',
    fault: 'tokens that were issued in 2020, for 60 s',
    rules: ({ token }) => [{ path: token, do: { delay: 0 } }],
    tokens: { account: ACCOUNT, issuedAt: '2020-01-01T00:00:00Z', expiresIn: 60 },
    exit: 0,
    check: ({ proxy }) => expect(proxy.requests(undefined, /^\/token/)).toHaveLength(1),
  },
  {
    id: 'token-refused-for-ever',
    fault: '401 for every blob, with a good token',
    rules: ({ blob }) => [get(blob, { challenge: true })],
    tokens: { account: ACCOUNT },
    exit: 4,
    says: 'pull {ref}: blob {any}: {host} answered 401: unauthorized: authentication required',
    check: ({ proxy, stderr }) => {
      expect(proxy.requests(undefined, /^\/token/).length).toBeLessThanOrEqual(10);
      expect(stderr).toMatch(
        /hint: asked as alice, with credentials from .*config\.json; to use others: hubctl login /,
      );
    },
  },
  {
    id: 'token-reset',
    fault: 'reset on the token service, once',
    rules: ({ token }) => [{ path: token, nth: 1, do: { reset: true } }],
    tokens: { account: ACCOUNT },
    exit: 0,
  },
  {
    id: 'storage-link-expired',
    fault: 'a redirect to a storage host that answers 403, once',
    rules: ({ big }) => [
      get(big, { status: 403 }, { headers: { host: /^localhost/ }, max: 1 }),
      get(big, { redirect: 'http://localhost:{port}{path}' }, { headers: { host: /^127/ } }),
    ],
    tokens: undefined,
    exit: 0,
  },
  {
    id: 'storage-fails',
    fault: 'a redirect to a storage host that answers 503 twice, and breaks off once',
    rules: ({ big }) => [
      get(big, { status: 503 }, { headers: { host: /^localhost/ }, max: 2 }),
      get(big, { closeAfter: '50%' }, { headers: { host: /^localhost/ }, max: 1 }),
      get(big, { redirect: 'http://localhost:{port}{path}' }, { headers: { host: /^127/ } }),
    ],
    exit: 0,
    check: nothingTwice,
  },
  {
    id: 'redirect-without-location',
    fault: '307 without a location',
    rules: ({ big }) => [get(big, { status: 307 })],
    exit: 6,
    says: 'pull {ref}: {big} stopped at 0 of {size} bytes: {host} answered 307 without a location',
    hint: 'the registry or a proxy before it has a problem; try again in a while',
  },
  {
    id: 'content-encoding',
    fault: 'bytes that are said to be compressed, and are not',
    rules: ({ big }) => [get(big, { setHeaders: { 'content-encoding': 'gzip' } })],
    exit: 0,
  },
  {
    id: 'content-encodings',
    fault: 'a chain of 2,000 encodings',
    rules: ({ big }) => [get(big, { setHeaders: { 'content-encoding': 'gzip,'.repeat(2000) } })],
    exit: 0,
  },
  {
    id: 'slow',
    fault: '4,000 bytes per second, which is slow but no fault',
    rules: ({ big }) => [get(big, { rate: 4000 })],
    size: 100 * KIB,
    exit: 0,
    check: nothingTwice,
  },
  {
    id: 'too-slow',
    fault: '10 bytes per second, once',
    rules: ({ big }) => [once(big, { rate: 10 })],
    size: 100 * KIB,
    exit: 0,
    patience: 120,
  },
  {
    id: 'mixed-chaos',
    fault: 'chaos: 10 % reset, 5 % 503, 5 % cut short, 3 % with a wrong bit',
    rules: ({ blob }) => [
      { chance: 0.1, do: { reset: true } },
      { chance: 0.05, do: { status: 503 } },
      { chance: 0.05, path: blob, do: { truncate: '50%' } },
      { chance: 0.03, path: blob, do: { corrupt: '50%' } },
    ],
    exit: 0,
    quietly: true,
  },
];

const uploadResets: readonly Row[] = ([0, '1%', '50%', '99%'] as const).map((size) => ({
  id: `upload-reset-${size}`,
  fault: `reset of an upload after ${size} of it, once`,
  rules: ({ upload }) => [
    { method: BODIES, path: upload, headers: { 'content-length': /^\d{7}/ }, do: { resetUploadAfter: size, cuts: 1 } },
  ],
  exit: 0,
}));

/** A location as registries and the proxies before them write it. */
const locations: readonly Row[] = (
  [
    ['without its origin', /^https?:\/\/[^/]+/, ''],
    ['with a fragment', /$/, '#part'],
    ['with one more thing in its query', /(\?|$)/, '?keep=%2Fas-it-is&'],
  ] as const
).map(([what, from, to]) => ({
  id: `location-${what.replaceAll(' ', '-')}`,
  fault: `a location ${what}`,
  rules: ({ upload }) => [{ method: 'POST', path: upload, do: { rewriteHeaders: { location: { from, to } } } }],
  exit: 0,
}));

const refusals: readonly Row[] = (
  [
    [403, 'DENIED', 4],
    [405, 'UNSUPPORTED', 8],
    [409, 'TAG_IMMUTABLE', 8],
    [507, 'QUOTA', 4],
  ] as const
).map(([status, code, exit]) => ({
  id: `manifest-${status}`,
  fault: `${status} for the manifest`,
  rules: ({ manifest }) => [
    put(manifest, { status, body: `{"errors":[{"code":"${code}","message":"the registry says no"}]}` }),
  ],
  exit,
  check: ({ proxy, stderr }, { manifest }) => {
    expect(proxy.requests('PUT', manifest)).toHaveLength(1);
    expect(stderr).toContain('the registry says no');
  },
}));

export const MORE_PUSH_ROWS: readonly Row[] = [
  ...uploadResets,
  ...locations,
  ...refusals,
  {
    id: 'no-head',
    fault: '405 on every HEAD',
    rules: () => [{ method: 'HEAD', do: { status: 405 } }],
    exit: 0,
  },
  {
    id: 'status-question-fails',
    fault: 'reset of an upload, and 500 when asked how far it got, once',
    rules: ({ upload }) => [
      {
        method: BODIES,
        path: upload,
        headers: { 'content-length': /^\d{7}/ },
        do: { resetUploadAfter: '50%', cuts: 1 },
      },
      { method: 'GET', path: upload, nth: 1, do: { status: 500 } },
    ],
    exit: 0,
  },
  {
    id: 'session-lost',
    fault: 'reset of an upload, and the session is gone',
    rules: ({ upload }) => [
      {
        method: BODIES,
        path: upload,
        headers: { 'content-length': /^\d{7}/ },
        do: { resetUploadAfter: '50%', cuts: 1 },
      },
      { method: 'GET', path: upload, do: { status: 404 } },
    ],
    exit: 0,
  },
  {
    id: 'post-lost',
    fault: 'an upload begins, and the answer is lost',
    rules: ({ upload }) => [{ method: 'POST', path: upload, nth: 1, do: { lostAnswer: 'reset' } }],
    exit: 0,
  },
  {
    id: 'post-stalls',
    fault: 'POST never answered, once',
    rules: ({ upload }) => [{ method: 'POST', path: upload, nth: 1, do: { stall: true } }],
    stalls: true,
    exit: 0,
  },
  {
    id: 'put-stalls',
    fault: 'a whole upload is never answered, once',
    rules: ({ upload }) => [{ method: 'PUT', path: upload, nth: 1, do: { stall: true } }],
    stalls: true,
    exit: 0,
  },
  {
    id: 'put-stalls-always',
    fault: 'no whole upload is ever answered',
    rules: ({ upload }) => [{ method: 'PUT', path: upload, do: { stall: true } }],
    stalls: true,
    exit: 6,
    check: ({ proxy }) => {
      const blobs = proxy.requests('PUT', /\/blobs\/uploads\//).map(({ path }) => /digest=.*/.exec(path)?.[0]);
      for (const blob of blobs) expect(blobs.filter((other) => other === blob).length).toBeLessThanOrEqual(2);
    },
  },
  {
    id: 'post-stalls-always',
    fault: 'POST never answered',
    rules: ({ upload }) => [{ method: 'POST', path: upload, do: { stall: true } }],
    stalls: true,
    exit: 6,
  },
  {
    id: 'head-stalls-always',
    fault: 'HEAD never answered',
    rules: () => [{ method: 'HEAD', do: { stall: true } }],
    stalls: true,
    exit: 6,
  },
  {
    id: 'manifest-answer-never-comes',
    fault: 'the manifest is stored, and the answer never comes, once',
    rules: ({ manifest }) => [put(manifest, { lostAnswer: 'stall' }, { nth: 1 })],
    stalls: true,
    exit: 0,
  },
  {
    id: 'manifest-429',
    fault: '429 with Retry-After: 2 for the manifest, once',
    rules: ({ manifest }) => [put(manifest, { status: 429, headers: { 'retry-after': '2' } }, { nth: 1 })],
    exit: 0,
    check: ({ proxy }, { manifest }) => {
      const [first, second] = proxy.requests('PUT', manifest).map(({ at }) => at);
      expect(second! - first!).toBeGreaterThanOrEqual(2000);
    },
  },
  {
    id: 'manifest-503',
    fault: '503 for the manifest, always',
    rules: ({ manifest }) => [put(manifest, { status: 503 })],
    exit: 6,
    says: 'push {ref}: {host} answered 503: a fault of status 503 (6 tries)',
    hint: 'the registry has a problem; try again in a while',
  },
  {
    id: 'manifest-changed',
    fault: '201 for the manifest with another digest',
    rules: ({ manifest }) => [put(manifest, { setHeaders: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } })],
    exit: 7,
    stored: true,
  },
  {
    id: 'upload-corrupt-always',
    fault: 'a wrong bit in every upload',
    rules: ({ upload }) => [{ method: BODIES, path: upload, do: { corruptUpload: 100 } }],
    exit: 7,
    says: 'push {ref}: blob {any}: {host} answered 400: digest invalid: provided digest did not match uploaded content, twice',
    hint: 'nothing was stored; if it happens again, something on the way changes content',
  },
  {
    id: 'upload-429',
    fault: '429 with Retry-After: 3 on an upload, once',
    rules: ({ upload }) => [
      { method: BODIES, path: upload, nth: 1, do: { status: 429, headers: { 'retry-after': '3' } } },
    ],
    exit: 0,
  },
  {
    id: 'upload-403',
    fault: '403 on every upload',
    rules: ({ upload }) => [{ method: BODIES, path: upload, do: { status: 403 } }],
    exit: 4,
  },
  {
    id: 'upload-507',
    fault: '507 on every upload',
    rules: ({ upload }) => [{ method: BODIES, path: upload, do: { status: 507 } }],
    exit: 4,
    says: 'push {ref}: blob {any}: {host} answered 507: a fault of status 507',
    hint: 'the registry has no room left, or the quota of the account is used up',
  },
  {
    id: 'upload-503-always',
    fault: '503 on every upload',
    rules: ({ upload }) => [{ method: BODIES, path: upload, do: { status: 503 } }],
    exit: 6,
    says: 'push {ref}: blob {any}: {host} answered 503 (6 tries)',
    hint: 'the registry keeps failing; what it has already is not sent again next time',
  },
  {
    id: 'push-401',
    fault: '401 on everything, with a good token',
    rules: () => [{ path: /^\/v2\//, do: { challenge: true } }],
    tokens: { account: ACCOUNT },
    exit: 4,
    requests: 40,
  },
  {
    id: 'push-mixed-chaos',
    fault: 'chaos: 10 % reset, 5 % 503, 5 % of the answers lost',
    rules: () => [
      { chance: 0.1, do: { reset: true } },
      { chance: 0.05, do: { status: 503 } },
      { chance: 0.05, do: { lostAnswer: 'reset' } },
    ],
    exit: 0,
    quietly: true,
  },
];
