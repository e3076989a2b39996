import { open } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveFile } from '../../../src/endpoints/archive/file.ts';
import { ArchiveTree } from '../../../src/endpoints/archive/tree.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { collect } from '../../../src/util/content.ts';
import { testWorkshop, type TestWorkshop } from '../../helpers/archives.ts';
import { tarOf, type TarFile } from '../../helpers/images.ts';

describe('the files in an archive', () => {
  let workshop: TestWorkshop;
  let opened: ArchiveFile[] = [];
  beforeEach(async () => {
    workshop = await testWorkshop();
  });
  afterEach(async () => {
    for (const file of opened) await file.close();
    opened = [];
    await workshop[Symbol.asyncDispose]();
  });

  const treeOf = async (files: readonly TarFile[]): Promise<ArchiveTree> => {
    const path = await workshop.file('x.tar', tarOf(files));
    const file = ArchiveFile.of(await open(path), { size: tarOf(files).length, name: 'x.tar', temp: undefined });
    opened.push(file);
    return ArchiveTree.of(file);
  };
  const text = async (tree: ArchiveTree, name: string): Promise<string | undefined> => {
    const member = tree.find(name);
    return member && (await tree.bytes(member)).toString();
  };

  it('are found whatever the spelling of their names', async () => {
    const tree = await treeOf([['./a/b', 'x']]);
    for (const name of ['a/b', './a/b', 'a//b', 'a/./b', 'c/../a/b']) expect(await text(tree, name)).toBe('x');
    expect(tree.find('a')).toBeUndefined();
    expect(tree.find('nothing')).toBeUndefined();
  });

  it('are found behind symbolic and hard links', async () => {
    const tree = await treeOf([
      ['one/layer.tar', 'x'],
      { path: 'two/layer.tar', kind: 'symlink', size: 0, linkPath: '../one/layer.tar' },
      { path: 'three/layer.tar', kind: 'hardlink', size: 0, linkPath: 'two/layer.tar' },
    ]);
    expect(await text(tree, 'two/layer.tar')).toBe('x');
    expect(await text(tree, 'three/layer.tar')).toBe('x');
  });

  it.each([
    ['outside', '../../etc/passwd'],
    ['to an absolute path', '/etc/passwd'],
    ['nowhere', 'absent'],
    ['to themselves', 'link'],
  ])('are not found behind links that lead %s', async (_, linkPath) => {
    const tree = await treeOf([{ path: 'link', kind: 'symlink', size: 0, linkPath }]);
    expect(tree.find('link')).toBeUndefined();
  });

  it.each(['/etc/passwd', '../x', 'a/../../x'])('may not be called %s', async (name) => {
    await expect(treeOf([[name, 'x']])).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('of the same name count last', async () => {
    const tree = await treeOf([
      ['a', 'old'],
      ['a', 'new'],
    ]);
    expect(await text(tree, 'a')).toBe('new');
  });

  it('are read in part', async () => {
    const tree = await treeOf([['a', '0123456789']]);
    const member = tree.find('a')!;
    expect((await collect(tree.content(member, { start: 2, end: 5 }), 100)).toString()).toBe('234');
    expect((await collect(tree.content(member, { start: 8, end: 500 }), 100)).toString()).toBe('89');
  });

  it('are no blobs unless size and digest are right', async () => {
    const digest = digestOf('content');
    const tree = await treeOf([[`blobs/sha256/${digest.slice(7)}`, 'content']]);
    expect(tree.blob({ digest, size: 7 })).toBeDefined();
    expect(tree.blob({ digest, size: 8 })).toBeUndefined();
    expect((await tree.verifiedBytes({ mediaType: 'x', digest, size: 7 }))?.toString()).toBe('content');
    const other = await treeOf([[`blobs/sha256/${digest.slice(7)}`, 'contenT']]);
    expect(await other.verifiedBytes({ mediaType: 'x', digest, size: 7 })).toBeUndefined();
  });

  it('give JSON, but not of any size', async () => {
    const tree = await treeOf([
      ['a.json', '{"a":1}'],
      ['b.json', '{"a":'],
      ['c.json', ' '.repeat(5 * 1024 * 1024)],
    ]);
    expect(await tree.json('a.json')).toEqual({ a: 1 });
    expect(await tree.json('none.json')).toBeUndefined();
    await expect(tree.json('b.json')).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    await expect(tree.json('c.json')).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });
});
