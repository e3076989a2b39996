import * as fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  lstatIfExistsSync,
  namesInSync,
  readIfExistsSync,
  removeIfExistsSync,
  writeAllSync,
} from '../../src/util/fs-sync.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';

test('what is not there is told apart from what cannot be looked at', async () => {
  const dir = folder();
  const file = join(dir, 'file');
  fs.writeFileSync(file, 'text');
  for (const path of [join(dir, 'absent'), join(file, 'below a file')]) {
    expect(lstatIfExistsSync(path)).toBeUndefined();
    expect(readIfExistsSync(path)).toBeUndefined();
    expect(namesInSync(path)).toEqual([]);
  }
  const tooLong = join(dir, 'x'.repeat(300));
  expect(() => lstatIfExistsSync(tooLong)).toThrow('ENAMETOOLONG');
  for (const look of [readIfExistsSync, namesInSync]) {
    expect(await hubErrorFrom(async () => look(tooLong))).toMatchObject({ code: 'STORAGE' });
  }
});

test('a symbolic link is seen as itself', () => {
  const path = join(folder(), 'link');
  fs.symlinkSync('nowhere', path);
  expect(lstatIfExistsSync(path)?.isSymbolicLink()).toBe(true);
});

test('a file is read whole, and nothing else is', async () => {
  const dir = folder();
  fs.writeFileSync(join(dir, 'file'), 'text');
  expect(readIfExistsSync(join(dir, 'file'))?.toString()).toBe('text');
  expect(namesInSync(dir)).toEqual(['file']);
  expect(await hubErrorFrom(async () => readIfExistsSync(dir))).toMatchObject({ code: 'STORAGE' });
});

test('a file is removed once', () => {
  const dir = folder();
  fs.writeFileSync(join(dir, 'file'), '');
  expect([removeIfExistsSync(join(dir, 'file')), removeIfExistsSync(join(dir, 'file'))]).toEqual([true, false]);
  expect(() => removeIfExistsSync(dir)).toThrow();
});

test('a text is written from the beginning of a file', () => {
  const path = join(folder(), 'file');
  const fd = fs.openSync(path, 'w');
  writeAllSync(fd, 'löng');
  writeAllSync(fd, 'l');
  fs.closeSync(fd);
  expect(fs.readFileSync(path, 'utf8')).toBe('löng');
});
