import { expect, test } from 'vitest';
import { grantedActions } from '../../src/doctor/grants.ts';

function tokenOf(claims: unknown): string {
  return `head.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;
}

const grant = (name: string, ...actions: readonly unknown[]): object => ({ type: 'repository', name, actions });

test('tells the actions on the repository, and on no other', () => {
  const token = tokenOf({ access: [grant('a/b', 'pull'), grant('c', 'push'), grant('a/b', 'push', 'pull')] });
  expect(grantedActions(token, 'a/b')).toEqual(['pull', 'push']);
  expect(grantedActions(token, 'd')).toEqual([]);
});

test.each([
  ['an opaque token', 'abcdef'],
  ['a token that is no JSON inside', 'a.b.c'],
  ['a token without the claim', tokenOf({ sub: 'x' })],
  ['a claim that is no list', tokenOf({ access: 'pull' })],
  ['a token of no size', ''],
  ['a token larger than any', `a.${'b'.repeat(100_000)}.c`],
])('%s does not tell', (_, token) => {
  expect(grantedActions(token, 'a')).toBeUndefined();
});

test('nonsense inside the claim is passed over', () => {
  const access = [null, 5, { type: 'repository', name: 'a', actions: 'pull' }, grant('a', 5, null, 'push')];
  expect(grantedActions(tokenOf({ access }), 'a')).toEqual(['pull', 'push']);
});
