// Which content does no image need any more, and may it go now?
import { lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MANIFEST_LIMIT } from '../../spec/manifest.ts';
import { isErrno, lstatIfExists, namesIn, storageError } from '../../util/fs.ts';
import type { Blobs } from './blobs.ts';
import { reach, type FactsByDigest } from './graph.ts';
import { isContentDigest, type IndexEntry } from './names.ts';
import { liveLeases } from './leases.ts';
import { needsOf } from './needs.ts';
import type { StorePaths } from './paths.ts';
import type { Change } from './state.ts';

export interface Collected {
  /** Digests, parents before their children. */
  readonly deleted: readonly string[];
  readonly bytes: number;
}

export interface Discard {
  /** The entries that stay, unless they are about something that goes. */
  readonly entries: readonly IndexEntry[];
  /** Digests that may go, those of the entries that do not stay among them, unless an entry that stays needs them. */
  readonly candidates: Iterable<string>;
  readonly paths: StorePaths;
  readonly blobs: Blobs;
  /** Change and delete nothing, only tell what would go. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Leaves only some entries in the index, writes that, and then deletes what they do not need and nobody has touched since
 * the oldest who is writing now began. Throws STORAGE.
 */
export async function discard(
  change: Change,
  { entries, candidates, paths, blobs, dryRun = false }: Discard,
): Promise<Collected> {
  const facts = await change.facts();
  const going = new Set(candidates);
  const needed = needsOf(entries, facts);
  for (const { descriptor } of needed.dropped) reach(facts, descriptor.digest, going);
  for (const digest of going) if (needed.has(digest)) going.delete(digest);
  for (const digest of await mentionedBy(entries, facts, blobs)) going.delete(digest);
  const leases = liveLeases(paths);
  const before = Math.min(change.since, ...leases.map((lease) => lease.since - TICK));
  if (dryRun) return eachBlob(paths, going, (path) => sizeOfOlder(path, before));
  const isSmall = facts.size < WORTH_KEEPING;
  // Facts of what is gone do no harm; in a large store they stay until everything is learnt anew.
  for (const digest of going) if (facts.delete(digest) && isSmall) change.factsChanged = true;
  const staying = needed.dropped.size === 0 ? entries : entries.filter((entry) => !needed.dropped.has(entry));
  if (staying.length !== change.index.entries.length) change.index = { ...change.index, entries: staying };
  await change.save();
  return eachBlob(paths, going, (path, digest) => deleteOlder(path, paths.unfinished(digest), before));
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

/** Milliseconds by which the clock of a file system may be behind, or times of files may be rounded. */
const TICK = 20;
/** Manifests; writing the facts of more than these takes longer than removing an image. */
const WORTH_KEEPING = 2000;
const DIGESTS = /\b(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\b/g;

/** Digests of all blobs of the store. */
export async function everyBlob(paths: StorePaths): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const algorithm of await namesIn(paths.blobs)) {
    for (const name of await namesIn(join(paths.blobs, algorithm))) digests.push(`${algorithm}:${name}`);
  }
  return digests.filter(isContentDigest);
}

/** What became of each blob: `act` gives its size, or undefined for one that stays. */
async function eachBlob(
  paths: StorePaths,
  digests: Iterable<string>,
  act: (path: string, digest: string) => Promise<number | undefined>,
): Promise<Collected> {
  const deleted: string[] = [];
  let bytes = 0;
  for (const digest of digests) {
    const size = await act(paths.blob(digest), digest);
    if (size === undefined) continue;
    deleted.push(digest);
    bytes += size;
  }
  return { deleted, bytes };
}

/**
 * Deletes a blob that has not been touched after `before` (milliseconds by the clock of the file system): a younger
 * one may be part of an image that is being written. It is put `aside` first and looked at once more there: whoever touches it
 * before that has it back, and whoever comes later sees that it is not there. Throws STORAGE.
 */
async function deleteOlder(path: string, aside: string, before: number): Promise<number | undefined> {
  const size = await sizeOfOlder(path, before);
  if (size === undefined) return undefined;
  try {
    mkdirSync(dirname(aside), { recursive: true, mode: 0o700 });
    renameSync(path, aside);
    const isTouched = lstatSync(aside).mtimeMs > before;
    if (isTouched) renameSync(aside, path);
    else rmSync(aside);
    return isTouched ? undefined : size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw storageError(error, `cannot delete ${path}`);
  }
}

async function sizeOfOlder(path: string, before: number): Promise<number | undefined> {
  try {
    const stats = await lstatIfExists(path);
    return !stats || stats.isDirectory() || stats.mtimeMs > before ? undefined : stats.size;
  } catch (error) {
    throw storageError(error, `cannot look at ${path}`);
  }
}
