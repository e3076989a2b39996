import { expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { isRefusal, refusal, wireAnswer, type WireCode } from '../../src/server/wire.ts';

const STATUSES: Readonly<Record<WireCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
  UNSUPPORTED: 405,
};

test.each(Object.entries(STATUSES))('%s has the status %d', (code, status) => {
  const answer = wireAnswer(refusal(code as WireCode));
  expect(answer.status).toBe(status);
  expect(answer.headers).toEqual({ 'content-type': 'application/json' });
  expect(JSON.parse(answer.body)).toEqual({
    errors: [{ code, message: expect.stringMatching(/^[a-z ]+$/) as string }],
  });
});

test('the case at hand may have its own message, status, headers and details', () => {
  const answer = wireAnswer(
    refusal('SIZE_INVALID', {
      status: 413,
      message: 'too large',
      headers: { 'x-y': 'z' },
      details: [{ a: 1 }, { b: 2 }],
    }),
  );
  expect(answer.status).toBe(413);
  expect(answer.headers).toEqual({ 'content-type': 'application/json', 'x-y': 'z' });
  expect(JSON.parse(answer.body)).toEqual({
    errors: [
      { code: 'SIZE_INVALID', message: 'too large', detail: { a: 1 } },
      { code: 'SIZE_INVALID', message: 'too large', detail: { b: 2 } },
    ],
  });
});

test.each<[string, unknown, number, string]>([
  ['content that was deleted meanwhile', new HubError('NOT_FOUND', 'gone'), 404, 'BLOB_UNKNOWN'],
  ['a full disk', new HubError('STORAGE', 'x', { details: { errno: 'ENOSPC' } }), 507, 'UNAVAILABLE'],
  ['a used-up quota', new HubError('STORAGE', 'x', { details: { errno: 'EDQUOT' } }), 507, 'UNAVAILABLE'],
  ['a disk that fails', new HubError('STORAGE', 'x', { details: { errno: 'EIO' } }), 500, 'UNKNOWN'],
  ['a mistake of ours', new TypeError('x is not a function'), 500, 'UNKNOWN'],
  ['anything at all', 'text', 500, 'UNKNOWN'],
  [
    'an error that only looks like a refusal',
    new HubError('FAILED', 'x', { details: { wire: 'toString' } }),
    500,
    'UNKNOWN',
  ],
])('%s is answered', (_, error, status, code) => {
  const answer = wireAnswer(error);
  expect([answer.status, (JSON.parse(answer.body) as { errors: { code: string }[] }).errors[0]?.code]).toEqual([
    status,
    code,
  ]);
});

test('nothing of this machine is told', () => {
  const error = new HubError('STORAGE', 'cannot write /home/me/secret', { details: { path: '/home/me' } });
  for (const one of [error, new Error('at /home/me/x.ts')]) expect(wireAnswer(one).body).not.toContain('/home/me');
});

test('refusals are told from failures', () => {
  expect(isRefusal(refusal('DENIED'))).toBe(true);
  expect([isRefusal(new HubError('STORAGE', 'x')), isRefusal(new Error('x')), isRefusal(undefined)]).toEqual([
    false,
    false,
    false,
  ]);
});
