// Is everything here that a manifest refers to, and what of it has to be brought here first?
import type { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { algorithmOf } from '../spec/digest.ts';
import { copiedContent } from '../util/content.ts';
import type { RegistryContents } from './contents.ts';
import type { RegistryPlace } from './reply.ts';
import { refusal } from './wire.ts';

/** Digests named in one refusal; a manifest may lack a hundred thousand. */
const MOST_NAMED = 1000;

/**
 * A manifest is taken only after everything it refers to [OCI distribution-spec, Pushing Manifests]. What only the local
 * store or an upstream has counts, and is copied: a client that was told it is there will not upload it, and the manifest
 * shall not depend on them. Throws MANIFEST_BLOB_UNKNOWN with all that is missing, MANIFEST_INVALID for a wrong size.
 */
export async function checkComplete(
  repository: string,
  needs: readonly Descriptor[],
  place: RegistryPlace,
): Promise<void> {
  const missing: string[] = [];
  for (const need of new Map(needs.map((descriptor) => [descriptor.digest, descriptor])).values()) {
    const size = (await sizeIn(place.dir, repository, need)) ?? (await bring(repository, need, place));
    if (size === undefined) missing.push(need.digest);
    else if (size !== need.size) throw wrongSize(need, size);
  }
  if (missing.length === 0) return;
  throw refusal('MANIFEST_BLOB_UNKNOWN', { details: missing.slice(0, MOST_NAMED).map((digest) => ({ digest })) });
}

/** Artifacts may list as a blob what was pushed as a manifest, and the other way round. */
async function sizeIn(
  contents: RegistryContents,
  repository: string,
  { digest }: Descriptor,
): Promise<number | undefined> {
  return (await contents.blob(repository, digest))?.size ?? (await contents.manifest(repository, digest))?.size;
}

/** Copies from where else it can be seen. Gives its size, undefined when it is nowhere. */
async function bring(
  repository: string,
  { digest }: Descriptor,
  { contents, dir }: RegistryPlace,
): Promise<number | undefined> {
  if (contents === dir) return undefined;
  const manifest = await contents.manifest(repository, digest);
  if (manifest) {
    const descriptor = { digest, mediaType: manifest.mediaType };
    await dir.putManifest(repository, { descriptor, bytes: await manifest.bytes(), tags: [] });
    return manifest.size;
  }
  const blob = await contents.blob(repository, digest);
  if (!blob) return undefined;
  const upload = await dir.uploads.start(repository, algorithmOf(digest));
  try {
    await upload.append(copiedContent(await blob.open()));
    await dir.finish(upload, digest);
  } catch (error) {
    await dir.uploads.end(upload);
    throw error;
  }
  return blob.size;
}

function wrongSize({ digest, size }: Descriptor, actual: number): HubError {
  return refusal('MANIFEST_INVALID', {
    message: `the manifest says that ${digest} has ${size} bytes, but it has ${actual}`,
    details: [{ digest, size, actual }],
  });
}
