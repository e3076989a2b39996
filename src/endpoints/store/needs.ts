// Does any image of the index still need this content? For a few digests, without going through all that ten thousand images need.
import type { FactsByDigest } from './graph.ts';
import { refersTo } from './kept-facts.ts';
import { isNameless, type IndexEntry } from './names.ts';

export interface Needs {
  /** The entries that stay: all but those that are about another manifest which nothing needs. */
  readonly entries: readonly IndexEntry[];
  has(digest: string): boolean;
}

/** True for what is listed only because it is about another manifest. */
export function isAttached(entry: IndexEntry, facts: FactsByDigest): boolean {
  return isNameless(entry) && facts.get(entry.descriptor.digest)?.subject !== undefined;
}

/**
 * What the entries need, looked for from below: from content to the manifests that refer to it, up to an entry that needs no
 * other. Each manifest is looked through once for each digest on the way.
 */
export function needsOf(entries: readonly IndexEntry[], facts: FactsByDigest): Needs {
  const attached = new Set(entries.filter((entry) => isAttached(entry, facts)));
  const roots = new Set<string>();
  const subjects = new Map<string, string | undefined>();
  for (const entry of entries) {
    const { digest } = entry.descriptor;
    if (attached.has(entry)) subjects.set(digest, facts.get(digest)?.subject);
    else roots.add(digest);
  }
  const has = (wanted: string): boolean => {
    if (roots.has(wanted)) return true;
    const seen = new Set([wanted]);
    for (const digest of seen) {
      const subject = subjects.get(digest);
      if (subject !== undefined) seen.add(subject);
      if (subject !== undefined && roots.has(subject)) return true;
      for (const [parent, known] of facts) {
        if (seen.has(parent) || !refersTo(known, digest)) continue;
        if (roots.has(parent)) return true;
        seen.add(parent);
      }
    }
    return false;
  };
  return {
    entries: entries.filter((entry) => !attached.has(entry) || has(entry.descriptor.digest)),
    has,
  };
}
