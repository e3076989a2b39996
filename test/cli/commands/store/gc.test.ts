import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Store } from '../../../../src/endpoints/store/store.ts';
import { runCli, type CliResult } from '../../../helpers/cli.ts';
import { blobOf, namesOf, newStore, opener, putImage } from '../../../helpers/stores.ts';

const garbage = blobOf('garbage that no image needs');
const { digest } = garbage.descriptor;
const size = garbage.bytes.length;

const gc = (store: Store, ...flags: readonly string[]): Promise<CliResult> =>
  runCli(['store', 'gc', '--store', store.dir, ...flags]);

async function sample(): Promise<Store> {
  const store = await newStore();
  await putImage(store, 'app:1');
  await putImage(store, undefined, { layers: ['nameless'] });
  await store.write(garbage.descriptor, opener(garbage));
  await store[Symbol.asyncDispose]();
  return store;
}

test('removes what no image needs, and no image', async () => {
  const store = await sample();
  expect(await gc(store)).toMatchObject({
    status: 0,
    stdout: `deleted: ${digest}\n1 blob that no image needs; freed ${size}B\n`,
  });
  expect(existsSync(store.blobPath(digest))).toBe(false);
  expect(await namesOf(store)).toEqual(['docker.io/library/app:1', undefined]);
});

test('a dry run tells the same and removes nothing', async () => {
  const store = await sample();
  writeFileSync(join(store.dir, 'temp', '99999999-abc'), 'left by a dead process');
  const { stdout } = await gc(store, '--dry-run');
  expect(stdout).toBe(`would delete: ${digest}\n1 blob that no image needs; would free ${size + 22}B\n`);
  expect(existsSync(store.blobPath(digest))).toBe(true);
  expect(existsSync(join(store.dir, 'temp', '99999999-abc'))).toBe(true);
  expect((await gc(store)).stdout).toBe(`deleted: ${digest}\n1 blob that no image needs; freed ${size + 22}B\n`);
  expect(existsSync(join(store.dir, 'temp', '99999999-abc'))).toBe(false);
});

test('leaves a partial download unless asked for it', async () => {
  const store = await sample();
  const part = join(store.dir, 'partial', `sha256-${'a'.repeat(64)}.part`);
  writeFileSync(part, '12345');
  await gc(store);
  expect(existsSync(part)).toBe(true);
  expect((await gc(store, '--partial')).stdout).toBe('0 blobs that no image needs; freed 5B\n');
  expect(existsSync(part)).toBe(false);
});

test('prints one object with --json and digests alone with --quiet', async () => {
  const store = await sample();
  const dry = JSON.parse((await gc(store, '--json', '--dry-run')).stdout) as unknown;
  expect(dry).toEqual({ deleted: [digest], reclaimed: size, dryRun: true });
  expect((await gc(store, '-q')).stdout).toBe(`${digest}\n`);
});

test('makes no store where there is none', async () => {
  const store = await newStore();
  expect(await gc(store)).toMatchObject({ status: 0, stdout: '0 blobs that no image needs; freed 0B\n' });
  expect(existsSync(store.dir)).toBe(false);
});
