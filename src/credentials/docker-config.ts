// What does a config.json of docker, or an auth.json of podman, say about credentials, and how is that changed?
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { spellings } from './aliases.ts';
import { SECRET_FIELDS } from './entry.ts';
import { deleteMember, setMember } from './json-text.ts';
import { parseOldConfig } from './dockercfg.ts';

/** `dockercfg` is the old map without `auths` around it. */
export type FileShape = 'config' | 'dockercfg';

export interface ProxySettings {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

/** A file with credentials, read. Nothing is known of the entries but that they are JSON. */
export interface DockerConfig {
  /** The text that edits start from; empty when there is no file. */
  readonly text: string;
  readonly auths: Readonly<Record<string, unknown>>;
  /** Suffix of the helper for every server; undefined when none is named. */
  readonly credsStore: string | undefined;
  /** Suffix of the helper by key. An empty suffix means: this file, whatever `credsStore` says. */
  readonly credHelpers: Readonly<Record<string, string>>;
  /** Extra headers docker has its daemon send to registries. Never log the values. */
  readonly httpHeaders: Readonly<Record<string, string>>;
  readonly proxies: Readonly<Record<string, ProxySettings>>;
  readonly currentContext: string | undefined;
}

/** Which helper answers for a server, and the setting that says so. */
export interface HelperChoice {
  readonly helper: string;
  /** The key in `credHelpers`; undefined for `credsStore`. */
  readonly key: string | undefined;
  /** For messages: `credsStore`, `credHelpers["ghcr.io"]`. */
  readonly setting: string;
}

/** What a file that is not there says. */
export const NO_CONFIG: DockerConfig = {
  text: '',
  auths: {},
  credsStore: undefined,
  credHelpers: {},
  httpHeaders: {},
  proxies: {},
  currentContext: undefined,
};

/** Reads a file's text. `file` names it in messages. Throws CONFIG_INVALID, never with a part of the text. */
export function parseDockerConfig(text: string, file: string, shape: FileShape): DockerConfig {
  if (shape === 'dockercfg') return { ...NO_CONFIG, ...parseOldConfig(text, file) };
  if (text.replace(/^\uFEFF/, '').trim() === '') return NO_CONFIG;
  const value = parseJson(text, file, {
    code: 'CONFIG_INVALID',
    hint: 'repair the file by hand; hubctl does not overwrite it',
  });
  if (!isRecord(value)) throw new HubError('CONFIG_INVALID', `${file} is not a JSON object`);
  return {
    text,
    auths: recordField(value, 'auths', file),
    credsStore: textOrUndefined(value['credsStore']),
    credHelpers: textFields(recordField(value, 'credHelpers', file)),
    httpHeaders: textFields(value['HttpHeaders']),
    proxies: proxiesOf(value['proxies']),
    currentContext: textOrUndefined(value['currentContext']),
  };
}

/** The helper for a server: its own entry in `credHelpers`, else `credsStore`; undefined when the file itself has it [docker config.json credHelpers, credsStore]. */
export function helperFor(config: DockerConfig, server: string): HelperChoice | undefined {
  const [key] = spellings(Object.keys(config.credHelpers), server);
  const own = key === undefined ? undefined : config.credHelpers[key];
  if (own === '') return undefined;
  if (own !== undefined) return { helper: own, key, setting: `credHelpers["${key}"]` };
  const helper = config.credsStore;
  return helper === undefined ? undefined : { helper, key: undefined, setting: 'credsStore' };
}

export interface EntryEdit {
  readonly shape: FileShape;
  readonly key: string;
  /** The entry as it is in the text. */
  readonly old: unknown;
  /** Fields that hold the secret; none leaves the placeholder for a server whose secret is elsewhere. */
  readonly fields: Readonly<Record<string, string>>;
}

/** The text with an entry's secret replaced. Other fields of the entry, such as `email`, stay. */
export function setEntry(text: string, { shape, key, old, fields }: EntryEdit): string {
  const path = shape === 'config' ? ['auths', key] : [key];
  if (!isRecord(old)) return setMember(text, path, fields);
  const stale = [...SECRET_FIELDS, 'serveraddress'].filter((name) => Object.hasOwn(old, name) && !(name in fields));
  const kept = stale.reduce((result, name) => deleteMember(result, [...path, name]), text);
  return Object.entries(fields).reduce((result, [name, value]) => setMember(result, [...path, name], value), kept);
}

/** The text without the entries of `keys`. */
export function deleteEntries(text: string, shape: FileShape, keys: readonly string[]): string {
  return keys.reduce((result, key) => deleteMember(result, shape === 'config' ? ['auths', key] : [key]), text);
}

/**
 * The text in which `key` leads to a helper, or with an empty name to the file itself. Other spellings of the server are
 * removed from `credHelpers`, and so is the key where `credsStore` says the same.
 */
export function leadTo(config: DockerConfig, key: string, helper: string): string {
  const byDefault = helper === (config.credsStore ?? '');
  const stale = spellings(Object.keys(config.credHelpers), key).filter((other) => byDefault || other !== key);
  const text = stale.reduce((result, other) => deleteMember(result, ['credHelpers', other]), config.text);
  return byDefault ? text : setMember(text, ['credHelpers', key], helper);
}

function recordField(value: Record<string, unknown>, name: string, file: string): Readonly<Record<string, unknown>> {
  const field = value[name];
  if (field === undefined || field === null) return {};
  if (!isRecord(field)) throw new HubError('CONFIG_INVALID', `"${name}" in ${file} is not an object`);
  return field;
}

function textFields(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

function textOrUndefined(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function proxiesOf(value: unknown): Readonly<Record<string, ProxySettings>> {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).map(([name, settings]): [string, ProxySettings] => {
    const { httpProxy, httpsProxy, noProxy } = textFields(settings);
    return [name, { httpProxy, httpsProxy, noProxy }];
  });
  return Object.fromEntries(entries);
}
