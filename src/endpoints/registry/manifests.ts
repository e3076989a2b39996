// How are manifests asked for, checked, put and deleted?
import { HubError } from '../../errors.ts';
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, digestOf, isDigest, isVerifiable } from '../../spec/digest.ts';
import { MANIFEST_LIMIT, sniffManifestType } from '../../spec/manifest.ts';
import { isManifestType, MANIFEST_ACCEPT } from '../../spec/media-types.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { tryTwice } from '../../transfer/verify.ts';
import { collect, contentOf } from '../../util/content.ts';
import { deleteScope, expect, pullScope, pushScope, type RepositoryAccess } from './access.ts';
import { namesVersion } from './strict.ts';

/** Milliseconds a registry may take to accept a manifest; then it is asked whether it has, and is sent it once more. */
const COMMIT_TIMEOUT = 25_000;
/** Milliseconds for that question. */
const ASK_TIMEOUT = 4000;

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/**
 * GET of a manifest by tag or digest [distribution-spec end-3]. The descriptor is that of the bytes received.
 * Throws NOT_FOUND, DIGEST_MISMATCH when bytes and digest (asked for, or announced) differ, CONTENT_INVALID for what is no manifest.
 */
export async function getManifest(
  access: RepositoryAccess,
  reference: string,
  { signal }: CallOptions = {},
): Promise<FetchedManifest> {
  const what = `pull ${describe(access, reference)}`;
  const url = await access.url(`manifests/${reference}`);
  const headers = { accept: MANIFEST_ACCEPT };
  const whole = { limit: MANIFEST_LIMIT, what: `${what}: the manifest` };
  const request = { method: 'GET', url, headers, signal, scopes: [pullScope(access)], whole } as const;
  const fetch = async (fresh: boolean): Promise<FetchedManifest> => {
    const response = await expect(access, { ...request, fresh }, { statuses: [200], what });
    const bytes = await collect(response.body, whole.limit, whole.what);
    const mediaType = mediaTypeOf(response, bytes, what);
    const digest = checkedDigest(response, bytes, { reference, what });
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  };
  return tryTwice(fetch);
}

/**
 * HEAD of a manifest: its descriptor without its bytes, and without a pull counted by Docker Hub. Undefined when the
 * registry does not answer HEAD in full, so that the caller has to GET. Throws NOT_FOUND.
 */
export async function headManifest(
  access: RepositoryAccess,
  reference: string,
  { signal }: CallOptions = {},
): Promise<Descriptor | undefined> {
  const url = await access.url(`manifests/${reference}`);
  const headers = { accept: MANIFEST_ACCEPT };
  const response = await access.send({ method: 'HEAD', url, headers, signal, scopes: [pullScope(access)] });
  response.body.cancel();
  const digest = response.headers.get('docker-content-digest');
  const mediaType = contentType(response);
  const size = Number(response.headers.get('content-length'));
  if (response.status !== 200 || digest === undefined || !isDigest(digest)) return undefined;
  if (!isManifestType(mediaType) || !Number.isSafeInteger(size) || size <= 0) return undefined;
  return { mediaType, digest, size };
}

/** True when the registry has this manifest. A registry that refuses HEAD counts as not having it. */
export async function hasManifest(
  access: RepositoryAccess,
  digest: string,
  { signal }: CallOptions = {},
): Promise<boolean> {
  const url = await access.url(`manifests/${digest}`);
  const headers = { accept: MANIFEST_ACCEPT };
  const scopes = [pushScope(access)];
  const response = await access.send({ method: 'HEAD', url, headers, signal, scopes });
  response.body.cancel();
  return response.status === 200;
}

/**
 * HEAD of a tag that is to be pushed: the digest it has, empty when the registry does not tell it; undefined when
 * there is none, or the registry refuses to say.
 */
export async function headName(
  access: RepositoryAccess,
  tag: string,
  { signal }: CallOptions = {},
): Promise<string | undefined> {
  const url = await access.url(`manifests/${tag}`);
  const headers = { accept: MANIFEST_ACCEPT };
  const response = await access.send({ method: 'HEAD', url, headers, signal, scopes: [pushScope(access)] });
  response.body.cancel();
  if (response.status !== 200) return undefined;
  const digest = response.headers.get('docker-content-digest');
  return digest !== undefined && isDigest(digest) ? digest : '';
}

export interface PutAnswer {
  /** The `OCI-Subject` the registry took note of. */
  readonly subject: string | undefined;
  /** It answered as distribution does. */
  readonly namesVersion: boolean;
}

/** PUT of a manifest under a tag or its digest [end-7a]. */
export async function putManifest(
  access: RepositoryAccess,
  manifest: FetchedManifest,
  { as, signal }: CallOptions & { readonly as: string },
): Promise<PutAnswer> {
  const { descriptor, bytes } = manifest;
  const what = `push ${describe(access, as)}`;
  const url = await access.url(`manifests/${as}`);
  const response = await expect(
    access,
    {
      method: 'PUT',
      url,
      headers: { 'content-type': descriptor.mediaType },
      body: { length: bytes.length, open: async () => contentOf(bytes) },
      signal,
      scopes: [pushScope(access)],
      headersTimeout: COMMIT_TIMEOUT,
      settled: hasSubject(bytes) ? undefined : () => storedAs(access, manifest, { as, signal }),
    },
    { statuses: [200, 201, 202], what },
  );
  response.body.cancel();
  const stored = response.headers.get('docker-content-digest');
  if (stored !== undefined && stored !== descriptor.digest && algorithmOf(stored) === algorithmOf(descriptor.digest)) {
    throw new HubError('DIGEST_MISMATCH', `${what}: sent ${descriptor.digest}, the registry stored ${stored}`, {
      hint: 'the registry changes manifests; what was pushed cannot be trusted',
    });
  }
  return { subject: response.headers.get('oci-subject'), namesVersion: namesVersion(response) };
}

/** The answer to HEAD, when the name means the manifest already: its PUT got through, and only its answer did not. */
async function storedAs(
  access: RepositoryAccess,
  { descriptor }: FetchedManifest,
  { as, signal }: CallOptions & { readonly as: string },
): Promise<HttpResponse | undefined> {
  const url = await access.url(`manifests/${as}`);
  const headers = { accept: MANIFEST_ACCEPT };
  const scopes = [pushScope(access)];
  const limits = { headersTimeout: ASK_TIMEOUT, silences: 1 };
  const response = await access.send({ method: 'HEAD', url, headers, signal, scopes, ...limits });
  response.body.cancel();
  const isStored = response.status === 200 && response.headers.get('docker-content-digest') === descriptor.digest;
  return isStored ? response : undefined;
}

/** Only the answer to its PUT tells whether the registry keeps the list of what refers to a subject. */
function hasSubject(bytes: Buffer): boolean {
  return bytes.includes('"subject"');
}

/** DELETE of a tag or a digest [end-9]. Throws UNSUPPORTED where the registry does not allow it. */
export async function deleteManifest(
  access: RepositoryAccess,
  reference: string,
  { signal }: CallOptions = {},
): Promise<void> {
  const url = await access.url(`manifests/${reference}`);
  const scopes = [pushScope(access), deleteScope(access)];
  const what = `delete ${describe(access, reference)}`;
  const response = await expect(access, { method: 'DELETE', url, signal, scopes }, { statuses: [200, 202, 204], what });
  response.body.cancel();
}

function describe(access: RepositoryAccess, reference: string): string {
  return isDigest(reference) ? `${access.name}@${reference}` : `${access.name}:${reference}`;
}

function contentType(response: HttpResponse): string {
  return (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Some registries send no type, or `text/plain`; a web page is no manifest whatever its status. */
function mediaTypeOf(response: HttpResponse, bytes: Buffer, what: string): string {
  const announced = contentType(response);
  const type = isManifestType(announced) ? announced : sniffManifestType(bytes);
  if (type !== undefined) return type;
  const isPage = /^\s*</.test(bytes.subarray(0, 64).toString('latin1'));
  const answer = isPage ? 'a web page' : `content of type ${announced || 'unknown'}`;
  throw new HubError('SERVER_ERROR', `${what}: ${response.url.host} answered with ${answer} instead of a manifest`, {
    hint: 'is a login page or proxy in between? try: curl -v on the same address',
  });
}

function checkedDigest(
  response: HttpResponse,
  bytes: Buffer,
  { reference, what }: { readonly reference: string; readonly what: string },
): string {
  const expected = isDigest(reference) ? reference : response.headers.get('docker-content-digest');
  const algorithm =
    expected !== undefined && isDigest(expected) && isVerifiable(expected) ? algorithmOf(expected) : 'sha256';
  const actual = digestOf(bytes, algorithm);
  if (isDigest(reference) && !isVerifiable(reference)) return reference;
  if (expected === undefined || !isDigest(expected) || actual === expected) return actual;
  throw new HubError('DIGEST_MISMATCH', `${what}: the manifest should be ${expected} but hashes to ${actual}`, {
    hint: 'nothing was stored; the registry or something between changes content',
    details: { expected, actual },
  });
}
