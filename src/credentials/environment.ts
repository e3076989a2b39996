// Which credentials does the environment hold?
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { namespaceKeys, sameServer, spellings } from './aliases.ts';
import type { Credential, CredentialStore, LoginEntry } from './credentials.ts';
import { credentialOf, usernameOf } from './entry.ts';
import type { Environment } from './helper-program.ts';

/** A place in the environment: read, never written. */
export interface EnvironmentStore extends CredentialStore {
  getForRepository(registry: string, repository: string): Promise<Credential | undefined>;
}

/**
 * `HUBCTL_USERNAME` and `HUBCTL_PASSWORD`, for Docker Hub or for the registry in `HUBCTL_REGISTRY`; undefined without a
 * password. Throws USAGE for a password without a user name.
 */
export function hubctlVariables(env: Environment): EnvironmentStore | undefined {
  const { HUBCTL_USERNAME: username = '', HUBCTL_PASSWORD: password = '', HUBCTL_REGISTRY: registry } = env;
  if (password === '') return undefined;
  if (username === '') {
    throw new HubError('USAGE', 'HUBCTL_PASSWORD is set without HUBCTL_USERNAME', { hint: 'set both, or neither' });
  }
  const server = registry === undefined || registry === '' ? 'docker.io' : registry;
  return readOnly('environment HUBCTL_USERNAME', new Map([[server, { kind: 'basic', username, password }]]));
}

/**
 * `DOCKER_AUTH_CONFIG`: one JSON object `{"auths": {"<host>": {"auth": "<base64>"}}}`. What docker would not accept is
 * told through `warn` and ignored [docker DOCKER_AUTH_CONFIG].
 */
export function dockerAuthConfig(env: Environment, warn: (text: string) => void): EnvironmentStore | undefined {
  const text = env['DOCKER_AUTH_CONFIG'] ?? '';
  if (text === '') return undefined;
  try {
    return readOnly(`environment ${VARIABLE}`, parseVariable(text));
  } catch (error) {
    if (!HubError.is(error)) throw error;
    warn(`Failed to create credential store from ${VARIABLE}: ${error.message}`);
    return undefined;
  }
}

const VARIABLE = 'DOCKER_AUTH_CONFIG';

function parseVariable(text: string): ReadonlyMap<string, Credential> {
  const value = parseObject(text);
  const unknown = Object.keys(value).find((name) => name !== 'auths');
  if (unknown !== undefined) throw invalid(`unknown field "${unknown}"`);
  const auths = value['auths'] ?? {};
  if (!isRecord(auths)) throw invalid('"auths" is not an object');
  return new Map(Object.entries(auths).map(([key, entry]) => [key, parseEntry(key, entry)]));
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value = parseJson(text, VARIABLE, { code: 'CONFIG_INVALID' });
    if (isRecord(value)) return value;
  } catch (error) {
    if (/\}\s*\{/.test(text)) throw invalid(`${VARIABLE} does not support more than one JSON object`);
    throw error;
  }
  throw invalid('it is not a JSON object');
}

function parseEntry(key: string, entry: unknown): Credential {
  const fields = isRecord(entry) ? Object.keys(entry) : [];
  const unknown = fields.find((name) => name !== 'auth');
  if (unknown !== undefined) throw invalid(`unknown field "${unknown}" for ${key}`);
  const credential = credentialOf(entry, { key, file: VARIABLE });
  if (!credential) throw invalid(`${VARIABLE} environment variable is missing key \`auth\` for ${key}`);
  return credential;
}

function invalid(why: string): HubError {
  return new HubError('CONFIG_INVALID', why);
}

function readOnly(name: string, credentials: ReadonlyMap<string, Credential>): EnvironmentStore {
  const firstOf = (keys: readonly string[]): Credential | undefined =>
    keys.map((key) => credentials.get(key)).find((credential) => credential !== undefined);
  const refuse = async (): Promise<never> => {
    throw new HubError('UNSUPPORTED', `${name} cannot be changed by a program`, {
      hint: 'unset the variable, or change it',
    });
  };
  return {
    name,
    get: async (server) => firstOf(spellings(credentials.keys(), server)),
    getForRepository: async (registry, repository) => firstOf(namespaceKeys(credentials.keys(), registry, repository)),
    store: refuse,
    erase: async (server) => ([...credentials.keys()].some((key) => sameServer(key, server)) ? refuse() : false),
    list: async (): Promise<readonly LoginEntry[]> =>
      [...credentials].map(([server, credential]) => ({ server, username: usernameOf(credential) })),
  };
}
