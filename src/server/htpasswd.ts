// Which accounts does an htpasswd file name, and is this password theirs?
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { HubError } from '../errors.ts';
import { lstatIfExists, readIfExists, storageError } from '../util/fs.ts';
import { Gate } from './turns.ts';

/** Milliseconds after which the file is looked at again, and for which a password that was right need not be checked. */
const RELOAD = 1000;
const REMEMBER = 5 * 60 * 1000;
const MOST_REMEMBERED = 1000;
const FILE_LIMIT = 1024 * 1024; // bytes
const PASSWORD_LIMIT = 72; // bytes
/** Rounds of bcrypt, as a power of two. */
const COST = 10;
const BCRYPT = /^\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}$/;

export interface Accounts {
  /** True when there is such an account with this password. Takes the same time whatever is wrong. */
  check(username: string, password: string): Promise<boolean>;
}

/**
 * Accounts of an htpasswd file with bcrypt hashes, as `htpasswd -B` writes it; a change of the file counts from the next
 * second on. Throws CONFIG_INVALID for a file that is not there, or has another kind of hash.
 */
export async function openHtpasswd(path: string): Promise<Accounts> {
  const accounts = new HtpasswdFile(path);
  await accounts.load();
  return accounts;
}

class HtpasswdFile implements Accounts {
  readonly #path: string;
  readonly #key = randomBytes(32);
  /** bcrypt is slow on purpose: two at a time leave room for other requests. */
  readonly #gate = new Gate(2);
  readonly #remembered = new Map<string, { readonly mac: Buffer; readonly hash: string; readonly until: number }>();
  #hashes: ReadonlyMap<string, string> = new Map();
  #identity = '';
  #looked = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** A file that cannot be read is looked at again for every request: until it can, nobody gets in. */
  async load(): Promise<void> {
    const looked = performance.now();
    const stats = await lstatIfExists(this.#path).catch((error: unknown) => {
      throw storageError(error, `cannot read ${this.#path}`);
    });
    const identity = stats ? `${stats.ino}-${stats.size}-${stats.mtimeMs}` : '';
    if (identity !== '' && identity === this.#identity) {
      this.#looked = looked;
      return;
    }
    if (stats && stats.size > FILE_LIMIT) throw invalid(this.#path, `is larger than ${FILE_LIMIT} bytes`);
    const bytes = await readIfExists(this.#path);
    if (!bytes) throw invalid(this.#path, 'does not exist');
    this.#hashes = parseHtpasswd(bytes.toString('utf8'), this.#path);
    this.#identity = identity;
    this.#looked = looked;
  }

  async check(username: string, password: string): Promise<boolean> {
    if (performance.now() - this.#looked > RELOAD) await this.load();
    const hash = this.#hashes.get(username);
    const mac = createHmac('sha256', this.#key).update(`${username}\0${password}`).digest();
    const known = this.#remembered.get(username);
    if (known && known.hash === hash && performance.now() < known.until && timingSafeEqual(known.mac, mac)) return true;
    const { default: bcrypt } = await import('bcryptjs');
    // A name that is unknown takes as long as one that is known: it is checked against somebody else's password.
    const compared = hash ?? this.#hashes.values().next().value ?? '';
    const isRight = await this.#gate.run(() => bcrypt.compare(password, compared));
    if (!isRight || hash === undefined) return false;
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(username, { mac, hash, until: performance.now() + REMEMBER });
    return true;
  }
}

/**
 * A line of an htpasswd file, without its line feed, for those who have no `htpasswd` at hand. Throws USAGE for a name
 * that such a file cannot hold, and for a password of more than the 72 bytes that bcrypt looks at.
 */
export async function htpasswdLine(username: string, password: string): Promise<string> {
  if (username === '' || username.startsWith('#') || /[:\s\p{Cc}]/u.test(username)) {
    throw new HubError('USAGE', 'the name of an account is empty, begins with #, or has a colon or a space');
  }
  if (password === '' || Buffer.byteLength(password) > PASSWORD_LIMIT) {
    throw new HubError('USAGE', `a password has 1 to ${PASSWORD_LIMIT} bytes, this one ${Buffer.byteLength(password)}`);
  }
  const { default: bcrypt } = await import('bcryptjs');
  return `${username}:${await bcrypt.hash(password, COST)}`;
}

/** Names and hashes; comments and empty lines are skipped. Throws CONFIG_INVALID naming the line, never the hash. */
export function parseHtpasswd(text: string, path: string): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const hash = line.slice(colon + 1).trim();
    if (colon < 1) throw invalid(path, `line ${index + 1} has no name and password`);
    if (!BCRYPT.test(hash)) {
      throw invalid(path, `line ${index + 1} has no bcrypt hash`, 'make it with: htpasswd -B FILE NAME');
    }
    hashes.set(line.slice(0, colon), hash);
  }
  if (hashes.size === 0) throw invalid(path, 'names no account', 'add one with: htpasswd -B FILE NAME');
  return hashes;
}

function invalid(path: string, what: string, hint?: string): HubError {
  return new HubError('CONFIG_INVALID', `the password file ${path} ${what}`, { hint });
}
