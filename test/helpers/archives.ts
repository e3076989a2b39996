// How do tests get archives as other programs write them, and a place to unpack them in?
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArchiveFile } from '../../src/endpoints/archive/file.ts';
import type { Workshop } from '../../src/endpoints/archive/read.ts';
import { ArchiveTree } from '../../src/endpoints/archive/tree.ts';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { buildImageConfig } from '../../src/spec/build.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf, encodedOf } from '../../src/spec/digest.ts';
import { collect, type Content } from '../../src/util/content.ts';
import { AMD64, CREATED, tarOf, type TarFile } from './images.ts';

export interface DockerImage {
  readonly config: Buffer;
  readonly id: string;
  /** Plain tars. */
  readonly layers: readonly Buffer[];
  readonly diffIds: readonly string[];
}

/** An image as docker keeps it: a config and plain layers. */
export function dockerImage(
  files: readonly (readonly TarFile[])[] = [[['a.txt', 'a\n']], [['b.txt', 'b\n']]],
): DockerImage {
  const layers = files.map((layer) => tarOf(layer));
  const diffIds = layers.map((layer) => digestOf(layer));
  const history = diffIds.map((_, index) => ({ created: CREATED, createdBy: `step ${index}`, emptyLayer: false }));
  const config = Buffer.from(
    buildImageConfig({ platform: AMD64, created: CREATED, diffIds, history, config: { Cmd: ['a'] } }),
  );
  return { config, id: digestOf(config), layers, diffIds };
}

export interface NamedImage {
  readonly image: DockerImage;
  readonly tags: readonly string[] | null;
}

/** `docker save` of docker 24 and older: layers in folders of their own, those met twice as links. */
export function oldDockerArchive(images: readonly NamedImage[]): TarFile[] {
  const files: TarFile[] = [];
  const seen = new Map<string, string>();
  const manifest = images.map(({ image, tags }, number) => {
    const paths = image.layers.map((layer, index) => {
      const folder = digestOf(`${number}/${index}`).slice(7);
      const path = `${folder}/layer.tar`;
      const first = seen.get(digestOf(layer));
      files.push(
        { path: `${folder}/`, kind: 'directory', size: 0 },
        [`${folder}/VERSION`, '1.0'],
        [`${folder}/json`, '{}'],
      );
      if (first === undefined) files.push([path, layer]);
      else files.push({ path, kind: 'symlink', size: 0, linkPath: `../${first}` });
      seen.set(digestOf(layer), path);
      return path;
    });
    files.push([`${encodedOf(image.id)}.json`, image.config]);
    return { Config: `${encodedOf(image.id)}.json`, RepoTags: tags, Layers: paths };
  });
  return [...files, ['manifest.json', `${JSON.stringify(manifest)}\n`], ['repositories', '{}']];
}

const OCI = 'application/vnd.oci.image';

/** `docker save` of docker 25 and newer with its own store: an OCI layout with plain layers, and `LayerSources`. */
export function newDockerArchive({ image, tags }: NamedImage, options: { sources?: boolean } = {}): TarFile[] {
  const blob = (bytes: Buffer): string => `blobs/sha256/${digestOf(bytes).slice(7)}`;
  const layers = image.layers.map((layer) => ({
    mediaType: `${OCI}.layer.v1.tar`,
    digest: digestOf(layer),
    size: layer.length,
  }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: { mediaType: `${OCI}.config.v1+json`, digest: image.id, size: image.config.length },
      layers,
    }),
  );
  const entry = { mediaType: `${OCI}.manifest.v1+json`, digest: digestOf(manifest), size: manifest.length };
  const manifests = (tags ?? []).map((tag) => ({
    ...entry,
    annotations: {
      'io.containerd.image.name': `docker.io/library/${tag}`,
      'org.opencontainers.image.ref.name': tag.slice(tag.indexOf(':') + 1),
    },
  }));
  const sources = Object.fromEntries(layers.map((layer) => [layer.digest, layer]));
  const listed = {
    Config: blob(image.config),
    RepoTags: tags,
    Layers: image.layers.map(blob),
    ...(options.sources === false ? {} : { LayerSources: sources }),
  };
  return [
    ...image.layers.map((layer) => [blob(layer), layer] as const),
    [blob(image.config), image.config],
    [blob(manifest), manifest],
    ['index.json', JSON.stringify({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests })],
    ['manifest.json', JSON.stringify([listed])],
    ['oci-layout', '{"imageLayoutVersion": "1.0.0"}'],
  ];
}

/** An OCI archive of everything that is in an endpoint below some roots. */
export async function ociArchive(
  blobs: MemoryEndpoint,
  {
    digests,
    roots,
    extra = [],
  }: { digests: readonly Descriptor[]; roots: readonly Descriptor[]; extra?: readonly TarFile[] },
): Promise<TarFile[]> {
  const files: TarFile[] = [['oci-layout', '{"imageLayoutVersion":"1.0.0"}']];
  for (const descriptor of digests) {
    const bytes = await collect(await blobs.read(descriptor), 1024 * 1024);
    files.push([`blobs/sha256/${encodedOf(descriptor.digest)}`, bytes]);
  }
  return [...files, ['index.json', JSON.stringify({ schemaVersion: 2, manifests: roots })], ...extra];
}

export interface TestWorkshop extends Workshop, AsyncDisposable {
  readonly memory: MemoryEndpoint;
  readonly known: Map<string, Descriptor>;
  readonly dir: string;
  /** How often content was taken in. */
  readonly ingested: () => number;
  /** Writes an archive and gives its path. */
  file(name: string, bytes: Uint8Array): Promise<string>;
  /** Writes an archive of these files and opens it; it is closed with the workshop. */
  tree(files: readonly TarFile[]): Promise<ArchiveTree>;
}

/** What archives need of a store, in memory and one directory. */
export async function testWorkshop(): Promise<TestWorkshop> {
  const dir = await mkdtemp(join(tmpdir(), 'hubctl-archive-'));
  const memory = new MemoryEndpoint('store');
  const known = new Map<string, Descriptor>();
  let temps = 0;
  let ingested = 0;
  const opened: ArchiveFile[] = [];
  const write = async (name: string, bytes: Uint8Array): Promise<string> => {
    await writeFile(join(dir, name), bytes);
    return join(dir, name);
  };
  return {
    memory,
    known,
    dir,
    ingested: () => ingested,
    file: write,
    tree: async (files) => {
      const bytes = tarOf(files);
      const handle = await open(await write('x.tar', bytes));
      const file = ArchiveFile.of(handle, { size: bytes.length, name: 'x.tar', temp: undefined });
      opened.push(file);
      return ArchiveTree.of(file);
    },
    temp: async () => {
      temps += 1;
      await writeFile(join(dir, `temp-${temps}`), '');
      return join(dir, `temp-${temps}`);
    },
    ingest: async (content: Content) => {
      const bytes = await collect(content, 64 * 1024 * 1024);
      ingested += 1;
      return memory.add(bytes, 'application/octet-stream');
    },
    has: (descriptor) => memory.has(descriptor),
    read: (descriptor, options) => memory.read(descriptor, options),
    diffIds: {
      layerOf: async (diffId) => known.get(diffId),
      add: async (diffId, layer) => void known.set(diffId, layer),
    },
    [Symbol.asyncDispose]: async () => {
      for (const file of opened) await file.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
