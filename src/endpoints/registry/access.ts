// What does each part of the registry endpoint need to reach its repository?
import { HubError } from '../../errors.ts';
import type { HttpRequest, HttpResponse, Send } from '../../http/layer.ts';
import { wireError } from './errors.ts';
import { parseUrl } from '../../util/url.ts';
import type { TraitMemory } from './traits.ts';
import type { UploadJournal } from './upload-journal.ts';

export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

export interface RepositoryAccess {
  /** As people write it: `ubuntu`, `localhost:5000/app`. */
  readonly name: string;
  /** Canonical registry: `docker.io`. */
  readonly registry: string;
  /** Path without the registry: `library/ubuntu`. */
  readonly repository: string;
  readonly send: Send;
  /** URL of a path below `/v2/<repository>/`. */
  url(path: string): Promise<URL>;
  /** A text for the user that is not a failure, each once. */
  readonly warn: (message: string) => void;
  readonly sleep: Sleep;
  readonly traits: TraitMemory;
  /** Where uploads are noted for the next run; loaded when there is one that is worth it. */
  readonly journal?: (() => Promise<UploadJournal>) | undefined;
  /** Opens connections that the next requests will need, `count` or a few. Never throws. */
  readonly warm?: ((count?: number) => void) | undefined;
}

export function pullScope(access: RepositoryAccess): string {
  return `repository:${access.repository}:pull`;
}

export function pushScope(access: RepositoryAccess): string {
  return `repository:${access.repository}:pull,push`;
}

export function deleteScope(access: RepositoryAccess): string {
  return `repository:${access.repository}:delete`;
}

/** Sends a request and gives the answer when its status is one of `statuses`; else throws what the answer means. */
export async function expect(
  access: RepositoryAccess,
  request: HttpRequest,
  { statuses, what }: { readonly statuses: readonly number[]; readonly what: string },
): Promise<HttpResponse> {
  const response = await access.send(request);
  if (statuses.includes(response.status)) return response;
  throw await wireError(response, {
    operation: what,
    subject: access.name,
    registry: access.registry,
    method: request.method,
  });
}

/** The upload and blob locations of an answer, resolved against the URL that was asked [distribution-spec push]. */
export function locationOf(response: HttpResponse, asked: URL, what: string): URL {
  const location = response.headers.get('location');
  if (location === undefined) {
    throw new HubError('SERVER_ERROR', `${what}: ${asked.host} answered ${response.status} without a Location`, {
      hint: 'the registry or a proxy before it does not follow the distribution specification',
    });
  }
  const url = parseLocation(location, asked, what);
  if (url.hostname === asked.hostname && url.protocol !== asked.protocol && asked.protocol === 'https:') {
    // A proxy that ends TLS and does not say so to the registry behind it. Never go on in the clear.
    url.protocol = 'https:';
    if (url.port === '80') url.port = '';
  }
  return url;
}

function parseLocation(location: string, asked: URL, what: string): URL {
  const url = parseUrl(location, asked);
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new HubError('SERVER_ERROR', `${what}: ${asked.host} answered with a Location that is not a web address`);
}
