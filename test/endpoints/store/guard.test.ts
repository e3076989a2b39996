import { chmodSync, lchownSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { expect, test } from 'vitest';
import { checkFolders } from '../../../src/endpoints/store/guard.ts';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import { Session } from '../../../src/endpoints/store/session.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

const isRoot = getuid?.() === 0;
const hasUsers = getuid !== undefined;
const STRANGER = 54_321;

test.skipIf(!hasUsers)('a store that everybody may write to is refused before anything is written', async () => {
  const dir = folder();
  chmodSync(dir, 0o777);
  const error = await hubErrorFrom(() => new Session(storePaths(dir)).begin());
  expect(error).toMatchObject({ code: 'STORAGE', message: `everybody on this machine may write to the store ${dir}` });
  expect(error.hint).toContain('chmod o-w');
  expect(readdirSync(join(dir, 'locks'))).toEqual([]);
});

test.skipIf(!hasUsers)('a folder of the store that everybody may write to is refused', async () => {
  const dir = folder();
  mkdirSync(join(dir, 'partial'));
  chmodSync(join(dir, 'partial'), 0o777);
  const { message } = await hubErrorFrom(() => new Session(storePaths(dir)).begin());
  expect(message).toBe(`everybody on this machine may write to ${dir}/partial`);
});

test.skipIf(!isRoot)('a link that another user put in place of a folder is not written through', async () => {
  const [dir, elsewhere] = [folder(), folder()];
  const session = new Session(storePaths(dir));
  await session.begin();
  await session.end();
  for (const part of ['partial', 'locks', 'temp']) {
    rmSync(join(dir, part), { recursive: true });
    symlinkSync(elsewhere, join(dir, part));
    lchownSync(join(dir, part), STRANGER, STRANGER);
    const { message } = await hubErrorFrom(() => new Session(storePaths(dir)).begin());
    expect(message).toBe(`${dir}/${part} is a link that another user made`);
    rmSync(join(dir, part));
  }
  expect(readdirSync(elsewhere)).toEqual([]);
});

test('a link of the user’s own, such as to a larger disk, is followed', async () => {
  const [dir, elsewhere] = [folder(), folder()];
  symlinkSync(elsewhere, join(dir, 'partial'));
  const session = new Session(storePaths(dir));
  await session.begin();
  await session.end();
});

test('where there are no users, nothing is looked at', () => {
  expect(() => checkFolders(['/no/such/place'], { user: undefined })).not.toThrow();
});
