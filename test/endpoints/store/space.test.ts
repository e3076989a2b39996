import { expect, test } from 'vitest';
import { Space } from '../../../src/endpoints/store/space.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

const EVERYTHING = 2 ** 52;

test('says what is needed and what there is', async () => {
  const error = await hubErrorFrom(() => new Space(folder()).check(EVERYTHING));
  expect(error).toMatchObject({ code: 'STORAGE', details: { needed: EVERYTHING } });
  expect(error.message).toMatch(/^need 4503599627\.4 MB, [\d.]+ MB free in \//);
  expect(error.hint).toBeDefined();
});

test('counts what was promised to others and not written yet', async () => {
  const space = new Space(folder());
  const first = await space.reserve(2 * 1024 * 1024);
  first.left = EVERYTHING;
  expect(await hubErrorFrom(() => space.reserve(2 * 1024 * 1024))).toMatchObject({ code: 'STORAGE' });
  first.left = 0;
  const second = await space.reserve(2 * 1024 * 1024);
  second.left = EVERYTHING;
  space.release(second);
  await expect(space.check(2 * 1024 * 1024)).resolves.toBeUndefined();
});

test('does not ask for little, nor where nobody can tell', async () => {
  const space = new Space('/nowhere/at/all');
  await expect(space.check(EVERYTHING)).resolves.toBeUndefined();
  await expect(space.check(10)).resolves.toBeUndefined();
});
