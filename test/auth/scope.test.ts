import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coversScopes, mergeScopes } from '../../src/auth/scope.ts';

describe('scopes are merged', () => {
  test.each([
    [[], []],
    [['repository:a:pull'], ['repository:a:pull']],
    [['repository:a:pull', 'repository:a:pull'], ['repository:a:pull']],
    [['repository:a:pull,push', 'repository:a:pull'], ['repository:a:pull,push']],
    [['repository:a:pull', 'repository:a:push,pull'], ['repository:a:pull,push']],
    [
      ['repository:b:pull,push', 'repository:a:pull'],
      ['repository:b:pull,push', 'repository:a:pull'],
    ],
    [['repository:a:pull', 'repository:a:*'], ['repository:a:*']],
    [
      ['repository:a:pull repository:b:pull', ' repository:a:push '],
      ['repository:a:pull,push', 'repository:b:pull'],
    ],
    [
      ['repository:reg.example:5000/a:pull', 'repository:reg.example:5000/a:push'],
      ['repository:reg.example:5000/a:pull,push'],
    ],
    [['registry:catalog:*'], ['registry:catalog:*']],
    [
      ['opaque', 'opaque', 'two:parts'],
      ['opaque', 'two:parts'],
    ],
    [
      ['repository(plugin):a:pull', 'repository:a:pull'],
      ['repository(plugin):a:pull', 'repository:a:pull'],
    ],
    [
      ['a:b:c:', 'a:b:,'],
      ['a:b:c:', 'a:b:,'],
    ],
  ])('%j gives %j', (scopes, merged) => {
    expect(mergeScopes(scopes)).toEqual(merged);
  });

  test('into something that merging again does not change and that covers all of them', () => {
    const scope = fc
      .tuple(
        fc.constantFrom('repository', 'registry'),
        fc.constantFrom('a', 'b/c', 'h:1/d'),
        fc.subarray(['pull', 'push', '*'], { minLength: 1 }),
      )
      .map(([type, name, actions]) => `${type}:${name}:${actions.join(',')}`);
    fc.assert(
      fc.property(fc.array(scope), (scopes) => {
        const merged = mergeScopes(scopes);
        expect(mergeScopes(merged)).toEqual(merged);
        expect(coversScopes(merged, scopes)).toBe(true);
      }),
    );
  });
});

describe('a token', () => {
  test.each([
    ['repository:a:pull,push', 'repository:a:pull', true],
    ['repository:a:push,pull', 'repository:a:pull,push', true],
    ['repository:a:*', 'repository:a:delete', true],
    ['repository:a:pull', 'repository:a:pull,push', false],
    ['repository:a:pull', 'repository:b:pull', false],
    ['repository:a:pull', 'repository:a/b:pull', false],
    ['repository:a:pull', 'repository:a:*', false],
    ['opaque', 'opaque', true],
    ['opaque', 'other', false],
  ])('for %s serves %s: %s', (granted, wanted, expected) => {
    expect(coversScopes([granted], [wanted])).toBe(expected);
  });

  test('for several scopes serves each of them, and no more', () => {
    const granted = ['repository:a:pull,push', 'repository:b:pull'];
    expect(coversScopes(granted, ['repository:b:pull', 'repository:a:push'])).toBe(true);
    expect(coversScopes(granted, ['repository:b:push'])).toBe(false);
    expect(coversScopes(granted, [])).toBe(true);
    expect(coversScopes([], ['repository:b:pull'])).toBe(false);
  });
});
