// How does content get into a registry's directory whole or not at all, and out of it?
import { constants } from 'node:fs';
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HubError } from '../../errors.ts';
import type { Content, ReadOptions } from '../../transfer/endpoint.ts';
import { collect } from '../../util/content.ts';
import { fileContent } from '../../util/file-content.ts';
import { isErrno, lstatIfExists, removeIfExists, storageError } from '../../util/fs.ts';
import type { RegistryPaths } from './paths.ts';
import type { DirectorySync } from './sync.ts';

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Bytes read at once, twice for each reader, while few clients read, which is cheap, and while many do, which needs little memory. */
const LARGE_BUFFER = 1024 * 1024;
const SMALL_BUFFER = 64 * 1024;
const FEW = 16;

/** Content by digest, shared by all repositories. Who may see it is not decided here. */
export class ContentFiles {
  readonly #paths: RegistryPaths;
  readonly #directories: DirectorySync;
  /** Files that are being read. */
  #reading = 0;

  constructor(paths: RegistryPaths, directories: DirectorySync) {
    this.#paths = paths;
    this.#directories = directories;
  }

  /** Bytes; undefined when it is not there. */
  async sizeOf(digest: string): Promise<number | undefined> {
    try {
      const stats = await lstatIfExists(this.#paths.content(digest));
      return stats?.isFile() ? stats.size : undefined;
    } catch (error) {
      throw storageError(error, `cannot look at ${digest}`);
    }
  }

  /** Throws NOT_FOUND, STORAGE. */
  async open(digest: string, { start = 0, end, signal }: ReadOptions = {}): Promise<Content> {
    const file = await this.#open(digest);
    try {
      const { size } = await file.stat();
      const last = Math.min(end ?? size, size);
      const bufferSize = this.#reading < FEW ? LARGE_BUFFER : SMALL_BUFFER;
      const part = { start: Math.min(start, last), end: last, close: true, what: digest, signal, bufferSize };
      this.#reading += 1;
      return fileContent(file, { ...part, onEnd: () => void (this.#reading -= 1) });
    } catch (error) {
      await file.close();
      throw storageError(error, `cannot read ${digest}`);
    }
  }

  /** All of small content, at most `limit` bytes. Throws NOT_FOUND, CONTENT_INVALID. */
  async bytes(digest: string, limit: number): Promise<Buffer> {
    return collect(await this.open(digest), limit, digest);
  }

  /** Gives a complete, verified and synced file its digest as name. Durable when it resolves; the file is gone then. */
  async adopt(path: string, digest: string): Promise<void> {
    const to = this.#paths.content(digest);
    const directory = dirname(to);
    try {
      const first = await mkdir(directory, { recursive: true, mode: 0o700 });
      await rename(path, to);
      await this.#directories.sync(directory);
      if (first !== undefined) await this.#directories.sync(dirname(directory));
    } catch (error) {
      throw storageError(error, `cannot write ${to}`);
    }
  }

  async remove(digest: string): Promise<void> {
    try {
      await removeIfExists(this.#paths.content(digest));
    } catch (error) {
      throw storageError(error, `cannot remove ${digest}`);
    }
  }

  async #open(digest: string): Promise<FileHandle> {
    try {
      return await open(this.#paths.content(digest), READ);
    } catch (error) {
      if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENOTDIR')) throw storageError(error, `cannot read ${digest}`);
      throw new HubError('NOT_FOUND', `${digest} is not in the registry any more`, {
        cause: error,
        details: { digest },
      });
    }
  }
}
