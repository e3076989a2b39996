// How does a change of the index find its way into a list of images that is kept, so that nobody has to make the list anew?
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { Platform } from '../../spec/platform.ts';
import { isAttached } from './needs.ts';
import type { FactsByDigest } from './graph.ts';
import { isChild } from './kept-facts.ts';
import { entryFields, lineOf, parseHeader } from './kept-list.ts';
import { recordOf, type ListChange, type ListKey, type NewLine } from './list-changes.ts';
import { isNameless, keyOf, type IndexEntry } from './names.ts';
import type { StorePaths } from './paths.ts';
import { summarise } from './summary.ts';

export interface IndexChange {
  readonly before: readonly IndexEntry[];
  readonly after: readonly IndexEntry[];
  /** What was known of the images before. */
  known(): FactsByDigest;
  /** What is known of them now, when that has changed. */
  readonly learnt: FactsByDigest | undefined;
  readonly platform: Platform;
}

/** Images; a list that so much has changed of is made anew. */
const MOST = 100;
/** Bytes of changes in a file; nobody has asked for the list for so long that it is better made anew. */
const LIMIT = 128 * 1024;
/** Bytes that the first line fits into. */
const HEADER = 1024;

/**
 * Gives what puts the change at the end of the list; `to` is asked for then. Undefined where the change may concern images that
 * it does not name: the list is of no state any more then, and is made anew. What cannot be written is made anew as well.
 */
export function noteChange(
  paths: StorePaths,
  change: IndexChange,
  from: ListKey,
  to: () => ListKey | undefined,
): (() => void) | undefined {
  const lines = listChange(change);
  if (!lines) return undefined;
  return () => {
    const key = to();
    if (key) append(paths.list, recordOf(from, key, lines));
  };
}

/** Not synced: who finds half of a record stops before it. Others must not be made to write somewhere else, hence no links. */
function append(path: string, record: string): void {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = fstatSync(file);
    const bytes = Buffer.alloc(HEADER);
    const header = stats.isFile() ? parseHeader(bytes.subarray(0, readSync(file, bytes, 0, HEADER, 0))) : undefined;
    const text = Buffer.from(record);
    if (header && stats.size + text.length - header.start - header.length <= LIMIT) writeSync(file, text);
  } catch {
    // A list that does not lead to the state of the store is not read.
    return;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** What the list has to take out and put in; undefined when that is not all, or not known. */
export function listChange(change: IndexChange): ListChange | undefined {
  const { before, after, known, learnt } = change;
  const { gone, come, staying } = difference(before, after);
  if (gone.length > MOST || come.length > MOST || !areTold(gone, staying)) return undefined;
  if (setsPlatform(gone, come, staying)) return undefined;
  if (learnt && concernsOthers(known(), learnt, staying)) return undefined;
  const listed = new Set(before.map((entry) => entry.descriptor.digest));
  const lines = come.map((entry) => newLine(entry, listed.has(entry.descriptor.digest), change));
  if (lines.includes(undefined)) return undefined;
  return {
    gone: gone.map(keyOf),
    come: lines.filter((line) => line !== undefined && line !== 'hidden'),
  };
}

/** Undefined where it is not known. Without a name an entry is hidden when it is about another image. */
function newLine(entry: IndexEntry, isOld: boolean, change: IndexChange): NewLine | 'hidden' | undefined {
  if (isOld && entry.name !== undefined) return lineOfOld(entry);
  const facts = change.learnt ?? change.known();
  if (!facts.has(entry.descriptor.digest)) return undefined;
  if (isAttached(entry, facts)) return 'hidden';
  return isOld ? lineOfOld(entry) : lineOfNew(entry, facts, change.platform);
}

interface Difference {
  readonly gone: readonly IndexEntry[];
  readonly come: readonly IndexEntry[];
  readonly staying: readonly IndexEntry[];
}

/** A change leaves the order as it is and adds at the end; entries that moved count as gone and come. */
function difference(before: readonly IndexEntry[], after: readonly IndexEntry[]): Difference {
  const gone: IndexEntry[] = [];
  const staying: IndexEntry[] = [];
  for (const entry of before) (entry === after[staying.length] ? staying : gone).push(entry);
  return { gone, staying, come: after.slice(staying.length) };
}

/** False when the list could not tell those that go from others that stay: images without a name go by their digest. */
function areTold(gone: readonly IndexEntry[], staying: readonly IndexEntry[]): boolean {
  const digests = new Set(gone.filter((entry) => entry.name === undefined).map((entry) => entry.descriptor.digest));
  return (
    digests.size === 0 || !staying.some(({ name, descriptor }) => name === undefined && digests.has(descriptor.digest))
  );
}

/** True when the platform of content may be that of an entry which goes or comes: of several it is that of the first. */
function setsPlatform(
  gone: readonly IndexEntry[],
  come: readonly IndexEntry[],
  staying: readonly IndexEntry[],
): boolean {
  const digests = new Set([...gone, ...come].map((entry) => entry.descriptor.digest));
  const others = staying.filter((entry) => digests.has(entry.descriptor.digest));
  if (others.length === 0 && digests.size === gone.length + come.length) return false;
  return [...gone, ...come, ...others].some((entry) => entry.descriptor.platform !== undefined);
}

/** True when what was learnt, or is known no longer, is part of an image that stays: then that looks different now. */
function concernsOthers(known: FactsByDigest, learnt: FactsByDigest, staying: readonly IndexEntry[]): boolean {
  const changed = new Set<string>();
  for (const digest of learnt.keys()) if (!known.has(digest)) changed.add(digest);
  for (const digest of known.keys()) if (!learnt.has(digest)) changed.add(digest);
  if (changed.size > MOST || staying.some(({ descriptor }) => changed.has(descriptor.digest))) return true;
  for (const [digest, facts] of learnt) {
    if (changed.has(digest)) continue;
    for (const other of changed) if (isChild(facts, other)) return true;
  }
  return false;
}

function lineOfOld(entry: IndexEntry): NewLine | undefined {
  const { name = '', descriptor } = entry;
  const fields = entryFields({ descriptor, dangling: isNameless(entry) });
  return [name, ...fields].some((field) => /[\t\n]/.test(field)) ? undefined : { name, entry: fields };
}

function lineOfNew(entry: IndexEntry, facts: FactsByDigest, platform: Platform): NewLine | undefined {
  const [image] = summarise([entry], facts, platform);
  const line = image && lineOf(image);
  return line === undefined ? undefined : { line: line.slice(0, -1) };
}
