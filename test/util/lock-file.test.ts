import { readdirSync, readFileSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hold, isAlive, isMarker, readHolder, removeHeld } from '../../src/util/lock-file.ts';
import { place } from '../../src/util/machine.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';

/** No process has it: the largest that Linux gives is smaller. */
const DEAD = 2 ** 22 + 1;

function lockOf(pid: number, token: string, path: string): void {
  writeFileSync(path, JSON.stringify({ token, pid, hostname: 'here', place: place(), since: 1 }));
}

describe('hold', () => {
  test('takes a lock once until it is released', () => {
    const path = join(folder(), 'a.lock');
    const first = hold(path);
    expect(first).toBeDefined();
    expect(hold(path)).toBeUndefined();
    first?.release();
    const second = hold(path);
    expect(second).toBeDefined();
    second?.release();
    expect(readHolder(path)).toBeUndefined();
  });

  test('makes the folder when it is missing', () => {
    const dir = folder();
    hold(join(dir, 'locks/deep/a'))?.release();
    expect(readdirSync(join(dir, 'locks/deep'))).toEqual([]);
  });

  test('counts from a time that the file system gave', () => {
    const path = join(folder(), 'a');
    const holding = hold(path);
    expect(holding?.since).toBeLessThanOrEqual(statSync(path).mtimeMs);
    expect(readHolder(path)?.since).toBe(holding?.since);
    holding?.release();
  });

  test('leaves nothing else beside the lock', () => {
    const dir = folder();
    const holding = hold(join(dir, 'a'));
    expect(hold(join(dir, 'a'))).toBeUndefined();
    expect(readdirSync(dir)).toEqual(['a']);
    holding?.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('is not fooled by a symbolic link', async () => {
    const dir = folder();
    symlinkSync('nowhere', join(dir, 'link'));
    expect(hold(join(dir, 'link'))).toBeUndefined();
    expect(await hubErrorFrom(() => readHolder(join(dir, 'link')))).toMatchObject({ code: 'STORAGE' });
  });

  test('notices that somebody else has taken the lock over', async () => {
    const path = join(folder(), 'a');
    const holding = hold(path);
    holding?.check();
    unlinkSync(path);
    const other = hold(path);
    expect(await hubErrorFrom(() => holding?.check())).toMatchObject({ code: 'LOCKED' });
    other?.release();
  });

  test('says where it cannot be taken', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'file'), '');
    expect(await hubErrorFrom(() => hold(join(dir, 'file/a')))).toMatchObject({ code: 'STORAGE' });
  });
});

describe('readHolder', () => {
  test('says which process on which machine holds it', () => {
    const path = join(folder(), 'a');
    const holding = hold(path);
    expect(readHolder(path)).toMatchObject({ pid: process.pid, token: holding?.token });
    holding?.release();
  });

  test.each(['', '{', 'null', '[]', '{"token":"../../x","pid":1}', '{"token":"0123456789abcdef","pid":-1}'])(
    'knows no process for a file with %j',
    (text) => {
      const path = join(folder(), 'a');
      writeFileSync(path, text);
      const holder = readHolder(path);
      expect(holder?.pid).toBeUndefined();
      expect(holder?.token).toMatch(/^x[0-9a-z]{15}$/);
    },
  );
});

describe('isAlive', () => {
  test('knows of processes of this machine', () => {
    const common = { token: 'x', beat: 0, since: 0, place: place() };
    expect(isAlive({ ...common, pid: process.pid })).toBe(true);
    expect(isAlive({ ...common, pid: DEAD })).toBe(false);
  });

  test('knows nothing of processes of other machines, or from before a restart', () => {
    expect(isAlive({ token: 'x', beat: 0, since: 0, place: 'elsewhere', pid: DEAD })).toBeUndefined();
    expect(isAlive({ token: 'x', beat: 0, since: 0 })).toBeUndefined();
  });
});

describe('removeHeld', () => {
  const token = '0123456789abcdef';

  test('removes a lock with this token and leaves no marker', () => {
    const dir = folder();
    lockOf(DEAD, token, join(dir, 'a'));
    expect(removeHeld(join(dir, 'a'), token)).toBe(true);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('leaves a lock that somebody else has taken since', () => {
    const dir = folder();
    const path = join(dir, 'a');
    const holding = hold(path);
    expect(removeHeld(path, token)).toBe(false);
    holding?.check();
    holding?.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('leaves it to whoever is removing it already', () => {
    const dir = folder();
    lockOf(DEAD, token, join(dir, 'a'));
    lockOf(process.pid, token, join(dir, `a.${token}.0`));
    expect(removeHeld(join(dir, 'a'), token)).toBe(false);
    expect(readFileSync(join(dir, 'a'), 'utf8')).toContain(token);
  });

  test('goes on where somebody was killed while removing it', () => {
    const dir = folder();
    lockOf(DEAD, token, join(dir, 'a'));
    lockOf(DEAD, token, join(dir, `a.${token}.0`));
    expect(removeHeld(join(dir, 'a'), token)).toBe(true);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('goes on where somebody on another machine has not finished for a minute', () => {
    const dir = folder();
    lockOf(DEAD, token, join(dir, 'a'));
    writeFileSync(join(dir, `a.${token}.0`), '');
    utimesSync(join(dir, `a.${token}.0`), 1000, 1000);
    expect(removeHeld(join(dir, 'a'), token)).toBe(true);
  });
});

test('isMarker tells markers from locks', () => {
  expect(isMarker('blob-sha256-aa.0123456789abcdef.0')).toBe(true);
  expect(isMarker('index.lock.01234567-12-0123456789abcdef.tmp')).toBe(true);
  expect(isMarker('index.lock')).toBe(false);
  expect(isMarker('blob-sha256-0123456789abcdef')).toBe(false);
});
