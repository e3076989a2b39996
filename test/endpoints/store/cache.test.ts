import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readFacts, sumOfFacts, writeFacts } from '../../../src/endpoints/store/cache.ts';
import type { FactsByDigest } from '../../../src/endpoints/store/graph.ts';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import { folder } from '../../helpers/folder.ts';

const facts: FactsByDigest = new Map([['sha256:aa', { manifests: [], blobs: [{ digest: 'sha256:bb', size: 3 }] }]]);

test('facts come back for the index they belong to', async () => {
  const paths = storePaths(folder());
  writeFacts(paths, facts, 'index 1');
  const { facts: read } = readFacts(paths, 'index 1');
  expect(Array.from(read, ([digest, { manifests, blobs }]) => [digest, { manifests, blobs }])).toEqual([...facts]);
  expect(readdirSync(paths.dir)).toEqual(['images-cache.json']);
});

test('other facts have another sum, which is known without reading them', async () => {
  const paths = storePaths(folder());
  const sum = writeFacts(paths, facts, 'index 1');
  expect(sum).toBeDefined();
  expect(sumOfFacts(paths, 'index 1')).toBe(sum);
  expect(readFacts(paths, 'index 1').sum).toBe(sum);
  expect(writeFacts(paths, new Map(), 'index 1')).not.toBe(sum);
});

test('facts of an index that somebody else has changed are void', async () => {
  const paths = storePaths(folder());
  writeFacts(paths, facts, 'index 1');
  expect(readFacts(paths, 'index 2')).toEqual({ facts: new Map(), sum: undefined });
  expect(sumOfFacts(paths, 'index 2')).toBeUndefined();
});

test('a missing file holds no facts', async () => {
  expect(readFacts(storePaths(folder()), 'index 1')).toEqual({ facts: new Map(), sum: undefined });
  expect(sumOfFacts(storePaths(folder()), 'index 1')).toBeUndefined();
});

test.each([
  ['', ''],
  ['bb', 'cc'],
  ['"version":3', '"version":4'],
  ['{', ''],
  ['\n', ''],
])('a damaged file (%j becomes %j) holds no facts', async (from, to) => {
  const paths = storePaths(folder());
  writeFacts(paths, facts, 'index 1');
  const text = readFileSync(paths.cache, 'utf8');
  writeFileSync(paths.cache, from === '' ? '' : text.replace(from, to));
  expect(readFacts(paths, 'index 1')).toEqual({ facts: new Map(), sum: undefined });
});

test('a place that cannot be written to is no failure', async () => {
  const paths = storePaths('/nowhere/at/all');
  expect(() => writeFacts(paths, facts, 'index 1')).not.toThrow();
  const dir = folder();
  chmodSync(dir, 0o500);
  expect(() => writeFacts(storePaths(dir), facts, 'index 1')).not.toThrow();
});
