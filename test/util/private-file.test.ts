import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isPrivateDirectory, readPrivate, updatePrivate } from '../../src/util/private-file.ts';
import { folder } from '../helpers/folder.ts';

/** A file as the program leaves it. */
function privateFile(text: string): string {
  const path = join(folder(), 'own', 'file');
  mkdirSync(join(path, '..'), { mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

describe('a private file', () => {
  test('is read', async () => {
    expect(await readPrivate(privateFile('text'))).toBe('text');
  });

  test('that is not there is none', async () => {
    expect(await readPrivate(join(folder(), 'none', 'file'))).toBeUndefined();
  });

  test.each([0o640, 0o604, 0o660, 0o606])('that others have rights to (%o) is none', async (mode) => {
    const path = privateFile('text');
    chmodSync(path, mode);
    expect(await readPrivate(path)).toBeUndefined();
  });

  test('in a directory that others can write to is none', async () => {
    const path = privateFile('text');
    chmodSync(join(path, '..'), 0o777);
    expect(await readPrivate(path)).toBeUndefined();
  });

  test('is not looked for behind a link', async () => {
    const path = privateFile('text');
    symlinkSync(path, `${path}-link`);
    expect(await readPrivate(`${path}-link`)).toBeUndefined();
  });

  test('that is a directory is none', async () => {
    const path = privateFile('text');
    mkdirSync(`${path}-directory`);
    expect(await readPrivate(`${path}-directory`)).toBeUndefined();
  });
});

describe('a change', () => {
  test('makes the file and its directory, for this user only', async () => {
    const path = join(folder(), 'cache', 'hubctl', 'file');
    expect(await updatePrivate(path, (text) => `${text} new`)).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('undefined new');
    expect([modeOf(path), modeOf(join(path, '..'))]).toEqual([0o600, 0o700]);
  });

  test('sees what is there', async () => {
    const path = privateFile('old');
    await updatePrivate(path, (text) => `${text} new`);
    expect(readFileSync(path, 'utf8')).toBe('old new');
  });

  test('does not see what others could have written, and ends that', async () => {
    const path = privateFile('old');
    chmodSync(path, 0o666);
    await updatePrivate(path, (text) => `${text} new`);
    expect(readFileSync(path, 'utf8')).toBe('undefined new');
    expect(modeOf(path)).toBe(0o600);
  });

  test('replaces a link, not what it leads to', async () => {
    const path = privateFile('old');
    symlinkSync(path, `${path}-link`);
    await updatePrivate(`${path}-link`, () => 'new');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readFileSync(`${path}-link`, 'utf8')).toBe('new');
  });

  test('is left out in a directory that others can write to', async () => {
    const path = privateFile('old');
    chmodSync(join(path, '..'), 0o777);
    expect(await updatePrivate(path, () => 'new')).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  test('is left out where no directory can be made', async () => {
    const path = join(privateFile('a file'), 'below', 'file');
    expect(await updatePrivate(path, () => 'new')).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  test('that has to survive a power cut is made as well', async () => {
    const path = privateFile('old');
    expect(await updatePrivate(path, (text) => `${text} new`, { durable: true })).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('old new');
  });

  test('is made in spite of what a process that died left behind', async () => {
    const path = privateFile('old');
    const left = join(path, '..', '.file.tmp');
    writeFileSync(left, 'half');
    await updatePrivate(path, () => 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(existsSync(left)).toBe(false);
  });

  test('is made one after the other', async () => {
    const path = join(folder(), 'own', 'file');
    const changes = Array.from({ length: 10 }, () => updatePrivate(path, (text) => `${text ?? ''}x`));
    expect(await Promise.all(changes)).toEqual(changes.map(() => true));
    expect(readFileSync(path, 'utf8')).toBe('xxxxxxxxxx');
  });

  test('passes on what its maker throws', async () => {
    const change = (): string => {
      throw new RangeError('a bug');
    };
    await expect(updatePrivate(privateFile('old'), change)).rejects.toThrow('a bug');
  });
});

test('a directory is private when it is there and others cannot write to it', async () => {
  const path = join(folder(), 'own');
  expect(isPrivateDirectory(path)).toBe(false);
  mkdirSync(path, { mode: 0o755 });
  expect(isPrivateDirectory(path)).toBe(true);
  chmodSync(path, 0o775);
  expect(isPrivateDirectory(path)).toBe(false);
});
