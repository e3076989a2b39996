// Which content does no image need any more, and may it go now?
import { lstat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_LIMIT } from '../../spec/manifest.ts';
import { isErrno, namesIn, storageError } from '../../util/fs.ts';
import type { Blobs } from './blobs.ts';
import { reach, type FactsByDigest } from './graph.ts';
import { isContentDigest, isNameless, type IndexEntry } from './names.ts';
import { liveLeases } from './leases.ts';
import type { StorePaths } from './paths.ts';
import type { Change } from './state.ts';

export interface Collected {
  /** Digests, parents before their children. */
  readonly deleted: readonly string[];
  readonly bytes: number;
}

export interface Discard {
  /** The entries that stay. */
  readonly entries: readonly IndexEntry[];
  /** Digests that may go, unless an entry that stays needs them. */
  readonly candidates: Iterable<string>;
  readonly paths: StorePaths;
  readonly blobs: Blobs;
}

/**
 * Leaves only some entries in the index, writes that, and then deletes what they do not need and nobody has touched since
 * the oldest who is writing now began. Throws STORAGE.
 */
export async function discard(change: Change, { entries, candidates, paths, blobs }: Discard): Promise<Collected> {
  const facts = await change.facts();
  const needed = neededBy(entries, facts);
  const staying = new Set(needed.entries);
  const dropped = change.index.entries.filter((entry) => !staying.has(entry));
  const going = new Set(candidates);
  for (const { descriptor } of dropped) reach(facts, descriptor.digest, going);
  for (const digest of needed.digests) going.delete(digest);
  for (const digest of await mentionedBy(entries, facts, blobs)) going.delete(digest);
  const isSmall = facts.size < WORTH_KEEPING;
  // Facts of what is gone do no harm; in a large store they stay until everything is learnt anew.
  for (const digest of going) if (facts.delete(digest) && isSmall) change.factsChanged = true;
  if (dropped.length > 0) change.index = { ...change.index, entries: needed.entries };
  await change.save();
  const leases = await liveLeases(paths);
  return deleteBlobs(paths, going, Math.min(change.since, ...leases.map((lease) => lease.since)));
}

/** Whatever a root that cannot be read as a manifest may refer to: kept, to be on the safe side. */
async function mentionedBy(
  entries: readonly IndexEntry[],
  facts: FactsByDigest,
  blobs: Blobs,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { descriptor } of entries) {
    if (facts.has(descriptor.digest)) continue;
    const text = await blobs.text(descriptor.digest, MANIFEST_LIMIT);
    found.push(...(text.match(DIGESTS) ?? []));
  }
  return found;
}

/** Manifests; writing the facts of more than these takes longer than removing an image. */
const WORTH_KEEPING = 2000;
const DIGESTS = /\b(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\b/g;

interface Needed {
  readonly entries: readonly IndexEntry[];
  readonly digests: ReadonlySet<string>;
}

/**
 * What the entries of an index need. An entry without a name whose manifest is about another one, such as a signature, is
 * needed only as long as that other one is.
 */
function neededBy(entries: readonly IndexEntry[], facts: FactsByDigest): Needed {
  const digests = new Set<string>();
  const attached = new Set(entries.filter((entry) => isAttached(entry, facts)));
  for (const entry of entries) if (!attached.has(entry)) reach(facts, entry.descriptor.digest, digests);
  for (let size = -1; size !== digests.size;) {
    size = digests.size;
    for (const { descriptor } of attached) {
      const subject = facts.get(descriptor.digest)?.subject;
      if (subject !== undefined && digests.has(subject)) reach(facts, descriptor.digest, digests);
    }
  }
  return { digests, entries: entries.filter((entry) => !attached.has(entry) || digests.has(entry.descriptor.digest)) };
}

/** True for what is listed only because it is about another manifest. */
export function isAttached(entry: IndexEntry, facts: FactsByDigest): boolean {
  return isNameless(entry) && facts.get(entry.descriptor.digest)?.subject !== undefined;
}

/** Digests of all blobs of the store. */
export async function everyBlob(paths: StorePaths): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const algorithm of await namesIn(paths.blobs)) {
    for (const name of await namesIn(join(paths.blobs, algorithm))) digests.push(`${algorithm}:${name}`);
  }
  return digests.filter(isContentDigest);
}

/**
 * Deletes blobs that have not been touched after `before` (milliseconds by the clock of the file system): younger
 * ones may be part of an image that is being written. Throws STORAGE.
 */
async function deleteBlobs(paths: StorePaths, digests: Iterable<string>, before: number): Promise<Collected> {
  const deleted: string[] = [];
  let bytes = 0;
  for (const digest of digests) {
    const size = await deleteOlder(paths.blob(digest), before);
    if (size === undefined) continue;
    deleted.push(digest);
    bytes += size;
  }
  return { deleted, bytes };
}

async function deleteOlder(path: string, before: number): Promise<number | undefined> {
  try {
    const stats = await lstat(path);
    if (stats.isDirectory() || stats.mtimeMs > before) return undefined;
    await unlink(path);
    return stats.size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw storageError(error, `cannot delete ${path}`);
  }
}
