// What does a docker-credential helper answer, and what does its answer mean?
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { safeText } from '../util/text.ts';
import { likelyKeys, logoutKeys, sameServer, serverKey } from './aliases.ts';
import type { Credential, CredentialStore, LoginEntry } from './credentials.ts';
import { findProgram, runProgram, type Environment, type RunProgram } from './helper-program.ts';

/** Texts of the protocol that mean something [docker-credential-helpers credentials/error.go]. */
export const HELPER_TEXTS = {
  notFound: 'credentials not found in native keychain',
  noServer: 'no credentials server URL',
  noUsername: 'no credentials username',
} as const;

/** The user name that says: the secret is an identity token. */
export const TOKEN_USERNAME = '<token>';

export interface HelperOptions {
  /** The part after `docker-credential-`. */
  readonly helper: string;
  /** The setting that asked for it, for messages: `credsStore in ~/.docker/config.json`. */
  readonly setting: string;
  readonly env: Environment;
  readonly warn: (text: string) => void;
  readonly run?: RunProgram | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for one call, 60,000 by default: helpers may ask for a PIN. */
  readonly timeout?: number | undefined;
}

type Action = 'get' | 'store' | 'erase' | 'list';

interface Answer {
  /** True when the helper knows nothing of the server. */
  readonly missing: boolean;
  readonly stdout: string;
}

const TIMEOUT = 60_000; // milliseconds
const LONGEST_QUOTE = 300;

/**
 * A credential helper. What it said about a server is remembered until it is told otherwise, failures too. Throws
 * CONFIG_INVALID for a name that no program can have, USAGE for a server with control characters, and
 * CREDENTIALS_UNAVAILABLE, with the helper's own words, when it is missing or fails.
 */
export class HelperStore implements CredentialStore {
  readonly name: string;
  readonly helper: string;
  readonly #options: HelperOptions;
  readonly #known = new Map<string, Promise<Credential | undefined>>();
  #program: Promise<string> | undefined;

  constructor(options: HelperOptions) {
    this.helper = options.helper;
    this.name = `helper ${options.helper}`;
    this.#options = options;
  }

  async get(server: string): Promise<Credential | undefined> {
    return this.ask(serverKey(server));
  }

  /** The credential under exactly this key. */
  ask(key: string): Promise<Credential | undefined> {
    const known = this.#known.get(key);
    if (known) return known;
    const asked = this.#get(key);
    this.#known.set(key, asked);
    return asked;
  }

  /** Throws what every call would throw for a helper that is not there. */
  async locate(): Promise<void> {
    this.#program ??= this.#find();
    await this.#program;
  }

  async store(server: string, credential: Credential): Promise<void> {
    if (credential.kind === 'bearer') {
      throw new HubError('UNSUPPORTED', `${this.name} cannot keep a registry token`, {
        hint: 'use --credential-store file',
      });
    }
    const key = serverKey(server);
    const Username = credential.kind === 'identity' ? TOKEN_USERNAME : credential.username;
    const Secret = credential.kind === 'identity' ? credential.token : credential.password;
    await this.#call('store', JSON.stringify({ ServerURL: key, Username, Secret }), key);
    this.#known.delete(key);
  }

  /** Erases every spelling the helper lists, or the usual ones where it cannot list. */
  async erase(server: string): Promise<boolean> {
    const keys = await this.#keysOf(server);
    this.#known.clear();
    let had = false;
    for (const key of keys.listed) had = !(await this.#call('erase', key, key)).missing || had;
    if (keys.listed.length > 0 || keys.error === undefined) return had;
    return this.#eraseLikely(server, keys.error);
  }

  async list(): Promise<readonly LoginEntry[]> {
    const { stdout } = await this.#call('list', 'unused', '');
    const servers = parseAnswer(stdout, this.helper);
    return Object.entries(servers).flatMap(([server, username]) =>
      typeof username === 'string' ? [{ server, username }] : [],
    );
  }

  async #get(key: string): Promise<Credential | undefined> {
    const { missing, stdout } = await this.#call('get', key, key);
    if (missing) return undefined;
    const { ServerURL, Username, Secret } = parseAnswer(stdout, this.helper);
    if (typeof ServerURL === 'string' && ServerURL !== '' && ServerURL !== key && !sameServer(ServerURL, key)) {
      throw unavailable(this.helper, `answered for "${safeText(ServerURL)}" when it was asked for "${key}"`);
    }
    if (typeof Secret !== 'string' || Secret === '') return undefined;
    if (Username === TOKEN_USERNAME) return { kind: 'identity', token: Secret };
    if (typeof Username !== 'string' || Username === '') return undefined;
    return { kind: 'basic', username: Username, password: Secret };
  }

  async #keysOf(server: string): Promise<{ readonly listed: readonly string[]; readonly error?: unknown }> {
    try {
      const entries = await this.list();
      return {
        listed: logoutKeys(
          entries.map((entry) => entry.server),
          server,
        ),
      };
    } catch (error) {
      // Helpers of clouds often cannot list. One that is missing is no helper at all.
      if (!HubError.is(error, 'CREDENTIALS_UNAVAILABLE') || error.details['missing'] === true) throw error;
      return { listed: [], error };
    }
  }

  /** True when at least one erase went well, which says little: helpers call it success when there was nothing. */
  async #eraseLikely(server: string, failure: unknown): Promise<boolean> {
    const results = await Promise.allSettled(likelyKeys(server).map((key) => this.#call('erase', key, key)));
    const done = results.filter((result) => result.status === 'fulfilled');
    if (done.length === 0) throw results.find((result) => result.status === 'rejected')?.reason ?? failure;
    return done.some(({ value }) => !value.missing);
  }

  async #call(action: Action, input: string, server: string): Promise<Answer> {
    refuseControls(server);
    const { helper, env, signal, warn, run = runProgram, timeout = TIMEOUT } = this.#options;
    this.#program ??= this.#find();
    const path = await this.#program;
    const onWait = (): void => warn(`waiting for the credential helper "${helper}"`);
    const { status, stdout } = await run(path, { argument: action, input }, { env, timeout, signal, onWait }).catch(
      (error: unknown) => {
        throw describe(error, helper);
      },
    );
    const text = stdout.trim();
    if (status === 0) return { missing: false, stdout: text };
    if (text === HELPER_TEXTS.notFound) return { missing: true, stdout: '' };
    const said = text === '' ? `it ended with status ${status ?? 'unknown'}` : text;
    throw unavailable(helper, `failed: ${safeText(said.slice(0, LONGEST_QUOTE))}`, { action, server, status });
  }

  async #find(): Promise<string> {
    const { helper, setting, env } = this.#options;
    if (!/^[A-Za-z0-9._-]+$/.test(helper)) {
      throw new HubError(
        'CONFIG_INVALID',
        `"${safeText(helper)}", named by ${setting}, is not the name of a credential helper`,
      );
    }
    const name = `docker-credential-${helper}`;
    const path = await findProgram(name, env);
    if (path !== undefined) return path;
    throw new HubError(
      'CREDENTIALS_UNAVAILABLE',
      `credential helper "${helper}", named by ${setting}, is missing: no ${name} on PATH`,
      {
        hint: `install ${name}, or log in with --credential-store file`,
        details: { helper, missing: true },
      },
    );
  }
}

function parseAnswer(text: string, helper: string): Record<string, unknown> {
  const value = readJson(text, helper);
  if (isRecord(value)) return value;
  throw unavailable(helper, 'did not answer with a JSON object');
}

function readJson(text: string, helper: string): unknown {
  try {
    return parseJson(text, 'the answer');
  } catch (cause) {
    throw unavailable(helper, 'did not answer with JSON', { cause });
  }
}

function describe(error: unknown, helper: string): unknown {
  if (HubError.is(error, 'TIMEOUT'))
    return unavailable(helper, `gave ${error.message} and was stopped`, { cause: error });
  if (HubError.is(error, 'CREDENTIALS_UNAVAILABLE'))
    return unavailable(helper, `failed: ${error.message}`, { cause: error });
  return error;
}

function unavailable(helper: string, what: string, facts: Record<string, unknown> = {}): HubError {
  const { cause, ...details } = facts;
  return new HubError('CREDENTIALS_UNAVAILABLE', `credential helper ${helper} ${what}`, {
    cause,
    hint: `try it by hand: docker-credential-${helper} list; or log in with --credential-store file`,
    details: { helper, ...details },
  });
}

/** A line break in a server's name would become another line of the protocol (CVE-2020-5260). */
function refuseControls(server: string): void {
  if (!/\p{Cc}/u.test(server)) return;
  throw new HubError('USAGE', `server "${safeText(server)}" holds control characters`);
}
