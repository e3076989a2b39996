import { describe, expect, test } from 'vitest';
import { whileDoing } from '../../src/cli/doing.ts';
import { HubError } from '../../src/errors.ts';

const told = (message: string): unknown => whileDoing('pull', 'app:1', new HubError('TIMEOUT', message));

describe('an error', () => {
  test('gets the operation and the reference before its message', () => {
    expect(told('reg.example did not answer')).toMatchObject({ message: 'pull app:1: reg.example did not answer' });
  });

  test('that names the reference is left as it is', () => {
    expect(told('pull app:1: not found')).toMatchObject({ message: 'pull app:1: not found' });
  });

  test('says neither the operation nor the repository twice', () => {
    expect(told('pull blob x of app: not found')).toMatchObject({ message: 'pull app:1: blob x: not found' });
  });

  test('keeps its code, hint and details, and has the reference in them', () => {
    const error = new HubError('RATE_LIMITED', 'slow down', { hint: 'wait', details: { host: 'reg.example' } });
    expect(whileDoing('push', 'app:1', error)).toMatchObject({
      code: 'RATE_LIMITED',
      hint: 'wait',
      details: { host: 'reg.example', reference: 'app:1' },
    });
  });
});

test('an interruption and a bug stay what they are', () => {
  const errors = [new HubError('ABORTED', 'interrupted'), new TypeError('x is not a function')];
  expect(errors.map((error) => whileDoing('pull', 'app:1', error))).toEqual(errors);
});
