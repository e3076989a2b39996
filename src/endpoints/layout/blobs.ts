// Where are the blobs of a layout, and how does one get there whole or not at all?
import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, encodedOf, isDigest } from '../../spec/digest.ts';
import type { Content, Open, ReadOptions } from '../../transfer/endpoint.ts';
import { fileContent } from '../../util/file-content.ts';
import { isErrno, removeIfExists, storageError, syncDirectory } from '../../util/fs.ts';
import { removeAbandoned, temporaryName } from '../../util/temporary.ts';

/** True when the blob is there as a regular file of its size. */
export async function hasBlob(dir: string, { digest, size }: Descriptor): Promise<boolean> {
  const stats = await statIfExists(blobPath(dir, digest));
  return stats?.isFile() === true && stats.size === size;
}

/** Throws NOT_FOUND, and CONTENT_INVALID for anything but a regular file: a link could lead out of the layout. */
export async function readBlob(dir: string, digest: string, options: ReadOptions = {}): Promise<Content> {
  const path = blobPath(dir, digest);
  const { file, stats } = await openRegular(path, digest);
  const start = Math.min(options.start ?? 0, stats.size);
  const end = Math.max(start, Math.min(options.end ?? stats.size, stats.size));
  return fileContent(file, { start, end, close: true, what: path, signal: options.signal });
}

/** Size in bytes, undefined when the blob is not there. */
export async function blobSize(dir: string, digest: string): Promise<number | undefined> {
  const stats = await statIfExists(blobPath(dir, digest));
  return stats?.isFile() === true ? stats.size : undefined;
}

export interface BlobSource extends ReadOptions {
  readonly open: Open;
  /** Also remove what dead processes left beside the blob. */
  readonly sweep?: boolean | undefined;
}

/** Writes a blob beside its place, syncs it and moves it there. When `open` or its content fails, nothing is left. */
export async function writeBlob(
  dir: string,
  descriptor: Descriptor,
  { open: source, sweep, signal }: BlobSource,
): Promise<void> {
  const path = blobPath(dir, descriptor.digest);
  const directory = blobsDirectory(dir, descriptor.digest);
  const temporary = join(directory, temporaryName('.'));
  const content = await source({ signal });
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      // The new file tells the time of the file system, which is the clock of the files beside it.
      if (sweep) removeAbandoned(directory, '.', (await file.stat()).mtimeMs);
      await fill(file, content, descriptor);
      await file.sync();
      await rename(temporary, path);
    } catch (error) {
      await removeIfExists(temporary);
      throw error;
    } finally {
      await file.close();
    }
  } catch (error) {
    content.cancel();
    throw storageOrOwn(error, `cannot write ${path}`);
  }
}

/** Makes the directory of a blob. */
export async function prepareBlobs(dir: string, digest: string): Promise<void> {
  const directory = blobsDirectory(dir, digest);
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw storageError(error, `cannot create ${directory}`);
  }
}

/** Makes the names of the blobs written so far survive a power cut. */
export async function syncBlobs(dir: string, digest: string): Promise<void> {
  await syncDirectory(blobsDirectory(dir, digest));
}

async function fill(file: FileHandle, content: Content, { digest, size }: Descriptor): Promise<void> {
  let position = 0;
  await content.forEach(async (chunk) => {
    if (position + chunk.length > size) throw wrongSize(digest, size, 'more');
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position);
      done += bytesWritten;
      position += bytesWritten;
    }
  });
  if (position < size) throw wrongSize(digest, size, `${position}`);
}

async function openRegular(path: string, digest: string): Promise<{ file: FileHandle; stats: Stats }> {
  const file = await openNoFollow(path, digest);
  const stats = await file.stat();
  if (stats.isFile()) return { file, stats };
  await file.close();
  throw notRegular(path);
}

async function openNoFollow(path: string, digest: string): Promise<FileHandle> {
  try {
    // O_NONBLOCK: a pipe in the place of a blob must not wait for its other end.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ELOOP') || isErrno(error, 'ENXIO')) throw notRegular(path);
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENOTDIR')) throw storageError(error, `cannot read ${path}`);
    throw new HubError('NOT_FOUND', `${digest} is not in the layout`, { cause: error, details: { digest } });
  }
}

async function statIfExists(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw storageError(error, `cannot read ${path}`);
  }
}

function blobsDirectory(dir: string, digest: string): string {
  // The digest becomes a path: one that is not grammatical could lead anywhere.
  if (!isDigest(digest)) throw new HubError('REFERENCE_INVALID', `"${digest}" is not a digest`);
  return join(dir, 'blobs', algorithmOf(digest));
}

function blobPath(dir: string, digest: string): string {
  return join(blobsDirectory(dir, digest), encodedOf(digest));
}

/** Errors of the content keep their own meaning; only those of the file system are about storage. */
function storageOrOwn(error: unknown, what: string): unknown {
  const isSystem = error instanceof Error && 'syscall' in error && !HubError.is(error);
  return isSystem ? storageError(error, what) : error;
}

function notRegular(path: string): HubError {
  return new HubError('CONTENT_INVALID', `${path} is not a regular file`);
}

function wrongSize(digest: string, size: number, seen: string): HubError {
  return new HubError('DIGEST_MISMATCH', `expected ${digest} of ${size} bytes, received ${seen} bytes`, {
    hint: 'nothing was stored',
    details: { expected: digest, size },
  });
}
