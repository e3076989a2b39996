// How do docker, crane, skopeo and others get at the keychain entries of hubctl?
import { sameServer, serverKey } from '../credentials/aliases.ts';
import { HELPER_TEXTS } from '../credentials/helper.ts';
import { openKeychain, type KeychainDoor, type KeychainItem } from '../credentials/keychain.ts';
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { safeText } from '../util/text.ts';
import { VERSION } from '../version.ts';
import type { Io } from './io.ts';
import { readInput } from './read-input.ts';

const NAME = 'docker-credential-hubctl';
const USAGE = `Usage: ${NAME} <store|get|erase|list|version>`;
const VERSION_LINE = `${NAME} (hubctl) ${VERSION}`;

type Serve = (door: KeychainDoor, input: () => Promise<string>) => Promise<string>;

const ACTIONS: ReadonlyMap<string, Serve> = new Map<string, Serve>([
  ['get', get],
  ['store', store],
  ['erase', erase],
  ['list', list],
]);

/**
 * One call of the docker-credential protocol: `action` is the only argument, undefined when there was none or more than
 * one; failures are told on stdout, as the protocol wants it [docker-credential-helpers]. Gives the exit status.
 */
export async function runCredentialHelper(
  action: string | undefined,
  io: Io,
  keychain?: KeychainDoor,
): Promise<number> {
  const answer = (text: string, status: number): number => {
    io.stdout.write(`${text}\n`);
    return status;
  };
  if (action === '--help' || action === '-h') return answer(USAGE, 0);
  if (action === 'version' || action === '--version' || action === '-v') return answer(VERSION_LINE, 0);
  if (action === undefined) return answer(USAGE, 1);
  const serve = ACTIONS.get(action);
  if (!serve) return answer(`${NAME}: unknown action: ${safeText(action)}`, 1);
  try {
    const door = keychain ?? openKeychain({ env: io.env, signal: io.signal });
    const text = await serve(door, () => readInput(io));
    return text === '' ? 0 : answer(text, 0);
  } catch (error) {
    if (!HubError.is(error)) throw error;
    return answer(error.message, 1);
  }
}

/** The entry under the very key that was asked for, else under the one hubctl writes for the same registry. */
async function get(door: KeychainDoor, input: () => Promise<string>): Promise<string> {
  const server = serverIn(await input());
  const own = serverKey(server);
  const item =
    (await door.get(server)) ?? (own !== server && sameServer(own, server) ? await door.get(own) : undefined);
  if (!item) throw new HubError('NOT_FOUND', HELPER_TEXTS.notFound);
  return JSON.stringify({ ServerURL: server, Username: item.username, Secret: item.secret });
}

async function store(door: KeychainDoor, input: () => Promise<string>): Promise<string> {
  await door.set(parseItem(await input()));
  return '';
}

async function erase(door: KeychainDoor, input: () => Promise<string>): Promise<string> {
  await door.erase([serverIn(await input())]);
  return '';
}

/** Reads nothing: somebody who tries it by hand should not have to end the input. */
async function list(door: KeychainDoor): Promise<string> {
  const entries = await door.list();
  return JSON.stringify(Object.fromEntries(entries.map(({ server, username }) => [server, username])));
}

function serverIn(input: string): string {
  const server = input.trim();
  if (server === '') throw new HubError('USAGE', HELPER_TEXTS.noServer);
  return server;
}

function parseItem(input: string): KeychainItem {
  const value = parseJson(input, 'the credentials on standard input', { code: 'CONFIG_INVALID' });
  const { ServerURL: server, Username: username, Secret: secret } = isRecord(value) ? value : {};
  if (typeof server !== 'string' || server === '') throw new HubError('USAGE', HELPER_TEXTS.noServer);
  if (typeof username !== 'string' || username === '') throw new HubError('USAGE', HELPER_TEXTS.noUsername);
  return { server, username, secret: typeof secret === 'string' ? secret : '' };
}
