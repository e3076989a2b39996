// How are credentials kept in the keychain of the operating system?
import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import type { AsyncEntry, findCredentialsAsync } from 'keytar';
import { HubError } from '../errors.ts';
import { isRecord } from '../util/json.ts';
import { safeText } from '../util/text.ts';
import type { Environment } from './helper-program.ts';

/** One entry of hubctl: the server's key, and what is kept for it. `username` is `<token>` for an identity token. */
export interface KeychainItem {
  readonly server: string;
  readonly username: string;
  readonly secret: string;
}

/** The keychain. Everything throws CREDENTIALS_UNAVAILABLE when it cannot be used or gives no answer in time. */
export interface KeychainDoor {
  get(server: string): Promise<KeychainItem | undefined>;
  set(item: KeychainItem): Promise<void>;
  /** The servers, of those named, that had an entry. */
  erase(servers: readonly string[]): Promise<readonly string[]>;
  list(): Promise<readonly Omit<KeychainItem, 'secret'>[]>;
  /** Stores and removes an entry, since a keychain that can be read may still be locked. Gives up after `limit` milliseconds. */
  probe(limit: number): Promise<void>;
}

export interface KeychainOptions {
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for one call, 5,000 by default. */
  readonly limit?: number | undefined;
}

/** What the program in the child process is asked, and answers. */
export type KeychainCall =
  | { readonly action: 'get'; readonly server: string }
  | { readonly action: 'set'; readonly server: string; readonly text: string }
  | { readonly action: 'erase'; readonly servers: readonly string[] }
  | { readonly action: 'list' }
  | { readonly action: 'probe' };

/** The label docker's own helpers give their entries; here it is the service [docker credential helpers]. */
const SERVICE = 'Docker Credentials';
const PROBE_SERVICE = 'hubctl probe';
const LIMIT = 5000; // milliseconds
/** Somebody may have to unlock the keychain before something is stored. */
const STORE_LIMIT = 30_000;

/**
 * The keychain through the npm package `keytar`, in a child process: a D-Bus that never answers blocks a native thread
 * for good, and Node waits for that thread at exit. Secrets go through the channel to the child, never its arguments.
 */
export function openKeychain({ env, signal, limit = LIMIT }: KeychainOptions): KeychainDoor {
  const call = (what: KeychainCall, time = limit): Promise<unknown> => callChild(what, { env, signal, limit: time });
  return {
    get: async (server) => parseItem(server, await call({ action: 'get', server })),
    set: async ({ server, username, secret }) => {
      const text = JSON.stringify({ Username: username, Secret: secret });
      await call({ action: 'set', server, text }, Math.max(limit, STORE_LIMIT));
    },
    erase: async (servers) => parseServers(await call({ action: 'erase', servers })),
    list: async () => parseList(await call({ action: 'list' }, Math.max(limit, STORE_LIMIT))),
    probe: async (time) => void (await call({ action: 'probe' }, time)),
  };
}

interface CallOptions {
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
  readonly limit: number;
}

async function callChild(call: KeychainCall, options: CallOptions): Promise<unknown> {
  options.signal?.throwIfAborted();
  const request = { module: resolveModule(), service: SERVICE, probeService: PROBE_SERVICE, call };
  const child = start(options.env);
  try {
    return await answerOf(child, request, options);
  } finally {
    child.kill('SIGKILL');
  }
}

function answerOf(child: ChildProcess, request: object, { signal, limit }: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(unavailable(`did not answer within ${limit / 1000} s`)), limit);
    const abort = (): void => fail(signal?.reason);
    const clear = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      clear();
      reject(error);
    };
    signal?.addEventListener('abort', abort);
    child.once('error', (cause) => fail(unavailable('cannot be asked: Node.js does not start again', cause)));
    child.once('exit', () => fail(unavailable('made the program that asked it crash')));
    child.once('message', (answer) => {
      clear();
      if (isRecord(answer) && answer['ok'] === true) resolve(answer['value']);
      else reject(unavailable(`refused: ${reasonOf(answer)}`));
    });
    child.send(request, (cause) => {
      if (cause) fail(unavailable('cannot be asked', cause));
    });
  });
}

function start(env: Environment): ChildProcess {
  const { NODE_OPTIONS: _options, NODE_EXTRA_CA_CERTS: _certificates, ...rest } = env;
  return fork('keychain', [], {
    execArgv: ['--input-type=commonjs', '--eval', CHILD_PROGRAM],
    env: rest,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'json',
  });
}

function resolveModule(): string {
  try {
    return createRequire(import.meta.url).resolve('keytar');
  } catch (cause) {
    throw new HubError(
      'CREDENTIALS_UNAVAILABLE',
      'the keychain cannot be used: the optional package keytar is not installed',
      {
        cause,
        hint: `install hubctl again without --omit=optional, or ${ELSEWHERE}`,
      },
    );
  }
}

const ELSEWHERE = 'use --credential-store file, or a credential helper: --credential-store helper:NAME';

/** What the child needs of the package. */
export interface KeychainModule {
  readonly AsyncEntry: typeof AsyncEntry;
  readonly findCredentialsAsync: typeof findCredentialsAsync;
}

/**
 * Runs in the child, as text: it may use nothing from this file. Pinned to the Secret Service on Linux, since the kernel's
 * keyring, the fallback of the package, forgets everything when the session ends.
 */
async function answerCall(
  { AsyncEntry, findCredentialsAsync }: KeychainModule,
  { service, probeService, call }: { service: string; probeService: string; call: KeychainCall },
): Promise<unknown> {
  const entry = (account: string, of = service): AsyncEntry =>
    new AsyncEntry(of, account, { linux: { store: 'secret-service' } });
  const usernameIn = (text: string): unknown => {
    try {
      return (JSON.parse(text) as { readonly Username?: unknown }).Username;
    } catch {
      return undefined; // an entry of another program
    }
  };
  const probe = async (): Promise<void> => {
    const test = entry('probe', probeService);
    await test.setPassword('probe');
    await test.deletePassword();
  };
  switch (call.action) {
    case 'get':
      return entry(call.server).getPassword();
    case 'set':
      return entry(call.server).setPassword(call.text);
    case 'erase': {
      const had: string[] = [];
      for (const server of call.servers) if (await entry(server).deletePassword()) had.push(server);
      return had;
    }
    case 'list': {
      // Listing does not unlock a locked keychain, but storing does.
      const found = await findCredentialsAsync(service).catch(async () => {
        await probe();
        return findCredentialsAsync(service);
      });
      return found.map(({ account, password }) => ({ account, username: usernameIn(password) }));
    }
    default:
      return probe();
  }
}

const CHILD_PROGRAM = `
const self = require('node:process');
const answerCall = ${answerCall.toString()};
self.once('message', async (request) => {
  try {
    const value = await answerCall(require(request.module), request);
    self.send({ ok: true, value: value ?? null });
  } catch (error) {
    self.send({ ok: false, reason: String(error?.message ?? error) });
  }
});`;

function parseItem(server: string, value: unknown): KeychainItem | undefined {
  if (typeof value !== 'string') return undefined;
  const item = parseSecret(value, server);
  const { Username: username, Secret: secret } = item;
  return typeof username === 'string' && typeof secret === 'string' ? { server, username, secret } : undefined;
}

function parseSecret(text: string, server: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    // The text is a secret: neither it nor an error that quotes it may be shown.
    throw unavailable(`has an entry for "${safeText(server)}" that hubctl did not write`);
  }
}

function parseServers(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((server): server is string => typeof server === 'string') : [];
}

function parseList(value: unknown): readonly Omit<KeychainItem, 'secret'>[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.flatMap((item) => {
    const { account, username } = isRecord(item) ? item : {};
    return typeof account === 'string' && typeof username === 'string' ? [{ server: account, username }] : [];
  });
}

function reasonOf(answer: unknown): string {
  const reason = isRecord(answer) ? answer['reason'] : undefined;
  return typeof reason === 'string' ? safeText(reason.slice(0, 300)) : 'no reason given';
}

function unavailable(what: string, cause?: unknown): HubError {
  return new HubError('CREDENTIALS_UNAVAILABLE', `the keychain ${what}`, {
    cause,
    hint: `unlock it and try again, or ${ELSEWHERE}`,
  });
}
