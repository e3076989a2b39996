// How does an image of `docker save` become one with a manifest that a registry takes?
import { HubError } from '../../errors.ts';
import { knownLayer, packLayer, type LayerStore, type PackedLayer } from '../../layers/pack.ts';
import { buildManifest } from '../../spec/build.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { digestOf } from '../../spec/digest.ts';
import { parseImageConfig } from '../../spec/image-config.ts';
import { MEDIA_TYPES, sniffCompression } from '../../spec/media-types.ts';
import { isRecord } from '../../util/json.ts';
import { BLOCK, type TarMember } from '../../layers/tar.ts';
import type { ArchiveTree } from './tree.ts';

/** One entry of `manifest.json`. */
export interface DockerEntry {
  readonly config: string;
  readonly repoTags: readonly string[];
  readonly layers: readonly string[];
  /** True when docker's own store wrote the archive, which makes its OCI manifests up while it writes. */
  readonly hasLayerSources: boolean;
}

export interface BuiltImage {
  readonly descriptor: Descriptor;
  /** The manifest. */
  readonly bytes: Uint8Array;
  readonly config: { readonly descriptor: Descriptor; readonly member: TarMember };
}

const LAYER_TYPES = { gzip: MEDIA_TYPES.dockerLayerGzip, zstd: MEDIA_TYPES.dockerLayerZstd } as const;
const PACKING_AT_ONCE = 4;

/** Throws CONTENT_INVALID unless the value is what docker writes. Undefined when there is no manifest.json. */
export async function readDockerEntries(tree: ArchiveTree): Promise<readonly DockerEntry[] | undefined> {
  const value = await tree.json('manifest.json');
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new HubError('CONTENT_INVALID', `manifest.json in ${tree.name} is not a list`);
  return value.map((entry: unknown, index) => parseEntry(entry, `entry ${index} of manifest.json in ${tree.name}`));
}

function parseEntry(value: unknown, what: string): DockerEntry {
  if (!isRecord(value) || typeof value['Config'] !== 'string') {
    throw new HubError('CONTENT_INVALID', `${what} names no config`);
  }
  return {
    config: value['Config'],
    repoTags: strings(value['RepoTags'], `RepoTags of ${what}`),
    layers: strings(value['Layers'], `Layers of ${what}`),
    hasLayerSources: isRecord(value['LayerSources']) && Object.keys(value['LayerSources']).length > 0,
  };
}

function strings(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new HubError('CONTENT_INVALID', `${what} is not a list of texts`);
}

/** The config of an entry: its digest is the image ID. Throws CONTENT_INVALID when it is absent. */
export async function readConfig(
  tree: ArchiveTree,
  entry: DockerEntry,
): Promise<BuiltImage['config'] & { bytes: Buffer }> {
  const member = tree.find(entry.config);
  if (!member) throw new HubError('CONTENT_INVALID', `config "${entry.config}" is missing in ${tree.name}`);
  const bytes = await tree.bytes(member);
  const descriptor = { mediaType: MEDIA_TYPES.dockerConfig, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, member, bytes };
}

export interface BuildServices {
  readonly store: LayerStore;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a docker schema 2 manifest. The config keeps its bytes, so the image keeps its ID. Plain layers are packed into
 * the store, unless it knows their packed form; each must have the diff ID the config names. Throws CONTENT_INVALID.
 */
export async function buildDockerImage(
  tree: ArchiveTree,
  entry: DockerEntry,
  services: BuildServices,
): Promise<BuiltImage> {
  const { bytes: configBytes, ...config } = await readConfig(tree, entry);
  const { diffIds } = parseImageConfig(configBytes);
  if (diffIds.length !== entry.layers.length) {
    throw new HubError(
      'CONTENT_INVALID',
      `"${entry.config}" names ${diffIds.length} layers, manifest.json ${entry.layers.length}`,
    );
  }
  const packed = new Map<string, PackedLayer>();
  const wanted = new Map(diffIds.map((diffId, index) => [diffId, entry.layers[index] ?? '']));
  await atMost(PACKING_AT_ONCE, [...wanted], async ([diffId, path]) => {
    packed.set(diffId, await packedLayer(tree, { diffId, path }, services));
  });
  const layers = diffIds.map((diffId) => dockerLayer(packed.get(diffId), diffId));
  const bytes = buildManifest({ config: config.descriptor, layers, mediaType: MEDIA_TYPES.dockerManifest });
  const descriptor = { mediaType: MEDIA_TYPES.dockerManifest, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, bytes, config };
}

async function packedLayer(
  tree: ArchiveTree,
  { diffId, path }: { readonly diffId: string; readonly path: string },
  { store, signal }: BuildServices,
): Promise<PackedLayer> {
  const known = await knownLayer(diffId, store);
  if (known) return known;
  const member = tree.find(path);
  if (!member) throw new HubError('CONTENT_INVALID', `layer "${path}" is missing in ${tree.name}`);
  const compression = sniffCompression(await tree.file.readAt(member.offset, Math.min(BLOCK, member.size)));
  const what = `layer "${path}" in ${tree.name}`;
  return packLayer(tree.content(member, { signal }), store, { compression, what, expectedDiffId: diffId, signal });
}

function dockerLayer(packed: PackedLayer | undefined, diffId: string): Descriptor {
  if (!packed) throw new HubError('FAILED', `layer ${diffId} was not packed`);
  return { mediaType: LAYER_TYPES[packed.compression], digest: packed.digest, size: packed.size };
}

/** Works on `limit` items at once; the first failure is thrown when all that was begun has ended. */
async function atMost<Item>(limit: number, items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && !failed; item = waiting.shift()) {
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}
