// How does content whose digest is not known yet get into a file?
import * as fs from 'node:fs';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import type { CallOptions, Content } from '../../transfer/endpoint.ts';
import { storageError } from '../../util/fs.ts';

export interface Ingested {
  readonly digest: string;
  readonly size: number;
}

const datasync = promisify(fs.fdatasync);

/** Writes content over a file, hashes it on the way, and waits for the disk. Throws STORAGE and what the content throws. */
export async function writeHashed(path: string, content: Content, { signal }: CallOptions): Promise<Ingested> {
  const hash = createHash('sha256');
  let fd: number | undefined;
  let size = 0;
  try {
    const file = fs.openSync(path, 'r+');
    fd = file;
    await content.forEach((chunk) => {
      signal?.throwIfAborted();
      hash.update(chunk);
      for (let written = 0; written < chunk.length;) {
        written += fs.writeSync(file, chunk, written, chunk.length - written, size + written);
      }
      size += chunk.length;
    });
    await datasync(fd);
    return { digest: `sha256:${hash.digest('hex')}`, size };
  } catch (error) {
    content.cancel();
    throw isOwn(error) ? storageError(error, `cannot write ${path}`) : error;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** An error of the file system, told by its call; what the content throws passes as it is. */
function isOwn(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}
