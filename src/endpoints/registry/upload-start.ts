// Does an upload have to be: does the repository have the blob, or can another one lend it?
import { HubError } from '../../errors.ts';
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf } from '../../spec/digest.ts';
import type { CallOptions, WriteOptions, WriteResult } from '../../transfer/endpoint.ts';
import { locationOf, pushScope, type RepositoryAccess } from './access.ts';
import { hasBlob } from './blobs.ts';
import { wireError } from './errors.ts';
import { noteStrict } from './strict.ts';
import type { Traits } from './traits.ts';
import { Session } from './upload-session.ts';

/** Repositories asked to lend a blob before it is uploaded. */
const MOUNT_TRIES = 3;
/** Bytes that are sooner sent than asked for. */
const SMALL = 64 * 1024;
/** Answers to a POST that a plain upload would get as well. */
const FINAL: ReadonlySet<number> = new Set([401, 403, 429, 500, 502, 503, 504, 507]);

/**
 * Where the blob is, or a session to upload it in. Usually one POST: a mount from the repository itself is a question
 * whether the blob is there that is answered with a session when it is not. Where that is not known to work, and the blob
 * is not small, HEAD decides. With `force` only a session will do.
 */
export async function findOrStart(
  access: RepositoryAccess,
  descriptor: Descriptor,
  options: WriteOptions & { readonly traits: Traits },
): Promise<Session | WriteResult> {
  if (options.force) return startSession(access, descriptor, options);
  for (const from of lendersOf(access, options)) {
    const result = await tryMount(access, descriptor, { from, signal: options.signal });
    if (result instanceof Session) return orExists(access, { descriptor, session: result }, options);
    if (result) return { outcome: 'mounted', mountedFrom: from };
  }
  const { selfMount } = options.traits;
  // A mount cannot ask for an algorithm, so what is to be kept under another than SHA-256 needs a POST of its own.
  if (selfMount === false || algorithmOf(descriptor.digest) !== 'sha256') {
    if (await hasBlob(access, descriptor, options)) return { outcome: 'exists' };
    return startSession(access, descriptor, options);
  }
  return askByMount(access, descriptor, { signal: options.signal, isProven: selfMount === true });
}

function lendersOf({ repository }: RepositoryAccess, { mountFrom = [] }: WriteOptions): readonly string[] {
  return mountFrom.length === 0 ? mountFrom : mountFrom.filter((name) => name !== repository).slice(0, MOUNT_TRIES);
}

/** A mount from the repository itself, which needs no other right than a plain upload does. */
async function askByMount(
  access: RepositoryAccess,
  descriptor: Descriptor,
  { isProven, signal }: CallOptions & { readonly isProven: boolean },
): Promise<Session | WriteResult> {
  const { registry, traits } = access;
  const { url, response } = await sendMount(access, descriptor, { from: access.repository, signal });
  if (FINAL.has(response.status)) throw await uploadRefusal(access, descriptor, response);
  response.body.cancel();
  if (response.status === 201) {
    if (!isProven) traits.learn(registry, { selfMount: true });
    return { outcome: 'exists' };
  }
  if (response.status === 202) {
    const session = sessionOf(access, { response, asked: url }, descriptor);
    if (isProven || session.isDistribution || descriptor.size <= SMALL) return session;
    const result = await orExists(access, { descriptor, session }, { signal });
    if (!(result instanceof Session)) traits.learn(registry, { selfMount: false });
    return result;
  }
  if (await hasBlob(access, descriptor, { signal })) return { outcome: 'exists' };
  const session = await startSession(access, descriptor, { signal });
  traits.learn(registry, { selfMount: false });
  return session;
}

async function orExists(
  access: RepositoryAccess,
  { descriptor, session }: { readonly descriptor: Descriptor; readonly session: Session },
  options: CallOptions,
): Promise<Session | WriteResult> {
  return (await hasBlob(access, descriptor, options)) ? { outcome: 'exists' } : session;
}

/** True when mounted, a session when not; undefined when refused, as for want of the right to read the lender. */
async function tryMount(
  access: RepositoryAccess,
  descriptor: Descriptor,
  lender: Lender,
): Promise<Session | true | undefined> {
  try {
    const { url, response } = await sendMount(access, descriptor, lender);
    response.body.cancel();
    if (response.status === 201) return true;
    return response.status === 202 ? sessionOf(access, { response, asked: url }, descriptor) : undefined;
  } catch (error) {
    if (HubError.is(error, 'UNAUTHORIZED') || HubError.is(error, 'DENIED')) return undefined;
    throw error;
  }
}

interface Lender {
  readonly from: string;
  readonly signal: AbortSignal | undefined;
}

async function sendMount(
  access: RepositoryAccess,
  descriptor: Descriptor,
  { from, signal }: Lender,
): Promise<{ readonly url: URL; readonly response: HttpResponse }> {
  const query = `mount=${encodeURIComponent(descriptor.digest)}&from=${encodeURIComponent(from)}`;
  const url = await access.url(`blobs/uploads/?${query}`);
  const scopes = from === access.repository ? [pushScope(access)] : [pushScope(access), `repository:${from}:pull`];
  return { url, response: await access.send({ method: 'POST', url, signal, scopes }) };
}

/** A new session for the blob. Throws what the registry's refusal means. */
export async function startSession(
  access: RepositoryAccess,
  descriptor: Descriptor,
  { signal }: CallOptions,
): Promise<Session> {
  const url = await access.url('blobs/uploads/');
  const algorithm = algorithmOf(descriptor.digest);
  if (algorithm !== 'sha256') url.searchParams.set('digest-algorithm', algorithm);
  const response = await access.send({ method: 'POST', url, signal, scopes: [pushScope(access)] });
  if (response.status !== 202) throw await uploadRefusal(access, descriptor, response);
  response.body.cancel();
  return sessionOf(access, { response, asked: url }, descriptor);
}

function sessionOf(
  access: RepositoryAccess,
  { response, asked }: { readonly response: HttpResponse; readonly asked: URL },
  descriptor: Descriptor,
): Session {
  const location = locationOf(response, asked, `upload of blob ${descriptor.digest}`);
  const least = Number(response.headers.get('oci-chunk-min-length'));
  const leastChunk = Number.isSafeInteger(least) && least > 0 ? least : undefined;
  const session = new Session(location, { asked, leastChunk });
  noteStrict(access, response, session);
  return session;
}

/** What an answer that stopped an upload means. */
export function uploadRefusal(
  access: RepositoryAccess,
  descriptor: Descriptor,
  response: HttpResponse,
): Promise<HubError> {
  const operation = `push blob ${descriptor.digest} to ${access.name}`;
  return wireError(response, { operation, subject: access.name, registry: access.registry, method: 'PUT' });
}
