// Which local images does a list or a prune concern?
import type { ImageSummary, Store } from '../endpoints/store/store.ts';
import { HubError } from '../errors.ts';
import { systemClock } from '../http/clock.ts';
import { parseImageConfig } from '../spec/image-config.ts';
import { familiarMatch, splitCanonical } from '../spec/reference.ts';

/** Conditions of `--filter`. All must be met, of several references one. Times are milliseconds since 1970. */
export interface ImageFilters {
  /** Shell patterns for names. */
  readonly references: readonly string[];
  readonly dangling?: boolean | undefined;
  /** `key` or `key=value`. */
  readonly labels: readonly string[];
  /** Images, named as people name them. */
  readonly before: readonly string[];
  readonly since: readonly string[];
  readonly until?: number | undefined;
}

const KEYS = ['reference', 'dangling', 'label', 'before', 'since', 'until'] as const;
type Key = (typeof KEYS)[number];

const YES = /^(?:true|1)$/i;
const NO = /^(?:false|0)$/i;
const DURATION = /^(?:\d+(?:\.\d+)?(?:s|m|h|d))+$/;
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `KEY=VALUE` texts. Throws USAGE for an unknown key or a value without meaning. */
export function parseImageFilters(texts: readonly string[], allowed: readonly Key[] = KEYS): ImageFilters {
  const values: Record<Key, string[]> = { reference: [], dangling: [], label: [], before: [], since: [], until: [] };
  for (const text of texts) {
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    if (!text.includes('=')) throw usage(`bad format of filter "${text}": want KEY=VALUE`, allowed);
    if (!isKey(key, allowed)) throw usage(`invalid filter '${key}'`, allowed);
    values[key].push(value);
  }
  return {
    references: values.reference,
    dangling: parseDangling(values.dangling),
    labels: values.label,
    before: values.before,
    since: values.since,
    until: values.until.map(parseUntil).reduce<number | undefined>((a, b) => Math.min(a ?? b, b), undefined),
  };
}

/** The images that meet all conditions. Throws NOT_FOUND for an image to compare with that is not here, USAGE for a bad pattern. */
export async function filterImages(
  images: readonly ImageSummary[],
  filters: ImageFilters,
  store: Store,
): Promise<readonly ImageSummary[]> {
  const before = await Promise.all(filters.before.map((text) => createdOf(text, images, store)));
  const since = await Promise.all(filters.since.map((text) => createdOf(text, images, store)));
  const asksForTime = filters.until !== undefined || before.length > 0 || since.length > 0;
  const isInTime = (image: ImageSummary): boolean => {
    const created = image.time;
    if (filters.until !== undefined && !(created < filters.until)) return false;
    return before.every((time) => created < time) && since.every((time) => created > time);
  };
  const found = images.filter((image) => {
    if (filters.dangling !== undefined && image.dangling !== filters.dangling) return false;
    return (!asksForTime || isInTime(image)) && isNamed(image, filters);
  });
  if (filters.labels.length === 0) return found;
  const labels = await Promise.all(found.map((image) => labelsOf(image, store)));
  return found.filter((_, index) => filters.labels.every((wanted) => hasLabel(labels[index] ?? {}, wanted)));
}

function isNamed({ name }: ImageSummary, { references }: ImageFilters): boolean {
  if (references.length === 0) return true;
  return name !== undefined && references.some((pattern) => familiarMatch(pattern, splitCanonical(name)));
}

async function createdOf(text: string, images: readonly ImageSummary[], store: Store): Promise<number> {
  const { digest } = (await store.find(text)).descriptor;
  const image = images.find(({ descriptor }) => descriptor.digest === digest);
  return image?.time ?? 0;
}

/** None for an image without a readable config. */
async function labelsOf({ config }: ImageSummary, store: Store): Promise<Readonly<Record<string, string>>> {
  if (!config) return {};
  try {
    return parseImageConfig(await store.bytes({ mediaType: '', ...config })).config.Labels ?? {};
  } catch (error) {
    if (HubError.is(error, 'CONTENT_INVALID') || HubError.is(error, 'NOT_FOUND')) return {};
    throw error;
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [, key = wanted, value] = /^([^=]*)=(.*)$/s.exec(wanted) ?? [];
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

function parseDangling(values: readonly string[]): boolean | undefined {
  const [first] = values.map((value) => {
    if (YES.test(value) || NO.test(value)) return YES.test(value);
    throw new HubError('USAGE', `invalid filter 'dangling=${value}': want true or false`);
  });
  return first;
}

/** A length of time before now, such as `24h`, or a point in time. */
function parseUntil(text: string): number {
  if (DURATION.test(text)) {
    const parts = [...text.matchAll(/([\d.]+)([smhd])/g)];
    const length = parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (UNITS[unit] ?? 0), 0);
    return systemClock.now() - length;
  }
  const time = /^\d{9,11}$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new HubError('USAGE', `invalid filter 'until=${text}': want a time such as 24h or 2024-01-31`);
}

function isKey(text: string, allowed: readonly Key[]): text is Key {
  return allowed.some((key) => key === text);
}

function usage(message: string, allowed: readonly Key[]): HubError {
  return new HubError('USAGE', message, { hint: `filters are: ${allowed.join(', ')}` });
}
