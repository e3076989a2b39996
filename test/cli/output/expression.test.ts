import { expect, test } from 'vitest';
import { parseExpression } from '../../../src/cli/output/expression.ts';

test('a path is a list of names', () => {
  expect(parseExpression('.Config.Env')).toEqual({ type: 'path', base: undefined, names: ['Config', 'Env'] });
  expect(parseExpression('.')).toEqual({ type: 'path', base: undefined, names: [] });
});

test('a pipe gives its value as the last argument', () => {
  expect(parseExpression('"a" | join .Tags')).toEqual({
    type: 'call',
    name: 'join',
    args: [
      { type: 'path', base: undefined, names: ['Tags'] },
      { type: 'literal', value: 'a' },
    ],
  });
});

test('a path may follow a parenthesis at once', () => {
  expect(parseExpression('(index .Mounts 0).Source')).toMatchObject({
    type: 'path',
    base: { type: 'call', name: 'index' },
    names: ['Source'],
  });
});

test('after a blank it is the next argument', () => {
  expect(parseExpression('join (split .A ",") .B')).toMatchObject({ type: 'call', name: 'join', args: [{}, {}] });
});

test('pipes and parentheses have an end', () => {
  expect(() => parseExpression(`.A${'| upper'.repeat(5000)}`)).toThrow('more than 32 pipes and parentheses');
  expect(() => parseExpression(`${'('.repeat(5000)}.A${')'.repeat(5000)}`)).toThrow(
    'more than 32 pipes and parentheses',
  );
});
