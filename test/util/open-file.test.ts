import { constants, fstatSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFile } from '../../src/util/open-file.ts';
import { folder } from '../helpers/folder.ts';

function fileOf(text: string): string {
  const path = join(folder(), 'file');
  writeFileSync(path, text);
  return path;
}

test('a file that was opened at once is read where it is wanted', async () => {
  const file = openFile(fileOf('0123456789'), constants.O_RDONLY);
  const buffer = Buffer.alloc(6, '.');
  expect(await file.read(buffer, 1, 4, 3)).toMatchObject({ bytesRead: 4 });
  expect(buffer.toString()).toBe('.3456.');
  await file.close();
});

test('a file that was closed stays closed, whoever gets its number', async () => {
  const file = openFile(fileOf('text'), constants.O_RDONLY);
  await file.close();
  const other = openFile(fileOf('other'), constants.O_RDONLY);
  expect(() => fstatSync(file.fd)).toThrow();
  await expect(file.read(Buffer.alloc(4), 0, 4, 0)).rejects.toThrow();
  await file.close();
  expect(fstatSync(other.fd).size).toBe(5);
  await other.close();
});

test('a file that cannot be opened is told as the system tells it', () => {
  const path = fileOf('text');
  symlinkSync(path, `${path}-link`);
  expect(() => openFile(join(path, 'below'), constants.O_RDONLY)).toThrow('ENOTDIR');
  expect(() => openFile(`${path}-link`, constants.O_RDONLY | constants.O_NOFOLLOW)).toThrow('ELOOP');
});
