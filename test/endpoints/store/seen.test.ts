import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seenRepositories } from '../../../src/endpoints/store/seen.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { folder } from '../../helpers/folder.ts';

const [A, B] = [digestOf('a'), digestOf('b')];

test('remembers repositories per registry and blob, the last first', async () => {
  const seen = seenRepositories(join(folder(), 'seen'));
  await seen.add('docker.io', 'library/one', [A, B]);
  await seen.add('docker.io', 'library/two', [A]);
  await seen.add('ghcr.io', 'other/three', [A]);
  expect(await seen.repositories('docker.io', A)).toEqual(['library/two', 'library/one']);
  expect(await seen.repositories('docker.io', B)).toEqual(['library/one']);
  expect(await seen.repositories('ghcr.io', B)).toEqual([]);
});

test('does not write down twice what it knows', async () => {
  const path = join(folder(), 'seen');
  const seen = seenRepositories(path);
  await seen.add('docker.io', 'library/one', [A]);
  const before = readFileSync(path, 'utf8');
  await seen.add('docker.io', 'library/one', [A]);
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('gives at most twenty', async () => {
  const seen = seenRepositories(join(folder(), 'seen'));
  for (let at = 0; at < 30; at += 1) await seen.add('docker.io', `app/${at}`, [A]);
  const found = await seen.repositories('docker.io', A);
  expect(found).toHaveLength(20);
  expect(found[0]).toBe('app/29');
});

test('is not harmed by a file that somebody else has written', async () => {
  const path = join(folder(), 'seen');
  writeFileSync(path, `{"registry":"r","repository":"a","digests":["${A}","nonsense",1]}\n{"registry":1}\nnull\n`);
  expect(await seenRepositories(path).repositories('r', A)).toEqual(['a']);
});
