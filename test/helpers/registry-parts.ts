// How does a test give one part of our registry what it needs, without a directory and a server?
import type { RegistryContents } from '../../src/server/contents.ts';
import type { RegistryPlace, RegistryRequest, Reply } from '../../src/server/reply.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';

export interface FakeRepository {
  /** Tag → text of a manifest. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly referrers?: readonly Descriptor[];
}

/** Contents in memory, of manifests and lists alone. */
export function fakeContents(repositories: Readonly<Record<string, FakeRepository>>): RegistryContents {
  return {
    blob: async () => undefined,
    manifest: async (repository, reference) => {
      const text = repositories[repository]?.tags?.[reference];
      if (text === undefined) return undefined;
      const bytes = Buffer.from(text);
      const mediaType = MEDIA_TYPES.ociManifest;
      return { digest: digestOf(bytes), mediaType, size: bytes.length, bytes: async () => bytes };
    },
    tags: async (repository) => {
      const found = repositories[repository];
      return found && Object.keys(found.tags ?? {});
    },
    referrers: async (repository) => repositories[repository]?.referrers ?? [],
    repositories: async () => Object.keys(repositories),
  };
}

export function placeWith(contents: RegistryContents): RegistryPlace {
  return { contents, dir: undefined as unknown as RegistryPlace['dir'], readOnly: true, allowDelete: false };
}

export function requestWith(query: string, method = 'GET'): RegistryRequest {
  return {
    method,
    query: new URLSearchParams(query),
    headers: {},
    body: undefined as unknown as RegistryRequest['body'],
    signal: new AbortController().signal,
  };
}

/** The document of an answer that is JSON. */
export function documentOf({ body }: Reply): unknown {
  if (typeof body !== 'string') throw new Error('the answer is no text');
  return JSON.parse(body);
}
