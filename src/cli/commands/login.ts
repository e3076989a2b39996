// hubctl login: checks an account with a registry and keeps its secret.
import { checkLogin } from '../../auth/login.ts';
import { canonicalServer, hostOfKey, namespaceOf, serverKey } from '../../credentials/aliases.ts';
import type { CredentialAccess } from '../../credentials/access.ts';
import type { Credential, FoundCredential } from '../../credentials/credentials.ts';
import { usernameOf } from '../../credentials/entry.ts';
import { parseStoreChoice, type TargetStore } from '../../credentials/target.ts';
import { HubError } from '../../errors.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { HUB_INTRODUCTION, passwordHint } from '../login-hints.ts';
import { checkAccountFlags, isUnspecified, readAccount, type Account, type AccountFlags } from '../login-input.ts';
import { registryName } from '../registry-name.ts';
import { webLogin } from '../web-login.ts';

export const command: CommandSpec = defineCommand({
  name: 'login',
  summary: 'Log in to a registry',
  details:
    'Without SERVER, logs in to Docker Hub. The account is checked with the registry before anything is kept. Without ' +
    '-u and -p, stored credentials are tried first; then you are asked.\n\n' +
    'The secret goes where the configuration of docker says (credHelpers, credsStore), else to the keychain of the ' +
    'system if it works, else to a file that only you can read; a line on stderr says so. In the keychain it is ' +
    'found by docker and others, too, through docker-credential-hubctl. HUBCTL_CREDENTIAL_STORE sets another default.',
  arguments: [{ name: 'SERVER', help: 'host of the registry, such as ghcr.io or localhost:5000', optional: true }],
  flags: {
    username: { kind: 'string', short: 'u', value: 'NAME', help: 'user name' },
    password: { kind: 'string', short: 'p', value: 'TEXT', help: 'password or token; - reads it from standard input' },
    'password-stdin': { kind: 'boolean', help: 'read the password or token from standard input' },
    email: { kind: 'string', short: 'e', value: 'ADDRESS', help: 'mail address; kept only by the old ~/.dockercfg' },
    'credential-store': {
      kind: 'string',
      value: 'STORE',
      help: 'where the secret goes: auto, file, keychain, or helper:NAME',
    },
  },
  examples: [
    { command: 'hubctl login', does: 'Docker Hub, asking for the account' },
    {
      command: 'hubctl login -u alice --password-stdin ghcr.io < token.txt',
      does: 'another registry, without a question',
    },
    { command: 'hubctl login --credential-store helper:pass localhost:5000', does: 'keep the password with pass' },
  ],
  run: async (context, [typed = ''], flags) => {
    const { io, output } = context;
    const account = { username: flags.username, password: flags.password, passwordStdin: flags['password-stdin'] };
    checkAccountFlags(account);
    if (account.password !== undefined && account.password !== '-') {
      output.warn('Using --password via the CLI is insecure. Use --password-stdin.');
    }
    const attempt = await prepare(context, typed, account);
    const stored = isUnspecified(account) ? await tryStored(attempt) : undefined;
    if (stored?.works)
      return succeed(context, attempt, { username: usernameOf(stored.credential), store: stored.source });
    const choice = parseStoreChoice(flags['credential-store'] ?? (io.env['HUBCTL_CREDENTIAL_STORE'] || 'auto'));
    const target = await attempt.credentials.target(choice, attempt.server);
    const { username, password } = await accountFor(attempt, account, stored?.credential.username);
    const kept = await verified(attempt, { kind: 'basic', username, password });
    await target.store(attempt.server, kept, flags.email);
    await context.forgetTokens(attempt.registry);
    tellStore(context, target, flags.email);
    await warnOfStronger(context, attempt);
    return succeed(context, attempt, { username, store: target.name });
  },
});

interface Attempt {
  readonly context: Context;
  readonly credentials: CredentialAccess;
  /** What the secret is kept for: as typed, without a path unless the file may have it. */
  readonly server: string;
  /** As image names have it: `docker.io`. */
  readonly registry: string;
}

async function prepare(context: Context, typed: string, account: AccountFlags): Promise<Attempt> {
  const { io, output, settings } = context;
  const host = typed === '' ? 'docker.io' : hostOfKey(typed);
  const registry = registryName(canonicalServer(host));
  const namespace = namespaceOf(typed);
  const keepsNamespaces = settings.authfile !== undefined || Boolean(io.env['REGISTRY_AUTH_FILE']);
  if (namespace !== undefined && !keepsNamespaces) {
    output.note(`the credentials are kept for all of ${host}; with --authfile they can be for ${typed} alone`);
  }
  if (registry === 'docker.io' && account.username === undefined && io.stdin.isTTY === true)
    output.note(HUB_INTRODUCTION);
  const server = namespace === undefined || keepsNamespaces ? typed : host;
  return { context, credentials: await context.credentials(), server, registry };
}

/** Docker Hub may be logged in to in a browser, by whoever registered a client for it; everywhere else one is asked. */
async function accountFor({ context, registry }: Attempt, flags: AccountFlags, usual?: string): Promise<Account> {
  const { io } = context;
  const clientId = io.env['HUBCTL_OAUTH_CLIENT_ID'];
  const inBrowser = registry === 'docker.io' && isUnspecified(flags) && io.stdin.isTTY === true;
  const account = clientId && inBrowser ? await webLogin(context, { clientId }) : undefined;
  return account ?? readAccount(io, flags, usual);
}

interface StoredAttempt extends FoundCredential {
  readonly works: boolean;
}

/** Tries what is stored, as docker does. Throws when there is nobody to ask for something better. */
async function tryStored(attempt: Attempt): Promise<StoredAttempt | undefined> {
  const { context, credentials, server, registry } = attempt;
  const found = await credentials.find(registry, namespaceOf(server));
  if (!found) return undefined;
  context.output.note(`Authenticating with existing credentials... [Username: ${usernameOf(found.credential)}]`);
  try {
    await check(attempt, found.credential);
    return { ...found, works: true };
  } catch (error) {
    const refused = HubError.is(error, 'UNAUTHORIZED') || HubError.is(error, 'DENIED');
    if (!refused || context.io.stdin.isTTY !== true) throw error;
    const isWrong = error.code === 'UNAUTHORIZED';
    context.output.note(
      isWrong ? 'Stored credentials invalid or expired' : `Login did not succeed, error: ${error.message}`,
    );
    return { ...found, works: false };
  }
}

/** What is to be kept once the registry took the password: the token it gave for it, if any. */
async function verified(attempt: Attempt, credential: Credential & { readonly kind: 'basic' }): Promise<Credential> {
  const { username } = credential;
  try {
    const { identityToken } = await check(attempt, credential);
    return identityToken === undefined ? credential : { kind: 'identity', username, token: identityToken };
  } catch (error) {
    if (!HubError.is(error, 'UNAUTHORIZED')) throw error;
    const message = `${attempt.registry} rejected the password of ${username}: ${error.message}`;
    throw new HubError('UNAUTHORIZED', message, {
      cause: error,
      hint: passwordHint(attempt.registry),
      details: error.details,
    });
  }
}

async function check({ context, registry }: Attempt, credential: Credential): ReturnType<typeof checkLogin> {
  const host = (await context.registries()).registry(registry);
  const base = await host.base();
  const result = await checkLogin({
    send: host.sendAnonymous,
    base,
    credential,
    clientId: 'hubctl',
    registry,
    signal: context.signal,
  });
  const { realm } = result;
  if (realm === undefined || realm === base.origin) return result;
  await context.acceptRealm(registry, realm);
  context.output.note(`the token service of ${registry} is ${realm}; no other one will get the password`);
  return result;
}

function tellStore({ output, settings }: Context, target: TargetStore, email: string | undefined): void {
  if (email !== undefined && !target.keepsEmail) output.note('--email is ignored: only the old ~/.dockercfg keeps it');
  const place = `${target.name.replace(/^file /, '')} (mode 0600)`;
  if (target.because !== undefined) {
    const why = settings.debug ? ` (${target.because})` : '';
    output.warn(`no keychain works here${why}, so the credentials are kept unencrypted in ${place}`);
  } else if (target.kind === 'file') output.note(`The credentials are kept unencrypted in ${place}`);
  if (target.shared) return;
  output.note('Other programs, such as docker, find this login only when docker-credential-hubctl is on PATH');
}

/** What is set in the environment is used before anything that was stored. */
async function warnOfStronger({ output }: Context, { credentials, registry, server }: Attempt): Promise<void> {
  const found = await credentials.find(registry, namespaceOf(server));
  if (found?.source.startsWith('environment ')) output.warn(`${found.source} takes precedence over what was stored`);
}

function succeed(
  { output }: Context,
  { server }: Attempt,
  login: { readonly username: string; readonly store: string },
): void {
  output.line('Login Succeeded');
  output.value({ server: namespaceOf(server) === undefined ? serverKey(server) : server, ...login });
}
