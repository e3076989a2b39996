import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import {
  isErrno,
  lstatIfExists,
  namesIn,
  readIfExists,
  removeIfExists,
  storageError,
  syncDirectory,
  writeFileAtomic,
} from '../../src/util/fs.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';

const errno = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

describe('storageError', () => {
  test.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EMFILE'])('%s is STORAGE with a hint', (code) => {
    const error = storageError(errno(code), 'cannot write /data/x');
    expect(error).toMatchObject({ code: 'STORAGE', details: { errno: code } });
    expect(error.message).toMatch(/^cannot write \/data\/x: [a-z]/);
    expect(error.hint).toBeDefined();
  });

  test('keeps the cause', () => {
    const cause = errno('EIO');
    expect(storageError(cause, 'cannot read it').cause).toBe(cause);
  });

  test('lets a HubError pass as it is', () => {
    const error = new HubError('LOCKED', 'somebody has it');
    expect(storageError(error, 'cannot write it')).toBe(error);
  });

  test('names an error it does not know by its code', () => {
    expect(storageError(errno('EXDEV'), 'cannot rename it').message).toBe('cannot rename it: EXDEV');
  });
});

test('isErrno tells errors of the operating system apart', () => {
  expect(isErrno(errno('ENOENT'), 'ENOENT')).toBe(true);
  expect(isErrno(errno('ENOENT'), 'EEXIST')).toBe(false);
  expect(isErrno('ENOENT', 'ENOENT')).toBe(false);
});

describe('readIfExists', () => {
  test('gives the bytes of a file', async () => {
    const path = join(folder(), 'a');
    await writeFile(path, 'text');
    expect((await readIfExists(path))?.toString()).toBe('text');
  });

  test('gives undefined for a file, or a folder on the way to it, that is not there', async () => {
    const dir = folder();
    await writeFile(join(dir, 'file'), '');
    expect(await readIfExists(join(dir, 'no'))).toBeUndefined();
    expect(await readIfExists(join(dir, 'no/no'))).toBeUndefined();
    expect(await readIfExists(join(dir, 'file/no'))).toBeUndefined();
  });

  test('does not wait for the other end of a pipe', async () => {
    const path = join(folder(), 'pipe');
    execFileSync('mkfifo', [path]);
    expect(await hubErrorFrom(() => readIfExists(path))).toMatchObject({ code: 'STORAGE' });
  });

  test('refuses a directory', async () => {
    expect(await hubErrorFrom(() => readIfExists(folder()))).toMatchObject({ code: 'STORAGE' });
  });
});

describe('writeFileAtomic', () => {
  test('makes a file with the mode asked for, and leaves nothing beside it', async () => {
    const dir = folder();
    await writeFileAtomic(join(dir, 'secret'), 'x', { mode: 0o600 });
    expect((await stat(join(dir, 'secret'))).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(['secret']);
  });

  test('keeps the mode of a file that is there', async () => {
    const path = join(folder(), 'config');
    await writeFile(path, 'old');
    await chmod(path, 0o640);
    await writeFileAtomic(path, 'new', { mode: 0o600 });
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  test('replaces the file behind a symbolic link and keeps the link', async () => {
    const dir = folder();
    await mkdir(join(dir, 'real'));
    await writeFile(join(dir, 'real/file'), 'old');
    await symlink('real/file', join(dir, 'link'));
    await writeFileAtomic(join(dir, 'link'), 'new');
    expect(await readFile(join(dir, 'real/file'), 'utf8')).toBe('new');
    expect((await lstatIfExists(join(dir, 'link')))?.isSymbolicLink()).toBe(true);
  });

  test('makes the file that a symbolic link points to', async () => {
    const dir = folder();
    await symlink('later', join(dir, 'link'));
    await writeFileAtomic(join(dir, 'link'), 'new');
    expect(await readFile(join(dir, 'later'), 'utf8')).toBe('new');
  });

  test('many writers at once leave one whole file and nothing else', async () => {
    const dir = folder();
    const path = join(dir, 'file');
    const texts = Array.from({ length: 20 }, (_, at) => String(at).repeat(5000));
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
    expect(texts).toContain(await readFile(path, 'utf8'));
    expect(await readdir(dir)).toEqual(['file']);
  });

  test('removes what a process left that died while writing', async () => {
    const dir = folder();
    await writeFile(join(dir, '.file.tmp'), 'half');
    await utimes(join(dir, '.file.tmp'), 1000, 1000);
    await writeFileAtomic(join(dir, 'file'), 'whole');
    expect(await readdir(dir)).toEqual(['file']);
  });

  test('removes it at once for who holds the lock of the file', async () => {
    const dir = folder();
    await writeFile(join(dir, '.file.tmp'), 'half');
    await writeFileAtomic(join(dir, 'file'), 'whole', { alone: true });
    expect(await readdir(dir)).toEqual(['file']);
  });

  test('leaves the temporary file of somebody who is writing now', async () => {
    const dir = folder();
    await writeFile(join(dir, '.file.tmp'), 'half');
    await writeFileAtomic(join(dir, 'file'), 'whole');
    expect((await readdir(dir)).toSorted()).toEqual(['.file.tmp', 'file']);
  });

  test('says which file cannot be written and why', async () => {
    const dir = folder();
    const error = await hubErrorFrom(() => writeFileAtomic(join(dir, 'no/file'), 'x'));
    expect(error).toMatchObject({ code: 'STORAGE', message: `cannot write ${dir}/no/file: no such file or directory` });
  });

  test('refuses to replace what is no file', async () => {
    const dir = folder();
    await mkdir(join(dir, 'taken'));
    expect(await hubErrorFrom(() => writeFileAtomic(join(dir, 'taken'), 'x'))).toMatchObject({ code: 'STORAGE' });
    expect(await readdir(dir)).toEqual(['taken']);
  });
});

test('removeIfExists tells whether there was a file', async () => {
  const path = join(folder(), 'a');
  await writeFile(path, '');
  expect(await removeIfExists(path)).toBe(true);
  expect(await removeIfExists(path)).toBe(false);
});

test('namesIn gives no names where there is no folder', async () => {
  const dir = folder();
  await writeFile(join(dir, 'a'), '');
  expect(await namesIn(dir)).toEqual(['a']);
  expect(await namesIn(join(dir, 'no'))).toEqual([]);
  expect(await namesIn(join(dir, 'a'))).toEqual([]);
});

test('syncDirectory tells that there is no such folder', async () => {
  const dir = folder();
  await expect(syncDirectory(dir)).resolves.toBeUndefined();
  await expect(syncDirectory(join(dir, 'no'))).rejects.toMatchObject({ code: 'STORAGE', details: { errno: 'ENOENT' } });
});
