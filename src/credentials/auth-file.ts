// How are credentials read from a file, and written without losing anything else in it?
import type { Stats } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HubError } from '../errors.ts';
import { isErrno, lstatIfExists, removeIfExists, storageError, writeFileAtomic } from '../util/fs.ts';
import { lstatIfExistsSync, readIfExistsSync } from '../util/fs-sync.ts';
import { withLock, type Lock } from '../util/lock.ts';
import { HUB_KEY, logoutKeys, namespaceOf, serverKey, spellings } from './aliases.ts';
import type { Credential, CredentialStore, LoginEntry } from './credentials.ts';
import {
  deleteEntries,
  helperFor,
  leadTo,
  parseDockerConfig,
  setEntry,
  type DockerConfig,
  type FileShape,
} from './docker-config.ts';
import { credentialOf, emailOf, fieldsOf, hasSecret, usernameOf } from './entry.ts';
import { deleteMember, setMember } from './json-text.ts';
import { currentUser } from './system.ts';

/** The name under which docker and others find hubctl's own keychain entries. */
export const OWN_HELPER = 'hubctl';

export interface AuthFileOptions {
  /** Absolute. */
  readonly path: string;
  /** The path as people read it: `~/.docker/config.json`. */
  readonly label: string;
  readonly shape: FileShape;
  readonly warn: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A docker config.json, a containers auth.json, or a ~/.dockercfg. Reading throws CONFIG_INVALID for a file that cannot be
 * understood, STORAGE for one that cannot be read, and REFUSED when root would follow somebody else's link. A write takes a
 * lock, reads again, and replaces the file as a whole; everything but the entry in question keeps its bytes.
 */
export class AuthFile implements CredentialStore {
  readonly name: string;
  readonly path: string;
  readonly label: string;
  readonly shape: FileShape;
  readonly #warn: (text: string) => void;
  readonly #signal: AbortSignal | undefined;

  constructor({ path, label, shape, warn, signal }: AuthFileOptions) {
    this.name = `file ${label}`;
    this.path = path;
    this.label = label;
    this.shape = shape;
    this.#warn = warn;
    this.#signal = signal;
  }

  async exists(): Promise<boolean> {
    return (await this.#statIfExists()) !== undefined;
  }

  /** What the file says now; empty when there is none. Warns when others may read secrets in it. */
  async read(): Promise<DockerConfig> {
    this.#refuseForeignLink();
    const bytes = readIfExistsSync(this.path);
    const config = parseDockerConfig(bytes?.toString('utf8') ?? '', this.label, this.shape);
    if (Object.values(config.auths).some(hasSecret)) await this.#warnIfOpen();
    return config;
  }

  async get(server: string): Promise<Credential | undefined> {
    const config = await this.read();
    return this.pick(config, spellings(Object.keys(config.auths), server));
  }

  /** The first credential under one of these keys of what was read. Throws CONFIG_INVALID for an entry that is no credential. */
  pick({ auths }: DockerConfig, keys: readonly string[]): Credential | undefined {
    for (const key of keys) {
      const credential = credentialOf(own(auths, key), { key, file: this.label });
      if (credential) return credential;
    }
    return undefined;
  }

  /** Keeps the secret in the file, and makes sure that no helper setting leads elsewhere. */
  async store(server: string, credential: Credential, email?: string): Promise<void> {
    const fields = fieldsOf(credential);
    await this.#edit((config) => {
      const key = this.#keyFor(config, server);
      const text = helperFor(config, server) === undefined ? config.text : leadTo(config, key, '');
      const edited = setEntry(text, { shape: this.shape, key, old: own(config.auths, key), fields });
      return email === undefined || this.shape === 'config' ? edited : setMember(edited, [key, 'email'], email);
    });
  }

  /** Throws USAGE when the format has no way to lead to a helper for this server. */
  requireHelpers(server: string, helper: string): void {
    if (this.shape === 'config' && namespaceOf(server) === undefined) return;
    throw new HubError('USAGE', `${this.label} cannot lead to the credential helper "${helper}" for "${server}"`, {
      hint: 'use --credential-store file, or another --authfile',
    });
  }

  /** Makes the file lead to a helper for this server, and removes a secret the file has for it. */
  async pointTo(server: string, helper: string): Promise<void> {
    this.requireHelpers(server, helper);
    await this.#edit((config) => {
      const key = serverKey(server);
      const text = setEntry(config.text, { shape: this.shape, key, old: own(config.auths, key), fields: {} });
      return helperFor(config, key)?.helper === helper ? text : leadTo({ ...config, text }, key, helper);
    });
  }

  /** Removes every spelling of the server. True when one of them held a secret. */
  async erase(server: string): Promise<boolean> {
    if (!(await this.exists())) return false;
    let had = false;
    await this.#edit((config) => {
      const keys = logoutKeys(Object.keys(config.auths), server);
      had = keys.some((key) => hasSecret(own(config.auths, key)));
      const text = deleteEntries(config.text, this.shape, keys);
      return ownSettings(config, server).reduce((result, key) => deleteMember(result, ['credHelpers', key]), text);
    });
    return had;
  }

  /** Entries that hold a secret. One that cannot be understood is told as a warning. */
  async list(): Promise<readonly LoginEntry[]> {
    const { auths } = await this.read();
    return Object.entries(auths).flatMap(([server, entry]) => {
      const credential = this.#tryCredential(server, entry);
      return credential ? [{ server, username: usernameOf(credential), email: emailOf(entry) }] : [];
    });
  }

  #tryCredential(key: string, entry: unknown): Credential | undefined {
    try {
      return credentialOf(entry, { key, file: this.label });
    } catch (error) {
      if (!HubError.is(error, 'CONFIG_INVALID')) throw error;
      this.#warn(error.message);
      return undefined;
    }
  }

  /** The old format keeps keys as they were typed; the others have docker's own. */
  #keyFor(config: DockerConfig, server: string): string {
    if (namespaceOf(server) !== undefined) return server;
    const key = serverKey(server);
    if (this.shape === 'config' || key === HUB_KEY) return key;
    return spellings(Object.keys(config.auths), server)[0] ?? server;
  }

  async #edit(change: (config: DockerConfig) => string): Promise<void> {
    const what = `cannot save credentials in ${this.label}`;
    try {
      const target = await followLink(this.path);
      await withLock(`${target}.lock`, { signal: this.#signal, timeout: LOCK_TIMEOUT, sweep: true }, async (lock) => {
        for (let left = MOST_TRIES; !(await this.#tryEdit(target, change, { lock, isLast: left === 0 })); left -= 1);
      });
    } catch (error) {
      throw withContext(error, what);
    }
  }

  /** False when another program, which knows no lock of ours, has changed the file meanwhile. */
  async #tryEdit(
    target: string,
    change: (config: DockerConfig) => string,
    { lock, isLast }: { readonly lock: Lock; readonly isLast: boolean },
  ): Promise<boolean> {
    const before = identityOf(await lstatIfExists(target));
    const config = await this.read();
    const text = change(config);
    if (text === config.text) return true;
    lock.check();
    if (this.shape === 'dockercfg' && isEmptyObject(text)) {
      await removeIfExists(target);
      return true;
    }
    const mayReplace = async (): Promise<boolean> => isLast || identityOf(await lstatIfExists(target)) === before;
    return writeFileAtomic(target, text, { mode: 0o600, ownerOnly: true, alone: true, mayReplace });
  }

  async #warnIfOpen(): Promise<void> {
    const stats = await this.#statIfExists();
    if (currentUser() === undefined || !stats || (stats.mode & 0o077) === 0) return;
    this.#warn(`${this.label} holds secrets and others may read it; run: chmod 600 ${this.label}`);
  }

  async #statIfExists(): Promise<{ readonly mode: number } | undefined> {
    try {
      return await stat(this.path);
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
      throw storageError(error, `cannot read ${this.label}`);
    }
  }

  #refuseForeignLink(): void {
    if (currentUser() !== 0) return;
    try {
      const stats = lstatIfExistsSync(this.path);
      if (!stats?.isSymbolicLink() || stats.uid === 0) return;
    } catch (error) {
      throw storageError(error, `cannot read ${this.label}`);
    }
    throw new HubError('REFUSED', `${this.label} is a symbolic link that belongs to another user, and this is root`, {
      hint: 'run as that user, or name another file with --authfile',
    });
  }
}

/** Longer than any write takes, shorter than anybody waits. */
const LOCK_TIMEOUT = 30_000;
/** How often a program without a lock of ours may come in between. */
const MOST_TRIES = 20;

/** Settings that hubctl made itself when it stored the secret; other programs' settings stay at logout. */
function ownSettings({ credHelpers }: DockerConfig, server: string): readonly string[] {
  const ours = Object.keys(credHelpers).filter((key) => credHelpers[key] === OWN_HELPER || credHelpers[key] === '');
  return spellings(ours, server);
}

/** Different whenever the file was written or replaced. */
function identityOf(stats: Stats | undefined): string {
  return stats ? `${stats.ino} ${stats.size} ${stats.mtimeMs}` : '';
}

function own(record: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function isEmptyObject(text: string): boolean {
  return /^\uFEFF?\s*\{\s*\}\s*$/.test(text);
}

async function followLink(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENOTDIR')) throw error;
  }
  try {
    return resolve(dirname(path), await readlink(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || isErrno(error, 'EINVAL')) return path;
    throw error;
  }
}

function withContext(error: unknown, what: string): HubError {
  const failure = storageError(error, what);
  if (failure.code !== 'STORAGE' || failure.message.startsWith(what)) return failure;
  const { hint, details } = failure;
  return new HubError('STORAGE', `${what}: ${failure.message}`, { cause: failure, hint, details });
}
