// How does a local image look in a table, as a tree, and as JSON?
import type { ImageSummary, PlatformSummary } from '../endpoints/store/store.ts';
import { encodedOf, shortDigest } from '../spec/digest.ts';
import { formatPlatform } from '../spec/platform.ts';
import { familiarName, familiarString, splitCanonical } from '../spec/reference.ts';
import type { Column } from './output/output.ts';
import { formatAgo, formatSize } from './output/units.ts';

export interface RowOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly truncate: boolean;
  /** Show the DIGEST column. */
  readonly digests?: boolean | undefined;
}

/** An image with its name taken apart, once for all columns. */
export interface ImageRow {
  readonly image: ImageSummary;
  /** `<none>` for an image without a name. */
  readonly repository: string;
  /** `<none>` without a name, or with a digest instead. */
  readonly tag: string;
}

const NONE = '<none>';
const NOT_KNOWN = 'N/A';

/** The columns of docker's list; the hidden ones are for templates and JSON. */
export function imageColumns({ now, truncate, digests }: RowOptions): readonly Column<ImageRow>[] {
  const size = ({ image }: ImageRow): string => formatSize(image.size);
  const unknown = (): string => NOT_KNOWN;
  return [
    { header: 'REPOSITORY', key: 'Repository', value: ({ repository }) => repository },
    { header: 'TAG', key: 'Tag', value: ({ tag }) => tag },
    { header: 'DIGEST', key: 'Digest', value: ({ image }) => image.descriptor.digest, hidden: digests !== true },
    { header: 'IMAGE ID', key: 'ID', value: ({ image }) => idText(image.id, truncate) },
    { header: 'CREATED', key: 'CreatedSince', value: ({ image }) => formatAgo(image.time, now) },
    { header: 'CREATED AT', key: 'CreatedAt', value: ({ image }) => createdAt(image), hidden: true },
    { header: 'SIZE', key: 'Size', value: size },
    { header: 'VIRTUAL SIZE', key: 'VirtualSize', value: size, hidden: true },
    { header: 'SHARED SIZE', key: 'SharedSize', value: unknown, hidden: true },
    { header: 'UNIQUE SIZE', key: 'UniqueSize', value: unknown, hidden: true },
    { header: 'CONTAINERS', key: 'Containers', value: unknown, hidden: true },
  ];
}

/** One row of a tree: an image, or one of its platforms. */
export interface TreeRow {
  readonly label: string;
  readonly id: string;
  readonly created: string;
  readonly size: string;
}

export const TREE_COLUMNS: readonly Column<TreeRow>[] = [
  { header: 'IMAGE', key: 'Image', value: (row) => row.label },
  { header: 'IMAGE ID', key: 'ID', value: (row) => row.id },
  { header: 'CREATED', key: 'CreatedSince', value: (row) => row.created },
  { header: 'SIZE', key: 'Size', value: (row) => row.size },
];

/** An image and a row for each of its platforms, also for those that are not here. */
export function treeRows(image: ImageSummary, { now }: RowOptions): readonly TreeRow[] {
  const last = image.platforms.length - 1;
  return [
    {
      label: familiarText(image),
      id: shortDigest(image.id),
      created: formatAgo(image.time, now),
      size: formatSize(image.size),
    },
    ...image.platforms.map((platform, at) => branch(platform, at === last, now)),
  ];
}

/** For --json: numbers as numbers, digests in full. */
export function imageObject(image: ImageSummary): object {
  const reference = image.name === undefined ? undefined : splitCanonical(image.name);
  return {
    name: image.name,
    repository: reference && familiarName(reference),
    tag: reference?.tag,
    id: image.id,
    digest: image.descriptor.digest,
    mediaType: image.descriptor.mediaType,
    created: image.created,
    size: image.size,
    platforms: image.platforms.map(({ platform, ...rest }) => ({
      platform: platform && formatPlatform(platform),
      ...rest,
    })),
  };
}

/** 12 hex digits, or all with the algorithm. */
export function idText(digest: string, truncate: boolean): string {
  return truncate ? shortDigest(digest) : digest;
}

export function imageRow(image: ImageSummary): ImageRow {
  const { name } = image;
  if (name === undefined) return { image, repository: NONE, tag: NONE };
  const reference = splitCanonical(name);
  return { image, repository: familiarName(reference), tag: reference.tag ?? NONE };
}

/** The name as people write it; `<none>` without one. */
export function familiarText({ name }: Pick<ImageSummary, 'name'>): string {
  return name === undefined ? NONE : familiarString(splitCanonical(name));
}

function branch(platform: PlatformSummary, isLast: boolean, now: number): TreeRow {
  const name = platform.platform ? formatPlatform(platform.platform) : 'unknown platform';
  const label = `${isLast ? '└─' : '├─'} ${name}`;
  if (!platform.present) return { label, id: '-', created: '-', size: 'not pulled' };
  const id = platform.id === undefined ? encodedOf(platform.digest).slice(0, 12) : shortDigest(platform.id);
  return { label, id, created: formatAgo(platform.created, now), size: formatSize(platform.size) };
}

/** As docker prints it: `2024-01-02 03:04:05 +0000 UTC`. */
function createdAt(image: ImageSummary): string {
  if (image.time === 0) return NOT_KNOWN;
  return `${new Date(image.time).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
