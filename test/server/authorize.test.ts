import { expect, test } from 'vitest';
import { authorize } from '../../src/server/authorize.ts';
import { wireAnswer } from '../../src/server/wire.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const asked: string[][] = [];
const accounts = {
  check: async (username: string, password: string) => {
    asked.push([username, password]);
    return username === 'tester' && password === 'se:cret ü';
  },
};

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('without accounts everybody may ask, and nobody has a name', async () => {
  expect(await authorize({ authorization: basic('tester:x') }, undefined)).toBeUndefined();
});

test.each([basic('tester:se:cret ü'), basic('tester:se:cret ü').replace('Basic ', 'basic   ')])(
  'the right password gives the name: %s',
  async (authorization) => {
    expect(await authorize({ authorization }, accounts)).toBe('tester');
  },
);

test.each([
  undefined,
  '',
  basic('tester:wrong'),
  basic(':'),
  basic('tester'),
  'Basic',
  'Basic !!!',
  'Bearer abc',
  'Basic dGVz dGVy',
])('%s is answered with a challenge', async (authorization) => {
  const answer = wireAnswer(await hubErrorFrom(() => authorize({ authorization }, accounts)));
  expect(answer.status).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Basic realm="hubctl registry", charset="UTF-8"');
  expect(answer.body).not.toContain('wrong');
});

test('a header beyond any password is not even looked at', async () => {
  asked.length = 0;
  for (const authorization of [
    basic(`tester:${'x'.repeat(20_000)}`),
    `${basic('tester:se:cret ü')}${' '.repeat(9000)}`,
  ]) {
    expect((await hubErrorFrom(() => authorize({ authorization }, accounts))).code).toBe('UNAUTHORIZED');
  }
  expect(asked).toEqual([]);
});
