// Is what token services, registries, search indexes and credential helpers answer taken for what it is?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { fetchToken, type TokenRequest } from '../../../src/auth/token.ts';
import { HELPER_TEXTS, HelperStore } from '../../../src/credentials/helper.ts';
import { locationOf, type RepositoryAccess } from '../../../src/endpoints/registry/access.ts';
import { wireError } from '../../../src/endpoints/registry/errors.ts';
import { Session } from '../../../src/endpoints/registry/upload-session.ts';
import { HubError } from '../../../src/errors.ts';
import { headersOf } from '../../../src/http/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../../../src/http/layer.ts';
import { redirect } from '../../../src/http/redirect.ts';
import { readSearchPage } from '../../../src/hub/search-answer.ts';
import { contentOf } from '../../../src/util/content.ts';
import { folder } from '../../helpers/folder.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seedOf } from '../chance.ts';
import { jsonText, NAMES, strangeJson } from '../json.ts';
import type { Target } from '../target.ts';

const REGISTRY = new URL('https://registry.example/v2/');
const NOW = 1_700_000_000_000;
const clock = { now: () => NOW, monotonic: () => NOW, sleep: async (): Promise<void> => undefined } as never;

function responseOf(status: number, headers: Record<string, string>, body: Uint8Array, url = REGISTRY): HttpResponse {
  return { status, headers: headersOf(headers), url, body: contentOf(body) };
}

const TOKEN = {
  token: 'abc.def',
  access_token: 'ghi',
  expires_in: 300,
  issued_at: '2023-11-14T22:13:20Z',
  refresh_token: 'r',
  scope: 'x',
};
const TOKEN_REQUEST: TokenRequest = {
  realm: new URL('https://auth.registry.example/token'),
  service: 'registry.example',
  scopes: ['repository:app:pull'],
  credential: undefined,
  clientId: 'hubctl',
  namedBy: REGISTRY,
};
const STATUSES = [200, 200, 200, 401, 403, 429, 500];

async function runToken(input: Buffer): Promise<string> {
  const status = STATUSES[seedOf(input) % STATUSES.length]!;
  const send: Send = async () => responseOf(status, { 'content-type': 'application/json' }, input);
  const { value, expires, refreshToken } = await fetchToken(TOKEN_REQUEST, { send, clock });
  ok(/^[\x21-\x7e]+$/.test(value), 'a token that breaks a header');
  ok(expires > NOW - 10_000 && expires <= NOW + 24 * 3_600_000, 'a token that lives too long');
  return `token ${refreshToken !== undefined} ${expires > NOW + 60_000}`;
}

export const token: Target = {
  name: 'token',
  limit: 64 * 1024,
  executions: 300_000,
  seeds: [
    JSON.stringify(TOKEN),
    '{"token":"x"}',
    '<html>',
    '{"errors":[{"code":"DENIED","message":"no"}]}',
    '{"details":"incorrect"}',
  ],
  words: [
    ...Object.keys(TOKEN),
    'toString',
    'valueOf',
    '{',
    '}',
    '"',
    '\\n',
    '\\u0000',
    '2024-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '1e400',
  ],
  codes: ['UNAUTHORIZED', 'DENIED', 'RATE_LIMITED', 'SERVER_ERROR'],
  make: (chance) => jsonText(strangeJson(TOKEN, chance, [...Object.keys(TOKEN), 'x y', '-1']), chance),
  run: runToken,
};

const REFUSAL = {
  errors: [
    { code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob unknown', detail: { digest: `sha256:${'ab'.repeat(32)}` } },
    { code: 'X' },
  ],
};
const RESULTS = {
  num_pages: 2,
  num_results: 3,
  results: [{ name: 'library/alpine', description: 'small', star_count: 10, is_official: true }, { name: 'x' }],
};
const ANSWERS = [REFUSAL, RESULTS, { message: 'no', details: 'x' }];
const ANSWER_STATUSES = [400, 401, 403, 404, 409, 413, 429, 500, 503];

async function runReply(input: Buffer): Promise<string> {
  const status = ANSWER_STATUSES[seedOf(input) % ANSWER_STATUSES.length]!;
  const first = input.toString('latin1', 0, 40).replaceAll(/[^\x20-\x7e]/g, ' ');
  const headers = { 'content-type': 'application/json', 'retry-after': first, 'ratelimit-limit': first, date: first };
  const context = { operation: 'push app', subject: 'app', registry: 'registry.example', method: 'PUT' };
  const error = await wireError(responseOf(status, headers, input), context);
  ok(!/[\0-\x1f\x7f-\x9f]/.test(error.message + (error.hint ?? '')), 'controls in an error');
  ok(error.message.length < 5000, 'a long error');
  let hits = '';
  try {
    const page = await readSearchPage(responseOf(200, {}, input));
    ok(page.hits.every(({ name, stars }) => name !== '' && Number.isSafeInteger(stars) && stars >= 0));
    ok(page.pages >= 1);
    hits = `hits ${Math.min(page.hits.length, 2)}`;
  } catch (failure) {
    if (!HubError.is(failure, 'SERVER_ERROR')) throw failure;
    hits = failure.message.slice(0, 60);
  }
  return `${error.code} ${'missing' in error.details} ${hits}`;
}

export const reply: Target = {
  name: 'reply',
  limit: 64 * 1024,
  executions: 250_000,
  seeds: [...ANSWERS.map((value) => JSON.stringify(value)), '<!doctype html>', 'plain', '120'],
  words: [
    'errors',
    'code',
    'message',
    'detail',
    'digest',
    'results',
    'name',
    'star_count',
    'num_pages',
    'MANIFEST_BLOB_UNKNOWN',
    'immutable',
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    '\\u001b',
    'Wed, 21 Oct 2015 07:28:00 GMT',
    '9999999999999',
    '<html',
  ],
  codes: [],
  make: (chance) =>
    jsonText(strangeJson(chance.pick(ANSWERS), chance, ['errors', 'message', 'code', 'name', ...NAMES]), chance),
  run: runReply,
};

function accessOf(send: Send): RepositoryAccess {
  const unused = (): never => {
    throw new Error('not needed here');
  };
  return {
    name: 'app',
    registry: 'registry.example',
    repository: 'app',
    send,
    url: unused,
    warn: unused,
    sleep: unused,
    traits: {} as never,
  };
}

const UPLOADS = new URL('https://registry.example/v2/app/blobs/uploads/');
const BLOB = { mediaType: 'text/plain', digest: `sha256:${'ab'.repeat(32)}`, size: 100 };

/** Nothing is asked for anywhere else, nor in another way. */
function checkRequest({ url }: HttpRequest): void {
  ok(url.protocol === 'https:', `a request by ${url.protocol}`);
  same(url.hostname, 'registry.example');
}

async function runUpload(input: Buffer): Promise<string> {
  const [location = '', range = ''] = input.toString('latin1').split('\n', 2);
  const answer = responseOf(202, { location, range }, Buffer.alloc(0), UPLOADS);
  const requests: HttpRequest[] = [];
  const access = accessOf(async (request) => {
    checkRequest(request);
    requests.push(request);
    const status = { GET: 204, PUT: 201 }[request.method as string] ?? 202;
    return responseOf(status, { location, range }, Buffer.alloc(0), request.url);
  });
  const session = new Session(locationOf(answer, UPLOADS, 'push'), { asked: UPLOADS });
  const has = await session.status(access, undefined);
  ok(has === undefined || (Number.isSafeInteger(has) && has > 0));
  await session.send(access, {
    descriptor: BLOB,
    open: async () => contentOf(Buffer.alloc(0)),
    offset: Math.min(has ?? 0, 100),
    signal: undefined,
  });
  const last = requests.at(-1)!;
  ok(
    last.method === 'PUT' && last.url.search.endsWith(`digest=${encodeURIComponent(BLOB.digest)}`),
    'a commit without a digest',
  );
  return `${has === undefined} ${requests.length} ${last.url.pathname.length > 40}`;
}

async function runRedirect(input: Buffer): Promise<string> {
  const location = input.toString('latin1').split('\n', 1)[0]!;
  const seen: HttpRequest[] = [];
  const send = redirect()(async (request) => {
    seen.push(request);
    ok(seen.length < 20, 'no end of redirects');
    return responseOf(seen.length === 1 ? 307 : 200, { location }, Buffer.alloc(0), request.url);
  });
  await send({
    method: 'GET',
    url: UPLOADS,
    headers: { authorization: 'Basic x', 'x-own': 'y', range: 'bytes=0-1' },
    scopes: ['a'],
  });
  const last = seen.at(-1)!;
  ok(last.url.protocol === 'https:');
  const isOwn = last.url.origin === UPLOADS.origin;
  same(last.headers?.['authorization'] !== undefined, isOwn);
  same(last.headers?.['x-own'] !== undefined, isOwn);
  same(last.anonymous === true, !isOwn);
  return `redirect ${seen.length} ${isOwn}`;
}

export const location: Target = {
  name: 'location',
  limit: 16 * 1024,
  executions: 250_000,
  seeds: [
    '/v2/app/blobs/uploads/abc?_state=x\n0-9',
    'https://registry.example/v2/app/blobs/uploads/abc\nbytes=0-5',
    'https://evil.example/x\n0-0',
    '//registry.example:8443/x#y\n5-9',
    'http://registry.example:80/x\n0-99',
    '?a=b\n',
    'ftp://registry.example/\n',
    'foo://registry.example/x\n0-5',
    '\n',
  ],
  words: [
    'https://',
    'http://',
    '//',
    'registry.example',
    'evil.example',
    '@',
    ':',
    ':80',
    ':443',
    '?',
    '#',
    '&',
    '=',
    'digest=',
    '_state=',
    '/',
    '\\',
    '%',
    '..',
    '0-',
    '-',
    'bytes=',
    '\n',
    '[::1]',
    'ws://',
    'wss://',
    'ftp://',
    'foo://',
    'javascript:',
    'file:///',
    '\t',
    ' ',
    '\xf0\x9f\x98\x80',
    '\xe9',
  ],
  codes: ['SERVER_ERROR', 'REFUSED'],
  run: (input) => (seedOf(input) % 3 === 0 ? runRedirect(input) : runUpload(input)),
};

/** Found on the path, and never run: its answers are the inputs. */
function helperStore(): { store: HelperStore; say: (text: string, status: number) => void } {
  const dir = folder();
  writeFileSync(join(dir, 'docker-credential-fuzz'), '', { mode: 0o755 });
  let answer = { status: 0, stdout: '' };
  const store = new HelperStore({
    helper: 'fuzz',
    setting: 'credsStore',
    env: { PATH: dir },
    warn: () => undefined,
    run: async (_, { argument }) => (argument === 'store' ? { status: 0, stdout: '' } : answer),
  });
  return { store, say: (stdout, status) => void (answer = { status, stdout }) };
}

let helperOnce: ReturnType<typeof helperStore> | undefined;

async function runHelper(input: Buffer): Promise<string> {
  const { store, say } = (helperOnce ??= helperStore());
  const isGood = seedOf(input) % 4 !== 0;
  // It forgets what it was told before.
  await store.store('registry.example', { kind: 'basic', username: 'u', password: 'p' });
  say(input.toString('utf8'), isGood ? 0 : 1);
  if (seedOf(input) % 5 === 0) {
    const list = await store.list();
    ok(list.every(({ server, username }) => typeof server === 'string' && typeof username === 'string'));
    return `list ${Math.min(list.length, 2)}`;
  }
  const credential = await store.get('registry.example');
  if (!isGood) same(credential, undefined);
  if (credential?.kind === 'basic') ok(credential.username !== '' && credential.password !== '');
  return `${credential?.kind} ${isGood}`;
}

const HELPER_ANSWER = { ServerURL: 'registry.example', Username: 'u', Secret: 's' };

export const helper: Target = {
  name: 'helper',
  limit: 64 * 1024,
  executions: 500_000,
  seeds: [
    JSON.stringify(HELPER_ANSWER),
    '{"Username":"<token>","Secret":"t"}',
    ...Object.values(HELPER_TEXTS),
    '{}',
    '{"https://index.docker.io/v1/":"u"}',
    'vault locked',
  ],
  words: [
    ...Object.keys(HELPER_ANSWER),
    ...Object.values(HELPER_TEXTS),
    '<token>',
    'https://registry.example/v2/',
    'other.example',
    '{',
    '}',
    '"',
    '\\u001b',
    '\n',
    '\0',
    '__proto__',
  ],
  codes: ['CREDENTIALS_UNAVAILABLE'],
  make: (chance) =>
    jsonText(
      strangeJson(HELPER_ANSWER, chance, ['<token>', 'https://registry.example', 'ServerURL', 'Secret']),
      chance,
    ),
  run: runHelper,
};
