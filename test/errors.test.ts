import { describe, expect, test } from 'vitest';
import { ERROR_CODES, HubError, type ErrorCode } from '../src/errors.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

describe('a HubError', () => {
  test('keeps what it was made with', () => {
    const cause = new TypeError('deep');
    const error = new HubError('NOT_FOUND', 'no such image', { cause, hint: 'look again', details: { tag: '1' } });
    expect(error).toMatchObject({ name: 'HubError', code: 'NOT_FOUND', message: 'no such image', hint: 'look again' });
    expect([error.cause, error.details]).toEqual([cause, { tag: '1' }]);
  });

  test('has no cause, no hint and no details unless it is given them', () => {
    const error = new HubError('FAILED', 'it failed');
    expect('cause' in error).toBe(false);
    expect([error.hint, error.details]).toEqual([undefined, {}]);
  });

  test.each([
    ['FAILED', 1, false],
    ['USAGE', 2, false],
    ['NOT_FOUND', 3, false],
    ['UNAUTHORIZED', 4, false],
    ['RATE_LIMITED', 5, true],
    ['TIMEOUT', 6, true],
    ['TLS', 6, false],
    ['DIGEST_MISMATCH', 7, false],
    ['LOCKED', 8, true],
    ['STORAGE', 9, false],
    ['ABORTED', 130, false],
  ] as const)('%s ends a command with %i, and may be tried again: %s', (code, status, retryable) => {
    const error = new HubError(code, 'text');
    expect([error.exitCode, error.retryable]).toEqual([status, retryable]);
  });

  test('that a closed terminal caused ends a command with 129', () => {
    expect(new HubError('ABORTED', 'stopped', { details: { signal: 'SIGHUP' } }).exitCode).toBe(129);
  });

  test('that SIGTERM caused ends a command with 143', () => {
    expect(new HubError('ABORTED', 'stopped', { details: { signal: 'SIGTERM' } }).exitCode).toBe(143);
    expect(new HubError('FAILED', 'failed', { details: { signal: 'SIGTERM' } }).exitCode).toBe(1);
  });
});

describe('HubError.is', () => {
  test('knows an error by its code', () => {
    const error = new HubError('DENIED', 'no');
    expect([HubError.is(error), HubError.is(error, 'DENIED'), HubError.is(error, 'FAILED')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('knows the error of another copy of the package', () => {
    class HubErrorOfAnotherCopy extends Error {
      override readonly name = 'HubError';
      readonly code = 'TLS';
    }
    expect(HubError.is(new HubErrorOfAnotherCopy('x'), 'TLS')).toBe(true);
  });

  test.each([new Error('x'), 'HubError', undefined, { name: 'HubError', code: 'FAILED' }])(
    'does not know %s',
    (value) => {
      expect(HubError.is(value)).toBe(false);
    },
  );
});

describe('the table of codes', () => {
  test('explains each code in one line without a full stop', () => {
    for (const code of CODES) expect(ERROR_CODES[code].meaning).toMatch(/^[^\n]{10,100}[^.\n]$/);
  });
});
