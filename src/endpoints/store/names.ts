// Which names do the images of a store have? index.json is the only truth about it.
import { HubError } from '../../errors.ts';
import { IMAGE_NAME, REF_NAME } from '../../spec/annotations.ts';
import { descriptorJson } from '../../spec/build.ts';
import { parseDescriptor, type Descriptor } from '../../spec/descriptor.ts';
import { isDigest, isVerifiable } from '../../spec/digest.ts';
import { MEDIA_TYPES } from '../../spec/media-types.ts';
import { formatReference, parseReference, withDefaultTag } from '../../spec/reference.ts';
import { isRecord, parseJson } from '../../util/json.ts';
import { readPlainIndex } from './plain-index.ts';

export interface StoredImage {
  /** Canonical full reference: `docker.io/library/alpine:3`, `...@sha256:..`; undefined for an image without a name. */
  readonly name: string | undefined;
  /** Without the annotations that make the name. */
  readonly descriptor: Descriptor;
}

export interface IndexEntry extends StoredImage {
  /** As it stands in the file, fields we do not know included. JSON. */
  readonly json: string;
}

export interface ImageIndex {
  /** What else is in the file. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly entries: readonly IndexEntry[];
}

export const EMPTY_INDEX: ImageIndex = { fields: { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex }, entries: [] };

const LABEL = '[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*';
const REGISTRY = `(?:localhost|${LABEL}(?:\\.${LABEL})+|${LABEL}(?:\\.${LABEL})*:[0-9]+)`;
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
/** Names as hubctl writes them need no parsing, which counts with ten thousand of them. All of these are valid and canonical. */
const CANONICAL = new RegExp(
  `^(?!index\\.docker\\.io/|docker\\.io/[^/]*$)${REGISTRY}/${PART}(?:/${PART})*(?::\\w[\\w.-]{0,127}|@sha256:[a-f0-9]{64})$`,
);
const LONGEST = 255;

/**
 * Reads index.json. Of entries with the same name the last one has it. Throws STORAGE for a file that is damaged, which
 * is then never written over.
 */
export function parseIndex(bytes: Buffer, path: string): ImageIndex {
  try {
    const text = bytes.toString('utf8');
    const plain = readPlainIndex(text, {
      plain: plainEntry,
      other: (raw, at) => parseEntry(raw, placeOf(path, at)),
    });
    if (plain) return { fields: EMPTY_INDEX.fields, entries: lastOfName(plain) };
    const value = parseQuickly(text, path);
    if (!isRecord(value) || value['schemaVersion'] !== 2)
      throw new HubError('CONTENT_INVALID', `${path} is not an image index`);
    const { manifests, ...fields } = value;
    if (!Array.isArray(manifests)) throw new HubError('CONTENT_INVALID', `${path} has no list of manifests`);
    return {
      fields,
      entries: lastOfName(manifests.map((raw: unknown, at) => parseEntry(raw, placeOf(path, at)))),
    };
  } catch (error) {
    if (!HubError.is(error)) throw error;
    throw new HubError('STORAGE', `the store is damaged: ${error.message}`, {
      cause: error,
      hint: `mend the file; or move it away and pull the images again, whose content is still in the store`,
      details: { path },
    });
  }
}

export function formatIndex({ fields, entries }: ImageIndex): string {
  const empty = JSON.stringify({ ...fields, manifests: [] });
  return `${empty.slice(0, -2)}${entries.map((entry) => entry.json).join(',')}]}`;
}

/** Gives content a name. What had the name before stays without one, unless it has others. */
export function withName(index: ImageIndex, descriptor: Descriptor, name: string): ImageIndex {
  const { digest } = descriptor;
  const old = index.entries.find((entry) => entry.name === name);
  if (old?.descriptor.digest === digest) return index;
  const others = index.entries.filter(
    (entry) => entry !== old && !(entry.descriptor.digest === digest && isNameless(entry)),
  );
  const keepOld = old !== undefined && !others.some((entry) => entry.descriptor.digest === old.descriptor.digest);
  const kept = keepOld ? [...others, entryFor(old.descriptor, undefined)] : others;
  return { ...index, entries: [...kept, entryFor(descriptor, name)] };
}

/** Lists content without giving it a name; nothing changes when it is listed. */
export function withEntry(index: ImageIndex, descriptor: Descriptor): ImageIndex {
  if (index.entries.some((entry) => entry.descriptor.digest === descriptor.digest)) return index;
  return { ...index, entries: [...index.entries, entryFor(descriptor, undefined)] };
}

/** True for an entry without any name, also without one that only other tools understand. */
export function isNameless({ name, descriptor }: StoredImage): boolean {
  return name === undefined && descriptor.annotations?.[REF_NAME] === undefined;
}

/** Names are unique; images without one are told apart by their content. */
export function keyOf({ name, descriptor }: StoredImage): string {
  return name ?? descriptor.digest;
}

/** True when all images have names among the others too: then nothing that they need can go, whatever that is. */
export function haveOtherNames(images: readonly StoredImage[], others: readonly StoredImage[]): boolean {
  const left = new Set(images.map((image) => image.descriptor.digest));
  for (const { name, descriptor } of others) {
    if (left.size === 0) return true;
    if (name !== undefined) left.delete(descriptor.digest);
  }
  return left.size === 0;
}

/** True for a digest of content that can be here. `alpine:3` has the grammar of a digest too, of an algorithm "alpine". */
export function isContentDigest(text: string): boolean {
  return isDigest(text) && isVerifiable(text);
}

/** The form of a name in the store: the tag is latest by default, and a digest makes the tag meaningless. Throws REFERENCE_INVALID. */
export function storeName(text: string): string {
  const reference = parseReference(text);
  return formatReference(reference.digest === undefined ? withDefaultTag(reference) : { ...reference, tag: undefined });
}

function parseQuickly(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // This one says where the mistake is.
    return parseJson(text, path);
  }
}

function placeOf(path: string, at: number): string {
  return `${path}: manifests[${at}]`;
}

function plainEntry(descriptor: Descriptor, text: string | undefined, json: string): IndexEntry {
  const name = text === undefined ? undefined : nameFrom(text);
  // What cannot be a name stays an annotation.
  if (text !== undefined && name === undefined) return parseEntry(JSON.parse(json), descriptor.digest);
  return { name, descriptor, json };
}

function parseEntry(raw: unknown, where: string): IndexEntry {
  const fields = isRecord(raw) ? raw : {};
  const annotations = isRecord(fields['annotations']) ? fields['annotations'] : {};
  const text = annotations[IMAGE_NAME] ?? annotations[REF_NAME];
  const name = typeof text === 'string' ? nameFrom(text) : undefined;
  // Nothing but the name is annotated: then no copy need be made to take the name away.
  const isPlain = (name !== undefined || text === undefined) && !hasOther(annotations);
  if (!isPlain) {
    const descriptor = parseDescriptor(raw, where);
    return { name, descriptor: name === undefined ? descriptor : withoutName(descriptor), json: JSON.stringify(raw) };
  }
  const { mediaType, digest, size, urls, platform, artifactType, data } = fields;
  const descriptor = parseDescriptor({ mediaType, digest, size, urls, platform, artifactType, data }, where);
  return { name, descriptor, json: JSON.stringify(raw) };
}

function hasOther(annotations: Readonly<Record<string, unknown>>): boolean {
  for (const key in annotations) if (key !== REF_NAME && key !== IMAGE_NAME) return true;
  return false;
}

/** Other tools write any text here, such as a tag alone; undefined when it cannot be a name. */
function nameFrom(text: string): string | undefined {
  if (text.length <= LONGEST && CANONICAL.test(text)) return text;
  try {
    return storeName(text);
  } catch (error) {
    if (HubError.is(error)) return undefined;
    throw error;
  }
}

function lastOfName(entries: readonly IndexEntry[]): readonly IndexEntry[] {
  const names = new Set<string>();
  let nameless = 0;
  for (const { name } of entries) {
    if (name === undefined) nameless += 1;
    else names.add(name);
  }
  if (names.size + nameless === entries.length) return entries;
  const last = new Map(entries.map((entry) => [entry.name, entry]));
  return entries.map((entry) =>
    entry.name === undefined || last.get(entry.name) === entry ? entry : entryFor(entry.descriptor, undefined),
  );
}

function entryFor(descriptor: Descriptor, name: string | undefined): IndexEntry {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  const { annotations } = withoutName(descriptor);
  const plain = { mediaType, digest, size, platform, artifactType, annotations };
  if (name === undefined) return { name, descriptor: plain, json: JSON.stringify(descriptorJson(plain)) };
  const named = { ...plain, annotations: { ...annotations, [IMAGE_NAME]: name, [REF_NAME]: name } };
  return { name, descriptor: plain, json: JSON.stringify(descriptorJson(named)) };
}

function withoutName(descriptor: Descriptor): Descriptor {
  const { [REF_NAME]: _tag, [IMAGE_NAME]: _name, ...rest } = descriptor.annotations ?? {};
  return { ...descriptor, annotations: Object.keys(rest).length === 0 ? undefined : rest };
}
