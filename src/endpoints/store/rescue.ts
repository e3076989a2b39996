// How does a store get a list of images again when the one it has cannot be read?
import { constants } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { HubError } from '../../errors.ts';
import { parseDescriptor, type Descriptor } from '../../spec/descriptor.ts';
import { MANIFEST_LIMIT, sniffManifestType } from '../../spec/manifest.ts';
import { isErrno, lstatIfExists, readIfExists, storageError, writeFileAtomic } from '../../util/fs.ts';
import { isRecord } from '../../util/json.ts';
import { withLock } from '../../util/lock.ts';
import type { Blobs } from './blobs.ts';
import { everyBlob } from './collect.ts';
import { learn, type FactsByDigest } from './graph.ts';
import { EMPTY_INDEX, formatIndex, parseIndex, withEntry, type ImageIndex } from './names.ts';
import type { StorePaths } from './paths.ts';
import { endOfObject } from './plain-index.ts';

/** An entry is small and flat; looking for its end further away would take for ever in a file of nothing but braces. */
const LONGEST_ENTRY = 64 * 1024;
const DEEPEST_ENTRY = 8;
const TIMEOUT = 60_000; // milliseconds
const MOST_COPIES = 1000;

/**
 * Replaces a damaged index.json by a list of the entries that can still be read in it, and of the images whose manifests
 * are here, which have no name then. The damaged file is kept beside it. Gives the path of that, or undefined for an
 * index that is sound. Throws STORAGE, LOCKED.
 */
export async function rebuildIndex(paths: StorePaths, blobs: Blobs): Promise<string | undefined> {
  return withLock(paths.indexLock, { timeout: TIMEOUT }, async (lock) => {
    try {
      if ((await lstatIfExists(paths.index)) === undefined) return undefined;
      const bytes = await bytesOf(paths.index);
      if (isSound(bytes, paths.index)) return undefined;
      const index = await withRoots(rescued(bytes.toString('utf8'), paths.index), paths, blobs);
      const kept = await keepDamaged(paths.index);
      lock.check();
      await writeFileAtomic(paths.index, formatIndex(index), { alone: true });
      return kept;
    } catch (error) {
      throw storageError(error, `cannot mend ${paths.index}`);
    }
  });
}

/** No bytes for what is no regular file. */
async function bytesOf(path: string): Promise<Buffer> {
  try {
    return (await readIfExists(path)) ?? Buffer.alloc(0);
  } catch (error) {
    if (HubError.is(error) && error.details['errno'] === undefined) return Buffer.alloc(0);
    throw error;
  }
}

function isSound(bytes: Buffer, path: string): boolean {
  try {
    parseIndex(bytes, path);
    return true;
  } catch (error) {
    if (HubError.is(error)) return false;
    throw error;
  }
}

/** Every whole descriptor in a text that is no JSON any more. */
function rescued(text: string, path: string): ImageIndex {
  const manifests: object[] = [];
  for (let at = text.indexOf('{'); at !== -1;) {
    const end = endOfObject(text, at, { longest: LONGEST_ENTRY, deepest: DEEPEST_ENTRY });
    const entry = end === undefined ? undefined : descriptorIn(text.slice(at, end));
    if (entry) manifests.push(entry);
    at = text.indexOf('{', entry && end !== undefined ? end : at + 1);
  }
  return parseIndex(Buffer.from(JSON.stringify({ ...EMPTY_INDEX.fields, manifests })), path);
}

function descriptorIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    parseDescriptor(value, 'an entry');
    return value;
  } catch (error) {
    if (HubError.is(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Adds the manifests that are here, and that neither the list nor another manifest mentions. */
async function withRoots(index: ImageIndex, paths: StorePaths, blobs: Blobs): Promise<ImageIndex> {
  const facts: FactsByDigest = new Map();
  const found: Descriptor[] = [];
  for (const digest of await everyBlob(paths)) {
    const descriptor = await manifestAt(digest, blobs);
    if (!descriptor) continue;
    found.push(descriptor);
    await learn(facts, descriptor, (child) => blobs.bytes(child, MANIFEST_LIMIT));
  }
  const children = new Set([...facts.values()].flatMap(({ manifests }) => manifests.map((child) => child.digest)));
  const roots = found.filter(({ digest }) => facts.has(digest) && !children.has(digest));
  return roots.reduce((list, root) => withEntry(list, root), index);
}

async function manifestAt(digest: string, blobs: Blobs): Promise<Descriptor | undefined> {
  const size = await blobs.sizeOf(digest);
  if (size === undefined || size > MANIFEST_LIMIT) return undefined;
  const unknown = { mediaType: 'application/octet-stream', digest, size };
  try {
    const mediaType = sniffManifestType(await blobs.bytes(unknown, MANIFEST_LIMIT));
    return mediaType === undefined ? undefined : { ...unknown, mediaType };
  } catch (error) {
    if (HubError.is(error, 'DIGEST_MISMATCH') || HubError.is(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What is no regular file is moved away; a file stays until it is replaced, so that there is never none. */
async function keepDamaged(path: string): Promise<string> {
  const isFile = (await lstatIfExists(path))?.isFile() === true;
  for (let number = 1; ; number += 1) {
    const kept = `${path}.damaged-${number}`;
    if ((await lstatIfExists(kept)) !== undefined && number < MOST_COPIES) continue;
    try {
      if (isFile) await copyFile(path, kept, constants.COPYFILE_EXCL);
      else await rename(path, kept);
      return kept;
    } catch (error) {
      if (!isErrno(error, 'EEXIST') || number >= MOST_COPIES) throw error;
    }
  }
}
