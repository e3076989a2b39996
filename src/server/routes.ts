// Which resource does a path name? Nothing that is not grammatical gets beyond this file.
import { isDigest, isVerifiable } from '../spec/digest.ts';
import { isRepository, isTag } from '../spec/reference.ts';
import { refusal } from './wire.ts';

export type Route =
  | { readonly kind: 'base' | 'catalog' | 'search' | 'ping' }
  | { readonly kind: 'tags' | 'uploads'; readonly repository: string }
  | { readonly kind: 'blob' | 'referrers'; readonly repository: string; readonly digest: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string };

const FIXED: Readonly<Record<string, 'base' | 'catalog' | 'search' | 'ping'>> = {
  '/v2': 'base',
  '/v2/': 'base',
  '/v2/_catalog': 'catalog',
  '/v1/search': 'search',
  '/v1/_ping': 'ping',
};
/** The name is as long as can be: `a/manifests` may be a repository. */
const BELOW = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/(.*)$/s;
const UPLOAD_ID = /^[a-f0-9]{32}$/;

export interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Path and query of a request line. Throws NAME_INVALID for a path whose escapes are no UTF-8 text. */
export function targetOf(requestTarget: string): Target {
  const origin = /^https?:\/\/[^/?#]*/i.exec(requestTarget)?.[0] ?? '';
  const [raw = ''] = requestTarget.slice(origin.length).split('?', 1);
  const query = new URLSearchParams(requestTarget.slice(origin.length + raw.length));
  try {
    return { path: decodeURIComponent(raw), query };
  } catch {
    throw refusal('NAME_INVALID', { message: 'the path is not UTF-8 text' });
  }
}

/** Undefined for a path that is no endpoint [OCI distribution-spec, Endpoints]. Throws NAME_INVALID, DIGEST_INVALID. */
export function routeOf(path: string): Route | undefined {
  const fixed = Object.hasOwn(FIXED, path) ? FIXED[path] : undefined;
  if (fixed !== undefined) return { kind: fixed };
  const [, repository = '', area = '', rest = ''] = BELOW.exec(path) ?? [];
  if (repository === '') return undefined;
  return routeBelow(checkedName(repository), area, rest);
}

/** The text if it is the name of a repository. Throws NAME_INVALID. */
export function checkedName(text: string): string {
  if (isRepository(text)) return text;
  throw refusal('NAME_INVALID', { details: [{ name: text.slice(0, 300) }] });
}

function routeBelow(repository: string, area: string, rest: string): Route | undefined {
  switch (area) {
    case 'manifests':
      return { kind: 'manifest', repository, reference: checkedReference(rest) };
    case 'blobs':
      return { kind: 'blob', repository, digest: checkedDigest(rest) };
    case 'referrers':
      return { kind: 'referrers', repository, digest: checkedDigest(rest) };
    case 'tags':
      return rest === 'list' ? { kind: 'tags', repository } : undefined;
    default:
      return uploadRoute(repository, rest);
  }
}

/** The text if it is a digest whose content can be verified. Throws DIGEST_INVALID. */
export function checkedDigest(text: string): string {
  if (isDigest(text) && isVerifiable(text)) return text;
  throw refusal('DIGEST_INVALID', {
    message: 'the digest is not one of sha256 or sha512',
    details: [{ digest: text.slice(0, 300) }],
  });
}

/** The text if it is a tag. Throws TAG_INVALID. */
export function checkedTag(text: string): string {
  if (isTag(text)) return text;
  throw refusal('TAG_INVALID', { details: [{ tag: text.slice(0, 300) }] });
}

function checkedReference(text: string): string {
  return text.includes(':') ? checkedDigest(text) : checkedTag(text);
}

function uploadRoute(repository: string, id: string): Route {
  if (id === '') return { kind: 'uploads', repository };
  if (!UPLOAD_ID.test(id)) throw refusal('BLOB_UPLOAD_UNKNOWN');
  return { kind: 'upload', repository, id };
}
