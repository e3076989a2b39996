// Which image of the store does a person mean: by name, digest or ID?
import { HubError } from '../../errors.ts';
import { encodedOf, shortDigest } from '../../spec/digest.ts';
import {
  familiarString,
  parseReference,
  repositoryName,
  withDefaultTag,
  type Reference,
} from '../../spec/reference.ts';
import { isContentDigest, storeName, type IndexEntry } from './names.ts';
import type { ImageSummary, PlatformSummary } from './summary.ts';

export type NonEmpty<T> = readonly [T, ...T[]];

const ID = /^(?:sha256:)?([a-f0-9]{1,64})$/;

export interface Candidates {
  readonly entries: readonly IndexEntry[];
  /** Asked for only when the text is no name: costs more. */
  summaries(): Promise<readonly ImageSummary[]>;
}

/**
 * The entries a text means: one for a name; for a digest or an ID every entry of that image. Names go before IDs, as in
 * docker. Throws NOT_FOUND; USAGE when the beginning of an ID fits several images.
 */
export async function findEntries(text: string, candidates: Candidates): Promise<NonEmpty<IndexEntry>> {
  const reference = referenceFrom(text);
  const named = reference ? byName(reference, candidates.entries) : [];
  const [first, ...others] = named.length > 0 ? named : await byId(text, candidates);
  if (first) return [first, ...others];
  throw notFound(text, reference);
}

/** The entry that a canonical or familiar name means. Throws NOT_FOUND, REFERENCE_INVALID. */
export function resolveName(text: string, entries: readonly IndexEntry[]): IndexEntry {
  const reference = parseReference(text);
  const [entry] = byName(reference, entries);
  if (entry) return entry;
  throw notFound(text, reference);
}

function notFound(text: string, reference: Reference | undefined): HubError {
  return new HubError('NOT_FOUND', `no such image: ${reference ? familiarString(withDefaultTag(reference)) : text}`, {
    hint: 'see what is here with: hubctl images',
    details: { reference: text },
  });
}

/** `name@digest` also finds an image that has the digest under another tag of the same repository. */
function byName(reference: Reference, entries: readonly IndexEntry[]): readonly IndexEntry[] {
  const name = storeName(repositoryName(reference) + suffix(reference));
  const exact = entries.filter((entry) => entry.name === name);
  const { digest } = reference;
  if (exact.length > 0 || digest === undefined) return exact;
  const repository = repositoryName(reference);
  const belongs = (entry: IndexEntry): boolean =>
    entry.name?.startsWith(`${repository}:`) === true || entry.name?.startsWith(`${repository}@`) === true;
  return entries.filter((entry) => entry.descriptor.digest === digest && belongs(entry));
}

async function byId(text: string, { entries, summaries }: Candidates): Promise<readonly IndexEntry[]> {
  const prefix = ID.exec(text)?.[1];
  if (prefix === undefined && !isContentDigest(text)) return [];
  const wanted = prefix ?? encodedOf(text);
  const images = await summaries();
  const found = matches(images, wanted, ({ id, descriptor }) => [id, descriptor.digest]);
  const inside = found.size > 0 ? found : matches(images, wanted, ({ platforms }) => platforms.flatMap(digestsOf));
  // One image may be here as itself and within an index: the same ID then, and no ambiguity.
  const different = new Set(inside.values());
  if (different.size > 1) throw ambiguous(text, [...different]);
  return entries.filter((entry) => inside.has(entry.descriptor.digest));
}

/** Root digests of the images that have a digest which begins so, with that digest. */
function matches(
  images: readonly ImageSummary[],
  wanted: string,
  digestsOfImage: (image: ImageSummary) => readonly string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const image of images) {
    const match = digestsOfImage(image).find((digest) => encodedOf(digest).startsWith(wanted));
    if (match !== undefined) found.set(image.descriptor.digest, match);
  }
  return found;
}

function digestsOf({ id, digest }: PlatformSummary): readonly string[] {
  return id === undefined ? [digest] : [id, digest];
}

function ambiguous(text: string, digests: readonly string[]): HubError {
  return new HubError('USAGE', `${text} is the beginning of several image IDs`, {
    hint: `give more of it; it fits ${digests.slice(0, 5).map(shortDigest).join(', ')}`,
    details: { text, digests },
  });
}

function referenceFrom(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    // 64 hex digits, or `sha256:...`, are no name. Anything else that is not one is the user's mistake to hear of.
    if (HubError.is(error, 'REFERENCE_INVALID') && (ID.test(text) || isContentDigest(text))) return undefined;
    throw error;
  }
}

function suffix({ tag, digest }: Reference): string {
  if (digest !== undefined) return `@${digest}`;
  return tag === undefined ? '' : `:${tag}`;
}
