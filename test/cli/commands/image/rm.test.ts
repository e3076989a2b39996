import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Store } from '../../../../src/endpoints/store/store.ts';
import { shortDigest } from '../../../../src/spec/digest.ts';
import { runCli, type CliResult } from '../../../helpers/cli.ts';
import { folder } from '../../../helpers/folder.ts';
import { blobNames, namesOf, newStore, putImage } from '../../../helpers/stores.ts';

const rmi = (store: Store, ...args: string[]): Promise<CliResult> => runCli(['rmi', '--store', store.dir, ...args]);

/** A store that nobody is writing to any more. */
async function stored(...names: string[]): Promise<Store> {
  const store = await newStore();
  for (const name of names) await putImage(store, name, { layers: [name] });
  await store[Symbol.asyncDispose]();
  return store;
}

test('tells what lost its name and what was deleted', async () => {
  const store = await newStore();
  const { manifest, config, layers } = await putImage(store, 'app:1');
  await store[Symbol.asyncDispose]();
  const digests = [manifest, config, ...layers].map(({ descriptor }) => `Deleted: ${descriptor.digest}`);
  expect(await rmi(store, 'app:1')).toMatchObject({
    status: 0,
    stdout: ['Untagged: app:1', `Untagged: app@${manifest.descriptor.digest}`, ...digests, ''].join('\n'),
    stderr: '',
  });
  expect(blobNames(store)).toEqual([]);
});

test('takes only the name away while the image has another', async () => {
  const store = await stored('app:1');
  await store.setName((await store.find('app:1')).descriptor, 'app:2');
  await store.setName((await store.find('app:1')).descriptor, 'other:1');
  const { digest } = (await store.find('app:1')).descriptor;
  expect((await rmi(store, 'app:2')).stdout).toBe('Untagged: app:2\n');
  expect((await rmi(store, 'app:1')).stdout).toBe(`Untagged: app:1\nUntagged: app@${digest}\n`);
  expect(await namesOf(store)).toEqual(['docker.io/library/other:1']);
});

test('removes by ID what has one name, and refuses what has several', async () => {
  const store = await newStore();
  const { config, manifest } = await putImage(store, 'a');
  await store[Symbol.asyncDispose]();
  const id = shortDigest(config.descriptor.digest);
  await store.setName(manifest.descriptor, 'b');
  const refused = await rmi(store, id);
  expect(refused).toMatchObject({ status: 8, stdout: '' });
  expect(refused.stderr).toContain(`image ${id} has several names: a:latest, b:latest`);
  expect((await rmi(store, '-f', id)).status).toBe(0);
  expect(await store.images()).toEqual([]);
});

test('removes images without a name', async () => {
  const store = await newStore();
  const { config } = await putImage(store, undefined);
  await store[Symbol.asyncDispose]();
  const { stdout } = await rmi(store, shortDigest(config.descriptor.digest));
  expect(stdout.match(/^Deleted: /gm)).toHaveLength(3);
  expect(stdout).not.toContain('Untagged');
});

test('a missing image does not keep the others', async () => {
  const store = await stored('a', 'b');
  const result = await rmi(store, 'a', 'nope', 'b');
  expect(result.status).toBe(3);
  expect(result.stderr).toContain('no such image: nope:latest');
  expect(await store.images()).toEqual([]);
});

test('several missing images are told one by one', async () => {
  const store = await stored('a');
  const result = await rmi(store, 'nope', 'nada', 'a');
  expect(result.status).toBe(3);
  expect(result.stderr).toContain('no such image: nope:latest');
  expect(result.stderr).toContain('no such image: nada:latest');
  expect(result.stderr).toContain('2 of 3 images could not be removed');
});

test('failures of different kinds end as partial', async () => {
  const store = await newStore();
  const { config, manifest } = await putImage(store, 'a');
  await store.setName(manifest.descriptor, 'b');
  expect((await rmi(store, 'nope', shortDigest(config.descriptor.digest))).status).toBe(1);
});

test('with --force what is missing is only mentioned', async () => {
  const store = await stored('a');
  const result = await rmi(store, '-f', 'nope', 'a');
  expect(result).toMatchObject({ status: 0, stderr: 'no such image: nope:latest\n' });
  expect(await store.images()).toEqual([]);
});

test('the same image named twice is removed once', async () => {
  const store = await stored('a');
  expect((await rmi(store, 'a', 'a:latest')).stdout.match(/^Untagged: a:latest$/gm)).toHaveLength(1);
});

test('with --no-prune the content stays', async () => {
  const store = await stored('a');
  const { stdout } = await rmi(store, '--no-prune', 'a');
  expect(stdout).not.toContain('Deleted');
  expect(blobNames(store)).toHaveLength(3);
});

test('prints one object with --json, and nothing with --quiet', async () => {
  const store = await stored('a', 'b');
  const { digest } = (await store.find('a')).descriptor;
  const result = JSON.parse((await rmi(store, '--json', 'a')).stdout) as { deleted: string[]; reclaimed: number };
  expect(result).toMatchObject({ untagged: ['a:latest', `a@${digest}`] });
  expect(result.deleted).toContain(digest);
  expect(result.reclaimed).toBeGreaterThan(100);
  expect((await rmi(store, '-q', 'b')).stdout).toBe('');
});

test('makes no store', async () => {
  const dir = join(folder(), 'store');
  expect((await runCli(['image', 'rm', 'nope', '--store', dir])).status).toBe(3);
  expect(existsSync(dir)).toBe(false);
});
