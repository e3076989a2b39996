// What does a list of ten thousand images look like on the disk, so that the next one is read in one go?
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Platform } from '../../spec/platform.ts';
import { applyChanges, changesBetween, textOfKey, type ListKey } from './list-changes.ts';
import type { StorePaths } from './paths.ts';
import { byAge, type ImageSummary, type PlatformSummary } from './summary.ts';

/** A list that was kept. */
export interface KeptList {
  /** Newest first, as they were written. */
  readonly images: readonly ImageSummary[];
  /** True when so much has changed since the list was written whole that it is better written anew. */
  readonly isWorn: boolean;
}

const VERSION = 2;
/** Bytes. */
const MANY_CHANGES = 32 * 1024;
const HEADER = new RegExp(String.raw`^${VERSION} (\d{1,12}) ([a-f0-9]{64}) (.+)$`);

/**
 * The list that was kept for this state, or became that of this state by what was noted since; else undefined: also when the
 * file is missing, damaged, or of another state. An image per line; what a table does not show is taken apart when somebody
 * asks for it.
 */
export async function readList(paths: StorePaths, key: ListKey): Promise<KeptList | undefined> {
  const bytes = await readFile(paths.list).catch(() => undefined);
  const header = bytes && parseHeader(bytes);
  if (!bytes || !header) return undefined;
  const body = bytes.subarray(header.start, header.start + header.length);
  if (header.sum !== sumOf(body)) return undefined;
  const text = body.toString('utf8');
  const rest = bytes.subarray(header.start + header.length);
  const wanted = textOfKey(key);
  const lines = text.split('\n');
  lines.pop();
  if (header.key === wanted) return { images: lines.map((line) => new KeptSummary(line)), isWorn: false };
  const changes = changesBetween(rest.toString('utf8'), header.key, wanted);
  const changed = changes && applyChanges(changes, text, lines);
  const images = changed?.map((line) => new KeptSummary(line)).sort(byAge);
  return images && { images, isWorn: rest.length > MANY_CHANGES };
}

/**
 * Replaces the file, under the lock of the index. It is not synced: damage shows in its sum.
 * Nothing depends on it, so nothing is thrown where it cannot be written.
 */
export async function writeList(paths: StorePaths, key: ListKey, list: readonly ImageSummary[]): Promise<void> {
  const lines = list.map(lineOf);
  if (lines.includes(undefined)) return;
  const text = lines.join('');
  const body = Buffer.from(text);
  const header = `${VERSION} ${body.length} ${sumOf(body)} ${textOfKey(key)}\n`;
  try {
    await writeFile(paths.nextList, header + text, { mode: 0o600 });
    await rename(paths.nextList, paths.list);
  } catch {
    await rm(paths.nextList, { force: true }).catch(() => undefined);
  }
}

/** The first line of the file. */
interface Header {
  readonly key: string;
  readonly sum: string;
  /** Where the list begins, and how long it is, bytes. */
  readonly start: number;
  readonly length: number;
}

/** Undefined for what is no such line. */
export function parseHeader(bytes: Buffer): Header | undefined {
  const end = bytes.indexOf('\n');
  const [, length, sum = '', key = ''] = HEADER.exec(bytes.toString('utf8', 0, Math.max(end, 0))) ?? [];
  return length === undefined ? undefined : { key, sum, start: end + 1, length: Number(length) };
}

function sumOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

/** Undefined for an image with such characters in its texts that they do not fit into a line. */
export function lineOf(image: ImageSummary): string | undefined {
  if (image instanceof KeptSummary) return `${image.line}\n`;
  const { name = '', id, config, created = '', time, size, platforms } = image;
  // A summary that has a config has that of its id.
  if (config !== undefined && config.digest !== id) return undefined;
  const fields = [
    name,
    id,
    size,
    time,
    created,
    ...entryFields(image),
    config?.size ?? '',
    platformsText(image, platforms),
  ];
  const line = fields.join('\t');
  return line.includes('\n') || line.split('\t').length !== fields.length ? undefined : `${line}\n`;
}

/** What follows from the entry of the index and not from its content, apart from the name. */
export function entryFields({
  descriptor,
  dangling,
}: Pick<ImageSummary, 'descriptor' | 'dangling'>): readonly string[] {
  const { mediaType, digest, size } = descriptor;
  const whole = isPlain(descriptor) ? '' : JSON.stringify(descriptor);
  return [dangling ? 'dangling' : '', mediaType, digest, String(size), whole];
}

/** True when it has nothing but its three fields. */
function isPlain(descriptor: Descriptor): boolean {
  return Object.entries(descriptor).every(
    ([key, value]) => value === undefined || key === 'mediaType' || key === 'digest' || key === 'size',
  );
}

/** For an image without an index everything but the platform is said already. */
function platformsText(image: ImageSummary, platforms: readonly PlatformSummary[]): string {
  const [only] = platforms;
  const { id, created, size } = image;
  const isSame =
    only?.present === true &&
    only.digest === image.descriptor.digest &&
    only.id === id &&
    only.created === created &&
    only.size === size;
  return isSame && platforms.length === 1 ? JSON.stringify(only.platform ?? {}) : JSON.stringify(platforms);
}

/** With ten thousand of them it counts what is taken out of the line before somebody asks for it: what a table shows. */
class KeptSummary implements ImageSummary {
  readonly name: string | undefined;
  readonly id: string;
  readonly size: number;
  readonly time: number;
  readonly line: string;
  #rest: readonly string[] | undefined;
  #descriptor: Descriptor | undefined;
  #platforms: readonly PlatformSummary[] | undefined;

  constructor(line: string) {
    const name = line.indexOf('\t');
    const id = line.indexOf('\t', name + 1);
    const size = line.indexOf('\t', id + 1);
    const time = line.indexOf('\t', size + 1);
    this.name = name === 0 ? undefined : line.slice(0, name);
    this.id = line.slice(name + 1, id);
    this.size = Number(line.slice(id + 1, size));
    this.time = Number(line.slice(size + 1, time));
    this.line = line;
  }

  get created(): string | undefined {
    return this.#fields[4] === '' ? undefined : this.#fields[4];
  }

  get dangling(): boolean {
    return this.#fields[5] !== '';
  }

  get descriptor(): Descriptor {
    const [, , , , , , mediaType = '', digest = '', size = '', whole = ''] = this.#fields;
    const plain = { mediaType, digest, size: Number(size) };
    this.#descriptor ??= whole === '' ? plain : (JSON.parse(whole) as Descriptor);
    return this.#descriptor;
  }

  get config(): ImageSummary['config'] {
    const size = this.#fields[10] ?? '';
    return size === '' ? undefined : { digest: this.id, size: Number(size) };
  }

  get platforms(): readonly PlatformSummary[] {
    this.#platforms ??= this.#readPlatforms();
    return this.#platforms;
  }

  get #fields(): readonly string[] {
    this.#rest ??= this.line.split('\t');
    return this.#rest;
  }

  #readPlatforms(): readonly PlatformSummary[] {
    const value = JSON.parse(this.#fields[11] ?? '[]') as readonly PlatformSummary[] | Partial<Platform>;
    if (Array.isArray(value)) return value as readonly PlatformSummary[];
    const platform = Object.keys(value).length === 0 ? undefined : (value as Platform);
    const { id, created, size } = this;
    return [{ platform, digest: this.descriptor.digest, id, created, size, present: true }];
  }
}
