// How does the registry of a test answer for blobs and upload sessions?
import { randomUUID } from 'node:crypto';
import type { LocalRequest, Reply } from './local-server.ts';
import { digestOf, isDigest, refuse, type RegistryContents, type Upload } from './registry-contents.ts';
import type { RegistryOptions } from './registry.ts';

export interface BlobContext {
  readonly contents: RegistryContents;
  readonly options: RegistryOptions;
  /** Where blobs are really served, when not here. */
  readonly blobOrigin: string | undefined;
}

export interface Place {
  readonly repository: string;
  /** A tag, a digest, or what follows `blobs/`. */
  readonly reference: string;
}

interface Session {
  readonly place: Place;
  readonly id: string;
  readonly upload: Upload;
  readonly context: BlobContext;
}

export function handleBlob(request: LocalRequest, place: Place, context: BlobContext): Promise<Reply> | Reply {
  if (place.reference === 'uploads/') return open(request, place, context);
  if (place.reference.startsWith('uploads/')) return handleSession(request, place, context);
  if (!isDigest(place.reference)) throw refuse(400, 'DIGEST_INVALID', 'provided digest is not valid');
  if (request.method === 'DELETE') return remove(place, context);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  return get(request, place, context);
}

function get({ method, headers }: LocalRequest, { repository, reference }: Place, context: BlobContext): Reply {
  const blob = context.contents.blob(repository, reference);
  if (!blob) throw refuse(404, 'BLOB_UNKNOWN', 'blob unknown to registry', { digest: reference });
  const digest = { 'docker-content-digest': reference };
  if (context.blobOrigin !== undefined && method === 'GET') {
    return { status: 307, headers: { ...digest, location: `${context.blobOrigin}/${reference}?signature=secret` } };
  }
  const reply = ranged(blob, method === 'GET' ? headers.range : undefined, context.options.ranges !== false);
  return { ...reply, headers: { ...reply.headers, ...digest } };
}

function remove({ repository, reference }: Place, { contents, options }: BlobContext): Reply {
  if (options.deletes === false) throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  if (!contents.deleteBlob(repository, reference)) throw refuse(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  return { status: 202 };
}

/** POST: mounts a blob, takes one whole, or opens a session. */
async function open(request: LocalRequest, place: Place, context: BlobContext): Promise<Reply> {
  if (request.method !== 'POST') throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  const { contents, options } = context;
  const { searchParams } = request.url;
  const [mount, from, digest] = [searchParams.get('mount'), searchParams.get('from'), searchParams.get('digest')];
  const bytes = await request.bytes();
  if (mount !== null && !isDigest(mount)) throw refuse(400, 'DIGEST_INVALID', 'provided digest is not valid');
  if (mount !== null && from !== null && options.mount !== false && contents.mount(place.repository, from, mount)) {
    return created(place, mount);
  }
  if (digest !== null && options.singlePost) return store(place, bytes, digest, context);
  const id = contents.openUpload(place.repository);
  const upload = contents.upload(place.repository, id);
  return progress({ place, id, upload: upload as Upload, context }, 202);
}

function handleSession(request: LocalRequest, place: Place, context: BlobContext): Promise<Reply> | Reply {
  const id = place.reference.slice('uploads/'.length);
  const upload = context.contents.upload(place.repository, id);
  if (!upload) throw refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
  const session: Session = { place, id, upload, context };
  const stale = request.url.searchParams.get(context.options.stateParameter ?? '_state') !== upload.state;
  const refusesAll = (context.options.staleUpload ?? 416) === 404;
  if (stale && refusesAll) throw refuse(404, 'BLOB_UPLOAD_INVALID', 'blob upload invalid');
  if (request.method === 'GET') return progress(session, 204);
  if (stale) throw refuse(416, 'RANGE_INVALID', 'the state of the upload is out of date');
  switch (request.method) {
    case 'PATCH':
      return append(request, session);
    case 'PUT':
      return finish(request, session);
    case 'DELETE':
      context.contents.closeUpload(id);
      return { status: 204 };
    default:
      throw refuse(405, 'UNSUPPORTED', 'the operation is unsupported');
  }
}

async function append(request: LocalRequest, session: Session): Promise<Reply> {
  checkChunk(request, session, { last: false });
  await receive(request, session.upload);
  return progress(session, 202);
}

async function finish(request: LocalRequest, session: Session): Promise<Reply> {
  const { place, id, upload, context } = session;
  const digest = request.url.searchParams.get('digest') ?? '';
  if (!isDigest(digest)) throw refuse(400, 'DIGEST_INVALID', 'provided digest is not valid');
  if (request.headers['content-length'] !== '0') checkChunk(request, session, { last: true });
  await receive(request, upload);
  context.contents.closeUpload(id);
  return store(place, Buffer.concat(upload.chunks, upload.size), digest, context);
}

/** Chunks come in order and, but for the last one, are large enough. */
function checkChunk({ headers }: LocalRequest, { upload, context }: Session, { last }: { last: boolean }): void {
  if (headers['content-type'] !== 'application/octet-stream') {
    throw refuse(400, 'BLOB_UPLOAD_INVALID', `bad Content-Type ${headers['content-type'] ?? ''}`);
  }
  const range = headers['content-range'];
  if (range === undefined) return;
  const found = /^(\d+)-(\d+)$/.exec(range);
  const [start, end] = [Number(found?.[1]), Number(found?.[2])];
  const length = headers['content-length'];
  const fits = found !== null && start === upload.size && (length === undefined || Number(length) === end - start + 1);
  if (!fits) throw refuse(416, 'RANGE_INVALID', 'invalid content range', { range, have: upload.size });
  const minimum = context.options.chunkMinLength ?? 0;
  if (!last && end - start + 1 < minimum) throw refuse(400, 'SIZE_INVALID', `chunk is smaller than ${minimum} bytes`);
}

/** What arrived before a connection broke stays, as it does in real registries. */
async function receive(request: LocalRequest, upload: Upload): Promise<void> {
  for await (const chunk of request.body) {
    upload.chunks.push(chunk);
    upload.size += chunk.length;
  }
}

function store(place: Place, bytes: Buffer, digest: string, { contents, options }: BlobContext): Reply {
  if (options.checksBlobs === false) {
    contents.putBlob(place.repository, bytes, digest);
    return { status: 201 };
  }
  if (digestOf(bytes, digest.slice(0, digest.indexOf(':'))) !== digest) {
    throw refuse(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', { digest });
  }
  contents.putBlob(place.repository, bytes, digest);
  return created(place, digest);
}

function created({ repository }: Place, digest: string): Reply {
  return {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest },
  };
}

/** How far a session is, and where it goes on; the Location is a new one each time, but for a question. */
function progress({ place, id, upload, context }: Session, status: 202 | 204): Reply {
  if (status === 202) upload.state = randomUUID();
  const { chunkMinLength: minimum, stateParameter = '_state' } = context.options;
  return {
    status,
    headers: {
      location: `/v2/${place.repository}/blobs/uploads/${id}?${stateParameter}=${upload.state}`,
      range: `0-${Math.max(0, upload.size - 1)}`,
      'docker-upload-uuid': id,
      ...(minimum !== undefined && { 'oci-chunk-min-length': String(minimum) }),
    },
  };
}

/** Bytes, or the part of them that was asked for [RFC 9110, 14]. */
export function ranged(bytes: Buffer, range: string | undefined, enabled: boolean): Reply {
  const type = { 'content-type': 'application/octet-stream' };
  const found = enabled ? /^bytes=(\d*)-(\d*)$/.exec(range ?? '') : undefined;
  if (!found || (found[1] === '' && found[2] === '')) return { status: 200, headers: type, body: bytes };
  const [, first = '', last = ''] = found;
  const start = first === '' ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes.length : Math.min(bytes.length, Number(last) + 1);
  if (start >= end)
    return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` }, body: 'range not satisfiable\n' };
  const headers = { ...type, 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(start, end) };
}
