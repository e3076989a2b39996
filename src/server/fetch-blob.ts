// How does one blob get from upstream into the directory, with others reading along?
import { HubError } from '../errors.ts';
import type { HttpResponse } from '../http/layer.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { algorithmOf } from '../spec/digest.ts';
import type { Content, Source } from '../transfer/endpoint.ts';
import { reader } from '../transfer/read.ts';
import { copiedContent } from '../util/content.ts';
import type { RegistryDir } from './disk/registry-dir.ts';
import type { Upload } from './disk/upload.ts';
import { Download } from './download.ts';
import type { UpstreamRepository } from './upstream.ts';

export interface BlobFetch {
  readonly dir: RegistryDir;
  readonly upstream: UpstreamRepository;
  readonly repository: string;
  readonly digest: string;
}

export interface StartedFetch {
  readonly download: Download;
  /** Resolves when the blob is in the repository. */
  readonly done: Promise<void>;
}

/**
 * Asks for the blob and begins to store it; undefined when it is in the repository by then without any reader having to
 * follow: it was known from another repository, or its size was not announced. Throws NOT_FOUND, and what the upstream's
 * refusal means.
 */
export async function fetchBlob(fetch: BlobFetch): Promise<StartedFetch | undefined> {
  const { dir, upstream, repository, digest } = fetch;
  const response = await upstream.get(`blobs/${digest}`);
  if (response.status !== 200) throw await refused(response, fetch);
  if (await dir.mount(repository, digest, undefined)) {
    response.body.cancel();
    return undefined;
  }
  const upload = await dir.uploads.start(repository, algorithmOf(digest));
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(length) || length < 1) {
    await store(fetch, upload, response.body);
    return undefined;
  }
  const descriptor = { mediaType: 'application/octet-stream', digest, size: length };
  const download = new Download(upload.path, length);
  const done = follow(fetch, { upload, download, content: await resuming(upstream, descriptor, response.body) });
  // Whoever asked hears of it; until then it must not count as unhandled.
  done.catch(() => undefined);
  return { download, done };
}

interface Following {
  readonly upload: Upload;
  readonly download: Download;
  readonly content: Content;
}

async function follow(fetch: BlobFetch, { upload, download, content }: Following): Promise<void> {
  try {
    await store(fetch, upload, content, (written) => download.advance(written));
    download.finish();
  } catch (error) {
    download.fail(error);
    throw error;
  }
}

async function store(
  { dir, digest }: BlobFetch,
  upload: Upload,
  content: Content,
  onWritten?: (bytes: number) => void,
): Promise<void> {
  try {
    await upload.append(copiedContent(content), onWritten);
    await dir.finish(upload, digest);
  } catch (error) {
    await dir.uploads.end(upload);
    throw error;
  }
}

/** A body that broke goes on where it stopped. */
function resuming(upstream: UpstreamRepository, descriptor: Descriptor, first: Content): Promise<Content> {
  let unused: Content | undefined = first;
  const source: Pick<Source, 'name' | 'resolve' | 'read'> = {
    name: upstream.name,
    resolve: (reference, options) => upstream.resolve(reference, options),
    read: async (wanted, options) => {
      const body = unused;
      unused = undefined;
      return body ?? upstream.read(wanted, options);
    },
  };
  return reader(source, descriptor)();
}

async function refused(response: HttpResponse, { digest, upstream }: BlobFetch): Promise<HubError> {
  response.body.cancel();
  const { status } = response;
  const code = STATUS_CODES[status] ?? 'SERVER_ERROR';
  return new HubError(code, `${upstream.name} answered ${status} for blob ${digest}`, { details: { digest, status } });
}

const STATUS_CODES: Readonly<Record<number, 'NOT_FOUND' | 'UNAUTHORIZED' | 'DENIED' | 'RATE_LIMITED'>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'NOT_FOUND',
  429: 'RATE_LIMITED',
};
