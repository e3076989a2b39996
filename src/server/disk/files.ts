// How are the small files of a registry's directory made, read and listed?
import { constants } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  isErrno,
  lstatIfExists,
  namesIn,
  readIfExists,
  removeIfExists,
  storageError,
  writeFileAtomic,
} from '../../util/fs.ts';
import { isRecord } from '../../util/json.ts';
import type { DirectorySync } from './sync.ts';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Small files whose names say it all, or hold one JSON object. Every method throws STORAGE. */
export class SmallFiles {
  readonly #directories: DirectorySync;

  constructor(directories: DirectorySync) {
    this.#directories = directories;
  }

  /** An empty file, durable when it resolves; nothing happens when it is there. */
  async mark(path: string): Promise<void> {
    try {
      await this.#makeDirectory(dirname(path));
      await (await open(path, NEW_FILE, 0o600)).close();
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw storageError(error, `cannot write ${path}`);
    }
    await this.#sync(dirname(path));
  }

  /** One JSON object, whole or not at all; durable when it resolves. */
  async write(path: string, value: object): Promise<void> {
    try {
      await this.#makeDirectory(dirname(path));
    } catch (error) {
      throw storageError(error, `cannot write ${path}`);
    }
    await writeFileAtomic(path, JSON.stringify(value), { mode: 0o600 });
  }

  /** Undefined for a file that is not there, or that holds something else. */
  async read(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const bytes = await readIfExists(path);
    if (!bytes) return undefined;
    try {
      const value: unknown = JSON.parse(bytes.toString('utf8'));
      return isRecord(value) ? value : undefined;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  async isThere(path: string): Promise<boolean> {
    try {
      return (await lstatIfExists(path))?.isFile() === true;
    } catch (error) {
      throw storageError(error, `cannot look at ${path}`);
    }
  }

  /** True when there was a file to remove; durable when it resolves. */
  async remove(path: string): Promise<boolean> {
    try {
      if (!(await removeIfExists(path))) return false;
    } catch (error) {
      if (isErrno(error, 'ENOTDIR')) return false;
      throw storageError(error, `cannot remove ${path}`);
    }
    await this.#sync(dirname(path));
    return true;
  }

  /** Names in a directory; none when there is none. */
  names(directory: string): Promise<readonly string[]> {
    return namesIn(directory);
  }

  /** Names of the folders in a directory; none when there is none. */
  async folders(directory: string): Promise<readonly string[]> {
    try {
      const entries = await readdir(directory, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return [];
      throw storageError(error, `cannot read ${directory}`);
    }
  }

  /** New folders are made durable up to the one that was there. */
  async #makeDirectory(directory: string): Promise<void> {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    const top = dirname(first);
    for (let made = dirname(directory); ; made = dirname(made)) {
      await this.#directories.sync(made);
      if (made === top || made === dirname(made)) return;
    }
  }

  async #sync(directory: string): Promise<void> {
    try {
      await this.#directories.sync(directory);
    } catch (error) {
      throw storageError(error, `cannot write to ${directory}`);
    }
  }
}
