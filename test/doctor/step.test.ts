import { expect, test } from 'vitest';
import { attempt, failed, isStep, ok } from '../../src/doctor/step.ts';
import { HubError } from '../../src/errors.ts';

test('a failure of ours becomes a step with its reason and remedy', async () => {
  const error = new HubError('TLS', 'not trusted', { hint: 'trust it' });
  const step = await attempt('tls', () => Promise.reject(error));
  expect(step).toEqual({ name: 'tls', state: 'failed', message: 'not trusted', hint: 'trust it', code: 'TLS' });
  expect(step).toEqual(failed('tls', error));
  expect(isStep(step)).toBe(true);
});

test('what works is given as it is', async () => {
  expect(await attempt('x', async () => new URL('http://a/'))).toEqual(new URL('http://a/'));
  expect(isStep(new URL('http://a/'))).toBe(false);
  expect(isStep(undefined)).toBe(false);
  expect(isStep(ok('x', 'y'))).toBe(true);
});

test('bugs and interruptions are no finding', async () => {
  await expect(attempt('x', () => Promise.reject(new TypeError('bug')))).rejects.toThrow('bug');
  const interrupted = new HubError('ABORTED', 'interrupted');
  await expect(attempt('x', () => Promise.reject(interrupted))).rejects.toBe(interrupted);
});
