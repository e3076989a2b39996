import { spawnSync } from 'node:child_process';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeAbandoned, temporaryName } from '../../src/util/temporary.ts';
import { folder } from '../helpers/folder.ts';

const NOW = 10_000_000_000_000;
const OLD = 1000; // seconds

/** The same name as if a process that has ended had made it. */
function ofDeadProcess(prefix: string): string {
  const { pid } = spawnSync(process.execPath, ['--version']);
  return temporaryName(prefix).replace(`-${process.pid}-`, `-${pid}-`);
}

function folderWith(...names: readonly string[]): string {
  const dir = folder();
  for (const name of names) writeFileSync(join(dir, name), 'x');
  return dir;
}

test('every name is new', () => {
  const names = Array.from({ length: 100 }, () => temporaryName('.x.'));
  expect(new Set(names).size).toBe(100);
  for (const name of names) expect(name).toMatch(/^\.x\.[a-f0-9]{8}-\d+-[a-f0-9]{16}\.tmp$/);
});

test('what a dead process of this machine left is removed at once, what a living one writes never', async () => {
  const [mine, dead] = [temporaryName('.x.'), ofDeadProcess('.x.')];
  const dir = folderWith(mine, dead);
  utimesSync(join(dir, mine), OLD, OLD);
  removeAbandoned(dir, '.x.', NOW);
  expect(readdirSync(dir)).toEqual([mine]);
});

test('what comes from another machine is removed when it is old', async () => {
  const [old, young] = ['a', 'b'].map((letter) => `.x.00000000-1-${letter.repeat(16)}.tmp`) as [string, string];
  const dir = folderWith(old, young);
  utimesSync(join(dir, old), OLD, OLD);
  utimesSync(join(dir, young), NOW / 1000 - 10, NOW / 1000 - 10);
  removeAbandoned(dir, '.x.', NOW);
  expect(readdirSync(dir)).toEqual([young]);
});

test('other files stay, whatever their age', async () => {
  const names = [ofDeadProcess('.y.'), '.x.tmp', '.x.abc.tmp', 'x', '.x.00000000-1-zz.tmp'];
  const dir = folderWith(...names);
  for (const name of names) utimesSync(join(dir, name), OLD, OLD);
  removeAbandoned(dir, '.x.', NOW);
  expect(readdirSync(dir).toSorted()).toEqual(names.toSorted());
});

test('a folder that is not there is no failure', async () => {
  removeAbandoned(join(folder(), 'nothing'), '.', NOW);
});
