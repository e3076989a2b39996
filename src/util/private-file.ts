// How is a file kept that only its owner may read or change, and that several processes change at once?
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HubError } from '../errors.ts';
import { syncDirectory, toDisk } from './fs.ts';
import { removeIfExistsSync, writeAllSync } from './fs-sync.ts';
import { withLock } from './lock.ts';
import { ownUser } from './machine.ts';

/** Larger ones were not written by us. */
const LARGEST = 4 * 1024 * 1024;
/** Milliseconds to wait for another process that changes the file. */
const PATIENCE = 5_000;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * The text of a file that nobody else can have written or read: a regular file of this user, with no rights for others, in a
 * directory that others cannot write to. Undefined for any other, and when there is none: what is not safe is not there.
 */
export async function readPrivate(path: string): Promise<string | undefined> {
  return readOurs(path);
}

/** The file is small and mostly not there: to ask another thread for it takes longer. */
function readOurs(path: string): string | undefined {
  let fd: number | undefined;
  try {
    if (!isOurs(lstatSync(dirname(path)), 0o022)) return undefined;
    fd = openSync(path, READ);
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > LARGEST || !isOurs(stats, 0o077)) return undefined;
    return readFileSync(fd, 'utf8');
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export interface UpdateOptions {
  /** The change survives a power cut as well. Else it may be lost by one, with all of the file. */
  readonly durable?: boolean | undefined;
}

/**
 * Replaces the file by what `change` makes of it, while no other process does; a file that cannot be trusted counts as none.
 * Readers see the old text or the new one. False when that was not possible: the file is one that the program can do without.
 */
export async function updatePrivate(
  path: string,
  change: (text: string | undefined) => string,
  { durable = false }: UpdateOptions = {},
): Promise<boolean> {
  const directory = dirname(path);
  try {
    // A few small steps: other threads would take longer, and many of these changes are made right before the program ends.
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!isOurs(lstatSync(directory), 0o022)) return false;
    await withLock(`${path}.lock`, { timeout: PATIENCE }, async (lock) => {
      const text = readOurs(path);
      const next = change(text);
      lock.check();
      if (next !== text) await replace(path, next, durable);
    });
    return true;
  } catch (error) {
    if (isSystemError(error) || HubError.is(error)) return false;
    throw error;
  }
}

/** By a new file, whatever was there: neither is a link followed, nor are rights kept that made a file one not to be trusted. */
async function replace(path: string, text: string, durable: boolean): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  // Whoever holds the lock is alone: it was left by a process that died.
  removeIfExistsSync(temporary);
  try {
    const fd = openSync(temporary, NEW_FILE, 0o600);
    try {
      writeAllSync(fd, text);
      if (durable) await toDisk(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfExistsSync(temporary);
    throw error;
  }
  if (durable) await syncDirectory(dirname(path));
}

/** True for a directory that exists and that nobody but this user can write to. */
export function isPrivateDirectory(path: string): boolean {
  try {
    const stats = lstatSync(path);
    return stats.isDirectory() && isOurs(stats, 0o022);
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

/** Where there are no users and modes, as on Windows, the profile of the user is as safe as it gets. */
function isOurs(stats: Stats, forbidden: number): boolean {
  return ownUser === undefined || (stats.uid === ownUser && (stats.mode & forbidden) === 0);
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
