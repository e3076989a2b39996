// Which bytes say a given manifest, index or image config, always the same ones for the same value?
import type { Descriptor } from './descriptor.ts';
import type { ContainerConfig, HistoryEntry } from './image-config.ts';
import { MEDIA_TYPES } from './media-types.ts';
import type { Platform } from './platform.ts';

type Annotations = Readonly<Record<string, string>>;

export interface ManifestParts {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Annotations | undefined;
  /** OCI image manifest by default. */
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
}

export interface IndexParts {
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Annotations | undefined;
  /** OCI image index by default. */
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
}

export interface ImageConfigParts {
  readonly platform: Platform;
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  readonly diffIds: readonly string[];
  readonly history?: readonly HistoryEntry[] | undefined;
  readonly config?: ContainerConfig | undefined;
}

/** UTF-8 JSON in the field order of the OCI specification, keys of maps sorted, without blanks or a final line feed. */
export function buildManifest(parts: ManifestParts): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: parts.mediaType ?? MEDIA_TYPES.ociManifest,
    artifactType: parts.artifactType,
    config: descriptorJson(parts.config),
    layers: parts.layers.map(descriptorJson),
    subject: parts.subject && descriptorJson(parts.subject),
    annotations: sorted(parts.annotations),
  });
}

/** As `buildManifest`, for an index or a manifest list. */
export function buildIndex(parts: IndexParts): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: parts.mediaType ?? MEDIA_TYPES.ociIndex,
    artifactType: parts.artifactType,
    manifests: parts.manifests.map(descriptorJson),
    subject: parts.subject && descriptorJson(parts.subject),
    annotations: sorted(parts.annotations),
  });
}

/** As `buildManifest`, for an image config. */
export function buildImageConfig(parts: ImageConfigParts): Uint8Array {
  return encode({
    created: parts.created,
    author: parts.author,
    ...platformJson(parts.platform),
    config: containerJson(parts.config ?? {}),
    rootfs: { type: 'layers', diff_ids: parts.diffIds },
    history: parts.history?.map((entry) => ({
      created: entry.created,
      created_by: entry.createdBy,
      author: entry.author,
      comment: entry.comment,
      empty_layer: entry.emptyLayer ? true : undefined,
    })),
  });
}

/** A descriptor as it stands in a document; fields that are undefined have no place in the text. */
export function descriptorJson(descriptor: Descriptor): object {
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    urls: descriptor.urls,
    annotations: sorted(descriptor.annotations),
    data: descriptor.data,
    platform: descriptor.platform && platformJson(descriptor.platform),
    artifactType: descriptor.artifactType,
  };
}

function platformJson(platform: Platform): object {
  return {
    architecture: platform.architecture,
    os: platform.os,
    'os.version': platform.osVersion,
    'os.features': platform.osFeatures,
    variant: platform.variant,
  };
}

function containerJson(config: ContainerConfig): object {
  return {
    User: config.User,
    ExposedPorts: sorted(config.ExposedPorts),
    Env: config.Env,
    Entrypoint: config.Entrypoint,
    Cmd: config.Cmd,
    Volumes: sorted(config.Volumes),
    WorkingDir: config.WorkingDir,
    Labels: sorted(config.Labels),
    StopSignal: config.StopSignal,
    StopTimeout: config.StopTimeout,
    ArgsEscaped: config.ArgsEscaped,
    Healthcheck: config.Healthcheck && {
      Test: config.Healthcheck.Test,
      Interval: config.Healthcheck.Interval,
      Timeout: config.Healthcheck.Timeout,
      StartPeriod: config.Healthcheck.StartPeriod,
      StartInterval: config.Healthcheck.StartInterval,
      Retries: config.Healthcheck.Retries,
    },
    OnBuild: config.OnBuild,
    Shell: config.Shell,
    Hostname: config.Hostname,
    Domainname: config.Domainname,
  };
}

function sorted<T>(map: Readonly<Record<string, T>> | undefined): object | undefined {
  if (map === undefined) return undefined;
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** JSON leaves fields that are undefined out. */
function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
