// What can be done for a store as a whole: check it, measure it, mend it?
import { accessSync, constants, lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { isErrno, lstatIfExists, storageError } from '../../util/fs.ts';
import { withLock } from '../../util/lock.ts';
import type { Blobs } from './blobs.ts';
import type { CheckOptions, CheckReport } from './check.ts';
import { everyBlob, type Collected } from './collect.ts';
import { storeFailure } from './failure.ts';
import type { StorePaths } from './paths.ts';
import { freeBytes } from './space.ts';
import type { StateFile } from './state.ts';

export interface Upkeep {
  /** Hashes all content again, and looks for everything the images need. Changes nothing. Throws STORAGE. */
  check(options?: CheckOptions): Promise<CheckReport>;
  /** Deletes the blob unless its content is what its digest says; true when it did. Throws STORAGE. */
  dropDamaged(digest: string, options?: CallOptions): Promise<boolean>;
  /**
   * Makes a list of images anew when the one that is here is damaged: from what can still be read of it, and from the
   * manifests. Gives the path where the damaged file is kept; undefined when it was sound. Throws STORAGE, LOCKED.
   */
  rebuildIndex(): Promise<string | undefined>;
  /** Creates nothing. Throws STORAGE when the directory, or the nearest one above it that exists, may not be written to. */
  checkWritable(): Promise<void>;
  /** How much there is, and how much of it could go. Throws STORAGE, LOCKED. */
  usage(options?: CallOptions): Promise<StoreUsage>;
}

export interface StoreUsage {
  readonly blobs: number;
  readonly bytes: number;
  /** Bytes that a collection of everything unused would free now, partial downloads included. */
  readonly reclaimable: number;
  /** Bytes that are free on the disk of the store; undefined where the file system does not tell. */
  readonly free: number | undefined;
}

export interface UpkeepParts {
  readonly paths: StorePaths;
  readonly blobs: Blobs;
  readonly state: StateFile;
  /** What could be collected now. */
  readonly unused: (options: CallOptions) => Promise<Collected>;
}

export function upkeep({ paths, blobs, state, unused }: UpkeepParts): Upkeep {
  return {
    // Loaded when asked for: no pull or push needs it.
    check: async (options) => {
      const { check } = await import('./check.ts');
      return check({ paths, index: () => state.index(), read: state.read }, options);
    },
    dropDamaged: (digest, options = {}) => dropDamaged(paths, digest, options),
    rebuildIndex: async () => (await import('./rescue.ts')).rebuildIndex(paths, blobs),
    checkWritable: async () => checkWritable(paths.dir, paths.dir),
    usage: async (options = {}) => {
      const { bytes: reclaimable } = await unused(options);
      const sizes = await Promise.all((await everyBlob(paths)).map((digest) => blobs.sizeOf(digest)));
      const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
      return { blobs: sizes.length, bytes, reclaimable, free: freeBytes(paths.dir) };
    },
  };
}

function checkWritable(dir: string, store: string): void {
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const parent = dirname(dir);
    if (isErrno(error, 'ENOENT') && parent !== dir) return checkWritable(parent, store);
    throw storeFailure(storageError(error, `cannot write to the store ${store}`), store);
  }
}

async function dropDamaged(paths: StorePaths, digest: string, { signal }: CallOptions): Promise<boolean> {
  return withLock(paths.blobLock(digest), { signal }, async () => {
    const path = paths.blob(digest);
    const before = await lstatIfExists(path);
    const { checkBlob } = await import('./check.ts');
    const found = await checkBlob(path, digest, { signal });
    if (found?.message === undefined) return false;
    // Small content is written without the lock: somebody may have mended it meanwhile.
    if (lstatSync(path, { throwIfNoEntry: false })?.ino !== before?.ino) return false;
    try {
      rmSync(path, { recursive: true, force: true });
      return true;
    } catch (error) {
      throw storageError(error, `cannot delete ${path}`);
    }
  });
}
