import { expect, test } from 'vitest';
import { once } from '../../src/util/once.ts';

test('what is made once is made at the first call and given to every other', async () => {
  let count = 0;
  const get = once(async () => (count += 1));
  expect([get.made(), count]).toEqual([false, 0]);
  expect(await Promise.all([get(), get()])).toEqual([1, 1]);
  expect([await get(), get.made(), count]).toEqual([1, true, 1]);
});

test('what could not be made fails for everybody alike', async () => {
  let count = 0;
  const get = once(() => Promise.reject(new Error(`try ${(count += 1)}`)));
  await expect(get()).rejects.toThrow('try 1');
  await expect(get()).rejects.toThrow('try 1');
  expect(get.made()).toBe(true);
});
