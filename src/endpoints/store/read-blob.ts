// How is a blob of the store read?
import * as fs from 'node:fs';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { CallOptions, Content, ReadOptions } from '../../transfer/endpoint.ts';
import { Verifier } from '../../transfer/verify.ts';
import { contentOf } from '../../util/content.ts';
import { fileContent } from '../../util/file-content.ts';
import { isErrno, storageError } from '../../util/fs.ts';
import { lstatIfExistsSync } from '../../util/fs-sync.ts';
import { type OpenFile, openFile } from '../../util/open-file.ts';
import { readBuffer, roomAt } from '../../util/read-buffer.ts';
import type { StorePaths } from './paths.ts';

/** Bytes that are read sooner than another thread has been asked for them. */
const AT_ONCE = 128 * 1024;
/** O_NONBLOCK: a pipe in the place of a blob must not wait for its other end. */
const READ = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/**
 * The whole or a part, unverified. A negative size is not known. Throws NOT_FOUND, DIGEST_MISMATCH when the file has another
 * size, STORAGE.
 */
export async function readBlob(paths: StorePaths, descriptor: Descriptor, options: ReadOptions): Promise<Content> {
  const { digest, size } = descriptor;
  if (size >= 0 && size <= AT_ONCE) return contentOf(partOf(readAtOnce(paths, descriptor), options));
  const file = openBlob(paths, digest);
  try {
    const stats = fs.fstatSync(file.fd);
    if (!stats.isFile() || (size >= 0 && stats.size !== size)) throw damaged(digest);
    const { start = 0, end = stats.size, signal } = options;
    const last = Math.min(end, stats.size);
    return fileContent(file, { start, end: last, close: true, what: digest, signal, atOnce: true });
  } catch (error) {
    await file.close();
    throw storageError(error, `cannot read ${digest} in ${paths.dir}`);
  }
}

/** Undefined when it is not there or not a regular file. Throws STORAGE. */
export function statsOfBlob(paths: StorePaths, digest: string): fs.BigIntStats | undefined {
  try {
    // Not worth another thread: an image of a hundred layers asks hundreds of times.
    const stats = fs.lstatSync(paths.blob(digest), { throwIfNoEntry: false, bigint: true });
    return stats?.isFile() ? stats : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return undefined;
    throw storageError(error, `cannot look at ${digest} in ${paths.dir}`);
  }
}

/** Bytes of a blob; undefined when it is not there or not a regular file. Throws STORAGE. */
export function sizeOfBlob(paths: StorePaths, digest: string): number | undefined {
  try {
    const stats = lstatIfExistsSync(paths.blob(digest));
    return stats?.isFile() ? stats.size : undefined;
  } catch (error) {
    throw storageError(error, `cannot look at ${digest} in ${paths.dir}`);
  }
}

/** True when every byte is as it should be; false also for a blob that is not there. Throws STORAGE. */
export async function isSound(paths: StorePaths, descriptor: Descriptor, options: CallOptions): Promise<boolean> {
  const verifier = new Verifier(descriptor);
  try {
    await (await readBlob(paths, descriptor, options)).forEach((chunk) => verifier.update(chunk));
    verifier.finish();
    return true;
  } catch (error) {
    const code = HubError.is(error) ? error.code : '';
    if (['DIGEST_MISMATCH', 'CONTENT_INVALID', 'NOT_FOUND'].includes(code)) return false;
    throw error;
  }
}

/** The error for a blob that is not what it should be. */
export function damaged(digest: string, cause?: unknown): HubError {
  return new HubError('DIGEST_MISMATCH', `stored blob ${digest} is damaged`, {
    cause,
    hint: 'fetch what is damaged once more with: hubctl store verify --repair',
    details: { digest, damaged: true },
  });
}

function partOf(bytes: Buffer, { start = 0, end = bytes.length }: ReadOptions): Buffer {
  return start === 0 && end >= bytes.length ? bytes : bytes.subarray(start, end);
}

function readAtOnce(paths: StorePaths, { digest, size }: Descriptor): Buffer {
  const { fd } = openBlob(paths, digest);
  try {
    const stats = fs.fstatSync(fd);
    if (!stats.isFile() || stats.size !== size) throw damaged(digest);
    const bytes = roomAt(readBuffer(size), 0, size);
    for (let position = 0; position < size;) {
      const read = fs.readSync(fd, bytes, position, size - position, position);
      if (read === 0) throw damaged(digest);
      position += read;
    }
    return bytes;
  } catch (error) {
    throw storageError(error, `cannot read ${digest} in ${paths.dir}`);
  } finally {
    fs.closeSync(fd);
  }
}

function openBlob(paths: StorePaths, digest: string): OpenFile {
  try {
    return openFile(paths.blob(digest), READ);
  } catch (error) {
    throw cannotOpen(paths, digest, error);
  }
}

function cannotOpen(paths: StorePaths, digest: string, error: unknown): HubError {
  if (isErrno(error, 'ELOOP')) return damaged(digest, error);
  if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENOTDIR')) return storageError(error, `cannot read ${digest}`);
  return new HubError('NOT_FOUND', `${digest} is not in the store ${paths.dir}`, {
    cause: error,
    details: { digest },
  });
}
