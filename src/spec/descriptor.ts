// How does one piece of content point to another?
import { HubError } from '../errors.ts';
import { isRecord } from '../util/json.ts';
import { isDigest } from './digest.ts';
import { platformFrom, type Platform } from './platform.ts';

/** A pointer to content [OCI image-spec descriptor.md]. `size` is in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
  /** Base64 of the content itself. */
  readonly data?: string | undefined;
}

/**
 * Checks one descriptor of a parsed document; `where` names the field for the message. Unknown fields are dropped from
 * the value, never from the bytes. Throws CONTENT_INVALID.
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isRecord(value)) throw invalid(where, 'is not an object');
  const { mediaType, digest, size, urls, annotations, platform, artifactType, data } = value;
  if (typeof mediaType !== 'string') throw invalid(where, 'has no mediaType');
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(where, 'has no valid digest');
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(where, 'has no valid size');
  return {
    mediaType,
    digest,
    size: size as number,
    urls: Array.isArray(urls) ? urls.filter((url): url is string => typeof url === 'string') : undefined,
    annotations: stringMap(annotations),
    platform: platformFrom(platform),
    artifactType: typeof artifactType === 'string' ? artifactType : undefined,
    data: typeof data === 'string' ? data : undefined,
  };
}

/** The entries of an object whose values are texts; undefined when there are none. */
export function stringMap(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function invalid(where: string, what: string): HubError {
  return new HubError('CONTENT_INVALID', `${where} ${what}`);
}
