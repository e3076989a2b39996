// Which looks at a file system are not worth another thread? Those that the disk is hardly needed for, where a pull takes dozens.
import * as fs from 'node:fs';
import { HubError } from '../errors.ts';
import { isErrno, storageError } from './fs.ts';

/** What is at this path, a symbolic link as itself; undefined for nothing. */
export function lstatIfExistsSync(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Names in a directory; none when there is no such directory. Throws STORAGE. */
export function namesInSync(directory: string): readonly string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw storageError(error, `cannot read ${directory}`);
  }
}

/** True when there was a file to remove. */
export function removeIfExistsSync(path: string): boolean {
  try {
    fs.unlinkSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** All bytes of a small regular file, undefined when there is none. Throws STORAGE. */
export function readIfExistsSync(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    // O_NONBLOCK: opening a pipe that somebody put here must not wait for its other end.
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    if (!fs.fstatSync(fd).isFile()) throw new HubError('STORAGE', `cannot read ${path}: it is not a regular file`);
    return fs.readFileSync(fd);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw storageError(error, `cannot read ${path}`);
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Writes all of a small text to the beginning of an open file. */
export function writeAllSync(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at, at);
}

function isAbsent(error: unknown): boolean {
  return isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR');
}
