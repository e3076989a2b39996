// How are manifests given out, taken and deleted?
import { HubError } from '../errors.ts';
import { algorithmOf, digestOf, isDigest } from '../spec/digest.ts';
import { MANIFEST_LIMIT } from '../spec/manifest.ts';
import { names } from './blobs.ts';
import { checkComplete } from './complete.ts';
import type { FoundManifest } from './contents.ts';
import { manifestFacts } from './manifest-facts.ts';
import { checkDeletable, checkWritable, methodNotAllowed } from './permissions.ts';
import type { RegistryPlace, RegistryRequest, Reply } from './reply.ts';
import { checkedTag } from './routes.ts';
import { Gate } from './turns.ts';
import { refusal } from './wire.ts';

/** Large bodies in memory at once: of at most 4 MiB each. Small ones need not wait for them. */
const MOST_LARGE = 16;
const SMALL = 256 * 1024; // bytes
const largeBodies = new Gate(MOST_LARGE);

export interface ManifestRoute {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
}

/** end-3, 7a, 7b and 9 [OCI distribution-spec]. */
export function answerManifest(request: RegistryRequest, route: ManifestRoute, place: RegistryPlace): Promise<Reply> {
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return getManifest(request, route, place);
    case 'PUT':
      checkWritable(place);
      return isSmall(request)
        ? putManifest(request, route, place)
        : largeBodies.run(() => putManifest(request, route, place));
    case 'DELETE':
      return deleteManifest(route, place);
    default:
      return methodNotAllowed(['GET', 'HEAD', 'PUT', 'DELETE']);
  }
}

async function getManifest(request: RegistryRequest, route: ManifestRoute, place: RegistryPlace): Promise<Reply> {
  const { method, headers, signal } = request;
  const found = await place.contents.manifest(route.repository, route.reference, { signal });
  if (!found) throw unknownManifest(route);
  const etag = `"${found.digest}"`;
  const common = { 'docker-content-digest': found.digest, etag };
  if (names(headers['if-none-match'], etag)) return { status: 304, headers: common };
  return {
    status: 200,
    headers: { ...common, 'content-type': found.mediaType, 'content-length': String(found.size) },
    body: method === 'HEAD' ? undefined : await found.bytes(),
  };
}

function isSmall({ body }: RegistryRequest): boolean {
  return body.length !== undefined && body.length <= SMALL;
}

async function putManifest(request: RegistryRequest, route: ManifestRoute, place: RegistryPlace): Promise<Reply> {
  const { repository, reference } = route;
  const bytes = await request.body.bytes(MANIFEST_LIMIT);
  const facts = manifestFacts(bytes, request.headers['content-type']);
  const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
  if (isDigest(reference) && digest !== reference) {
    throw refusal('DIGEST_INVALID', { details: [{ digest: reference, actual: digest, size: bytes.length }] });
  }
  const wanted = [...new Set(request.query.getAll('tag').map(checkedTag))];
  const tags = isDigest(reference) ? wanted : [...new Set([reference, ...wanted])];
  await checkComplete(repository, facts.needs, place);
  const { mediaType, subject, artifactType, annotations } = facts;
  const descriptor = { mediaType, digest, size: bytes.length };
  await place.dir.putManifest(repository, {
    descriptor,
    bytes,
    tags,
    subject: subject?.digest,
    referrer: subject && { ...descriptor, artifactType, annotations },
  });
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(subject && { 'oci-subject': subject.digest }),
      ...(wanted.length > 0 && { 'oci-tag': wanted }),
    },
  };
}

async function deleteManifest(route: ManifestRoute, place: RegistryPlace): Promise<Reply> {
  checkDeletable(place);
  const { repository, reference } = route;
  const { dir } = place;
  const done = isDigest(reference)
    ? await dir.deleteManifest(repository, reference, await subjectOf(await dir.manifest(repository, reference)))
    : await dir.deleteTag(repository, reference);
  if (!done) throw unknownManifest(route);
  return { status: 202 };
}

async function subjectOf(found: FoundManifest | undefined): Promise<string | undefined> {
  try {
    return found && manifestFacts(await found.bytes(), found.mediaType).subject?.digest;
  } catch (error) {
    // What can no longer be read can still be deleted.
    if (HubError.is(error)) return undefined;
    throw error;
  }
}

function unknownManifest({ repository, reference }: ManifestRoute): HubError {
  return refusal('MANIFEST_UNKNOWN', { details: [{ name: repository, reference }] });
}
