import { expect, test } from 'vitest';
import { SyncBatch } from '../../../src/endpoints/store/sync-batch.ts';
import { HubError } from '../../../src/errors.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';

/** A batch, and how many files it has begun to sync. */
function counted(): { batch: SyncBatch; begun: () => number; add: (size: number) => Promise<void> } {
  const batch = new SyncBatch();
  let begun = 0;
  const sync = async (): Promise<void> => void (begun += 1);
  return { batch, begun: () => begun, add: (size) => batch.add({ size, sync }) };
}

test('a few small files wait for each other until they are asked for', async () => {
  const { batch, begun, add } = counted();
  const both = Promise.all([add(10), add(10)]);
  expect(begun()).toBe(0);
  batch.flush();
  await both;
  expect(begun()).toBe(2);
});

test('many files go by themselves', async () => {
  const { begun, add } = counted();
  await Promise.all(Array.from({ length: 32 }, () => add(10)));
  expect(begun()).toBe(32);
});

test('many bytes go by themselves', async () => {
  const { begun, add } = counted();
  await Promise.all(Array.from({ length: 8 }, () => add(1024 * 1024)));
  expect(begun()).toBe(8);
});

test('each file goes once', async () => {
  const { batch, begun, add } = counted();
  const done = add(10);
  batch.flush();
  batch.flush();
  await done;
  expect(begun()).toBe(1);
});

test('a file that does not get to the disk is told to whoever added it, and to nobody else', async () => {
  const { batch, add } = counted();
  const fails = batch.add({ size: 10, sync: () => Promise.reject(new HubError('STORAGE', 'no')) });
  const other = add(10);
  batch.flush();
  expect(await hubErrorFrom(() => fails)).toMatchObject({ code: 'STORAGE' });
  await expect(other).resolves.toBeUndefined();
});
