// How is a credential written in an `auths` entry of a file?
import { HubError } from '../errors.ts';
import { isRecord } from '../util/json.ts';
import { safeText } from '../util/text.ts';
import type { Credential } from './credentials.ts';

/** Fields of an entry that hold or name the secret. Everything else in an entry is left alone. */
export const SECRET_FIELDS = ['auth', 'identitytoken', 'registrytoken', 'username', 'password'] as const;

export interface EntryPlace {
  readonly key: string;
  /** For messages: `~/.docker/config.json`. */
  readonly file: string;
}

/**
 * The credential of an entry; undefined for one without a secret, as docker leaves where a helper has it. A registry token
 * goes before an identity token, that before a password; `auth` goes before `username` and `password` [docker config.json auths].
 * Throws CONFIG_INVALID when `auth` is not base64 of `user:password`.
 */
export function credentialOf(entry: unknown, place: EntryPlace): Credential | undefined {
  if (!isRecord(entry)) return undefined;
  const registryToken = textField(entry, 'registrytoken');
  const identityToken = textField(entry, 'identitytoken');
  const account = accountOf(entry, place);
  const username = account?.username === '' ? undefined : account?.username;
  if (registryToken !== '') return { kind: 'bearer', username, token: registryToken };
  if (identityToken !== '') return { kind: 'identity', username, token: identityToken };
  if (account === undefined || username === undefined) return undefined;
  return { kind: 'basic', username, password: account.password };
}

/** True when an entry holds something that others must not read. */
export function hasSecret(entry: unknown): boolean {
  return (
    isRecord(entry) &&
    ['auth', 'identitytoken', 'registrytoken', 'password'].some((name) => textField(entry, name) !== '')
  );
}

/** The mail address of an entry in the old format. */
export function emailOf(entry: unknown): string | undefined {
  const email = isRecord(entry) ? textField(entry, 'email') : '';
  return email === '' ? undefined : email;
}

/** The fields that hold a credential in an entry. Throws USAGE for a user name that the format cannot hold. */
export function fieldsOf(credential: Credential): Readonly<Record<string, string>> {
  if (credential.username?.includes(':')) {
    throw new HubError('USAGE', `user name "${safeText(credential.username)}" holds a colon, which credentials cannot`);
  }
  if (credential.kind === 'basic') return { auth: encodeAuth(credential.username, credential.password) };
  const auth = credential.username === undefined ? {} : { auth: encodeAuth(credential.username, '') };
  if (credential.kind === 'identity') return { ...auth, identitytoken: credential.token };
  return { ...auth, registrytoken: credential.token };
}

/** The name to show for a credential: `<token>` where only a token is known. */
export function usernameOf(credential: Credential): string {
  return credential.username ?? '<token>';
}

/** base64 of `user:password` taken apart at the first colon, trailing NULs of the password dropped; undefined when it is not that. */
export function decodeAuth(auth: string): { readonly username: string; readonly password: string } | undefined {
  const clean = auth.replace(/[\r\n]/g, '');
  if (clean.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(clean)) return undefined;
  const text = Buffer.from(clean, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

function encodeAuth(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
}

function accountOf(entry: Record<string, unknown>, { key, file }: EntryPlace): ReturnType<typeof decodeAuth> {
  const auth = textField(entry, 'auth');
  if (auth === '') return { username: textField(entry, 'username'), password: textField(entry, 'password') };
  const account = decodeAuth(auth);
  if (account !== undefined) return account;
  const server = safeText(key);
  throw new HubError('CONFIG_INVALID', `"auth" of "${server}" in ${file} is not base64 of user:password`, {
    hint: `remove the entry with: hubctl logout ${server}`,
  });
}

function textField(entry: Record<string, unknown>, name: string): string {
  const value = entry[name];
  return typeof value === 'string' ? value : '';
}
