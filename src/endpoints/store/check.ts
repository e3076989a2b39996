// Is everything in the store what it claims to be, and does every image find all its parts?
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, hasherFor } from '../../spec/digest.ts';
import { isManifestType } from '../../spec/media-types.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { fileContent } from '../../util/file-content.ts';
import { isErrno, lstatIfExists, storageError } from '../../util/fs.ts';
import { everyBlob } from './collect.ts';
import type { ManifestFacts, ReadBytes } from './facts.ts';
import { learn, type FactsByDigest } from './graph.ts';
import { EMPTY_INDEX, type ImageIndex, type IndexEntry } from './names.ts';
import type { StorePaths } from './paths.ts';

export interface Damage {
  /** The list of images cannot be read; content differs from its digest; content that an image needs is not here. */
  readonly kind: 'index' | 'damaged' | 'missing';
  /** Undefined for the list of images. */
  readonly digest?: string | undefined;
  /** Images that need it: names, or digests of those without one. None for content that no image needs. */
  readonly images: readonly string[];
  /** What is wrong, in one line. */
  readonly message: string;
}

export interface CheckOptions extends CallOptions {
  /** Digests that were found sound a moment ago; their bytes are not read again. */
  readonly sound?: ReadonlySet<string> | undefined;
  /** Bytes that were read since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface CheckReport {
  /** Entries of the list of images. */
  readonly images: number;
  /** Blobs in the store, sound or not, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  /** Digests whose content is what it should be. */
  readonly sound: ReadonlySet<string>;
  readonly damage: readonly Damage[];
}

export interface CheckParts {
  readonly paths: StorePaths;
  /** Throws STORAGE when the list is damaged. */
  readonly index: () => Promise<ImageIndex>;
  readonly read: ReadBytes;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const BLOCK = 1024 * 1024;
/** Files at once: while one is hashed, the disk works on the next. */
const WORKERS = 3;

/** Reads every byte of the store. Changes nothing. Throws STORAGE where files cannot be read, and the signal's reason. */
export async function check(parts: CheckParts, options: CheckOptions = {}): Promise<CheckReport> {
  const damage: Damage[] = [];
  const { entries } = await parts.index().catch((error: unknown) => {
    if (!HubError.is(error, 'STORAGE')) throw error;
    damage.push({ kind: 'index', images: [], message: error.message });
    return EMPTY_INDEX;
  });
  const found = await checkBlobs(parts.paths, options);
  const needs = await needsOf(entries, parts.read, found);
  for (const [digest, { message }] of found) {
    if (message !== undefined) damage.push({ kind: 'damaged', digest, images: needs.by(digest), message });
  }
  for (const digest of needs.missing) {
    damage.push({ kind: 'missing', digest, images: needs.by(digest), message: 'is not in the store' });
  }
  const all = [...found.values()];
  return {
    images: entries.length,
    blobs: all.length,
    bytes: all.reduce((sum, { size }) => sum + size, 0),
    sound: new Set([...found].flatMap(([digest, { message }]) => (message === undefined ? [digest] : []))),
    damage,
  };
}

interface Found {
  readonly size: number;
  /** What is wrong with it. */
  readonly message?: string | undefined;
}

async function checkBlobs(paths: StorePaths, options: CheckOptions): Promise<ReadonlyMap<string, Found>> {
  const digests = await everyBlob(paths);
  const found = new Map<string, Found>();
  const queue = digests.values();
  const work = async (): Promise<void> => {
    for (const digest of queue) {
      const result = await checkBlob(paths.blob(digest), digest, options);
      if (result) found.set(digest, result);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return found;
}

/** Undefined for a blob that is not here, such as one that was removed a moment ago. Throws STORAGE. */
export async function checkBlob(path: string, digest: string, options: CheckOptions = {}): Promise<Found | undefined> {
  try {
    const stats = await lstatIfExists(path);
    if (!stats) return undefined;
    if (!stats.isFile()) return { size: 0, message: 'is not a regular file' };
    const { size } = stats;
    if (options.sound?.has(digest)) return { size };
    const actual = await hashFile(path, digest, options);
    return actual === digest ? { size } : { size, message: `holds other content, ${actual}` };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isErrno(error, 'ENOENT')) return undefined;
    throw storageError(error, `cannot read ${path}`);
  }
}

async function hashFile(path: string, digest: string, { signal, onBytes }: CheckOptions): Promise<string> {
  const hash = hasherFor(digest);
  const file = await open(path, READ);
  const { size } = await file.stat();
  const content = fileContent(file, { start: 0, end: size, close: true, what: digest, signal, bufferSize: BLOCK });
  await content.forEach((chunk) => {
    hash.update(chunk);
    onBytes?.(chunk.length);
  });
  return `${algorithmOf(digest)}:${hash.digest('hex')}`;
}

interface Needs {
  readonly missing: readonly string[];
  /** The images that need this content. */
  by(digest: string): readonly string[];
}

/** What the images need. A manifest that is damaged or absent is needed, and nothing is known of what it needs. */
async function needsOf(
  entries: readonly IndexEntry[],
  read: ReadBytes,
  found: ReadonlyMap<string, Found>,
): Promise<Needs> {
  const facts: FactsByDigest = new Map();
  const users = new Map<string, Set<string>>();
  const missing = new Set<string>();
  for (const { name, descriptor } of entries) {
    if (!facts.has(descriptor.digest)) await learn(facts, descriptor, read);
    const image = name ?? descriptor.digest;
    for (const { digest, optional } of contentOf(descriptor, facts, found)) {
      users.set(digest, (users.get(digest) ?? new Set()).add(image));
      if (!found.has(digest) && !optional) missing.add(digest);
    }
  }
  return { missing: [...missing], by: (digest) => [...(users.get(digest) ?? [])] };
}

const UNKNOWN: Pick<ManifestFacts, 'blobs' | 'manifests'> = { blobs: [], manifests: [] };

interface NeededContent {
  readonly digest: string;
  readonly optional: boolean;
}

/** The manifests of an index may be absent, but not all of them. */
function contentOf(
  root: Descriptor,
  facts: FactsByDigest,
  found: ReadonlyMap<string, Found>,
): readonly NeededContent[] {
  const needed: NeededContent[] = [];
  const seen = new Set<string>();
  const visit = (digest: string): void => {
    if (seen.has(digest)) return;
    seen.add(digest);
    needed.push({ digest, optional: false });
    const { blobs, manifests } = facts.get(digest) ?? UNKNOWN;
    for (const blob of blobs) needed.push({ digest: blob.digest, optional: blob.optional === true });
    const here = manifests.filter((child) => found.has(child.digest));
    const images = manifests.filter((child) => child.attestation !== true);
    const needsOne = isManifestType(root.mediaType) && !here.some((child) => images.includes(child));
    for (const child of needsOne ? [...here, ...images.slice(0, 1)] : here) visit(child.digest);
  };
  visit(root.digest);
  return needed;
}
