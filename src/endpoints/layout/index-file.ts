// What does index.json of a layout say, and how does it change without losing what others wrote there?
import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from '../../errors.ts';
import { descriptorJson } from '../../spec/build.ts';
import { parseDescriptor, type Descriptor } from '../../spec/descriptor.ts';
import { MEDIA_TYPES } from '../../spec/media-types.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { isErrno, readIfExists, storageError, writeFileAtomic } from '../../util/fs.ts';
import { isRecord, parseJson } from '../../util/json.ts';
import { withLock } from '../../util/lock.ts';
import { isReplacedBy, labelsFor, withoutNames } from './names.ts';

const LAYOUT_FILE = '{"imageLayoutVersion":"1.0.0"}';
const LIMIT = 64 * 1024 * 1024;

interface RawIndex {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly manifests: readonly unknown[];
}

/** The entries in order; undefined when the directory is no layout. Throws CONTENT_INVALID, STORAGE. */
export async function readEntries(dir: string): Promise<readonly Descriptor[] | undefined> {
  const index = await readIndex(dir);
  return index?.manifests.map((entry, position) =>
    parseDescriptor(entry, `manifests[${position}] of ${indexPath(dir)}`),
  );
}

/**
 * Puts a descriptor into index.json under a name (see `labelsFor`), in place of what had the name. Waits for others that
 * change the same layout. An index.json that is not understood is left as it is. Throws CONTENT_INVALID, STORAGE.
 */
export async function addEntry(
  dir: string,
  descriptor: Descriptor,
  { name, signal }: CallOptions & { readonly name: string },
): Promise<void> {
  const labels = labelsFor(name);
  await withLock(`${indexPath(dir)}.lock`, { signal, sweep: true }, async () => {
    const index = (await readIndex(dir)) ?? newIndex();
    const entry = entryFor(descriptor, labels);
    const isNamed = Object.keys(labels).length > 0;
    const others = index.manifests.filter((other) => !gives(other, isNamed ? labels : undefined, descriptor));
    if (!isNamed && index.manifests.some((other) => isRecord(other) && other['digest'] === descriptor.digest)) return;
    const text = JSON.stringify({ ...index.fields, manifests: [...others, entry] });
    await writeFileAtomic(indexPath(dir), text, { alone: true });
  });
}

/** Makes the directory a layout unless it is one. Throws STORAGE. */
export async function prepareLayout(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw storageError(error, `cannot create ${dir}`);
  }
  const path = join(dir, 'oci-layout');
  if ((await readIfExists(path)) !== undefined) return;
  await withLock(`${indexPath(dir)}.lock`, {}, () => writeFileAtomic(path, LAYOUT_FILE, { alone: true }));
}

/** True when an entry goes: it has the name, or it is the same content without any name. */
function gives(other: unknown, labels: Readonly<Record<string, string>> | undefined, descriptor: Descriptor): boolean {
  if (!isRecord(other) || labels === undefined) return false;
  const annotations = isRecord(other['annotations']) ? stringsOf(other['annotations']) : {};
  if (isReplacedBy(annotations, labels)) return true;
  const named = Object.keys(withoutNames(annotations)).length !== Object.keys(annotations).length;
  return !named && other['digest'] === descriptor.digest;
}

function entryFor(descriptor: Descriptor, labels: Readonly<Record<string, string>>): object {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  const annotations = { ...withoutNames(descriptor.annotations), ...labels };
  const known = Object.keys(annotations).length > 0 ? annotations : undefined;
  return descriptorJson({ mediaType, digest, size, platform, artifactType, annotations: known });
}

function stringsOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function newIndex(): RawIndex {
  return { fields: { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex }, manifests: [] };
}

async function readIndex(dir: string): Promise<RawIndex | undefined> {
  const path = indexPath(dir);
  if (!(await isRegularFile(path))) return undefined;
  const bytes = await readIfExists(path);
  if (!bytes) return undefined;
  if (bytes.length > LIMIT) throw new HubError('CONTENT_INVALID', `${path} is larger than ${LIMIT} bytes`);
  const value = parseJson(bytes.toString('utf8'), path);
  if (!isRecord(value)) throw new HubError('CONTENT_INVALID', `${path} is not an index`);
  const { manifests = [] } = value;
  if (!Array.isArray(manifests)) throw new HubError('CONTENT_INVALID', `manifests of ${path} is not a list`);
  return { fields: value, manifests };
}

/** A link could lead to any file of this machine, and its content into a message or a registry. */
async function isRegularFile(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path);
    if (stats.isFile()) return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false;
    throw storageError(error, `cannot read ${path}`);
  }
  throw new HubError('CONTENT_INVALID', `${path} is not a regular file`);
}

function indexPath(dir: string): string {
  return join(dir, 'index.json');
}
