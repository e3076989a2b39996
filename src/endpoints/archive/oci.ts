// Which images does the OCI layout inside an archive hold, and are they whole?
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { MANIFEST_LIMIT, parseManifest, type Manifest } from '../../spec/manifest.ts';
import { isIndexType, isManifestType, isNonDistributable, layerCompression } from '../../spec/media-types.ts';
import type { ArchiveTree } from './tree.ts';

export interface OciImage {
  readonly descriptor: Descriptor;
  /** Digests of the configs of its platforms: image IDs. */
  readonly configs: ReadonlySet<string>;
  /** True when everything it needs is there: of an index, one of its manifests at least. */
  readonly whole: boolean;
  /** True when a layer is a plain tar. */
  readonly plainLayers: boolean;
}

const MAX_DEPTH = 8;

/** The entries of `index.json`, in order. Undefined when there is no such file. Throws CONTENT_INVALID. */
export async function readOciImages(tree: ArchiveTree): Promise<readonly OciImage[] | undefined> {
  const member = tree.find('index.json');
  if (!member) return undefined;
  const index = parseManifest(await tree.bytes(member));
  if (index.kind !== 'index') throw new HubError('CONTENT_INVALID', `index.json in ${tree.name} is not an index`);
  return Promise.all(index.manifests.map((descriptor) => inspect(tree, descriptor, 0)));
}

async function inspect(tree: ArchiveTree, descriptor: Descriptor, depth: number): Promise<OciImage> {
  const manifest = await manifestOf(tree, descriptor);
  if (!manifest || depth > MAX_DEPTH) return { descriptor, configs: new Set(), whole: false, plainLayers: false };
  if (isIndexType(descriptor.mediaType)) return inspectIndex(tree, descriptor, { manifest, depth });
  const parts = [...(manifest.config ? [manifest.config] : []), ...manifest.layers];
  return {
    descriptor,
    configs: new Set(manifest.config ? [manifest.config.digest] : []),
    whole: parts.every((part) => isNonDistributable(part.mediaType) || tree.blob(part) !== undefined),
    plainLayers: manifest.layers.some((layer) => layerCompression(layer.mediaType) === 'none'),
  };
}

async function inspectIndex(
  tree: ArchiveTree,
  descriptor: Descriptor,
  { manifest, depth }: { readonly manifest: Manifest; readonly depth: number },
): Promise<OciImage> {
  const children = await Promise.all(manifest.manifests.map((child) => inspect(tree, child, depth + 1)));
  const whole = children.filter((child) => child.whole);
  return {
    descriptor,
    configs: new Set(whole.flatMap((child) => [...child.configs])),
    whole: whole.length > 0,
    plainLayers: whole.some((child) => child.plainLayers),
  };
}

async function manifestOf(tree: ArchiveTree, descriptor: Descriptor): Promise<Manifest | undefined> {
  if (!isManifestType(descriptor.mediaType) || descriptor.size > MANIFEST_LIMIT) return undefined;
  const bytes = await tree.verifiedBytes(descriptor);
  return bytes && parseManifest(bytes, descriptor.mediaType);
}
