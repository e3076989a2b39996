// Which faults can a push meet, and how does it have to end? 26 rows, 22 of them survived.
import { expect } from 'vitest';
import { ACCOUNT, type Played, type Row, type Targets } from './play.ts';
import type { Fault, Rule } from './rules.ts';

const MIB = 1024 * 1024;
const BODIES = ['PATCH', 'PUT'];

const on = (
  method: string | readonly string[],
  path: RegExp,
  fault: Fault,
  more: Omit<Rule, 'do' | 'path' | 'method'> = {},
): Rule => ({ method, path, do: fault, ...more });
const FIRST = { nth: 1 } as const;
const HTML_413 = '<html><head><title>413 Request Entity Too Large</title></head></html>';

/** Bodies of uploads together, as a multiple of the image. */
function sentAtMost(times: number): NonNullable<Row['check']> {
  return ({ proxy }: Played, { image, upload }: Targets) => {
    const whole = image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    const sent = proxy.requests(BODIES, upload).reduce((sum, seen) => sum + seen.requestBytes, 0);
    expect(sent / whole).toBeLessThanOrEqual(times);
  };
}

/** What was stored although nobody heard of it is not sent again. */
const nothingTwice = sentAtMost(1.01);

export const PUSH_ROWS: readonly Row[] = [
  {
    id: 'S01',
    fault: 'reset of an upload after 12 MiB, once',
    rules: ({ upload }) => [on(BODIES, upload, { resetUploadAfter: 12 * MIB, cuts: 1 })],
    size: 24 * MIB,
    exit: 0,
  },
  {
    id: 'S02',
    fault: 'reset of each upload after 12 MiB',
    rules: ({ upload }) => [on(BODIES, upload, { resetUploadAfter: 12 * MIB })],
    size: 24 * MIB,
    exit: 0,
  },
  {
    id: 'S03',
    fault: '500 after a whole upload, once',
    rules: ({ upload }) => [on(BODIES, upload, { status: 500 }, FIRST)],
    exit: 0,
  },
  {
    id: 'S04',
    fault: '503 on an upload, twice',
    rules: ({ upload }) => [on(BODIES, upload, { status: 503 }, { nth: [1, 2] })],
    exit: 0,
  },
  {
    id: 'S05',
    fault: 'a blob is stored, and the answer lost',
    rules: ({ upload }) => [on('PUT', upload, { lostAnswer: 'reset' }, FIRST)],
    exit: 0,
    check: nothingTwice,
  },
  {
    id: 'S06',
    fault: 'the manifest is stored, and the answer lost',
    rules: ({ manifest }) => [on('PUT', manifest, { lostAnswer: 'reset' }, FIRST)],
    exit: 0,
    check: ({ proxy }, { manifest }) => expect(proxy.requests('PUT', manifest)).toHaveLength(1),
  },
  {
    id: 'S07',
    fault: '429 with Retry-After: 2 on POST, once',
    rules: ({ upload }) => [on('POST', upload, { status: 429, headers: { 'retry-after': '2' } }, FIRST)],
    exit: 0,
  },
  {
    id: 'S08',
    fault: '429 with Retry-After: 5 on POST, always',
    rules: ({ upload }) => [on('POST', upload, { status: 429, headers: { 'retry-after': '5' } })],
    exit: 5,
    says: 'push {ref}: blob {any}: {host} limits the rate of requests (429): a fault of status 429 (6 tries)',
    hint: 'try again in 5 s; logging in raises the limit of most registries: hubctl login {host}',
  },
  {
    id: 'S09',
    fault: 'the session is gone: 404, once',
    rules: ({ upload }) => [
      on(BODIES, upload, { status: 404, body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}' }, FIRST),
    ],
    exit: 0,
  },
  {
    id: 'S10',
    fault: '416 on an upload, once',
    rules: ({ upload }) => [on(BODIES, upload, { status: 416 }, FIRST)],
    exit: 0,
  },
  {
    id: 'S11',
    fault: 'PATCH is refused with 405, always, and one PUT is reset',
    rules: ({ upload }) => [
      on('PATCH', upload, { status: 405 }),
      on('PUT', upload, { resetUploadAfter: '50%', cuts: 1 }, { headers: { 'content-length': /^\d{7}/ } }),
    ],
    exit: 0,
  },
  {
    id: 'S12',
    fault: '401 after a whole upload, once',
    rules: ({ upload }) => [on(BODIES, upload, { challenge: true }, FIRST)],
    tokens: { account: ACCOUNT },
    exit: 0,
  },
  {
    id: 'S13',
    fault: 'each token is good for three requests',
    rules: () => [on('GET', /^\/token/, { delay: 0 })],
    tokens: { account: ACCOUNT, uses: 3 },
    exit: 0,
  },
  {
    id: 'S14',
    fault: 'each upload stands still after 12 MiB',
    rules: ({ upload }) => [on(BODIES, upload, { stallUploadAfter: 12 * MIB })],
    size: 24 * MIB,
    stalls: true,
    exit: 0,
  },
  {
    id: 'S15',
    fault: 'the manifest is put and never answered',
    rules: ({ manifest }) => [on('PUT', manifest, { stall: true })],
    stalls: true,
    exit: 6,
    says: 'push {ref}: {host} did not answer within 1 s (2 tries)',
    hint: 'run the same command again; what was received is kept',
  },
  {
    id: 'S16',
    fault: '500 on HEAD of a blob, once',
    rules: ({ blob }) => [on('HEAD', blob, { status: 500 }, FIRST), on('POST', /uploads/, { delay: 0 })],
    exit: 0,
  },
  {
    id: 'S17',
    fault: '403 on HEAD of a blob, always',
    rules: ({ blob }) => [on('HEAD', blob, { status: 403 }), on('POST', /uploads/, { delay: 0 })],
    exit: 0,
  },
  {
    id: 'S18',
    fault: 'a wrong bit in an upload, once',
    rules: ({ upload }) => [on(BODIES, upload, { corruptUpload: 100 }, FIRST)],
    exit: 0,
  },
  {
    id: 'S19',
    fault: 'HEAD says once that a blob exists which does not',
    rules: ({ blob }) => [on('HEAD', blob, { status: 200, body: '' }, FIRST), on('POST', /uploads/, { delay: 0 })],
    exit: 0,
  },
  {
    id: 'S20',
    fault: 'POST without a Location',
    rules: ({ upload }) => [on('POST', upload, { withoutHeaders: ['location'] })],
    exit: 6,
    says: 'push {ref}: upload of blob {any}: {host} answered 202 without a Location',
    hint: 'the registry or a proxy before it does not follow the distribution specification',
  },
  {
    id: 'S21',
    fault: '413 on every body',
    rules: ({ upload }) => [on(BODIES, upload, { status: 413, body: HTML_413 })],
    exit: 8,
    says: 'push {ref}: blob {any}: {host} refuses an upload of this size (413)',
    hint: 'a proxy before the registry limits uploads; with nginx it is client_max_body_size',
  },
  {
    id: 'S22',
    fault: 'HEAD says that every blob exists',
    rules: ({ blob }) => [on('HEAD', blob, { status: 200, body: '' }), on('POST', /uploads/, { delay: 0 })],
    exit: 0,
  },
  {
    id: 'S23',
    fault: 'reset on POST, once',
    rules: ({ upload }) => [on('POST', upload, { reset: true }, FIRST)],
    exit: 0,
  },
  {
    id: 'S24',
    fault: '503 on the manifest, once',
    rules: ({ manifest }) => [on('PUT', manifest, { status: 503 }, FIRST)],
    exit: 0,
  },
  {
    id: 'S25',
    fault: 'chaos: 10 % of all requests reset',
    rules: () => [{ chance: 0.1, do: { reset: true } }],
    exit: 0,
    quietly: true,
  },
  {
    id: 'S26',
    fault: 'bytes of an upload are stored, and the answer lost',
    rules: ({ upload }) => [on(BODIES, upload, { lostAnswer: 'reset' }, FIRST)],
    exit: 0,
    check: nothingTwice,
  },
];
