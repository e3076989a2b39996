import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { liveLeases, sweepLeftovers, takeLease } from '../../../src/endpoints/store/leases.ts';
import { storePaths, type StorePaths } from '../../../src/endpoints/store/paths.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { temporaryName } from '../../../src/util/temporary.ts';
import { hold } from '../../../src/util/lock-file.ts';
import { place } from '../../../src/util/machine.ts';
import { folder } from '../../helpers/folder.ts';

const DEAD = 2 ** 22 + 1;
const TOKEN = '0123456789abcdef';
const LONG_AGO = 1_600_000_000;
const part = digestOf('a part');

function fresh(): StorePaths {
  const paths = storePaths(folder());
  for (const dir of [paths.locks, paths.temp, paths.partial]) mkdirSync(dir);
  return paths;
}

function lockOf(pid: number, path: string): void {
  writeFileSync(path, JSON.stringify({ token: TOKEN, pid, hostname: 'here', place: place(), since: 5 }));
}

test('a lease lives until it is released', async () => {
  const paths = fresh();
  const lease = takeLease(paths);
  expect(liveLeases(paths)).toEqual([{ id: lease.id, since: lease.since }]);
  lease.release();
  expect(liveLeases(paths)).toEqual([]);
});

test('the lease of a dead process is void, and so is one without a sign of life for long', async () => {
  const paths = fresh();
  lockOf(DEAD, join(paths.locks, 'lease-1-a'));
  lockOf(process.pid, join(paths.locks, 'lease-2-b'));
  utimesSync(join(paths.locks, 'lease-2-b'), LONG_AGO, LONG_AGO);
  expect(liveLeases(paths)).toEqual([]);
  sweepLeftovers(paths);
  expect(readdirSync(paths.locks)).toEqual([]);
});

test('locks of dead processes and markers they left are removed, those of the living stay', async () => {
  const paths = fresh();
  lockOf(DEAD, join(paths.locks, 'blob-sha256-aa'));
  lockOf(DEAD, join(paths.locks, `blob-sha256-aa.${TOKEN}.0`));
  lockOf(process.pid, join(paths.locks, 'blob-sha256-bb'));
  sweepLeftovers(paths);
  expect(readdirSync(paths.locks)).toEqual(['blob-sha256-bb']);
});

test('a lock file that somebody was killed over while making it goes, that of one who lives stays', async () => {
  const paths = fresh();
  const own = temporaryName('index.lock.');
  const { pid } = spawnSync(process.execPath, ['--version']);
  const names = [own.replace(`-${process.pid}-`, `-${pid}-`), own].map((name) => join(paths.locks, name));
  for (const name of names) writeFileSync(name, '');
  sweepLeftovers(paths);
  expect(names.map((name) => existsSync(name))).toEqual([false, true]);
});

test('half an index goes, unless somebody is writing it', async () => {
  const paths = fresh();
  for (const path of [paths.nextIndex, paths.nextCache, paths.nextList]) writeFileSync(path, '{');
  const lock = hold(paths.indexLock);
  sweepLeftovers(paths);
  expect(existsSync(paths.nextIndex)).toBe(true);
  lock?.release();
  sweepLeftovers(paths);
  expect([paths.nextIndex, paths.nextCache, paths.nextList].map((path) => existsSync(path))).toEqual([
    false,
    false,
    false,
  ]);
});

test('temporary files go with the process that made them', async () => {
  const paths = fresh();
  const lease = takeLease(paths);
  writeFileSync(join(paths.temp, `${lease.id}-aa`), 'mine');
  writeFileSync(join(paths.temp, '12345-dead-bb'), 'left');
  expect(sweepLeftovers(paths)).toBe(4);
  expect(readdirSync(paths.temp)).toEqual([`${lease.id}-aa`]);
  lease.release();
});

test('a partial download is kept for seven days', async () => {
  const paths = fresh();
  writeFileSync(paths.part(part), 'half');
  expect(sweepLeftovers(paths)).toBe(0);
  utimesSync(paths.part(part), LONG_AGO, LONG_AGO);
  expect(sweepLeftovers(paths)).toBe(4);
  expect(existsSync(paths.part(part))).toBe(false);
});

test('small content that was on its way goes with the process that fetched it', async () => {
  const paths = fresh();
  const own = paths.unfinished(part);
  const left = own.replace(`-${process.pid}-`, `-${spawnSync(process.execPath, ['--version']).pid}-`);
  for (const path of [own, left]) writeFileSync(path, 'half');
  sweepLeftovers(paths, { dryRun: true });
  expect(existsSync(left)).toBe(true);
  sweepLeftovers(paths);
  expect([own, left].map((path) => existsSync(path))).toEqual([true, false]);
});

test('a young partial download goes when that is asked for, unless somebody is working on it', async () => {
  const paths = fresh();
  writeFileSync(paths.part(part), 'half');
  const lock = hold(paths.blobLock(part));
  expect(sweepLeftovers(paths, { allPartial: true })).toBe(0);
  lock?.release();
  expect(sweepLeftovers(paths, { allPartial: true })).toBe(4);
  expect(readdirSync(paths.locks)).toEqual([]);
});

test('a store without these folders has no leftovers', async () => {
  expect(sweepLeftovers(storePaths(folder()))).toBe(0);
});

test('a thousand partial downloads, leases and locks of the dead go at once, and what is young or alive stays', async () => {
  const paths = fresh();
  const digest = (number: number): string => `sha256:${String(number).padStart(64, '0')}`;
  for (let number = 0; number < 1000; number += 1) {
    writeFileSync(paths.part(digest(number)), 'old');
    utimesSync(paths.part(digest(number)), LONG_AGO, LONG_AGO);
    lockOf(DEAD, paths.blobLock(digest(number)));
    lockOf(DEAD, join(paths.locks, `lease-${DEAD}-${number}`));
  }
  writeFileSync(paths.part(digest(5000)), 'young');
  writeFileSync(paths.part(digest(5001)), 'old, and somebody is at it');
  utimesSync(paths.part(digest(5001)), LONG_AGO, LONG_AGO);
  const holding = hold(paths.blobLock(digest(5001)));
  await sweepLeftovers(paths);
  const kept = [paths.part(digest(5000)), paths.part(digest(5001))].map((path) => basename(path));
  expect(readdirSync(paths.partial).toSorted()).toEqual(kept);
  expect(readdirSync(paths.locks)).toEqual([basename(paths.blobLock(digest(5001)))]);
  holding?.release();
});
