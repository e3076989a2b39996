// Where is what inside the directory of a registry?
import { join } from 'node:path';
import { HubError } from '../../errors.ts';
import { algorithmOf, encodedOf, isDigest, isVerifiable } from '../../spec/digest.ts';
import { isRepository, isTag } from '../../spec/reference.ts';

/** Names of folders below a repository begin so; no part of a repository's name can. */
export const PRIVATE = '_';
/** Capitals that are marked one by one: half of the longest tag. */
const MOST_MARKED = 64;

export interface RegistryPaths {
  readonly dir: string;
  /** Says that the directory is a registry and of which version. */
  readonly marker: string;
  readonly lock: string;
  readonly repositories: string;
  /** Unfinished uploads: `<id>.data` and `<id>.json`. */
  readonly uploads: string;
  /** The content of all repositories, once. */
  content(digest: string): string;
  repository(name: string): string;
  /** An empty file: the repository has this blob. */
  blobLink(name: string, digest: string): string;
  manifests(name: string, algorithm: string): string;
  /** The media type of a manifest that the repository has. */
  manifestLink(name: string, digest: string): string;
  tags(name: string): string;
  tag(name: string, tag: string): string;
  /** A descriptor for each manifest whose subject is this digest. */
  referrers(name: string, subject: string): string;
  referrer(name: string, subject: string, digest: string): string;
}

/** Every path is made of parts that were checked here, whoever checked them before. They throw REFERENCE_INVALID. */
export function registryPaths(dir: string): RegistryPaths {
  const [blobs, repositories, uploads] = [join(dir, 'blobs'), join(dir, 'repositories'), join(dir, 'uploads')];
  const repository = (name: string): string => join(repositories, ...checked(name, isRepository(name)).split('/'));
  const referrers = (name: string, subject: string): string =>
    join(repository(name), '_referrers', ...digestParts(subject));
  return {
    dir,
    marker: join(dir, 'registry.json'),
    lock: join(dir, 'registry.lock'),
    repositories,
    uploads,
    content: (digest) => {
      const [algorithm, encoded] = digestParts(digest);
      return join(blobs, algorithm, encoded.slice(0, 2), encoded);
    },
    repository,
    blobLink: (name, digest) => join(repository(name), '_blobs', ...digestParts(digest)),
    manifests: (name, algorithm) =>
      join(repository(name), '_manifests', checked(algorithm, /^[a-z0-9]+$/.test(algorithm))),
    manifestLink: (name, digest) => join(repository(name), '_manifests', ...digestParts(digest)),
    tags: (name) => join(repository(name), '_tags'),
    tag: (name, tag) => join(repository(name), '_tags', tagFile(checked(tag, isTag(tag)))),
    referrers,
    referrer: (name, subject, digest) => join(referrers(name, subject), digestParts(digest).join('-')),
  };
}

/**
 * The file of a tag. The rarer case is marked, since some file systems take `Latest` for `latest`: `+l` is `L`, and after
 * `++`, in tags of many capitals, `+l` is `l` and `l` is `L`. No name gets longer than a file may be called.
 */
export function tagFile(tag: string): string {
  const capitals = tag.replaceAll(/[^A-Z]/g, '').length;
  if (capitals <= MOST_MARKED) return tag.replaceAll(/[A-Z]/g, (letter) => `+${letter.toLowerCase()}`);
  return `++${tag.replaceAll(/[a-z]/g, '+$&').toLowerCase()}`;
}

/** The tag of a file in `_tags`; undefined for a file that is none, such as one that is being written. */
export function tagOfFile(file: string): string | undefined {
  const tag = file.startsWith('++')
    ? file.slice(2).replaceAll(/\+?[a-z]/g, (letter) => (letter.length > 1 ? letter.slice(1) : letter.toUpperCase()))
    : file.replaceAll(/\+([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return isTag(tag) && tagFile(tag) === file ? tag : undefined;
}

function digestParts(digest: string): [algorithm: string, encoded: string] {
  checked(digest, isDigest(digest) && isVerifiable(digest));
  return [algorithmOf(digest), encodedOf(digest)];
}

function checked(text: string, isValid: boolean): string {
  if (isValid) return text;
  throw new HubError('REFERENCE_INVALID', `"${text.slice(0, 300)}" cannot be a part of a path`);
}
