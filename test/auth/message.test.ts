import { expect, test } from 'vitest';
import { serviceMessage } from '../../src/auth/message.ts';

test.each([
  ['{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}', 'authentication required'],
  ['{"errors":[{"code":"DENIED"}]}', 'DENIED'],
  ['{"errors":[]}', undefined],
  ['{"details":"incorrect username or password"}', 'incorrect username or password'],
  ['{"error":"invalid_grant","error_description":"the token is old"}', 'the token is old'],
  ['{"error":"invalid_grant"}', 'invalid_grant'],
  ['{"message":"a\\nb\\u001b[31m"}', 'a b\\u{1b}[31m'],
  ['{"message":{"nested":true}}', undefined],
  ['{"broken', undefined],
  ['[1]', undefined],
  ['plain text\nsecond line', 'plain text'],
  ['  \n ', undefined],
  ['', undefined],
  ['<html><body>403</body></html>', undefined],
  ['token=canary was refused', 'token=[hidden] was refused'],
])('%s says %s', (body, text) => {
  expect(serviceMessage(body, undefined)).toBe(text);
});

test('a web page says nothing, whatever it begins with', () => {
  expect(serviceMessage('Forbidden', 'text/html; charset=utf-8')).toBeUndefined();
});

test('a message is short', () => {
  expect(serviceMessage('x'.repeat(10_000), 'text/plain')).toHaveLength(200);
});
