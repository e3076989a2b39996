// Where does a login put its secret?
import { HubError } from '../errors.ts';
import { OWN_HELPER, type AuthFile } from './auth-file.ts';
import { namespaceOf } from './aliases.ts';
import type { Backend, Backends } from './backends.ts';
import type { CredentialStore } from './credentials.ts';
import { helperFor } from './docker-config.ts';
import type { Places } from './places.ts';

/** `helper:NAME` is the program docker-credential-NAME. */
export type StoreChoice = 'auto' | 'file' | 'keychain' | `helper:${string}`;

/** The place a login writes to. After `store`, lookups lead there. */
export interface TargetStore extends CredentialStore {
  readonly kind: 'file' | 'keychain' | 'helper';
  /** Why it is a file although nobody asked for one. */
  readonly because?: string | undefined;
  /** False for a keychain that docker and others cannot read for want of docker-credential-hubctl on PATH. */
  readonly shared: boolean;
  /** True when the place keeps a mail address with the credential. */
  readonly keepsEmail: boolean;
}

/** Milliseconds in which the keychain has to show that it works, when nobody asked for it. */
const PROBE_LIMIT = 2000;

interface TargetSources {
  readonly places: Places;
  readonly backends: Backends;
}

/**
 * The store for a server. `auto` is the helper that docker's configuration names; else the keychain if it works; else the
 * file in use: one named by a flag or REGISTRY_AUTH_FILE, docker's config.json, or ~/.dockercfg where only that exists.
 * Throws CREDENTIALS_UNAVAILABLE when the helper or keychain asked for cannot be used, USAGE for a choice that makes no
 * sense, CONFIG_INVALID.
 */
export async function chooseTarget(sources: TargetSources, choice: StoreChoice, server: string): Promise<TargetStore> {
  const { places, backends } = sources;
  const file = await fileInUse(places);
  if (choice === 'file') return fileTarget(file);
  const config = places.chosen || file.shape === 'config' ? file : places.docker;
  if (choice === 'auto') return automatic(sources, { file, config, server });
  const name = choice === 'keychain' ? OWN_HELPER : choice.slice('helper:'.length);
  config.requireHelpers(server, name);
  const backend = backends.open({ helper: name, setting: '--credential-store' });
  await backend.locate();
  return backendTarget(backends, name, { backend, config });
}

/** The text of a flag as a choice. Throws USAGE. */
export function parseStoreChoice(text: string): StoreChoice {
  if (text === 'auto' || text === 'file' || text === 'keychain') return text;
  const [, name = ''] = /^helper:(.+)$/.exec(text) ?? [];
  if (/^[A-Za-z0-9._-]+$/.test(name)) return `helper:${name.replace(/^docker-credential-/, '')}`;
  throw new HubError('USAGE', `"${text}" is not a credential store`, {
    hint: 'use auto, file, keychain, or helper:NAME for the program docker-credential-NAME',
  });
}

interface Situation {
  /** The file a secret would be written to. */
  readonly file: AuthFile;
  /** The file whose settings name helpers. */
  readonly config: AuthFile;
  readonly server: string;
}

async function automatic({ places, backends }: TargetSources, situation: Situation): Promise<TargetStore> {
  const { file, config, server } = situation;
  if (config.shape === 'dockercfg' || namespaceOf(server) !== undefined) return fileTarget(file);
  const named = helperFor(await config.read(), server);
  if (named) {
    const backend = backends.open(named, config);
    await backend.locate();
    return backendTarget(backends, named.helper, { backend, config });
  }
  if (places.chosen) return fileTarget(file);
  try {
    await backends.keychain.locate(PROBE_LIMIT);
    return await backendTarget(backends, OWN_HELPER, { backend: backends.keychain, config });
  } catch (error) {
    if (!HubError.is(error, 'CREDENTIALS_UNAVAILABLE')) throw error;
    return fileTarget(file, error.message);
  }
}

async function fileInUse({ chosen, docker, old }: Places): Promise<AuthFile> {
  if (chosen) return chosen;
  return !(await docker.exists()) && (await old.exists()) ? old : docker;
}

function fileTarget(file: AuthFile, because?: string): TargetStore {
  return {
    kind: 'file',
    because,
    shared: true,
    keepsEmail: file.shape === 'dockercfg',
    name: file.name,
    get: (server) => file.get(server),
    store: (server, credential, email) => file.store(server, credential, email),
    erase: (server) => file.erase(server),
    list: () => file.list(),
  };
}

async function backendTarget(
  backends: Backends,
  helper: string,
  { backend, config }: { readonly backend: Backend; readonly config: AuthFile },
): Promise<TargetStore> {
  return {
    kind: helper === OWN_HELPER ? 'keychain' : 'helper',
    shared: helper !== OWN_HELPER || (await backends.isShared()),
    keepsEmail: false,
    name: backend.name,
    get: (server) => backend.get(server),
    erase: (server) => backend.erase(server),
    list: () => backend.list(),
    store: async (server, credential) => {
      await backend.store(server, credential);
      try {
        await config.pointTo(server, helper);
      } catch (error) {
        // A secret that no file leads to would stay behind unseen.
        await backend.erase(server);
        throw error;
      }
    },
  };
}
