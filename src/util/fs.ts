// How are files read and replaced so that nobody ever sees half of one, and what does a failing disk say?
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fsync, openSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { HubError } from '../errors.ts';

export interface WriteFileOptions {
  /** Permission bits of a new file, 0o644 by default; a file that exists keeps its own. */
  readonly mode?: number | undefined;
  /** The file holds secrets: a file that exists loses what others than its owner were allowed. */
  readonly ownerOnly?: boolean | undefined;
  /** The caller holds the lock of the file, so a temporary file that is there was left by a process that died. */
  readonly alone?: boolean | undefined;
  /** Asked when all is ready; the file stays as it is when the answer is no. */
  readonly mayReplace?: (() => Promise<boolean>) | undefined;
}

/** A temporary file this old was left by a process that died. */
const ABANDONED = 10_000; // milliseconds
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What went wrong and what to do about it, per error of the operating system. */
const CAUSES: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  ENOSPC: ['no space is left on the device', 'free some space, or choose another place for the store with --store'],
  EDQUOT: ['the disk quota is used up', 'free some space, or choose another place for the store with --store'],
  EFBIG: ['the file would be larger than allowed', 'raise the limit (ulimit -f), or use another file system'],
  EROFS: ['the file system is read-only', 'choose a place that can be written to'],
  EACCES: ['permission denied', 'check who owns it and its permissions'],
  EPERM: ['operation not permitted', 'check who owns it and its permissions'],
  ENOENT: ['no such file or directory', 'check the path'],
  EEXIST: ['something else has that name', 'check the path'],
  ENOTDIR: ['a part of the path is a file, not a directory', 'check the path'],
  EISDIR: ['it is a directory', 'check the path'],
  ELOOP: ['it is a symbolic link, or a chain of too many', 'check the path'],
  ENAMETOOLONG: ['the path is too long', 'choose a shorter path'],
  EMFILE: ['too many files are open', 'raise the limit (ulimit -n), or lower --concurrency'],
  ENFILE: ['too many files are open on this machine', 'close other programs, or lower --concurrency'],
  EIO: ['the device failed', 'check the disk'],
};

/** True for an error of the operating system with this code, such as `ENOENT`. */
export function isErrno(error: unknown, code: string): boolean {
  return errnoOf(error) === code;
}

/**
 * The error to throw when work on a file failed: a HubError as it is; STORAGE for an error of the operating system, with
 * a hint. `what` says what was tried on which file: `cannot write /data/index.json`. Never contains file content.
 */
export function storageError(error: unknown, what: string): HubError {
  if (HubError.is(error)) return error;
  const errno = errnoOf(error);
  const [why, hint] = (errno === undefined ? undefined : CAUSES[errno]) ?? [errno ?? 'unexpected error', undefined];
  return new HubError('STORAGE', `${what}: ${why}`, { cause: error, hint, details: { errno } });
}

/** All bytes of a regular file, undefined when there is none. Throws STORAGE. */
export async function readIfExists(path: string): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a pipe that somebody put here must not wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) throw new HubError('STORAGE', `cannot read ${path}: it is not a regular file`);
    return await file.readFile();
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw storageError(error, `cannot read ${path}`);
  } finally {
    await file?.close();
  }
}

/**
 * Replaces a file as a whole: readers see the old bytes or the new ones, also after a crash or a power cut. A symbolic
 * link stays and the file it points to is replaced; a file that exists keeps its permissions and, where this user may
 * set it, its owner. The directory must exist. False when `mayReplace` said no. Throws STORAGE; then the old file is untouched.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  options: WriteFileOptions = {},
): Promise<boolean> {
  try {
    const target = await followLink(path);
    const before = await statIfExists(target);
    if (options.alone) await removeIfExists(usualTemporary(target));
    const { file, path: temporary } = await openTemporary(target, options.mode ?? 0o644);
    try {
      await writeLike({ file, bytes, before, allowed: options.ownerOnly === true ? 0o700 : 0o7777 });
      if (options.mayReplace && !(await options.mayReplace())) {
        await removeIfExists(temporary);
        return false;
      }
      await rename(temporary, target);
    } catch (error) {
      await removeIfExists(temporary);
      throw error;
    }
    await syncDirectory(dirname(target));
    return true;
  } catch (error) {
    throw storageError(error, `cannot write ${path}`);
  }
}

/** Waits until what was written to an open file, or the names in an open directory, are on the disk. */
export const toDisk: (fd: number) => Promise<void> = promisify(fsync);

/** Makes the names in a directory survive a power cut. Does nothing where directories cannot be synced. Throws STORAGE. */
export async function syncDirectory(path: string): Promise<void> {
  let directory: number | undefined;
  try {
    directory = openSync(path, constants.O_RDONLY);
    await toDisk(directory);
  } catch (error) {
    if (!CANNOT_SYNC.has(errnoOf(error) ?? '')) throw storageError(error, `cannot write the names in ${path}`);
  } finally {
    if (directory !== undefined) closeSync(directory);
  }
}

/** Windows and some network file systems refuse to open or sync a directory. */
const CANNOT_SYNC: ReadonlySet<string> = new Set(['EISDIR', 'EINVAL', 'EPERM', 'EACCES', 'ENOTSUP', 'EBADF']);

/** True when there was a file to remove. */
export async function removeIfExists(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Names in a directory; none when there is no such directory. Throws STORAGE. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return [];
    throw storageError(error, `cannot read ${directory}`);
  }
}

/** What is at this path, a symbolic link as itself; undefined for nothing. */
export async function lstatIfExists(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

interface NewContent {
  readonly file: FileHandle;
  readonly bytes: Uint8Array | string;
  readonly before: Stats | undefined;
  /** Permission bits that may stay. */
  readonly allowed: number;
}

async function writeLike({ file, bytes, before, allowed }: NewContent): Promise<void> {
  try {
    await file.writeFile(bytes);
    if (before) {
      await keepOwner(file, before);
      await file.chmod(before.mode & allowed);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keepOwner(file: FileHandle, before: Stats): Promise<void> {
  const now = await file.stat();
  if (now.uid === before.uid && now.gid === before.gid) return;
  try {
    await file.chown(before.uid, before.gid);
  } catch (error) {
    // Only root may give files away; then the file belongs to who wrote it.
    if (!isErrno(error, 'EPERM')) throw error;
  }
}

/** The file to replace: behind links, also behind a link whose file does not exist yet. */
async function followLink(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  try {
    return resolve(dirname(path), await readlink(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EINVAL')) return path;
    throw error;
  }
}

interface Temporary {
  readonly file: FileHandle;
  readonly path: string;
}

/** One well-known name, so that a process that dies leaves at most one file, which a later write removes. */
async function openTemporary(target: string, mode: number): Promise<Temporary> {
  const usual = usualTemporary(target);
  const first = await tryOpen(usual, mode);
  if (first) return first;
  const unusual = join(dirname(target), `.${randomBytes(8).toString('hex')}.tmp`);
  const second = { file: await open(unusual, NEW_FILE, mode), path: unusual };
  // Two files tell their age without any clock of ours.
  const age = (await second.file.stat()).mtimeMs - ((await lstatIfExists(usual))?.mtimeMs ?? Number.POSITIVE_INFINITY);
  if (age > ABANDONED) await removeIfExists(usual);
  return second;
}

function usualTemporary(target: string): string {
  return join(dirname(target), `.${basename(target).slice(0, 200)}.tmp`);
}

async function tryOpen(path: string, mode: number): Promise<Temporary | undefined> {
  try {
    return { file: await open(path, NEW_FILE, mode), path };
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return undefined;
    throw error;
  }
}

async function statIfExists(path: string): Promise<Stats | undefined> {
  const stats = await lstatIfExists(path);
  if (stats && !stats.isFile()) throw new HubError('STORAGE', `cannot write ${path}: it is not a regular file`);
  return stats;
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
