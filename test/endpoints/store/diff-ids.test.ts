import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diffIds } from '../../../src/endpoints/store/diff-ids.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { folder } from '../../helpers/folder.ts';

const layer = (text: string) => ({ mediaType: 'application/gzip', digest: digestOf(text), size: text.length });
const DIFF = digestOf('plain');
const nowhere = async (): Promise<boolean> => false;

test('remembers which layer was made of which tar, and the other way round', async () => {
  const memory = diffIds(join(folder(), 'd'), nowhere);
  expect(await memory.layerOf(DIFF)).toBeUndefined();
  await memory.add(DIFF, { ...layer('packed'), annotations: { not: 'kept' } });
  expect(await memory.layerOf(DIFF)).toMatchObject(layer('packed'));
  expect(await memory.diffIdOf(layer('packed').digest)).toBe(DIFF);
  expect(await memory.diffIdOf(layer('other').digest)).toBeUndefined();
});

test('prefers a layer that is here to one that was remembered later', async () => {
  const here = layer('here');
  const memory = diffIds(join(folder(), 'd'), async ({ digest }) => digest === here.digest);
  await memory.add(DIFF, here);
  await memory.add(DIFF, layer('gone'));
  expect(await memory.layerOf(DIFF)).toMatchObject(here);
});

test('does not write down twice what it knows', async () => {
  const path = join(folder(), 'd');
  const memory = diffIds(path, nowhere);
  await memory.add(DIFF, layer('packed'));
  const before = readFileSync(path, 'utf8');
  await memory.add(DIFF, layer('packed'));
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('skips what is no digest and no descriptor', async () => {
  const path = join(folder(), 'd');
  writeFileSync(path, `{"diffId":"x","layer":{}}\n{"diffId":"${DIFF}","layer":{"size":1}}\n{"diffId":"${DIFF}"}\n`);
  expect(await diffIds(path, nowhere).layerOf(DIFF)).toBeUndefined();
});
