// Runs the built command line in a process of its own, as a user's shell would.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
export const HUBCTL = join(ROOT, 'bin', 'hubctl.js');

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** A user with an empty home directory. */
export interface User extends AsyncDisposable {
  readonly home: string;
  hubctl(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Also throws when the exit status is not 0; gives stdout without its last line feed. */
  ok(args: readonly string[], options?: RunOptions): Promise<string>;
  start(args: readonly string[], options?: RunOptions): ChildProcess;
}

export async function newUser(): Promise<User> {
  if (!existsSync(join(ROOT, 'dist', 'cli', 'pack.js'))) throw new Error('run `npm run build` first: dist/ is missing');
  const home = await mkdtemp(join(tmpdir(), 'hubctl-home-'));
  const environment = (options: RunOptions): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    HOME: home,
    TMPDIR: tmpdir(),
    ...options.env,
  });
  const hubctl = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
    execute(process.execPath, [HUBCTL, ...args], { ...options, cwd: options.cwd ?? home, env: environment(options) });
  return {
    home,
    hubctl,
    ok: async (args, options) => {
      const result = await hubctl(args, options);
      if (result.status !== 0)
        throw new Error(`hubctl ${args.join(' ')} ended with ${result.status}\n${result.stderr}`);
      return result.stdout.replace(/\n$/, '');
    },
    start: (args, options = {}) =>
      spawn(process.execPath, [HUBCTL, ...args], {
        cwd: options.cwd ?? home,
        env: environment(options),
        stdio: 'pipe',
      }),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

interface ExecuteOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string | undefined;
}

/** Any program: its exit status and what it said. */
export function execute(program: string, args: readonly string[], options: ExecuteOptions = {}): Promise<Finished> {
  const { input, ...rest } = options;
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { ...rest, maxBuffer: 256 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({ status: typeof code === 'number' ? code : null, stdout, stderr });
    });
    // A program that reads nothing may have ended before.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}
