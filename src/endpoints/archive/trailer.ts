// What do index.json, manifest.json and repositories say about the blobs of an archive?
import { IMAGE_NAME, REF_NAME } from '../../spec/annotations.ts';
import { buildIndex } from '../../spec/build.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, encodedOf } from '../../spec/digest.ts';
import { parseImageConfig, type ImageConfig } from '../../spec/image-config.ts';
import type { Manifest } from '../../spec/manifest.ts';
import { isAttestation, isIndexType, isLayerType } from '../../spec/media-types.ts';
import { platformRank, type Platform } from '../../spec/platform.ts';
import { familiarName, familiarString, parseReference } from '../../spec/reference.ts';
import { HubError } from '../../errors.ts';

interface Root {
  readonly descriptor: Descriptor;
  /** Canonical full names. */
  readonly names: Set<string>;
  readonly tags: Set<string>;
}

/** What an archive holds so far, by digest. */
export interface Written {
  readonly blobs: Map<string, Descriptor>;
  readonly manifests: Map<string, Manifest>;
  readonly configs: Map<string, Uint8Array>;
  /** What was asked for, in that order. */
  readonly roots: Map<string, Root>;
}

interface DockerImage {
  readonly digest: string;
  readonly manifest: Manifest;
  readonly configDigest: string;
  readonly config: ImageConfig;
}

/** The files that end an archive, in order. */
export function trailerFiles(written: Written, host: Platform | undefined): readonly (readonly [string, Uint8Array])[] {
  const entries = dockerEntries(written, host);
  const repositories = repositoriesOf(entries);
  return [
    ['index.json', indexJson(written)],
    ['manifest.json', json(entries.map(({ entry }) => entry))],
    ...(Object.keys(repositories).length > 0 ? [['repositories', json(repositories)] as const] : []),
  ];
}

/** One entry per name, as docker and containerd write it; an image without a name has one entry. */
function indexJson({ roots }: Written): Uint8Array {
  const manifests = [...roots.values()].flatMap(({ descriptor, names, tags }) => {
    const { [REF_NAME]: _ref, [IMAGE_NAME]: _name, ...others } = descriptor.annotations ?? {};
    const labels = [...[...names].map(nameLabels), ...[...tags].map((tag) => ({ [REF_NAME]: tag }))];
    return (labels.length > 0 ? labels : [{}]).map((label) => withAnnotations(descriptor, { ...others, ...label }));
  });
  return buildIndex({ manifests });
}

function nameLabels(name: string): Record<string, string> {
  const { tag } = parseReference(name);
  return { [IMAGE_NAME]: name, ...(tag === undefined ? {} : { [REF_NAME]: tag }) };
}

function withAnnotations(descriptor: Descriptor, annotations: Record<string, string>): Descriptor {
  return { ...descriptor, annotations: Object.keys(annotations).length > 0 ? annotations : undefined };
}

interface DockerEntry {
  readonly Config: string;
  readonly RepoTags: string[] | null;
  readonly Layers: readonly string[];
}

interface Listed {
  readonly entry: DockerEntry;
  readonly image: DockerImage;
  readonly names: readonly string[];
}

/** What `docker load` can load: of an index every image for the system of the first, which has the names. */
function dockerEntries(written: Written, host: Platform | undefined): readonly Listed[] {
  const names = new Map<string, Set<string>>();
  const images = new Map<string, DockerImage>();
  for (const { descriptor, names: given } of written.roots.values()) {
    const found = sortedFor(host, dockerImages(written, descriptor));
    const [first] = found;
    const loadable = found.filter(({ config }) => config.platform.os === first?.config.platform.os);
    for (const image of loadable) {
      const own = image === first ? [...given].filter((name) => !name.includes('@')) : [];
      names.set(image.configDigest, new Set([...(names.get(image.configDigest) ?? []), ...own]));
      images.set(image.configDigest, image);
    }
  }
  return [...images.values()].map((image) => listed(image, [...(names.get(image.configDigest) ?? [])]));
}

function listed(image: DockerImage, names: readonly string[]): Listed {
  const tags = names.map((name) => familiarString(parseReference(name)));
  const entry = {
    Config: blobPath(image.configDigest),
    RepoTags: tags.length > 0 ? tags : null,
    Layers: image.manifest.layers.map((layer) => blobPath(layer.digest)),
  };
  return { entry, image, names };
}

function dockerImages(written: Written, descriptor: Descriptor, depth = 0): readonly DockerImage[] {
  const manifest = written.manifests.get(descriptor.digest);
  if (!manifest || depth > 8 || isAttestation(descriptor)) return [];
  if (isIndexType(manifest.mediaType))
    return manifest.manifests.flatMap((child) => dockerImages(written, child, depth + 1));
  const config = manifest.config && configOf(written, manifest.config.digest);
  const whole = manifest.layers.every(({ digest, mediaType }) => isLayerType(mediaType) && written.blobs.has(digest));
  if (!config || !manifest.config || !whole || config.diffIds.length !== manifest.layers.length) return [];
  return [{ digest: descriptor.digest, manifest, config, configDigest: manifest.config.digest }];
}

/** Undefined for what is no image config: the config of a chart, or of anything else that is kept in registries. */
function configOf({ configs }: Written, digest: string): ImageConfig | undefined {
  const bytes = configs.get(digest);
  if (!bytes) return undefined;
  try {
    return parseImageConfig(bytes);
  } catch (error) {
    if (HubError.is(error, 'CONTENT_INVALID')) return undefined;
    throw error;
  }
}

/** The best for the host first; the others in their order. */
function sortedFor(host: Platform | undefined, images: readonly DockerImage[]): readonly DockerImage[] {
  if (!host) return images;
  const rank = ({ config }: DockerImage): number => platformRank(host, config.platform) ?? Number.MAX_SAFE_INTEGER;
  return [...images].sort((a, b) => rank(a) - rank(b));
}

/** Tag to last layer, for programs from before manifest.json. */
function repositoriesOf(entries: readonly Listed[]): Readonly<Record<string, Record<string, string>>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of entries) {
    const last = image.config.diffIds.at(-1);
    for (const name of last === undefined ? [] : names) {
      const reference = parseReference(name);
      const tags = (repositories[familiarName(reference)] ??= {});
      if (reference.tag !== undefined && last !== undefined) tags[reference.tag] = encodedOf(last);
    }
  }
  return repositories;
}

function blobPath(digest: string): string {
  return `blobs/${algorithmOf(digest)}/${encodedOf(digest)}`;
}

function json(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
