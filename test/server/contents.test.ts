import { expect, test } from 'vitest';
import { joinContents } from '../../src/server/contents.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { fakeContents } from '../helpers/registry-parts.ts';

const [first, second] = [
  fakeContents({ a: { tags: { one: 'first' } }, b: { tags: { x: 'b' } } }),
  fakeContents({ a: { tags: { one: 'second', two: 'second' } }, c: {} }),
];

test('a single one is itself', () => {
  expect(joinContents([first])).toBe(first);
});

test('the first that has something gives it', async () => {
  const joined = joinContents([first, second]);
  expect((await (await joined.manifest('a', 'one'))?.bytes())?.toString()).toBe('first');
  expect((await (await joined.manifest('a', 'two'))?.bytes())?.toString()).toBe('second');
  expect(await joined.manifest('a', 'three')).toBeUndefined();
  expect(await joined.blob('a', digestOf('x'))).toBeUndefined();
});

test('lists are joined without repetition', async () => {
  const joined = joinContents([first, second]);
  expect(await joined.tags('a')).toEqual(['one', 'two']);
  expect([await joined.tags('b'), await joined.tags('d')]).toEqual([['x'], undefined]);
  expect(await joined.repositories()).toEqual(['a', 'b', 'c']);
});

test('a referrer that both know is listed once', async () => {
  const referrer = { mediaType: 'x', digest: digestOf('r'), size: 1 };
  const other = { ...referrer, digest: digestOf('other') };
  const joined = joinContents([
    fakeContents({ a: { referrers: [referrer] } }),
    fakeContents({ a: { referrers: [referrer, other] } }),
  ]);
  expect(await joined.referrers('a', digestOf('s'))).toEqual([referrer, other]);
});
