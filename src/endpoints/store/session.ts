// What does a process hold of a store from its first write until it lets go?
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storageError, toDisk } from '../../util/fs.ts';
import { lstatIfExistsSync, writeAllSync } from '../../util/fs-sync.ts';
import { storeFailure } from './failure.ts';
import { checkFolders } from './guard.ts';
import { sweepLeftovers, takeLease, type Lease } from './leases.ts';
import type { StorePaths } from './paths.ts';

const LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

export class Session {
  readonly #paths: StorePaths;
  readonly #files = new Set<string>();
  #lease: Promise<ReturnType<typeof takeLease>> | undefined;

  constructor(paths: StorePaths) {
    this.#paths = paths;
  }

  /** Makes the directories and takes a lease, once. Throws STORAGE, such as for a store that may only be read. */
  begin(): Promise<Lease> {
    if (this.#lease) return this.#lease;
    const lease = this.#begin();
    this.#lease = lease;
    lease.catch(() => {
      this.#lease = undefined;
    });
    return lease;
  }

  /** Path of a new, empty file, removed at the end if it is still there. Throws STORAGE. */
  async temporary(): Promise<string> {
    return this.#newFile((await this.begin()).id, '');
  }

  async end(): Promise<void> {
    for (const path of this.#files) await rm(path, { force: true, recursive: true });
    this.#files.clear();
    const lease = await this.#lease;
    this.#lease = undefined;
    lease?.release();
  }

  async #begin(): Promise<ReturnType<typeof takeLease>> {
    const { dir, partial, locks, temp, blob } = this.#paths;
    try {
      const blobs = dirname(blob(`sha256:${'0'.repeat(64)}`));
      const folders = [dir, dirname(blobs), blobs, partial, locks, temp];
      for (const path of folders) mkdirSync(path, { recursive: true, mode: 0o700 });
      checkFolders(folders);
      const lease = takeLease(this.#paths);
      sweepLeftovers(this.#paths);
      await this.#markLayout(lease.id);
      return lease;
    } catch (error) {
      throw storeFailure(storageError(error, `cannot write to the store ${dir}`), dir);
    }
  }

  async #markLayout(id: string): Promise<void> {
    const { layout } = this.#paths;
    try {
      if (lstatIfExistsSync(layout)) return;
      // By way of a file that is swept away if this process dies; whoever renames last wrote the same.
      const file = await this.#newFile(id, LAYOUT);
      renameSync(file, layout);
      this.#files.delete(file);
    } catch (error) {
      throw storageError(error, `cannot write ${layout}`);
    }
  }

  async #newFile(id: string, text: string): Promise<string> {
    const path = join(this.#paths.temp, `${id}-${randomBytes(6).toString('hex')}`);
    let file: number | undefined;
    try {
      file = openSync(path, 'wx', 0o600);
      writeAllSync(file, text);
      await toDisk(file);
    } catch (error) {
      throw storageError(error, `cannot write ${path}`);
    } finally {
      if (file !== undefined) closeSync(file);
    }
    this.#files.add(path);
    return path;
  }
}
