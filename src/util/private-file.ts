// How is a file kept that only its owner may read or change, and that several processes change at once?
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HubError } from '../errors.ts';
import { lstatIfExists, removeIfExists, writeFileAtomic } from './fs.ts';
import { withLock } from './lock.ts';
import { ownUser } from './machine.ts';

/** Larger ones were not written by us. */
const LARGEST = 4 * 1024 * 1024;
/** Milliseconds to wait for another process that changes the file. */
const PATIENCE = 5_000;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

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

/**
 * Replaces the file by what `change` makes of it, while no other process does; a file that cannot be trusted counts as none.
 * False when that was not possible: the file is one that the program can do without.
 */
export async function updatePrivate(path: string, change: (text: string | undefined) => string): Promise<boolean> {
  const directory = dirname(path);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (!isOurs(await lstat(directory), 0o022)) return false;
    await withLock(`${path}.lock`, { timeout: PATIENCE }, async (lock) => {
      const text = await readPrivate(path);
      // Neither is a link followed, nor are the rights kept that made the old file one not to be trusted.
      if (text === undefined && (await lstatIfExists(path))) await removeIfExists(path);
      const next = change(text);
      lock.check();
      if (next !== text) await writeFileAtomic(path, next, { mode: 0o600, ownerOnly: true });
    });
    return true;
  } catch (error) {
    if (isSystemError(error) || HubError.is(error)) return false;
    throw error;
  }
}

/** True for a directory that exists and that nobody but this user can write to. */
export async function isPrivateDirectory(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path);
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
