// What does the name of an image mean: which registry, which repository, which tag or digest?
import { HubError } from '../errors.ts';
import { isDigest, isVerifiable } from './digest.ts';
import { globMatches } from './glob.ts';
import { explainReference, PATH_LIMIT, REFERENCE_LIMIT, type ReferenceParts } from './reference-hint.ts';

/**
 * A canonical image name: `ubuntu` is registry `docker.io`, repository `library/ubuntu`. With both tag and digest the
 * digest says what is meant and the tag is only a label.
 */
export interface Reference {
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}

const DEFAULT_REGISTRY = 'docker.io';
const LEGACY_REGISTRY = 'index.docker.io';
const OFFICIAL = 'library/';

const HOST =
  /^(?:[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const IDENTIFIER = /^[a-f0-9]{64}$/;

/**
 * Reads a name as people write it and makes it canonical; adds no tag. The grammar and the rules of what is a registry
 * are those of distribution/reference. Throws REFERENCE_INVALID with its error text and, as hint, what is wrong where.
 */
export function parseReference(text: string): Reference {
  const parts = splitReference(text);
  const problem = problemOf(text, parts);
  if (problem === undefined) {
    return { registry: parts.registry, repository: parts.path, tag: parts.tag, digest: parts.digest };
  }
  throw new HubError('REFERENCE_INVALID', problem, {
    hint: explainReference(text, parts),
    details: { reference: text.slice(0, REFERENCE_LIMIT) },
  });
}

/** As `parseReference`, but 64 hex digits and `sha256:...` name content by digest alone. Throws REFERENCE_INVALID. */
export function parseAnyReference(text: string): Reference | { readonly digest: string } {
  if (IDENTIFIER.test(text)) return { digest: `sha256:${text}` };
  if (isDigest(text) && isVerifiable(text)) return { digest: text };
  return parseReference(text);
}

/** Canonical and complete: `docker.io/library/ubuntu:22.04`. `parseReference` of it gives the same reference. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffixOf(reference);
}

/** What `formatReference` wrote, such as the name of an image of the store, taken apart again. Nothing is checked, which is quick. */
export function splitCanonical(name: string): Reference {
  const slash = name.indexOf('/');
  const at = name.indexOf('@', slash);
  const colon = name.slice(0, at === -1 ? undefined : at).indexOf(':', slash);
  const end = [colon, at].find((place) => place !== -1);
  return {
    registry: name.slice(0, slash),
    repository: name.slice(slash + 1, end),
    tag: colon === -1 ? undefined : name.slice(colon + 1, at === -1 ? undefined : at),
    digest: at === -1 ? undefined : name.slice(at + 1),
  };
}

/** `docker.io/library/ubuntu`. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/**
 * The name without tag and digest, as short as people write it: `ubuntu`, `user/app`, `ghcr.io/owner/app`. Only
 * `docker.io/my.site/app` and the like keep their registry, since `my.site/app` is another image.
 */
export function familiarName(reference: Reference): string {
  const { registry, repository } = reference;
  if (registry !== DEFAULT_REGISTRY) return repositoryName(reference);
  const isMisleading = looksLikeRegistry(repository.slice(0, Math.max(repository.indexOf('/'), 0)));
  if (isMisleading) return repositoryName(reference);
  const rest = repository.startsWith(OFFICIAL) ? repository.slice(OFFICIAL.length) : repository;
  return rest.includes('/') ? repository : rest;
}

/** The familiar name with the tag and digest there are. */
export function familiarString(reference: Reference): string {
  return familiarName(reference) + suffixOf(reference);
}

/** Adds the tag `latest` when there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: 'latest' };
}

/**
 * True when a shell pattern matches the familiar string or the familiar name; `*` never crosses a `/`.
 * Throws USAGE for a malformed pattern [distribution/reference FamiliarMatch].
 */
export function familiarMatch(pattern: string, reference: Reference): boolean {
  return globMatches(pattern, familiarString(reference)) || globMatches(pattern, familiarName(reference));
}

/** True for a grammatical tag: at most 128 of `A-Za-z0-9_.-`, not beginning with `.` or `-`. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True for a grammatical repository path without registry, such as `library/ubuntu`. */
export function isRepository(text: string): boolean {
  return text.length <= PATH_LIMIT && PATH.test(text);
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function splitReference(text: string): ReferenceParts {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  const hasRegistry = looksLikeRegistry(first);
  const registry = hasRegistry && first !== LEGACY_REGISTRY ? first : DEFAULT_REGISTRY;
  const pathAt = hasRegistry ? slash + 1 : 0;
  const rest = text.slice(pathAt);
  const prefix = registry === DEFAULT_REGISTRY && !rest.includes('/') ? OFFICIAL : '';
  const end = rest.search(/[:@]|$/);
  const suffix = rest.slice(end);
  const at = suffix.indexOf('@');
  return {
    registry,
    hasRegistry,
    path: prefix + rest.slice(0, end),
    pathAt,
    tag: suffix.startsWith(':') ? suffix.slice(1, at < 0 ? undefined : at) : undefined,
    digest: at < 0 ? undefined : suffix.slice(at + 1),
  };
}

/** Upper case is not allowed in a path, so a first part that has it can only be a host. */
function looksLikeRegistry(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
}

function problemOf(text: string, parts: ReferenceParts): string | undefined {
  const { registry, path, tag, digest } = parts;
  const malformed = 'invalid reference format';
  if (text.length > REFERENCE_LIMIT) return malformed;
  if (IDENTIFIER.test(text)) return `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`;
  if (path !== path.toLowerCase()) return `${malformed}: repository name (${path}) must be lowercase`;
  // A host that fails here but would pass as a path makes upstream answer with an empty registry; it is refused.
  if (!HOST.test(registry) || !PATH.test(path)) return malformed;
  if (tag !== undefined && !TAG.test(tag)) return malformed;
  if (digest !== undefined && !DIGEST.test(digest)) return malformed;
  if (path.length > PATH_LIMIT) return `repository name must not be more than ${PATH_LIMIT} characters`;
  return digest === undefined ? undefined : digestProblem(digest);
}

/** Error texts of go-digest. The digest has passed the grammar of references. */
function digestProblem(digest: string): string | undefined {
  const [algorithm = '', encoded = ''] = digest.split(':');
  if (algorithm !== algorithm.toLowerCase()) return 'invalid checksum digest format';
  if (!isVerifiable(digest)) return 'unsupported digest algorithm';
  if (encoded.length !== Number(algorithm.slice(3)) / 4) return 'invalid checksum digest length';
  return isDigest(digest) ? undefined : 'invalid checksum digest format';
}
