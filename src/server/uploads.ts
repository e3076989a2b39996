// How do blobs arrive: mounted, whole, or piece by piece?
import { algorithmOf } from '../spec/digest.ts';
import type { Upload } from './disk/upload.ts';
import { checkWritable, methodNotAllowed } from './permissions.ts';
import type { RegistryPlace, RegistryRequest, Reply } from './reply.ts';
import { checkedDigest, checkedName } from './routes.ts';
import { refusal } from './wire.ts';

export interface UploadRoute {
  readonly repository: string;
  readonly id: string;
}

/** POST: end-4a, 4b, 4c and 11 [OCI distribution-spec]. */
export async function answerUploads(
  request: RegistryRequest,
  { repository }: Pick<UploadRoute, 'repository'>,
  place: RegistryPlace,
): Promise<Reply> {
  if (request.method !== 'POST') methodNotAllowed(['POST']);
  checkWritable(place);
  const { query } = request;
  const mount = query.get('mount');
  if (mount !== null && (await mounted(repository, mount, query.get('from'), place))) {
    return created(repository, mount);
  }
  const digest = query.get('digest');
  if (digest !== null) return takeWhole(request, { repository, digest: checkedDigest(digest) }, place);
  const algorithm = query.get('digest-algorithm') ?? (mount === null ? undefined : algorithmOf(mount));
  const upload = await place.dir.uploads.start(repository, algorithm);
  return progress(upload, 202, place);
}

/** end-5, 6, 13 and 14. */
export async function answerUpload(
  request: RegistryRequest,
  { repository, id }: UploadRoute,
  place: RegistryPlace,
): Promise<Reply> {
  checkWritable(place);
  const upload = await place.dir.uploads.find(repository, id);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return progress(upload, 204, place);
    case 'PATCH':
      return place.dir.exclusive(upload, () => append(request, upload, place));
    case 'PUT':
      return place.dir.exclusive(upload, () => finish(request, upload, place));
    case 'DELETE':
      return place.dir.exclusive(upload, async () => {
        await place.dir.uploads.end(upload);
        return { status: 204 };
      });
    default:
      return methodNotAllowed(['GET', 'PATCH', 'PUT', 'DELETE']);
  }
}

function mounted(repository: string, mount: string, from: string | null, { dir }: RegistryPlace): Promise<boolean> {
  const digest = checkedDigest(mount);
  return dir.mount(repository, digest, from === null ? undefined : checkedName(from));
}

async function takeWhole(
  request: RegistryRequest,
  { repository, digest }: { readonly repository: string; readonly digest: string },
  { dir }: RegistryPlace,
): Promise<Reply> {
  const upload = await dir.uploads.start(repository, digest.slice(0, digest.indexOf(':')));
  try {
    await upload.append(request.body);
    await dir.finish(upload, digest);
  } catch (error) {
    // The client was not told where the session is, so nobody can go on with it.
    await dir.uploads.end(upload);
    throw error;
  }
  return created(repository, digest);
}

async function append(request: RegistryRequest, upload: Upload, place: RegistryPlace): Promise<Reply> {
  await checkChunk(request, upload);
  checkMinimum(request, upload, place);
  await upload.append(request.body);
  return progress(upload, 202, place);
}

async function finish(request: RegistryRequest, upload: Upload, { dir }: RegistryPlace): Promise<Reply> {
  const digest = checkedDigest(request.query.get('digest') ?? '');
  await checkChunk(request, upload);
  if (request.body.length !== 0) await upload.append(request.body);
  await dir.finish(upload, digest);
  return created(upload.repository, digest);
}

/** A piece begins where the one before it ended [end-5]. Throws RANGE_INVALID, SIZE_INVALID. */
async function checkChunk({ headers, body }: RegistryRequest, upload: Upload): Promise<void> {
  const size = await upload.size();
  const header = headers['content-range'];
  if (header === undefined || header === '') return;
  const [, first, last] = /^(?:bytes\s+)?(\d{1,15})-(\d{1,15})(?:\/(?:\*|\d+))?$/.exec(header.trim()) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (first === undefined || start !== size || end < start) {
    throw refusal('RANGE_INVALID', {
      message: `the next byte of this upload is ${size}`,
      headers: progressHeaders(upload, size),
      details: [{ range: header.slice(0, 100), offset: size }],
    });
  }
  if (body.length === undefined || body.length === end - start + 1) return;
  throw refusal('SIZE_INVALID', { details: [{ range: header.slice(0, 100), length: body.length }] });
}

/** Only the last piece may be smaller than the minimum, and which one is the last is known when another comes. */
function checkMinimum({ headers, body }: RegistryRequest, upload: Upload, { chunkMinLength }: RegistryPlace): void {
  if (chunkMinLength === undefined) return;
  if (upload.hasSmallChunk) {
    throw refusal('SIZE_INVALID', { message: `only the last chunk may be smaller than ${chunkMinLength} bytes` });
  }
  const isStream = headers['content-range'] === undefined;
  upload.hasSmallChunk = !isStream && (body.length ?? chunkMinLength) < chunkMinLength;
}

async function progress(upload: Upload, status: 202 | 204, { chunkMinLength }: RegistryPlace): Promise<Reply> {
  const size = await upload.size();
  const minimum = chunkMinLength === undefined ? {} : { 'oci-chunk-min-length': String(chunkMinLength) };
  return { status, headers: { ...progressHeaders(upload, size), ...minimum } };
}

/** Nothing received looks like one byte, as in distribution: the spec has no form for it, and docker wants to read it. */
function progressHeaders({ repository, id }: Upload, size: number): Readonly<Record<string, string>> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, size - 1)}`,
    'docker-upload-uuid': id,
  };
}

function created(repository: string, digest: string): Reply {
  return {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest },
  };
}
