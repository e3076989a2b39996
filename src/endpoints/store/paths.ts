// Where is what inside the directory of a store?
import { join, sep } from 'node:path';
import { HubError } from '../../errors.ts';
import { algorithmOf, encodedOf, hasherFor, isDigest, isVerifiable } from '../../spec/digest.ts';
import { temporaryName } from '../../util/temporary.ts';

export interface StorePaths {
  readonly dir: string;
  /** `oci-layout`, `index.json` and `blobs/` are an image layout [OCI image-spec image-layout.md]; the rest is ours. */
  readonly layout: string;
  readonly index: string;
  readonly blobs: string;
  readonly cache: string;
  /** What a long list of images shows. */
  readonly list: string;
  /** Where the next ones are written, under the lock of the index, before they are renamed. */
  readonly nextIndex: string;
  readonly nextCache: string;
  readonly nextList: string;
  readonly seen: string;
  readonly diffIds: string;
  /** Downloads that are not complete, kept for resume. */
  readonly partial: string;
  readonly locks: string;
  readonly temp: string;
  readonly indexLock: string;
  /** These throw CONTENT_INVALID for what is no digest and UNSUPPORTED for an algorithm that cannot be verified. */
  blob(digest: string): string;
  part(digest: string): string;
  /** A new path every time, for content that is not resumed; gone with the process. */
  unfinished(digest: string): string;
  blobLock(digest: string): string;
}

/** Prefix of the lock files of blobs in `locks/`; the rest is the name of the partial file without `.part`. */
export const BLOB_LOCK = 'blob-';
export const LEASE = 'lease-';
export const PART = '.part';

export function storePaths(dir: string): StorePaths {
  const [blobs, partial, locks] = [join(dir, 'blobs'), join(dir, 'partial'), join(dir, 'locks')];
  return {
    dir,
    layout: join(dir, 'oci-layout'),
    index: join(dir, 'index.json'),
    blobs,
    cache: join(dir, 'images-cache.json'),
    list: join(dir, 'images-list.txt'),
    nextIndex: join(dir, '.index.json.tmp'),
    nextCache: join(dir, '.images-cache.json.tmp'),
    nextList: join(dir, '.images-list.txt.tmp'),
    seen: join(dir, 'seen-repositories.jsonl'),
    diffIds: join(dir, 'diff-ids.jsonl'),
    partial,
    locks,
    temp: join(dir, 'temp'),
    indexLock: join(locks, 'index.lock'),
    // Asked for often, and to normalize a path takes longer than all else here; a digest has nothing that could be.
    blob: (digest) => [blobs, algorithmOf(checked(digest)), encodedOf(digest)].join(sep),
    part: (digest) => join(partial, flat(digest) + PART),
    unfinished: (digest) => temporaryName(`${join(partial, flat(digest))}.`),
    blobLock: (digest) => join(locks, BLOB_LOCK + flat(digest)),
  };
}

function flat(digest: string): string {
  return checked(digest).replace(':', '-');
}

/** A digest becomes a path only after this. */
function checked(digest: string): string {
  if (!isDigest(digest)) throw new HubError('CONTENT_INVALID', `"${digest}" is not a digest`);
  if (!isVerifiable(digest)) hasherFor(digest);
  return digest;
}
