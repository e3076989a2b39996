import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../../src/spec/digest.ts';
import { runCli, type CliOptions, type CliResult } from '../../../helpers/cli.ts';
import { folder } from '../../../helpers/folder.ts';
import { blobOf, namesOf, newStore, opener, putImage, type Image } from '../../../helpers/stores.ts';
import type { Store } from '../../../../src/endpoints/store/store.ts';

const prune = (store: Store, args: readonly string[], options?: CliOptions): Promise<CliResult> =>
  runCli(['image', 'prune', '--store', store.dir, ...args], options);

async function sample(): Promise<{ store: Store; nameless: Image }> {
  const store = await newStore();
  await putImage(store, 'old', { layers: ['old'], created: '2001-01-01T00:00:00Z' });
  await putImage(store, 'new', { layers: ['new'], created: '2099-01-01T00:00:00Z', labels: { keep: 'no' } });
  const nameless = await putImage(store, undefined, { layers: ['nameless'] });
  const garbage = blobOf('garbage');
  await store.write(garbage.descriptor, opener(garbage));
  await store[Symbol.asyncDispose]();
  return { store, nameless };
}

const NAMED = ['docker.io/library/old:latest', 'docker.io/library/new:latest'];

test('removes images without a name and what no image needs', async () => {
  const { store, nameless } = await sample();
  const { stdout, status } = await prune(store, ['-f']);
  expect(status).toBe(0);
  const blobs = [nameless.manifest, nameless.config, ...nameless.layers].map(({ descriptor }) => descriptor.digest);
  const digests = [...blobs, digestOf('garbage')].map((digest) => `deleted: ${digest}`);
  const [header, ...lines] = stdout.split('\n');
  expect(header).toBe('Deleted Images:');
  expect(lines.slice(0, 4)).toEqual(digests);
  expect(lines.slice(4)).toEqual(['', expect.stringMatching(/^Total reclaimed space: \d+B$/), '']);
  expect(await namesOf(store)).toEqual(NAMED);
});

test('says so when there is nothing to remove, and makes no store', async () => {
  const dir = join(folder(), 'store');
  expect((await runCli(['image', 'prune', '-f', '--store', dir])).stdout).toBe('Total reclaimed space: 0B\n');
  expect(existsSync(dir)).toBe(false);
});

test('with --all removes images with names, too', async () => {
  const { store } = await sample();
  const { stdout } = await prune(store, ['-a', '-f']);
  expect(stdout).toContain('untagged: new:latest\nuntagged: old:latest\n');
  expect(await store.images()).toEqual([]);
});

test.each([
  [['--filter', 'until=24h'], ['docker.io/library/new:latest']],
  [
    ['--filter', 'until=2010-01-01'],
    ['docker.io/library/new:latest', undefined],
  ],
  [
    ['--filter', 'label=keep=no'],
    ['docker.io/library/old:latest', undefined],
  ],
  [
    ['--filter', 'reference=old'],
    ['docker.io/library/new:latest', undefined],
  ],
])('--all with %j leaves %j', async (filter, left) => {
  const { store } = await sample();
  await prune(store, ['-a', '-f', ...filter]);
  expect((await namesOf(store)).toSorted()).toEqual(left.toSorted());
});

test('knows no other filters', async () => {
  const { store } = await sample();
  expect((await prune(store, ['-f', '--filter', 'before=old'])).status).toBe(2);
});

test('asks first, and only y does it', async () => {
  const { store } = await sample();
  const refused = await prune(store, [], { tty: true, stdin: 'n\n' });
  expect(refused).toMatchObject({ status: 0, stdout: '' });
  expect(refused.stderr).toContain('Are you sure you want to continue? [y/N]');
  expect(await store.images()).toHaveLength(3);
  const agreed = await prune(store, [], { tty: true, stdin: 'y\n' });
  expect(agreed.stdout).toContain('Total reclaimed space');
  expect(await store.images()).toHaveLength(2);
});

test('does nothing where nobody can answer', async () => {
  const { store } = await sample();
  const result = await prune(store, []);
  expect(result.status).toBe(2);
  expect(result.stderr).toContain('--force');
  expect(await store.images()).toHaveLength(3);
});

test('frees partial downloads that nobody is working on', async () => {
  const { store } = await sample();
  await prune(store, ['-f']);
  writeFileSync(join(store.dir, 'partial', `sha256-${'a'.repeat(64)}.part`), '12345');
  expect((await prune(store, ['-f'])).stdout).toBe('Total reclaimed space: 5B\n');
});

test('prints one object with --json and digests alone with --quiet', async () => {
  const { store, nameless } = await sample();
  const { stdout } = await prune(store, ['-f', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    untagged: [],
    deleted: expect.arrayContaining([nameless.manifest.descriptor.digest]),
  });
  const other = await sample();
  const lines = (await prune(other.store, ['-f', '-q'])).stdout.trim().split('\n');
  expect(lines).toHaveLength(4);
  expect(lines.every((line) => /^sha256:[a-f0-9]{64}$/.test(line))).toBe(true);
});
