// How does the keychain look as one of the places that keep credentials?
import { HubError } from '../errors.ts';
import { likelyKeys, logoutKeys, serverKey } from './aliases.ts';
import type { Credential, CredentialStore, LoginEntry } from './credentials.ts';
import { TOKEN_USERNAME } from './helper.ts';
import type { KeychainDoor, KeychainItem } from './keychain.ts';

/** The keychain of the operating system. What it said about a server is remembered until it is told otherwise. Throws CREDENTIALS_UNAVAILABLE. */
export class KeychainStore implements CredentialStore {
  readonly name = 'keychain';
  readonly #door: KeychainDoor;
  readonly #known = new Map<string, Promise<Credential | undefined>>();

  constructor(door: KeychainDoor) {
    this.#door = door;
  }

  get(server: string): Promise<Credential | undefined> {
    return this.ask(serverKey(server));
  }

  /** The credential under exactly this key. */
  ask(key: string): Promise<Credential | undefined> {
    const known = this.#known.get(key);
    if (known) return known;
    const asked = this.#door.get(key).then((item) => (item ? credentialIn(item) : undefined));
    this.#known.set(key, asked);
    return asked;
  }

  /** Throws what storing would throw, after `limit` milliseconds at most. */
  async locate(limit: number = UNLOCK_TIME): Promise<void> {
    await this.#door.probe(limit);
  }

  async store(server: string, credential: Credential): Promise<void> {
    if (credential.kind === 'bearer') {
      throw new HubError('UNSUPPORTED', 'the keychain cannot keep a registry token', {
        hint: 'use --credential-store file',
      });
    }
    const key = serverKey(server);
    this.#known.delete(key);
    if (credential.kind === 'identity')
      await this.#door.set({ server: key, username: TOKEN_USERNAME, secret: credential.token });
    else await this.#door.set({ server: key, username: credential.username, secret: credential.password });
  }

  async erase(server: string): Promise<boolean> {
    this.#known.clear();
    // Not those the keychain lists: listing shows every secret to this program and may ask for the keychain's password.
    const keys = likelyKeys(server);
    const tokens = logoutKeys(HUB_TOKEN_ACCOUNTS, server);
    return (await this.#door.erase([...new Set([...keys, ...tokens])])).length > 0;
  }

  list(): Promise<readonly LoginEntry[]> {
    return this.#door.list();
  }
}

/** Milliseconds: somebody may have to type the password of the keychain. */
const UNLOCK_TIME = 30_000;

/** What docker's web login keeps through docker-credential-hubctl. */
const HUB_TOKEN_ACCOUNTS = ['https://index.docker.io/v1/access-token', 'https://index.docker.io/v1/refresh-token'];

function credentialIn({ username, secret }: KeychainItem): Credential {
  if (username === TOKEN_USERNAME) return { kind: 'identity', token: secret };
  return { kind: 'basic', username, password: secret };
}
