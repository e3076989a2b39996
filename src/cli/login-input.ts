// Which account does somebody log in with: from flags, standard input, or asked at the terminal?
import { HubError } from '../errors.ts';
import type { Io } from './io.ts';
import { ask, askSecret } from './prompt.ts';
import { readInput } from './read-input.ts';

export interface AccountFlags {
  readonly username: string | undefined;
  /** `-` means standard input. */
  readonly password: string | undefined;
  readonly passwordStdin: boolean;
}

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** True when the command line says nothing of the account. */
export function isUnspecified({ username, password, passwordStdin }: AccountFlags): boolean {
  return username === undefined && password === undefined && !passwordStdin;
}

/** Throws USAGE for flags that contradict each other, in docker's words. */
export function checkAccountFlags({ username, password, passwordStdin }: AccountFlags): void {
  if (password !== undefined && passwordStdin) {
    throw new HubError('USAGE', 'conflicting options: cannot specify both --password and --password-stdin');
  }
  if (passwordStdin && (username === undefined || username === '')) {
    throw new HubError('USAGE', 'the --password-stdin option requires --username to be set');
  }
  if (password === '-' && username === undefined) {
    throw new HubError('USAGE', '--password - reads standard input and requires --username to be set');
  }
  requireText(username, 'username');
  requireText(password, 'password');
}

/** The account to try; what is missing is asked for. Throws USAGE without a terminal to ask at, or for an empty answer. */
export async function readAccount(io: Io, flags: AccountFlags, usual?: string): Promise<Account> {
  const { password } = flags;
  const fromStdin = flags.passwordStdin || password === '-';
  const options = { hint: STDIN_HINT, default: usual };
  if (!fromStdin && (flags.username === undefined || password === undefined)) requireTerminal(io);
  const username = flags.username ?? (await ask(io, 'Username', options));
  requireText(username, 'username');
  if (fromStdin) return { username, password: withText(stripLineEnd(await readInput(io)), 'password') };
  return { username, password: withText(password ?? (await askSecret(io, 'Password', options)), 'password') };
}

const STDIN_HINT = 'pass the password on standard input: hubctl login -u NAME --password-stdin SERVER < FILE';

function requireTerminal(io: Io): void {
  if (io.stdin.isTTY === true) return;
  throw new HubError('USAGE', 'cannot perform an interactive login from a non-TTY device', { hint: STDIN_HINT });
}

/** Exactly one line end: a password may end in blanks. */
function stripLineEnd(text: string): string {
  return text.replace(/(?:\r\n|\n|\r)$/, '');
}

function withText(text: string, what: string): string {
  requireText(text, what);
  return text;
}

function requireText(text: string | undefined, what: string): void {
  if (text === undefined || text.trim() !== '') return;
  throw new HubError('USAGE', `${what} is empty`);
}
