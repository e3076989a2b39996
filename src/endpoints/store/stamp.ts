// Is a file of the store still the one that was verified, without reading it?
import { closeSync, lstatSync, openSync, rmSync, utimesSync, type BigIntStats } from 'node:fs';
import { isErrno, storageError } from '../../util/fs.ts';
import { now } from '../../util/machine.ts';

/** Milliseconds between the time that a stamp sets and the moment at which the file system took note of it, at most. */
const LAPSE = 1000;
/** Milliseconds: what is touched counts as younger than a collection that began in the same one. */
const AHEAD = 3;
/** Tries, since a busy machine may be slow once. */
const PROBES = 3;

/**
 * Sets the time of a file to this moment, or to the one at which the file system last changed its status. For a file that was
 * verified the microseconds follow from the digest, which is its stamp; for any other one they are wrong. False when there is
 * no file, or it belongs to somebody else. Throws STORAGE.
 */
export function stamp(path: string, digest: string, isVerified: boolean, changed?: BigIntStats): boolean {
  const time = changed ? Number(changed.ctimeNs / 1000n) : (now() + AHEAD) * 1000;
  const mark = (markOf(digest) + (isVerified ? 0 : 500)) % 1000;
  // For what was written, not later than that: a collection that comes after it takes what is older.
  const micros = time - ((((time - mark) % 1000) + 1000) % 1000);
  // The middle of a microsecond, since times are rounded on their way.
  const seconds = (micros + 0.5) / 1_000_000;
  try {
    utimesSync(path, seconds, seconds);
    return true;
  } catch (error) {
    // Not there, or a store that may only be read: then nobody collects in it either.
    if (['ENOENT', 'ENOTDIR', 'EROFS', 'EACCES', 'EPERM', 'ELOOP'].some((code) => isErrno(error, code))) return false;
    throw storageError(error, `cannot touch ${path}`);
  }
}

/**
 * True when nothing was written to the file since it was stamped: a write sets both of its times to the same moment, and
 * whoever sets the first one back moves the second one on.
 */
export function isStamped({ mtimeNs, ctimeNs }: Pick<BigIntStats, 'mtimeNs' | 'ctimeNs'>, digest: string): boolean {
  if (Number((mtimeNs / 1000n) % 1000n) !== markOf(digest) || mtimeNs === ctimeNs) return false;
  return Math.abs(Number((ctimeNs - mtimeNs) / 1_000_000n)) <= LAPSE;
}

/**
 * False for a file system that cannot keep a stamp: one that rounds times, or whose clock is another one. `path` is of a file
 * that does not exist.
 */
export function keepsStamps(path: string, digest: string): boolean {
  for (let probe = 0; probe < PROBES; probe += 1) {
    try {
      closeSync(openSync(path, 'wx', 0o600));
      stamp(path, digest, true);
      const stats = lstatSync(path, { bigint: true });
      rmSync(path, { force: true });
      if (isStamped(stats, digest)) return true;
    } catch {
      // Nothing can be written here: neither can stamps, but those that are there count.
      return true;
    }
  }
  return false;
}

/** A number below 1000. */
function markOf(digest: string): number {
  const colon = digest.indexOf(':');
  return Number.parseInt(digest.slice(colon + 1, colon + 9), 16) % 1000;
}
