// How is the program of a credential helper found, run, and stopped when it hangs?
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { HubError } from '../errors.ts';
import { isErrno } from '../util/fs.ts';
import { currentUser, killGroup } from './system.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a run ended with. `stdout` may hold a secret when the status is 0. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
}

export interface RunOptions {
  readonly env: Environment;
  /** Milliseconds after which the program and all it started are killed. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once when the answer takes longer than `noticeAfter`: the program may be asking somebody. */
  readonly onWait?: (() => void) | undefined;
}

/** Runs a program with one argument and a text on its standard input. */
export type RunProgram = (
  path: string,
  call: { readonly argument: string; readonly input: string },
  options: RunOptions,
) => Promise<Finished>;

const NOTICE_AFTER = 3000; // milliseconds
/** Characters of an answer. No token is near this long. */
const LONGEST_ANSWER = 1024 * 1024;

/**
 * The path of a program on PATH, undefined when it is nowhere. Relative and empty parts of PATH are not looked at. Throws
 * REFUSED when others may write the program or its folder, since it would be given secrets.
 */
export async function findProgram(name: string, env: Environment): Promise<string | undefined> {
  const path = env['PATH'] ?? env['Path'] ?? '';
  for (const folder of path.split(delimiter).filter((part) => isAbsolute(part))) {
    for (const suffix of currentUser() === undefined ? ['.exe'] : ['']) {
      const candidate = join(folder, name + suffix);
      if (await isExecutable(candidate)) return candidate;
    }
  }
  return undefined;
}

/** As `RunProgram` says. Throws TIMEOUT, CREDENTIALS_UNAVAILABLE when it cannot be started or says too much, and the signal's reason. */
export const runProgram: RunProgram = async (path, { argument, input }, options) => {
  options.signal?.throwIfAborted();
  const child = spawn(path, [argument], {
    env: { ...options.env },
    stdio: ['pipe', 'pipe', 'inherit'],
    // A group of its own, so that what it starts can be ended with it.
    detached: currentUser() !== undefined,
    windowsHide: true,
  });
  const end = (): void => {
    if (child.pid !== undefined && currentUser() !== undefined) killGroup(child.pid);
    else child.kill('SIGKILL');
    child.stdout.destroy();
  };
  return new Promise<Finished>((resolve, reject) => {
    let stdout = '';
    const notice = setTimeout(() => options.onWait?.(), NOTICE_AFTER);
    const finish = (settle: () => void): void => {
      clearTimeout(notice);
      clearTimeout(limit);
      options.signal?.removeEventListener('abort', abort);
      settle();
    };
    const fail = (error: unknown): void => finish(() => reject(error));
    const stop = (error: unknown): void => {
      end();
      fail(error);
    };
    const limit = setTimeout(() => stop(tooSlow(options.timeout)), options.timeout);
    const abort = (): void => stop(options.signal?.reason);
    options.signal?.addEventListener('abort', abort);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (stdout.length > LONGEST_ANSWER)
        stop(new HubError('CREDENTIALS_UNAVAILABLE', 'the answer is longer than 1 MiB'));
    });
    child.on('error', (cause) => fail(new HubError('CREDENTIALS_UNAVAILABLE', 'it cannot be started', { cause })));
    child.on('close', (status) => finish(() => resolve({ status, stdout })));
    // A program that answers without reading its input is no failure.
    child.stdin.on('error', () => undefined).end(input);
  });
};

function tooSlow(timeout: number): HubError {
  return new HubError('TIMEOUT', `no answer within ${timeout / 1000} s`);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return false;
    await access(path, constants.X_OK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].some((code) => isErrno(error, code))) return false;
    throw error;
  }
  await refuseWritableByOthers(path);
  return true;
}

async function refuseWritableByOthers(path: string): Promise<void> {
  if (currentUser() === undefined) return;
  for (const place of [path, dirname(path)]) {
    const { mode } = await stat(place);
    if ((mode & 0o002) === 0) continue;
    throw new HubError('REFUSED', `${path} is not run, since anybody may write ${place}`, {
      hint: `if the program is what it should be, run: chmod o-w ${place}`,
    });
  }
}
