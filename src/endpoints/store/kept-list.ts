// What does a list of ten thousand images look like on the disk, so that the next one is read in one go?
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Platform } from '../../spec/platform.ts';
import type { StorePaths } from './paths.ts';
import type { ImageSummary, PlatformSummary } from './summary.ts';

/** A state of index.json and the facts that belong to it. */
export interface StateKey {
  /** Identity of the file. */
  readonly index: string;
  /** Sum of the facts. */
  readonly facts: string;
}

/** All that a list follows from. It holds for no other. */
export interface ListKey extends StateKey {
  readonly platform: Platform;
}

const VERSION = 1;

/**
 * The list that was kept for this state, else undefined: also when the file is missing, damaged, or of another state. An
 * image per line; what a table does not show is taken apart when somebody asks for it.
 */
export async function readList(paths: StorePaths, key: ListKey): Promise<readonly ImageSummary[] | undefined> {
  const bytes = await readFile(paths.list).catch(() => undefined);
  const end = bytes?.indexOf('\n') ?? -1;
  if (bytes === undefined || end === -1) return undefined;
  const body = bytes.subarray(end + 1);
  if (bytes.toString('utf8', 0, end) !== headerOf(key, body)) return undefined;
  const lines = body.toString('utf8').split('\n');
  lines.pop();
  return lines.map((line) => new KeptSummary(line));
}

/**
 * Replaces the file, under the lock of the index. It is not synced: damage shows in its sum.
 * Nothing depends on it, so nothing is thrown where it cannot be written.
 */
export async function writeList(paths: StorePaths, key: ListKey, list: readonly ImageSummary[]): Promise<void> {
  const lines = list.map(lineOf);
  if (lines.includes(undefined)) return;
  const body = lines.join('');
  try {
    await writeFile(paths.nextList, `${headerOf(key, body)}\n${body}`, { mode: 0o600 });
    await rename(paths.nextList, paths.list);
  } catch {
    await rm(paths.nextList, { force: true }).catch(() => undefined);
  }
}

function headerOf({ index, facts, platform }: ListKey, body: Uint8Array | string): string {
  const sum = createHash('sha256').update(body).digest('hex');
  return [VERSION, index, facts, JSON.stringify(platform), sum].join(' ');
}

/** Undefined for an image with such characters in its texts that they do not fit into a line. */
function lineOf(image: ImageSummary): string | undefined {
  const { name = '', descriptor, id, config, created = '', size, dangling, platforms } = image;
  // A summary that has a config has that of its id.
  if (config !== undefined && config.digest !== id) return undefined;
  const fields = [
    name,
    id,
    size,
    created,
    dangling ? 'dangling' : '',
    descriptor.mediaType,
    descriptor.digest,
    descriptor.size,
    isPlain(descriptor) ? '' : JSON.stringify(descriptor),
    config?.size ?? '',
    platformsText(image, platforms),
  ];
  const line = fields.join('\t');
  return line.includes('\n') || line.split('\t').length !== fields.length ? undefined : `${line}\n`;
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
  readonly created: string | undefined;
  readonly #line: string;
  #rest: readonly string[] | undefined;
  #descriptor: Descriptor | undefined;
  #platforms: readonly PlatformSummary[] | undefined;

  constructor(line: string) {
    const name = line.indexOf('\t');
    const id = line.indexOf('\t', name + 1);
    const size = line.indexOf('\t', id + 1);
    const created = line.indexOf('\t', size + 1);
    this.name = name === 0 ? undefined : line.slice(0, name);
    this.id = line.slice(name + 1, id);
    this.size = Number(line.slice(id + 1, size));
    this.created = created === size + 1 ? undefined : line.slice(size + 1, created);
    this.#line = line;
  }

  get dangling(): boolean {
    return this.#fields[4] !== '';
  }

  get descriptor(): Descriptor {
    const [, , , , , mediaType = '', digest = '', size = '', whole = ''] = this.#fields;
    const plain = { mediaType, digest, size: Number(size) };
    this.#descriptor ??= whole === '' ? plain : (JSON.parse(whole) as Descriptor);
    return this.#descriptor;
  }

  get config(): ImageSummary['config'] {
    const size = this.#fields[9] ?? '';
    return size === '' ? undefined : { digest: this.id, size: Number(size) };
  }

  get platforms(): readonly PlatformSummary[] {
    this.#platforms ??= this.#readPlatforms();
    return this.#platforms;
  }

  get #fields(): readonly string[] {
    this.#rest ??= this.#line.split('\t');
    return this.#rest;
  }

  #readPlatforms(): readonly PlatformSummary[] {
    const value = JSON.parse(this.#fields[10] ?? '[]') as readonly PlatformSummary[] | Partial<Platform>;
    if (Array.isArray(value)) return value as readonly PlatformSummary[];
    const platform = Object.keys(value).length === 0 ? undefined : (value as Platform);
    const { id, created, size } = this;
    return [{ platform, digest: this.descriptor.digest, id, created, size, present: true }];
  }
}
