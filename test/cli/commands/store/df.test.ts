import { expect, test } from 'vitest';
import { runCli } from '../../../helpers/cli.ts';
import { blobOf, newStore, opener, putImage } from '../../../helpers/stores.ts';

test('tells images, bytes and what could be freed', async () => {
  const store = await newStore();
  await putImage(store, 'app:1');
  const garbage = blobOf('12345');
  await store.write(garbage.descriptor, opener(garbage));
  await store[Symbol.asyncDispose]();
  const df = ['store', 'df', '--store', store.dir];
  const { stdout, status } = await runCli(df);
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^Store: {8}\/.*\nImages: {7}1\nBlobs: {8}4, \d+B\nReclaimable: {2}5B\nFree on disk: [\d.]+[kMGT]B\n$/,
  );
  const value = JSON.parse((await runCli([...df, '--json'])).stdout) as object;
  expect(value).toMatchObject({ dir: store.dir, images: 1, blobs: 4, reclaimable: 5 });
  expect((await runCli([...df, '--format', '{{.Images}} {{.Blobs}}'])).stdout).toBe('1 4\n');
  expect((await runCli([...df, '-q'])).stdout).toMatch(/^\d+\n$/);
});
