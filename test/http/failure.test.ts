import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { abortedBy, codeOf, failureOf, seconds } from '../../src/http/failure.ts';

function coded(code: string, message = 'why'): Error {
  return Object.assign(new Error(message), { code });
}

describe('a failure', () => {
  test.each([
    ['ECONNREFUSED', 'UNREACHABLE', 'refused', 'cannot connect to vm:5000 (refused)'],
    ['ENOTFOUND', 'UNREACHABLE', 'no-such-host', 'no such host vm:5000'],
    ['EAI_AGAIN', 'UNREACHABLE', 'name-service', 'the name vm:5000 cannot be looked up at the moment'],
    ['ENETUNREACH', 'UNREACHABLE', 'no-route', 'vm:5000 is not reachable from this network'],
    ['ETIMEDOUT', 'TIMEOUT', 'connect-timeout', 'cannot connect to vm:5000 within 30 s'],
    ['ECONNRESET', 'UNREACHABLE', 'reset', 'vm:5000 closed the connection'],
    ['EPIPE', 'UNREACHABLE', 'reset', 'vm:5000 closed the connection'],
    ['UND_ERR_SOCKET', 'UNREACHABLE', 'reset', 'vm:5000 closed the connection'],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT', 'headers-timeout', 'vm:5000 did not answer within 30 s'],
    ['UND_ERR_BODY_TIMEOUT', 'TIMEOUT', 'body-timeout', 'vm:5000 stopped sending within 30 s'],
    ['ESOMETHING', 'UNREACHABLE', 'reset', 'the connection to vm:5000 failed: why'],
  ])('%s is %s because of %s', (code, expected, reason, message) => {
    const cause = coded(code);
    const error = failureOf(cause, { host: 'vm:5000', limit: 30_000, details: { sent: false } });
    expect(error).toMatchObject({ code: expected, message, cause, retryable: true });
    expect(error.details).toEqual({ host: 'vm:5000', reason, sent: false });
  });

  test.each([
    ['UND_ERR_INVALID_ARG', 'FAILED'],
    ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'CONTENT_INVALID'],
    ['UND_ERR_DESTROYED', 'ABORTED'],
  ])('%s on this side is %s and never retried', (code, expected) => {
    expect(failureOf(coded(code), { host: 'vm' })).toMatchObject({ code: expected, retryable: false });
  });

  test('that is a HubError stays as it is', () => {
    const error = new HubError('STORAGE', 'full');
    expect(failureOf(error, { host: 'vm' })).toBe(error);
  });

  test('may be anything', () => {
    expect(failureOf('text', { host: 'vm' }).message).toBe('the connection to vm failed: text');
    expect(failureOf(undefined, { host: 'vm' }).code).toBe('UNREACHABLE');
  });
});

describe('an aborted signal', () => {
  test('gives its own HubError', () => {
    const reason = new HubError('ABORTED', 'interrupted by SIGINT');
    expect(abortedBy(AbortSignal.abort(reason))).toBe(reason);
  });

  test('gives TIMEOUT after a timeout and ABORTED else', () => {
    const timeout = new DOMException('late', 'TimeoutError');
    expect(abortedBy(AbortSignal.abort(timeout))).toMatchObject({ code: 'TIMEOUT', cause: timeout });
    expect(abortedBy(AbortSignal.abort('why'))).toMatchObject({ code: 'ABORTED', cause: 'why' });
  });
});

test('times are told in seconds', () => {
  expect([seconds(30_000), seconds(1_500), seconds(100)]).toEqual(['30 s', '1.5 s', '0.1 s']);
});

test('only text counts as the code of an error', () => {
  expect([codeOf(coded('E')), codeOf({ code: 5 }), codeOf(null), codeOf('x')]).toEqual(['E', '', '', '']);
});
