// What refers to a manifest: signatures, SBOMs, attestations?
import { HubError } from '../../errors.ts';
import { buildIndex } from '../../spec/build.ts';
import { parseDescriptor, type Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, digestOf, encodedOf } from '../../spec/digest.ts';
import { parseManifest } from '../../spec/manifest.ts';
import { MEDIA_TYPES } from '../../spec/media-types.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { pullScope, type RepositoryAccess } from './access.ts';
import { getManifest, putManifest } from './manifests.ts';
import { pages } from './pages.ts';

const TRIES = 5;

/** The tag under which registries without the referrers API keep the list [distribution-spec Referrers Tag Schema]. */
function referrersTag(digest: string): string {
  const clean = (text: string, length: number): string => text.slice(0, length).replaceAll(/[^A-Za-z0-9._-]/g, '-');
  return `${clean(algorithmOf(digest), 32)}-${clean(encodedOf(digest), 64)}`;
}

/** Descriptors of what refers to `subject`, from the API [end-12] or the tag schema. None is not an error. */
export async function* listReferrers(
  access: RepositoryAccess,
  subject: Descriptor,
  { signal }: CallOptions = {},
): AsyncGenerator<Descriptor, void> {
  const first = await access.url(`referrers/${subject.digest}`);
  const headers = { accept: MEDIA_TYPES.ociIndex };
  const what = `list referrers of ${access.name}@${subject.digest}`;
  const request = {
    send: access.send,
    first,
    headers,
    scopes: [pullScope(access)],
    signal,
    what,
    subject: access.name,
    registry: access.registry,
  };
  try {
    for await (const { document } of pages(request)) {
      const { manifests } = document;
      if (!Array.isArray(manifests)) continue;
      for (const [index, entry] of manifests.entries()) yield parseDescriptor(entry, `referrer ${index}`);
    }
  } catch (error) {
    if (!HubError.is(error, 'NOT_FOUND')) throw error;
    yield* (await fallbackIndex(access, subject.digest, { signal })) ?? [];
  }
}

async function fallbackIndex(
  access: RepositoryAccess,
  digest: string,
  options: CallOptions,
): Promise<readonly Descriptor[] | undefined> {
  try {
    const { bytes, descriptor } = await getManifest(access, referrersTag(digest), options);
    return parseManifest(bytes, descriptor.mediaType).manifests;
  } catch (error) {
    if (HubError.is(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * Adds a referrer to the list that a registry without the API keeps under a tag. There is no compare-and-swap, so the list
 * is read again after it was written, and written again when somebody else's write won.
 */
export async function addReferrer(
  access: RepositoryAccess,
  { subject, referrer }: { readonly subject: string; readonly referrer: Descriptor },
  options: CallOptions = {},
): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const known = (await fallbackIndex(access, subject, options)) ?? [];
    if (known.some((entry) => entry.digest === referrer.digest)) return;
    const bytes = Buffer.from(buildIndex({ manifests: [...known, referrer], mediaType: MEDIA_TYPES.ociIndex }));
    const descriptor = { mediaType: MEDIA_TYPES.ociIndex, digest: digestOf(bytes), size: bytes.length };
    await putManifest(access, { descriptor, bytes }, { as: referrersTag(subject), signal: options.signal });
  }
}
