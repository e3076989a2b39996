import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shortDigest } from '../../../src/spec/digest.ts';
import { runCli } from '../../helpers/cli.ts';
import { folder } from '../../helpers/folder.ts';
import { namesOf, newStore, putImage } from '../../helpers/stores.ts';

test('gives another name and says nothing', async () => {
  const store = await newStore();
  await putImage(store, 'app');
  const result = await runCli(['tag', 'app', 'localhost:5000/team/app', '--store', store.dir]);
  expect(result).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(await namesOf(store)).toEqual(['docker.io/library/app:latest', 'localhost:5000/team/app:latest']);
});

test('takes the source by its ID', async () => {
  const store = await newStore();
  const { config } = await putImage(store, undefined);
  const argv = ['tag', shortDigest(config.descriptor.digest), 'app:1', '--store', store.dir];
  expect((await runCli(argv)).status).toBe(0);
  expect(await namesOf(store)).toEqual(['docker.io/library/app:1']);
});

test('takes the name from another image', async () => {
  const store = await newStore();
  await putImage(store, 'a', { layers: ['a'] });
  await putImage(store, 'b', { layers: ['b'] });
  await runCli(['tag', 'a', 'b', '--store', store.dir]);
  expect(await namesOf(store)).toEqual(['docker.io/library/a:latest', undefined, 'docker.io/library/b:latest']);
});

test('tells what it did with --json', async () => {
  const store = await newStore();
  const { manifest } = await putImage(store, 'a');
  const { stdout } = await runCli(['tag', 'a', 'b:2', '--json', '--store', store.dir]);
  expect(JSON.parse(stdout)).toEqual({
    source: 'docker.io/library/a:latest',
    target: 'docker.io/library/b:2',
    digest: manifest.descriptor.digest,
  });
});

test('says that there is no such image, and makes no store for that', async () => {
  const dir = join(folder(), 'store');
  const result = await runCli(['tag', 'nope', 'b', '--store', dir]);
  expect(result).toMatchObject({ status: 3, stdout: '' });
  expect(result.stderr).toContain('hubctl: no such image: nope:latest\n');
  expect(existsSync(dir)).toBe(false);
});

test.each([`b@sha256:${'a'.repeat(64)}`, 'UPPER', ''])('refuses %j as a new name', async (target) => {
  const store = await newStore();
  await putImage(store, 'a');
  expect((await runCli(['tag', 'a', target, '--store', store.dir])).status).toBe(2);
  expect(await namesOf(store)).toEqual(['docker.io/library/a:latest']);
});
