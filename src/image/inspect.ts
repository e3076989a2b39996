// What is there to know about an image without its layers?
import type { Descriptor } from '../spec/descriptor.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import { isAttestation } from '../spec/media-types.ts';
import { formatPlatform } from '../spec/platform.ts';
import { isRecord, parseJson } from '../util/json.ts';
import type { ConfigView, ImageView } from './read.ts';

export interface ImageNames {
  /** `alpine:3`. */
  readonly tags: readonly string[];
  /** `alpine@sha256:...`, of what the name means: the index, where there is one. */
  readonly digests: readonly string[];
}

export interface LayerFacts {
  readonly Digest: string;
  readonly MediaType: string;
  /** Bytes as stored and transferred. */
  readonly Size: number;
}

export interface PlatformFacts extends LayerFacts {
  /** `linux/arm64/v8`; `unknown` for an entry that does not say. */
  readonly Platform: string;
}

/** The object of `docker image inspect`, with names as docker writes them; all fields are always there. */
export interface ImageFacts {
  /** Digest of the config, as docker's image ID; of the manifest for what is no image. */
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Comment: string;
  readonly Created: string;
  readonly Author: string;
  readonly Architecture: string;
  readonly Variant: string;
  readonly Os: string;
  readonly OsVersion: string;
  /** Bytes of all layers as stored and transferred. */
  readonly Size: number;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] };
  /** The manifest of the platform. */
  readonly Manifest: LayerFacts;
  readonly Layers: readonly LayerFacts[];
  /** What the name means: an index, or the manifest. */
  readonly Descriptor: LayerFacts;
  /** Images of the index; empty when the name means a single image. */
  readonly Platforms: readonly PlatformFacts[];
  readonly Annotations: Readonly<Record<string, string>>;
  readonly ArtifactType: string;
}

/** Fields templates may name whatever the image sets, with what docker has for them when unset. */
const UNSET_CONFIG = {
  User: '',
  ExposedPorts: null,
  Env: null,
  Cmd: null,
  Healthcheck: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
  StopSignal: '',
  Shell: null,
} as const;

/** What stands for the config of something that is no image. */
const NO_IMAGE: ImageConfig = { platform: { os: '', architecture: '' }, diffIds: [], history: [], config: {} };

/** The facts of an image. Throws CONTENT_INVALID for a config that is no JSON. */
export function describeImage({ root, manifest, config }: ImageView, names: ImageNames): ImageFacts {
  const { layers, annotations, artifactType } = manifest.manifest;
  return {
    Id: (config?.image ? config : manifest).descriptor.digest,
    RepoTags: names.tags,
    RepoDigests: names.digests,
    ...imageFacts(config?.image ?? NO_IMAGE),
    Size: layers.reduce((sum, layer) => sum + layer.size, 0),
    Config: { ...UNSET_CONFIG, ...(config?.image && containerConfig(config)) },
    Manifest: facts(manifest.descriptor),
    Layers: layers.map(facts),
    Descriptor: facts(root.descriptor),
    Platforms: root.manifest.manifests.filter((entry) => !isAttestation(entry)).map(platformFacts),
    Annotations: annotations ?? {},
    ArtifactType: artifactType ?? '',
  };
}

type ConfigFacts = Pick<
  ImageFacts,
  'Comment' | 'Created' | 'Author' | 'Architecture' | 'Variant' | 'Os' | 'OsVersion' | 'RootFS'
>;

function imageFacts({ platform, created, author, history, diffIds }: ImageConfig): ConfigFacts {
  return {
    Comment: history.at(-1)?.comment ?? '',
    Created: created ?? '',
    Author: author ?? '',
    Architecture: platform.architecture,
    Variant: platform.variant ?? '',
    Os: platform.os,
    OsVersion: platform.osVersion ?? '',
    RootFS: { Type: 'layers', Layers: diffIds },
  };
}

/** As the image has it, with fields no specification names. */
function containerConfig({ bytes, descriptor }: ConfigView): Readonly<Record<string, unknown>> {
  const document = parseJson(bytes.toString('utf8'), `config ${descriptor.digest}`);
  const config = isRecord(document) ? document['config'] : undefined;
  return isRecord(config) ? config : {};
}

function platformFacts(entry: Descriptor): PlatformFacts {
  return { Platform: entry.platform ? formatPlatform(entry.platform) : 'unknown', ...facts(entry) };
}

function facts({ digest, mediaType, size }: Descriptor): LayerFacts {
  return { Digest: digest, MediaType: mediaType, Size: size };
}
