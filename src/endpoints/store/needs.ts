// Does any image of the index still need this content? Followed upwards: from content to the manifests that refer to it.
import type { FactsByDigest } from './graph.ts';
import { hasBlob, isChild } from './kept-facts.ts';
import { isNameless, type IndexEntry } from './names.ts';

export interface Needs {
  /** The entries that are about another manifest which nothing needs. */
  readonly dropped: ReadonlySet<IndexEntry>;
  has(digest: string): boolean;
}

/** True when any manifest that refers to some content meets a condition, which is asked for no more of them than that takes. */
type SomeParent = (digest: string, meets: (parent: string) => boolean) => boolean;

/** To go so often through ten thousand manifests takes as long as to note once what each of them refers to. */
const OFTEN = 20;

/** True for what is listed only because it is about another manifest. */
export function isAttached(entry: IndexEntry, facts: FactsByDigest): boolean {
  return isNameless(entry) && facts.get(entry.descriptor.digest)?.subject !== undefined;
}

/**
 * What the entries need; an index needs only those of its manifests of which something is known. An entry without a name whose
 * manifest is about another one, such as a signature, is needed only as long as that other one is.
 */
export function needsOf(entries: readonly IndexEntry[], facts: FactsByDigest): Needs {
  const roots = new Set<string>();
  const attached: IndexEntry[] = [];
  for (const entry of entries) {
    if (isAttached(entry, facts)) attached.push(entry);
    else roots.add(entry.descriptor.digest);
  }
  const subjects = new Map(attached.map(({ descriptor: { digest } }) => [digest, facts.get(digest)?.subject]));
  const someParent = parentsIn(facts);
  const has = (wanted: string): boolean => {
    if (roots.has(wanted)) return true;
    const seen = new Set([wanted]);
    const isRoot = (digest: string): boolean => {
      seen.add(digest);
      return roots.has(digest);
    };
    for (const digest of seen) {
      const subject = subjects.get(digest);
      if ((subject !== undefined && isRoot(subject)) || someParent(digest, isRoot)) return true;
    }
    return false;
  };
  const dropped = attached.filter(({ descriptor }) => !has(descriptor.digest));
  return { dropped: new Set(dropped), has };
}

/** The first questions look through the facts, most of which need not be taken apart for that. */
function parentsIn(facts: FactsByDigest): SomeParent {
  let asked = 0;
  let noted: ReadonlyMap<string, readonly string[]> | undefined;
  return (digest, meets) => {
    asked += 1;
    if (asked <= OFTEN) return lookThrough(facts, digest, meets);
    noted ??= everyParent(facts);
    return noted.get(digest)?.some(meets) ?? false;
  };
}

/** By `forEach`: it takes a third less than a loop, which V8 has not compiled yet where this is all that a command does. */
function lookThrough(facts: FactsByDigest, digest: string, meets: (parent: string) => boolean): boolean {
  let isMet = false;
  const isManifest = facts.has(digest);
  facts.forEach((known, parent) => {
    isMet ||= ((isManifest && isChild(known, digest)) || hasBlob(known, digest)) && meets(parent);
  });
  return isMet;
}

function everyParent(facts: FactsByDigest): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const [parent, { manifests, blobs }] of facts)
    for (const { digest } of [...manifests.filter((child) => facts.has(child.digest)), ...blobs]) {
      const others = parents.get(digest);
      if (others) others.push(parent);
      else parents.set(digest, [parent]);
    }
  return parents;
}
