// How are blobs given out and deleted?
import { checkDeletable, methodNotAllowed } from './permissions.ts';
import { parseRange } from './range.ts';
import type { RegistryPlace, RegistryRequest, Reply } from './reply.ts';
import { refusal } from './wire.ts';

export interface BlobRoute {
  readonly repository: string;
  readonly digest: string;
}

/** end-2 and end-10 [OCI distribution-spec]. */
export function answerBlob(request: RegistryRequest, route: BlobRoute, place: RegistryPlace): Promise<Reply> {
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return getBlob(request, route, place);
    case 'DELETE':
      return deleteBlob(route, place);
    default:
      return methodNotAllowed(['GET', 'HEAD', 'DELETE']);
  }
}

async function getBlob(
  { method, headers, signal }: RegistryRequest,
  { repository, digest }: BlobRoute,
  { contents }: RegistryPlace,
): Promise<Reply> {
  const blob = await contents.blob(repository, digest, { signal });
  if (!blob) throw refusal('BLOB_UNKNOWN', { details: [{ digest }] });
  const etag = `"${digest}"`;
  const common = {
    'docker-content-digest': digest,
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
  };
  if (names(headers['if-none-match'], etag)) return { status: 304, headers: common };
  const condition = headers['if-range'];
  const wanted = condition === undefined || condition === etag ? headers.range : undefined;
  const range = parseRange(typeof wanted === 'string' ? wanted : undefined, blob.size);
  if (range === 'unsatisfiable') {
    throw refusal('RANGE_INVALID', { headers: { 'content-range': `bytes */${blob.size}` } });
  }
  const { start, end } = range ?? { start: 0, end: blob.size };
  return {
    status: range ? 206 : 200,
    headers: {
      ...common,
      'content-type': 'application/octet-stream',
      'content-length': String(end - start),
      ...(range && { 'content-range': `bytes ${start}-${end - 1}/${blob.size}` }),
    },
    body: method === 'HEAD' ? undefined : await blob.open({ start, end, signal }),
  };
}

async function deleteBlob({ repository, digest }: BlobRoute, place: RegistryPlace): Promise<Reply> {
  checkDeletable(place);
  if (!(await place.dir.deleteBlob(repository, digest))) throw refusal('BLOB_UNKNOWN', { details: [{ digest }] });
  return { status: 202 };
}

/** True when an If-None-Match header names this entity tag. */
export function names(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
