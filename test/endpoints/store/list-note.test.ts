import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FactsByDigest } from '../../../src/endpoints/store/graph.ts';
import { readList, writeList } from '../../../src/endpoints/store/kept-list.ts';
import type { ListKey } from '../../../src/endpoints/store/list-changes.ts';
import { listChange, noteChange, type IndexChange } from '../../../src/endpoints/store/list-note.ts';
import { EMPTY_INDEX, withEntry, withName, type ImageIndex } from '../../../src/endpoints/store/names.ts';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { folder } from '../../helpers/folder.ts';
import { AMD64 } from '../../helpers/stores.ts';

const descriptor = (text: string) => ({ mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(text), size: 1 });
const NAMES = ['a', 'b', 'c'].map((name) => `docker.io/library/${name}:1`);
const known: FactsByDigest = new Map(
  ['a', 'b', 'c'].map((text) => [
    digestOf(text),
    { manifests: [], blobs: [], subject: text === 'c' ? 'x' : undefined },
  ]),
);
const first = withName(EMPTY_INDEX, descriptor('a'), NAMES[0]!);

function change(before: ImageIndex, after: ImageIndex, more: Partial<IndexChange> = {}): IndexChange {
  return {
    before: before.entries,
    after: after.entries,
    known: () => known,
    learnt: undefined,
    platform: AMD64,
    ...more,
  };
}

test('another name for an image that is listed is told without what is known of it', () => {
  const unknown = (): FactsByDigest => expect.fail('nothing need be known');
  const after = withName(first, descriptor('a'), NAMES[1]!);
  const told = listChange(change(first, after, { known: unknown }));
  expect(told).toEqual({
    gone: [],
    come: [{ name: NAMES[1], entry: ['', MEDIA_TYPES.ociManifest, digestOf('a'), '1', ''] }],
  });
});

test('an image that loses its name to another is told as one without', () => {
  const after = withName(first, descriptor('b'), NAMES[0]!);
  const told = listChange(change(first, after));
  expect(told?.gone).toEqual([NAMES[0]]);
  expect(told?.come).toMatchObject([{ name: '', entry: ['dangling', {}, digestOf('a'), {}, {}] }, { line: {} }]);
});

test('what is about another image is not shown without a name', () => {
  expect(listChange(change(first, withEntry(first, descriptor('c'))))).toEqual({ gone: [], come: [] });
});

test('an image of which nothing is known cannot be told', () => {
  expect(listChange(change(first, withName(first, descriptor('?'), NAMES[1]!)))).toBeUndefined();
});

test('an image that is part of another, which looks different now, cannot be told', () => {
  const child = { digest: digestOf('new'), size: 1, mediaType: MEDIA_TYPES.ociManifest };
  const before: FactsByDigest = new Map([[digestOf('a'), { manifests: [child], blobs: [] }]]);
  const learnt: FactsByDigest = new Map([...before, [child.digest, { manifests: [], blobs: [] }]]);
  const after = withName(first, descriptor('new'), NAMES[1]!);
  expect(listChange(change(first, after, { known: () => before, learnt }))).toBeUndefined();
  const apart: FactsByDigest = new Map([[digestOf('a'), { manifests: [], blobs: [] }]]);
  const both: FactsByDigest = new Map([...apart, [child.digest, { manifests: [], blobs: [] }]]);
  expect(listChange(change(first, after, { known: () => apart, learnt: both }))?.come).toHaveLength(1);
});

const key = (index: string): ListKey => ({ index, facts: 'f', platform: AMD64 });

test('a change that is noted leads the list to the next state', async () => {
  const paths = storePaths(folder());
  await writeList(paths, key('1'), []);
  noteChange(paths, change(EMPTY_INDEX, first), key('1'), () => key('2'))?.();
  expect((await readList(paths, key('2')))?.images.map(({ name }) => name)).toEqual([NAMES[0]]);
  expect((await readList(paths, key('1')))?.images).toEqual([]);
  expect(await readList(paths, key('3'))).toBeUndefined();
});

test('nothing is written where no list is, to what is none, or behind a link', () => {
  const paths = storePaths(folder());
  const note = noteChange(paths, change(EMPTY_INDEX, first), key('1'), () => key('2'));
  note?.();
  expect(existsSync(paths.list)).toBe(false);
  writeFileSync(paths.list, 'no list\n');
  note?.();
  expect(readFileSync(paths.list, 'utf8')).toBe('no list\n');
  const other = storePaths(folder());
  const target = join(other.dir, 'target');
  writeFileSync(target, `2 0 ${'0'.repeat(64)} key\n`);
  symlinkSync(target, other.list);
  noteChange(other, change(EMPTY_INDEX, first), key('1'), () => key('2'))?.();
  expect(readFileSync(target, 'utf8')).toBe(`2 0 ${'0'.repeat(64)} key\n`);
});
