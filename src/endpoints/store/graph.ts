// What does an image consist of, how much of it is here, and what belongs to no image any more?
import type { Descriptor } from '../../spec/descriptor.ts';
import { isManifestType } from '../../spec/media-types.ts';
import { factsOf, type BlobRef, type ManifestFacts, type ManifestRef, type ReadBytes } from './facts.ts';

/** Facts by digest. A manifest of an index without facts is not here: the index is sparse. */
export type FactsByDigest = Map<string, ManifestFacts>;

/** Deeper indexes are not followed. */
const MAX_DEPTH = 8;

/**
 * Reads the manifests of a root from the disk and notes their facts; facts of those that are gone are dropped. True when
 * that changed anything.
 */
export async function learn(facts: FactsByDigest, root: Descriptor, read: ReadBytes): Promise<boolean> {
  const visited = new Set<string>();
  let changed = false;
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (visited.has(descriptor.digest) || depth > MAX_DEPTH || !isManifestType(descriptor.mediaType)) return;
    visited.add(descriptor.digest);
    const found = await factsOf(descriptor, read);
    // Facts of the same digest are the same facts.
    changed ||= facts.has(descriptor.digest) !== (found !== undefined);
    if (!found) return void facts.delete(descriptor.digest);
    facts.set(descriptor.digest, found);
    for (const child of found.manifests) await visit(child, depth + 1);
  };
  await visit(root, 0);
  return changed;
}

/** Learns the roots that are not known yet; true when that changed anything. */
export async function learnNew(
  facts: FactsByDigest,
  roots: Iterable<{ readonly descriptor: Descriptor }>,
  read: ReadBytes,
): Promise<boolean> {
  let changed = false;
  for (const { descriptor } of roots)
    if (!facts.has(descriptor.digest) && (await learn(facts, descriptor, read))) changed = true;
  return changed;
}

/** The digest itself and everything it refers to that may be here, parents first. Adds to `into` and stops at what is in it. */
export function reach(facts: FactsByDigest, digest: string, into: Set<string>): Set<string> {
  if (into.has(digest)) return into;
  into.add(digest);
  const known = facts.get(digest);
  for (const child of known?.manifests ?? []) if (facts.has(child.digest)) reach(facts, child.digest, into);
  for (const blob of known?.blobs ?? []) into.add(blob.digest);
  return into;
}

/** The images of a root that are here: itself, or the manifests of its index, attestations left out. */
export function imagesOf(facts: FactsByDigest, root: ManifestRef): readonly ManifestRef[] {
  const found: ManifestRef[] = [];
  const visit = (ref: ManifestRef, depth: number): void => {
    const known = facts.get(ref.digest);
    if (!known || ref.attestation || depth > MAX_DEPTH) return;
    if (known.manifests.length === 0) found.push(ref);
    else for (const child of known.manifests) visit(child, depth + 1);
  };
  visit(root, 0);
  return found;
}

type Needed = Pick<BlobRef, 'digest' | 'size'>;

export interface PresenceCheck {
  isPresent(content: Needed): Promise<boolean>;
  /** True for what this process has put or found here. */
  isUsed(digest: string): boolean;
}

/** What a root needs and has not. */
export async function missingFrom(
  facts: FactsByDigest,
  root: Descriptor,
  check: PresenceCheck,
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const needed of neededBy(facts, root, check).values()) {
    if (!(await check.isPresent(needed))) missing.push(needed.digest);
  }
  return missing;
}

/**
 * The manifests of an index may be absent; one that is here needs all its content if this process brought it, else it
 * may be what is left of an old attempt.
 */
function neededBy(facts: FactsByDigest, root: Needed, check: PresenceCheck): ReadonlyMap<string, Needed> {
  const needed = new Map<string, Needed>();
  const visit = (ref: Needed, depth: number): void => {
    if (needed.has(ref.digest) || depth > MAX_DEPTH) return;
    needed.set(ref.digest, ref);
    const known = facts.get(ref.digest);
    for (const blob of known?.blobs ?? []) if (!blob.optional) needed.set(blob.digest, blob);
    for (const child of known?.manifests ?? []) if (check.isUsed(child.digest)) visit(child, depth + 1);
  };
  visit(root, 0);
  return needed;
}
