// What does the config of an image say about it?
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { stringMap } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { platformFrom, type Platform } from './platform.ts';

/** Bytes. */
const CONFIG_LIMIT = 4 * 1024 * 1024;

/** How a container is run [OCI image-spec config.md, with what Docker adds]. Names and shapes are those of the JSON. */
export interface ContainerConfig {
  readonly User?: string | undefined;
  /** Keys such as `80/tcp`. */
  readonly ExposedPorts?: Readonly<Record<string, object>> | undefined;
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Cmd?: readonly string[] | undefined;
  readonly Volumes?: Readonly<Record<string, object>> | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly StopSignal?: string | undefined;
  /** Seconds. */
  readonly StopTimeout?: number | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly Healthcheck?: Healthcheck | undefined;
  readonly OnBuild?: readonly string[] | undefined;
  readonly Shell?: readonly string[] | undefined;
  readonly Hostname?: string | undefined;
  readonly Domainname?: string | undefined;
}

/** Durations are nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[] | undefined;
  readonly Interval?: number | undefined;
  readonly Timeout?: number | undefined;
  readonly StartPeriod?: number | undefined;
  readonly StartInterval?: number | undefined;
  readonly Retries?: number | undefined;
}

/** One step of the build. `created` is RFC 3339 in a well-made config. */
export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** True when the step made no layer. */
  readonly emptyLayer: boolean;
}

export interface ImageConfig {
  /** `unknown` stands for an os or architecture that is missing. */
  readonly platform: Platform;
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly string[];
  readonly history: readonly HistoryEntry[];
  readonly config: ContainerConfig;
}

/**
 * Reads an image config of at most 4 MiB. Optional fields that are null or of the wrong type count as missing. Throws
 * CONTENT_INVALID for what is no JSON object or has diff_ids that are no digests.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  if (bytes.length > CONFIG_LIMIT) throw invalid(`is larger than ${CONFIG_LIMIT} bytes`);
  const body = parseJson(new TextDecoder().decode(bytes), 'image config');
  if (!isRecord(body)) throw invalid('is not a JSON object');
  const { created, author } = body;
  return {
    platform: platformOf(body),
    created: textOf(created),
    author: textOf(author),
    diffIds: diffIdsOf(body['rootfs']),
    history: Array.isArray(body['history']) ? body['history'].map(historyEntry) : [],
    config: containerConfig(body['config']),
  };
}

function platformOf(body: Readonly<Record<string, unknown>>): Platform {
  const [os = 'unknown', architecture = 'unknown'] = [textOf(body['os']), textOf(body['architecture'])];
  return { ...platformFrom({ ...body, os, architecture }), os, architecture };
}

function diffIdsOf(rootfs: unknown): readonly string[] {
  const list = isRecord(rootfs) ? rootfs['diff_ids'] : undefined;
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw invalid('has diff_ids that are no list');
  return list.map((diffId: unknown, index) => {
    if (typeof diffId === 'string' && isDigest(diffId)) return diffId;
    throw invalid(`has no valid digest in diff_ids[${index}]`);
  });
}

/** An entry that is no object still counts as a step: entries and layers are matched by their order. */
function historyEntry(value: unknown): HistoryEntry {
  const { created, created_by, author, comment, empty_layer } = isRecord(value) ? value : {};
  return {
    created: textOf(created),
    createdBy: textOf(created_by),
    author: textOf(author),
    comment: textOf(comment),
    emptyLayer: empty_layer === true,
  };
}

function containerConfig(value: unknown): ContainerConfig {
  if (!isRecord(value)) return {};
  return {
    User: textOf(value['User']),
    ExposedPorts: setOf(value['ExposedPorts']),
    Env: textsOf(value['Env']),
    Entrypoint: textsOf(value['Entrypoint']),
    Cmd: textsOf(value['Cmd']),
    Volumes: setOf(value['Volumes']),
    WorkingDir: textOf(value['WorkingDir']),
    Labels: stringMap(value['Labels']),
    StopSignal: textOf(value['StopSignal']),
    StopTimeout: numberOf(value['StopTimeout']),
    ArgsEscaped: value['ArgsEscaped'] === true ? true : undefined,
    Healthcheck: healthcheck(value['Healthcheck']),
    OnBuild: textsOf(value['OnBuild']),
    Shell: textsOf(value['Shell']),
    Hostname: textOf(value['Hostname']),
    Domainname: textOf(value['Domainname']),
  };
}

function healthcheck(value: unknown): Healthcheck | undefined {
  if (!isRecord(value)) return undefined;
  return {
    Test: textsOf(value['Test']),
    Interval: numberOf(value['Interval']),
    Timeout: numberOf(value['Timeout']),
    StartPeriod: numberOf(value['StartPeriod']),
    StartInterval: numberOf(value['StartInterval']),
    Retries: numberOf(value['Retries']),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  // `1e400` is JSON as well.
  return Number.isFinite(value) ? (value as number) : undefined;
}

/** Very old configs have one text where a list is meant. An empty list differs from none: it undoes that of the base. */
function textsOf(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}

/** A set is written as an object with empty objects; only the keys mean anything. */
function setOf(value: unknown): Readonly<Record<string, object>> | undefined {
  if (!isRecord(value)) return undefined;
  return Object.fromEntries(Object.keys(value).map((key) => [key, {}]));
}

function invalid(what: string): HubError {
  return new HubError('CONTENT_INVALID', `image config ${what}`);
}
