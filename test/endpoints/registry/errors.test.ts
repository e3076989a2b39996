import { describe, expect, test } from 'vitest';
import { wireError, type WireContext } from '../../../src/endpoints/registry/errors.ts';
import { HubError, type ErrorCode } from '../../../src/errors.ts';
import { contentOf, type Content } from '../../../src/util/content.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { answer, headers, type FakeAnswer } from '../../helpers/web.ts';

const CONTEXT: WireContext = {
  operation: 'push reg.example/app:1',
  subject: 'reg.example/app',
  registry: 'reg.example',
  method: 'PUT',
};
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

function errorOf(reply: FakeAnswer, context: Partial<WireContext> = {}): Promise<HubError> {
  return wireError(answer('https://reg.example/v2/app/manifests/1', reply), { ...CONTEXT, ...context });
}

function refusal(status: number, code: string, message = '', detail?: unknown): FakeAnswer {
  return { status, headers: JSON_TYPE, body: JSON.stringify({ errors: [{ code, message, detail }] }) };
}

describe('the code of an error', () => {
  test.each<[status: number, wire: string, code: ErrorCode]>([
    [404, 'BLOB_UNKNOWN', 'NOT_FOUND'],
    [400, 'BLOB_UPLOAD_INVALID', 'SERVER_ERROR'],
    [404, 'BLOB_UPLOAD_UNKNOWN', 'NOT_FOUND'],
    [400, 'DIGEST_INVALID', 'DIGEST_MISMATCH'],
    [400, 'MANIFEST_BLOB_UNKNOWN', 'CONFLICT'],
    [404, 'MANIFEST_BLOB_UNKNOWN', 'CONFLICT'],
    [400, 'MANIFEST_INVALID', 'CONTENT_INVALID'],
    [404, 'MANIFEST_UNKNOWN', 'NOT_FOUND'],
    [400, 'MANIFEST_UNVERIFIED', 'CONTENT_INVALID'],
    [400, 'NAME_INVALID', 'REFERENCE_INVALID'],
    [404, 'NAME_UNKNOWN', 'NOT_FOUND'],
    [400, 'SIZE_INVALID', 'DIGEST_MISMATCH'],
    [400, 'TAG_INVALID', 'REFERENCE_INVALID'],
    [401, 'UNAUTHORIZED', 'UNAUTHORIZED'],
    [403, 'DENIED', 'DENIED'],
    [405, 'UNSUPPORTED', 'UNSUPPORTED'],
    [429, 'TOOMANYREQUESTS', 'RATE_LIMITED'],
    [416, 'RANGE_INVALID', 'UNSUPPORTED'],
    [400, 'PAGINATION_NUMBER_INVALID', 'FAILED'],
    [503, 'UNAVAILABLE', 'SERVER_ERROR'],
    [500, 'UNKNOWN', 'SERVER_ERROR'],
    [400, 'denied', 'DENIED'],
    [400, 'constructor', 'FAILED'],
  ])('for status %d with %s is %s', async (status, wire, code) => {
    const error = await errorOf(refusal(status, wire, 'no'));
    expect(error).toMatchObject({ code, details: { status, registryCode: wire.toUpperCase(), host: 'reg.example' } });
  });

  test.each<[status: number, code: ErrorCode]>([
    [302, 'SERVER_ERROR'],
    [400, 'FAILED'],
    [401, 'UNAUTHORIZED'],
    [403, 'DENIED'],
    [404, 'NOT_FOUND'],
    [405, 'UNSUPPORTED'],
    [409, 'CONFLICT'],
    [412, 'CONFLICT'],
    [413, 'UNSUPPORTED'],
    [418, 'FAILED'],
    [429, 'RATE_LIMITED'],
    [500, 'SERVER_ERROR'],
    [502, 'SERVER_ERROR'],
    [507, 'DENIED'],
  ])('for status %d alone is %s', async (status, code) => {
    expect(await errorOf({ status })).toMatchObject({ code, details: { status, registryCode: undefined } });
  });

  test('is decided by the status where the body says something else', async () => {
    expect((await errorOf(refusal(404, 'DENIED'))).code).toBe('NOT_FOUND');
    expect((await errorOf(refusal(401, 'MANIFEST_UNKNOWN'))).code).toBe('UNAUTHORIZED');
    expect((await errorOf(refusal(500, 'MANIFEST_UNKNOWN'))).code).toBe('SERVER_ERROR');
  });

  test.each([
    [400, 'TAG_INVALID', 'the tag exists and cannot be overwritten because the tag is immutable'],
    [403, 'DENIED', 'tag 1 is immutable'],
    [412, 'PRECONDITION', 'Failed to process request due to tag configured as immutable.'],
  ])('is CONFLICT for a tag that must not change, told with %d and %s', async (status, wire, message) => {
    const error = await errorOf(refusal(status, wire, message));
    expect(error).toMatchObject({ code: 'CONFLICT', exitCode: 8 });
    expect(error.hint).toBe('choose another tag; those that are taken: hubctl tags reg.example/app');
  });
});

describe('the message', () => {
  const says = async (reply: FakeAnswer): Promise<string> => (await errorOf(reply)).message;

  test('names what was done, who answered, and what it said', async () => {
    expect(await says(refusal(400, 'MANIFEST_INVALID', 'schema version 3 is not known'))).toBe(
      'push reg.example/app:1: reg.example answered 400: manifest invalid: schema version 3 is not known',
    );
    expect(await says(refusal(404, 'MANIFEST_UNKNOWN', 'manifest unknown'))).toBe(
      'push reg.example/app:1: not found; reg.example answered 404: manifest unknown',
    );
  });

  test.each<[what: string, body: string, said: string]>([
    ['a code without a message', '{"errors":[{"code":"SIZE_INVALID"}]}', ': size invalid'],
    ['the code UNKNOWN', '{"errors":[{"code":"UNKNOWN","message":"disk on fire"}]}', ': disk on fire'],
    ['neither', '{"errors":[{}]}', ': no reason given'],
    ['the first of several', '{"errors":[{"code":"DENIED","message":"a"},{"code":"X","message":"b"}]}', ': denied: a'],
    ['details', '{"details":"too many failed attempts"}', ': too many failed attempts'],
    ['message', '{"message":"rate limited"}', ': rate limited'],
    ['error', '{"error":"nope"}', ': nope'],
    ['detail', '{"detail":"nope"}', ': nope'],
    ['entries that are none', '{"errors":[null,"x",7]}', ': {"errors":[null,"x",7]}'],
    ['fields of other types', '{"errors":[{"code":7,"message":{"a":1}}]}', ': no reason given'],
    ['JSON that is no object', '["denied"]', ': ["denied"]'],
    ['JSON that is broken', '{"errors":[{"co', ': {"errors":[{"co'],
    ['nothing', '', ''],
    ['blanks', ' \r\n ', ''],
  ])('of a JSON body with %s', async (_, body, said) => {
    expect(await says({ status: 400, headers: JSON_TYPE, body })).toBe(
      `push reg.example/app:1: reg.example answered 400${said}`,
    );
  });

  test('is read from JSON that is sent as plain text', async () => {
    const reply = { ...refusal(400, 'NAME_INVALID', 'upper case'), headers: { 'content-type': 'text/plain' } };
    expect(await says(reply)).toContain('answered 400: name invalid: upper case');
  });

  test('is the first line of plain text', async () => {
    const reply = { status: 502, headers: { 'content-type': 'text/plain' }, body: '\nbackend is away\nstack trace\n' };
    expect(await says(reply)).toBe('push reg.example/app:1: reg.example answered 502: backend is away');
  });

  test.each(['<!DOCTYPE html><p>hello', '\n <html><body>hello'])('says that %j is a web page', async (body) => {
    expect(await says({ status: 502, headers: { 'content-type': 'text/html' }, body })).toBe(
      'push reg.example/app:1: reg.example answered 502 with a web page, so it may not be a registry',
    );
  });

  test('is of one line and shows control and bidirectional characters', async () => {
    const evil = 'a\u001b[2Jb\u0000c\nd\u202ee\u009bf';
    const shown = 'a\\u{1b}[2Jb\\u{0}c\\nd\\u{202e}e\\u{9b}f';
    expect(await says(refusal(400, 'MANIFEST_INVALID', evil))).toContain(shown);
    expect(await says({ status: 400, body: 'a\u001b[2Jb' })).toContain('a\\u{1b}[2Jb');
  });

  test('is cut when it is long', async () => {
    const message = await says(refusal(400, 'MANIFEST_INVALID', 'x'.repeat(10_000)));
    expect(message.length).toBeLessThan(500);
    expect(message.endsWith('…')).toBe(true);
  });

  test('does without a body that is too long or breaks off', async () => {
    expect(await says({ status: 502, body: 'x'.repeat(64 * 1024 + 1) })).toMatch(/answered 502$/);
    const broken: Content = {
      forEach: () => Promise.reject(new HubError('UNREACHABLE', 'gone')),
      cancel: () => undefined,
    };
    const response = { status: 502, headers: headers(), url: new URL('https://reg.example/'), body: broken };
    expect((await wireError(response, CONTEXT)).message).toMatch(/answered 502$/);
  });

  test('is no longer wanted when the reader was interrupted', async () => {
    const stop = new HubError('ABORTED', 'interrupted');
    const body: Content = { forEach: () => Promise.reject(stop), cancel: () => undefined };
    const response = { status: 502, headers: headers(), url: new URL('https://reg.example/'), body };
    await expect(wireError(response, CONTEXT)).rejects.toBe(stop);
  });

  test('of a HEAD comes from the status alone', async () => {
    let isCancelled = false;
    const body = { ...contentOf(Buffer.from('not for you')), cancel: () => void (isCancelled = true) };
    const response = { ...answer('https://reg.example/', { status: 404 }), body };
    const { message } = await wireError(response, { ...CONTEXT, method: 'HEAD' });
    expect(message).toBe('push reg.example/app:1: not found; reg.example answered 404');
    expect(isCancelled).toBe(true);
  });
});

describe('what a registry sends back of a secret', () => {
  const secret = 'Kq9canaryZx';

  test.each([
    `bad header Authorization: Bearer ${secret}`,
    `see https://user:${secret}@storage.example/blob`,
    `GET https://storage.example/blob?X-Amz-Signature=${secret} failed`,
    `{"token":"${secret}"}`,
    `wrong password=${secret}`,
    `eyJ${secret}.eyJ${secret}.${secret}`,
  ])('is not told again: %s', async (text) => {
    const bodies: FakeAnswer[] = [
      refusal(400, 'DENIED', text, { header: text }),
      refusal(400, text),
      { status: 400, headers: JSON_TYPE, body: JSON.stringify({ details: text }) },
      { status: 502, body: text },
      refusal(400, 'MANIFEST_BLOB_UNKNOWN', '', text),
    ];
    for (const reply of bodies) {
      const { message, hint, details, cause } = await errorOf(reply);
      expect(JSON.stringify([message, hint, details, String(cause)])).not.toContain(secret);
    }
  });
});

describe('content that a manifest needs', () => {
  const digest = digestOf('layer');
  const other = digestOf('another layer');

  test.each<[what: string, detail: unknown]>([
    ['a digest', digest],
    ['an object with Digest', { Digest: digest }],
    ['an object with digest', { digest }],
  ])('is named by %s', async (_, detail) => {
    const error = await errorOf(refusal(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', detail));
    expect(error.details['missing']).toEqual([digest]);
    expect(error.hint).toContain('hubctl push reg.example/app');
  });

  test('is listed whole', async () => {
    const errors = [digest, other].map((detail) => ({ code: 'MANIFEST_BLOB_UNKNOWN', message: 'unknown', detail }));
    const error = await errorOf({ status: 400, headers: JSON_TYPE, body: JSON.stringify({ errors }) });
    expect(error.details['missing']).toEqual([digest, other]);
  });

  test.each([undefined, null, 7, {}, 'no digest', ['x']])('may be left unnamed: %j', async (detail) => {
    const error = await errorOf(refusal(400, 'MANIFEST_BLOB_UNKNOWN', 'unknown', detail));
    expect(error.details['missing']).toEqual([]);
  });

  test('is not what other errors are about', async () => {
    const { details } = await errorOf(refusal(400, 'MANIFEST_INVALID', 'x', digest));
    expect('missing' in details).toBe(false);
  });
});

describe('the hint', () => {
  const hintOf = async (reply: FakeAnswer, context?: Partial<WireContext>): Promise<string | undefined> =>
    (await errorOf(reply, context)).hint;
  const hub = { registry: 'docker.io', subject: 'alpine' };

  test('names the command that may help', async () => {
    expect(await hintOf({ status: 401 })).toBe('log in first: hubctl login reg.example');
    expect(await hintOf({ status: 403 })).toContain('hubctl auth whoami reg.example');
    expect(await hintOf({ status: 404 })).toBe(
      'check the spelling, or list what is there: hubctl tags reg.example/app; a private image needs: hubctl login reg.example',
    );
    expect(await hintOf({ status: 413 })).toContain('client_max_body_size');
    expect(await hintOf({ status: 507 })).toContain('no room left');
    expect(await hintOf({ status: 503 })).toContain('try again');
    expect(await hintOf({ status: 400 })).toBeUndefined();
  });

  test('says whose credentials were refused', async () => {
    const account = 'alice, with credentials from helper pass';
    const response = { ...answer('https://reg.example/v2/', { status: 401 }), account };
    expect((await wireError(response, CONTEXT)).hint).toBe(
      'asked as alice, with credentials from helper pass; to use others: hubctl login reg.example',
    );
  });

  test('leaves out the name of Docker Hub', async () => {
    expect(await hintOf({ status: 401 }, hub)).toBe('log in first: hubctl login');
    expect(await hintOf({ status: 403 }, hub)).toMatch(/hubctl auth whoami$/);
    expect(await hintOf({ status: 404 }, hub)).toMatch(/hubctl tags alpine; a private image needs: hubctl login$/);
  });

  test('and the message tell a limit of uploads, of requests, and how often it was tried', async () => {
    expect((await errorOf({ status: 413 })).message).toContain('reg.example refuses an upload of this size (413)');
    expect((await errorOf({ status: 429 })).message).toContain('reg.example limits the rate of requests (429)');
    const response = { ...answer('https://reg.example/v2/', { status: 503 }), tries: 6 };
    expect((await wireError(response, CONTEXT)).message).toContain('reg.example answered 503 (6 tries)');
  });

  test('names the registry, not the storage that answered for it', async () => {
    const response = answer('https://storage.example/blob', { status: 403 });
    const error = await wireError(response, CONTEXT);
    expect(error.hint).toContain('hubctl auth whoami reg.example');
    expect(error.message).toContain('storage.example answered 403');
  });

  test('tells how much may be pulled, and when again', async () => {
    const limits = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' };
    const reply = { status: 429, headers: { ...limits, 'retry-after': '90' } };
    expect(await hintOf(reply, hub)).toBe(
      'limit 100; remaining 0; per 360 minutes; try again in 90 s; logging in raises the limit of most registries: hubctl login',
    );
    expect((await errorOf(reply)).details['rateLimit']).toMatchObject({ limit: 100, remaining: 0, window: 21_600 });
  });

  test.each([
    [{ date: 'Fri, 02 Jan 2026 00:00:00 GMT', 'retry-after': 'Fri, 02 Jan 2026 00:01:00 GMT' }, 'try again in 60 s; '],
    [{ 'retry-after': 'Fri, 02 Jan 2026 00:01:00 GMT' }, ''],
    [{ date: 'Fri, 02 Jan 2026 00:00:00 GMT', 'retry-after': '86400' }, 'try again after 2026-01-03 00:00 UTC; '],
    [{ 'retry-after': 'soon' }, ''],
    [{}, ''],
  ])('reads the wait from the answer alone: %j', async (sent: Record<string, string>, wait) => {
    expect(await hintOf({ status: 429, headers: sent })).toBe(
      `${wait}logging in raises the limit of most registries: hubctl login reg.example`,
    );
  });
});
