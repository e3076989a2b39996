// How does the registry of a test answer for manifests?
import type { LocalRequest, Reply } from './local-server.ts';
import type { BlobContext, Place } from './registry-blobs.ts';
import { digestOf, isDigest, isTag, refuse, type RegistryContents } from './registry-contents.ts';

interface Pointer {
  readonly mediaType?: unknown;
  readonly digest?: unknown;
  readonly size?: unknown;
  readonly urls?: unknown;
}

interface Document {
  readonly schemaVersion?: unknown;
  readonly mediaType?: unknown;
  readonly config?: Pointer;
  readonly layers?: readonly Pointer[];
  readonly blobs?: readonly Pointer[];
  readonly manifests?: readonly Pointer[];
  readonly subject?: Pointer;
}

const LIMIT = 4 * 1024 * 1024;
const NON_DISTRIBUTABLE = /nondistributable|foreign/;

export function handleManifest(request: LocalRequest, place: Place, context: BlobContext): Promise<Reply> | Reply {
  if (!isDigest(place.reference) && !isTag(place.reference)) {
    throw refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown', { tag: place.reference });
  }
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return get(request, place, context.contents);
    case 'PUT':
      return put(request, place, context);
    case 'DELETE':
      return remove(place, context);
    default:
      throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  }
}

function get({ headers }: LocalRequest, { repository, reference }: Place, contents: RegistryContents): Reply {
  if (!contents.hasRepository(repository)) {
    throw refuse(404, 'NAME_UNKNOWN', 'repository name not known to registry', { name: repository });
  }
  const manifest = contents.manifest(repository, reference);
  if (!manifest) throw refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown', { tag: reference });
  const accepted = (headers.accept ?? '').split(/\s*,\s*/);
  if (!accepted.some((type) => type === manifest.mediaType || type === '*/*')) {
    throw refuse(
      404,
      'MANIFEST_UNKNOWN',
      `the manifest is ${manifest.mediaType}, which the accept header does not name`,
    );
  }
  return {
    status: 200,
    headers: {
      'content-type': manifest.mediaType,
      'docker-content-digest': manifest.digest,
      etag: `"${manifest.digest}"`,
    },
    body: manifest.bytes,
  };
}

async function put(request: LocalRequest, { repository, reference }: Place, context: BlobContext): Promise<Reply> {
  const { contents, options } = context;
  const mediaType = request.headers['content-type'] ?? '';
  const bytes = await request.bytes();
  if (bytes.length > LIMIT) throw refuse(413, 'SIZE_INVALID', 'manifest is too large');
  if (isDigest(reference) && digestOf(bytes, reference.slice(0, reference.indexOf(':'))) !== reference) {
    throw refuse(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  const document = parse(bytes, mediaType);
  for (const missing of missingContent(document, repository, contents)) {
    throw refuse(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', { digest: missing });
  }
  const digest = contents.putManifest(repository, { mediaType, bytes }, reference);
  const subject = options.referrers ? document.subject?.digest : undefined;
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(typeof subject === 'string' && { 'oci-subject': subject }),
    },
  };
}

function parse(bytes: Buffer, mediaType: string): Document {
  let document: Document;
  try {
    document = JSON.parse(bytes.toString()) as Document;
  } catch (error) {
    throw refuse(400, 'MANIFEST_INVALID', `manifest is not JSON: ${String(error)}`);
  }
  const problems = [
    document.schemaVersion !== 2 && 'schemaVersion is not 2',
    document.mediaType !== undefined && document.mediaType !== mediaType && 'mediaType is not the content type',
    document.manifests && (document.layers ?? document.config) && 'both an index and an image',
    !document.manifests && !document.config && !document.blobs && 'neither an index nor an image',
  ].filter((problem) => typeof problem === 'string');
  if (problems.length > 0) throw refuse(400, 'MANIFEST_INVALID', problems.join(', '));
  const pointers = [...blobsOf(document), ...(document.manifests ?? [])];
  for (const { digest, size, mediaType: type } of pointers) {
    const valid =
      typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size) && typeof type === 'string';
    if (!valid) throw refuse(400, 'MANIFEST_INVALID', 'a descriptor is not valid');
  }
  return document;
}

function blobsOf({ config, layers = [], blobs = [] }: Document): readonly Pointer[] {
  return [...(config ? [config] : []), ...layers, ...blobs];
}

/** Digests that must be in the repository before the manifest that points to them; sizes must agree as well. */
function missingContent(document: Document, repository: string, contents: RegistryContents): string[] {
  const missingBlobs = blobsOf(document)
    .filter(({ mediaType }) => !NON_DISTRIBUTABLE.test(String(mediaType)))
    .filter(({ digest, size }) => contents.blob(repository, String(digest))?.length !== size);
  const missingManifests = (document.manifests ?? []).filter(
    ({ digest, size }) => contents.manifest(repository, String(digest))?.bytes.length !== size,
  );
  return [...missingBlobs, ...missingManifests].map(({ digest }) => String(digest));
}

function remove({ repository, reference }: Place, { contents, options }: BlobContext): Reply {
  if (options.deletes === false) throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  if (!contents.manifest(repository, reference)) throw refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  contents.deleteManifest(repository, reference);
  return { status: 202 };
}
