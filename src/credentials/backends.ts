// Which program or keychain stands behind the name of a helper in a configuration file?
import { HubError } from '../errors.ts';
import { OWN_HELPER, type AuthFile } from './auth-file.ts';
import type { Credential, CredentialStore } from './credentials.ts';
import type { HelperChoice } from './docker-config.ts';
import { HelperStore, type HelperOptions } from './helper.ts';
import { findProgram, type Environment } from './helper-program.ts';
import type { KeychainDoor } from './keychain.ts';
import { KeychainStore } from './keychain-store.ts';

/** A helper or the keychain: a place that files point to. */
export interface Backend extends CredentialStore {
  /** The credential under exactly this key. */
  ask(key: string): Promise<Credential | undefined>;
  /** Throws when nothing could be stored: CREDENTIALS_UNAVAILABLE, REFUSED, CONFIG_INVALID. */
  locate(limit?: number): Promise<void>;
}

export interface Backends {
  readonly keychain: KeychainStore;
  /** The same object for the same helper, so that no server is asked about twice. */
  /** True when other programs find the keychain's entries: docker-credential-hubctl is on PATH. */
  isShared(): Promise<boolean>;
  open(choice: Pick<HelperChoice, 'helper' | 'setting'>, file?: AuthFile): Backend;
}

/** The keychain answers for the helper `hubctl` without a program being started. */
export function createBackends(door: KeychainDoor, options: Omit<HelperOptions, 'helper' | 'setting'>): Backends {
  const keychain = new KeychainStore(door);
  const helpers = new Map<string, HelperStore>();
  return {
    keychain,
    isShared: () => isOnPath(`docker-credential-${OWN_HELPER}`, options.env),
    open: ({ helper, setting }, file) => {
      if (helper === OWN_HELPER) return keychain;
      const known = helpers.get(helper);
      if (known) return known;
      const where = file ? `${setting} in ${file.label}` : setting;
      const store = new HelperStore({ ...options, helper, setting: where });
      helpers.set(helper, store);
      return store;
    },
  };
}

async function isOnPath(program: string, env: Environment): Promise<boolean> {
  try {
    return (await findProgram(program, env)) !== undefined;
  } catch (error) {
    if (HubError.is(error, 'REFUSED')) return false;
    throw error;
  }
}
