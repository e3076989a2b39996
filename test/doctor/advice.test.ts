import { expect, test } from 'vitest';
import { adviceFor } from '../../src/doctor/advice.ts';
import { ok, type Step } from '../../src/doctor/step.ts';

const subject = { name: 'ghcr.io/a/b:1', registry: 'ghcr.io' };
const failure: Step = {
  name: 'tls',
  state: 'failed',
  code: 'TLS',
  message: 'the certificate expired',
  hint: 'renew it',
};

test('the first failure is what to act on', () => {
  const second: Step = { ...failure, message: 'later' };
  expect(adviceFor([ok('a', 'b'), failure, second], subject)).toBe('The certificate expired: renew it.');
});

test('a command line at the end gets no full stop', () => {
  const step = { ...failure, hint: 'log in with: hubctl login ghcr.io' };
  expect(adviceFor([step], subject)).toBe('The certificate expired: log in with: hubctl login ghcr.io');
});

test('a failure without a remedy still ends in one', () => {
  expect(adviceFor([{ ...failure, hint: undefined }], subject)).toContain('--debug');
});

test('says what is possible when nothing fails', () => {
  expect(adviceFor([], { ...subject, name: undefined })).toMatch(/^This machine is ready/);
  expect(adviceFor([ok('token', 'grants pull, push on a/b')], subject)).toBe(
    'ghcr.io/a/b:1 can be used from here; nothing is wrong.',
  );
  expect(adviceFor([ok('token', 'grants pull on a/b, not push')], subject)).toContain('may not push');
  expect(adviceFor([ok('token', 'grants pull on a/b, not push, for want of a login')], subject)).toContain(
    'hubctl login ghcr.io',
  );
});
