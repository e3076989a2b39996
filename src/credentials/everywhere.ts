// What do all places together hold, and how is a server forgotten in all of them?
import { HubError } from '../errors.ts';
import { OWN_HELPER, type AuthFile } from './auth-file.ts';
import { namespaceOf, sameServer, spellings } from './aliases.ts';
import type { Backend } from './backends.ts';
import type { CredentialStore, LoginEntry } from './credentials.ts';
import { helperFor, type DockerConfig } from './docker-config.ts';
import { usernameOf } from './entry.ts';
import { readOrWarn, type Sources } from './find.ts';
import { filesOf } from './places.ts';

/** A login and the place that has it. */
export interface ListedLogin extends LoginEntry {
  readonly source: string;
}

interface ReadFile {
  readonly file: AuthFile;
  readonly config: DockerConfig;
}

/** Every place that is read, in the order of lookup. */
export async function allStores(sources: Sources): Promise<readonly CredentialStore[]> {
  const files = (await readAll(sources)).flatMap((read) => [...backendsOf(sources, read), read.file]);
  const { variables, places } = sources;
  return [...new Set(places.exclusive ? [...files, ...variables] : [...variables, ...files])];
}

/** Every login there is, in the order of lookup. A place that fails is told as a warning. */
export async function allLogins(sources: Sources): Promise<readonly ListedLogin[]> {
  const { variables, places } = sources;
  const fromVariables = await Promise.all(variables.map((store) => listed(sources, store)));
  const fromFiles: ListedLogin[] = [];
  for (const read of await readAll(sources)) {
    fromFiles.push(...(await fromBackends(sources, read)), ...(await listed(sources, read.file)));
  }
  const rest = fromVariables.flat();
  return places.exclusive ? [...fromFiles, ...rest] : [...rest, ...fromFiles];
}

/** Every key that a logout could remove something for. */
export async function allServers(sources: Sources): Promise<readonly string[]> {
  const files = await readAll(sources);
  const written = files.flatMap(({ config }) => [...Object.keys(config.auths), ...ownKeys(config)]);
  const logins = (await allLogins(sources)).filter(({ source }) => !source.startsWith('environment '));
  return [...new Set([...written, ...logins.map(({ server }) => server)])];
}

/**
 * Removes every spelling of a server from every place. Gives the names of the places that had it. What could not be erased,
 * or is in the environment, is told as a warning.
 */
export async function forgetServer(sources: Sources, server: string): Promise<readonly string[]> {
  const files = await readAll(sources);
  const whole = namespaceOf(server) === undefined;
  const named = whole ? files.flatMap((read) => backendsOf(sources, read, server)) : [];
  // An entry may be left in the keychain that no file leads to any more.
  const strays = sources.places.exclusive || !whole ? [] : [sources.backends.keychain];
  const stores = new Set<CredentialStore>([
    ...sources.variables,
    ...named,
    ...strays,
    ...files.map(({ file }) => file),
  ]);
  const had: string[] = [];
  for (const store of stores) {
    try {
      if (await store.erase(server)) had.push(store.name);
    } catch (error) {
      if (!HubError.is(error) || error.code === 'ABORTED') throw error;
      const expected = store === sources.backends.keychain && !named.includes(sources.backends.keychain);
      if (!expected) sources.warn(`could not erase credentials: ${error.message}`);
    }
  }
  return had;
}

async function readAll(sources: Sources): Promise<readonly ReadFile[]> {
  const reads = filesOf(sources.places).map(async (file) => ({ file, config: await readOrWarn(sources, file) }));
  return (await Promise.all(reads)).flatMap(({ file, config }) => (config ? [{ file, config }] : []));
}

/** The helpers that a file names: for one server, or all of them. */
function backendsOf({ backends }: Sources, { file, config }: ReadFile, server?: string): readonly Backend[] {
  const keys = Object.keys(config.credHelpers);
  const own = server === undefined ? keys : spellings(keys, server);
  const choices = own.flatMap((key) => {
    const helper = config.credHelpers[key] ?? '';
    return helper === '' ? [] : [{ helper, setting: `credHelpers["${key}"]` }];
  });
  const { credsStore } = config;
  const byDefault = credsStore === undefined ? [] : [{ helper: credsStore, setting: 'credsStore' }];
  return [...choices, ...byDefault].map((choice) => backends.open(choice, file));
}

async function listed({ warn }: Sources, store: CredentialStore): Promise<readonly ListedLogin[]> {
  try {
    return (await store.list()).map((entry) => ({ ...entry, source: store.name }));
  } catch (error) {
    if (!HubError.is(error) || error.code === 'ABORTED') throw error;
    warn(`failed to list credentials: ${error.message}`);
    return [];
  }
}

/** What `credsStore` lists, but for the servers that have a helper of their own, and what these say. */
async function fromBackends(sources: Sources, { file, config }: ReadFile): Promise<readonly ListedLogin[]> {
  const { credsStore, credHelpers } = config;
  const logins: ListedLogin[] = [];
  for (const [key, helper] of Object.entries(credHelpers)) {
    if (helper === '') continue;
    const backend = sources.backends.open({ helper, setting: `credHelpers["${key}"]` }, file);
    logins.push(...(await loginOf(sources, backend, key)));
  }
  if (credsStore === undefined) return logins;
  const all = await listed(sources, sources.backends.open({ helper: credsStore, setting: 'credsStore' }, file));
  // A server is the same as itself only when its key means a registry, which not all of a helper's keys do.
  const own = all.filter(({ server }) => sameServer(server, server) && helperFor(config, server)?.key === undefined);
  return [...logins, ...own.filter(({ server }) => helperFor(config, server) !== undefined)];
}

async function loginOf({ warn }: Sources, backend: Backend, key: string): Promise<readonly ListedLogin[]> {
  try {
    const credential = await backend.get(key);
    return credential ? [{ server: key, username: usernameOf(credential), source: backend.name }] : [];
  } catch (error) {
    if (!HubError.is(error) || error.code === 'ABORTED') throw error;
    warn(`failed to get credentials for ${key}: ${error.message}`);
    return [];
  }
}

function ownKeys({ credHelpers }: DockerConfig): readonly string[] {
  return Object.keys(credHelpers).filter((key) => credHelpers[key] === OWN_HELPER || credHelpers[key] === '');
}
