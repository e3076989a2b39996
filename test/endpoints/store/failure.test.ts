import { expect, test } from 'vitest';
import { storeFailure } from '../../../src/endpoints/store/failure.ts';
import { HubError } from '../../../src/errors.ts';

const failure = (errno: string): HubError =>
  new HubError('STORAGE', 'cannot create the lock /s/locks/index.lock', { details: { errno } });

test.each([
  ['EROFS', 'the store /s is read-only'],
  ['EACCES', 'the store /s may not be written to by this user'],
])('%s concerns the whole store', (errno, message) => {
  const cause = failure(errno);
  expect(storeFailure(cause, '/s')).toMatchObject({ code: 'STORAGE', message, cause, details: { errno, dir: '/s' } });
});

test('anything else is told as it is', () => {
  for (const error of [failure('ENOSPC'), new HubError('LOCKED', 'no'), 'text'])
    expect(storeFailure(error, '/s')).toBe(error);
});
