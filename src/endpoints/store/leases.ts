// Who is writing to the store at this moment, and what did those leave behind who died while writing?
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { storageError } from '../../util/fs.ts';
import { lstatIfExistsSync, namesInSync, removeIfExistsSync } from '../../util/fs-sync.ts';
import { hold, isAlive, isMarker, readHolder, removeHeld, type Holder, type Holding } from '../../util/lock-file.ts';
import { now, ownPid } from '../../util/machine.ts';
import { isTemporary, removeAbandoned } from '../../util/temporary.ts';
import { BLOB_LOCK, LEASE, PART, type StorePaths } from './paths.ts';

/** A sign that somebody writes: content younger than it may be needed soon, though nothing refers to it yet. */
export interface Lease {
  readonly id: string;
  /** By the clock of the file system, milliseconds since 1970. */
  readonly since: number;
}

/** Without a heartbeat for this long a lease is void, even if some process has its process id. */
const SILENT = 60_000; // milliseconds
/** Between the creation of a lock file and its first byte there is no time to speak of. */
const UNFINISHED = 5000;
const PARTIAL_AGE = 7 * 24 * 60 * 60 * 1000;

/** Takes a lease, released by hand or void once the process has died. Throws STORAGE. */
export function takeLease(paths: StorePaths): Lease & Pick<Holding, 'release'> {
  for (;;) {
    const id = `${ownPid}-${randomBytes(6).toString('hex')}`;
    const holding = hold(join(paths.locks, LEASE + id));
    if (holding) return { id, since: holding.since, release: () => holding.release() };
  }
}

/** The leases of those who are alive. */
export function liveLeases(paths: StorePaths): readonly Lease[] {
  const leases: Lease[] = [];
  for (const name of namesInSync(paths.locks)) {
    if (!name.startsWith(LEASE) || isMarker(name)) continue;
    const holder = readHolder(join(paths.locks, name));
    if (holder && isLive(holder)) leases.push({ id: name.slice(LEASE.length), since: holder.since });
  }
  return leases;
}

export interface SweepOptions {
  /** Also partial downloads that are young but that nobody is working on. */
  readonly allPartial?: boolean | undefined;
  /** Only tell what would be won. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Removes what dead processes left: leases, locks, temporary files, and partial downloads of more than seven days ago.
 * Gives the bytes won. Throws STORAGE.
 */
export function sweepLeftovers(paths: StorePaths, options: SweepOptions = {}): number {
  const { allPartial = false, dryRun = false } = options;
  try {
    if (!dryRun) {
      sweepLocks(paths);
      removeAbandoned(paths.partial, '', now());
      sweepIndex(paths);
    }
    return sweepTemp(paths, dryRun) + sweepPartial(paths, { age: allPartial ? 0 : PARTIAL_AGE, dryRun });
  } catch (error) {
    throw storageError(error, `cannot clean up ${paths.dir}`);
  }
}

function sweepLocks(paths: StorePaths): void {
  removeAbandoned(paths.locks, '', now());
  for (const name of namesInSync(paths.locks)) {
    const path = join(paths.locks, name);
    const holder = readHolder(path);
    if (!holder) continue;
    if (isMarker(name)) {
      const isEmpty = holder.pid === undefined && now() - holder.beat > UNFINISHED;
      if (!isTemporary(name) && (isEmpty || !isLive(holder))) removeIfExistsSync(path);
      continue;
    }
    const dead = name.startsWith(LEASE) ? !isLive(holder) : isAlive(holder) === false;
    if (dead) removeHeld(path, holder.token);
  }
}

/** Half an index of somebody who was killed; whoever has the lock is writing there. */
function sweepIndex(paths: StorePaths): void {
  const lock = hold(paths.indexLock);
  if (!lock) return;
  try {
    for (const path of [paths.nextIndex, paths.nextCache, paths.nextList]) removeIfExistsSync(path);
  } finally {
    lock.release();
  }
}

function sweepTemp(paths: StorePaths, dryRun: boolean): number {
  const names = namesInSync(paths.temp);
  if (names.length === 0) return 0;
  const leases = liveLeases(paths);
  const left = names.filter((name) => !leases.some(({ id }) => name.startsWith(`${id}-`)));
  return sum(left, (name) => {
    const path = join(paths.temp, name);
    const stats = lstatIfExistsSync(path);
    if (!dryRun) rmSync(path, { recursive: true, force: true });
    return stats?.size ?? 0;
  });
}

function sweepPartial(paths: StorePaths, { age, dryRun }: { age: number; dryRun: boolean }): number {
  const parts = namesInSync(paths.partial).filter((name) => name.endsWith(PART));
  return sum(parts, (name) => {
    const path = join(paths.partial, name);
    const stats = lstatIfExistsSync(path);
    if (!stats || now() - stats.mtimeMs < age) return 0;
    // Who holds the lock of the blob is writing this file.
    const lock = hold(join(paths.locks, BLOB_LOCK + name.slice(0, -PART.length)));
    if (!lock) return 0;
    try {
      return dryRun || removeIfExistsSync(path) ? stats.size : 0;
    } finally {
      lock.release();
    }
  });
}

function isLive(holder: Holder): boolean {
  return isAlive(holder) !== false && now() - holder.beat < SILENT;
}

function sum(names: readonly string[], bytesOf: (name: string) => number): number {
  return names.reduce((total, name) => total + bytesOf(name), 0);
}
