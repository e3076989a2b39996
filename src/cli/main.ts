// What does the program do with its arguments, and with which status does it end?
import { homedir } from 'node:os';
import { HubError } from '../errors.ts';
import type { Io } from './io.ts';

/** Runs one command line (without node and script). Never throws: failures are told on stderr and become the exit status. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    const { runProgram } = await import('./program.ts');
    return await runProgram(argv, io);
  } catch (error) {
    return fail(error, argv, io);
  }
}

/** Tells a failure of this command line on stderr. Gives the exit status. */
export async function fail(error: unknown, argv: readonly string[], io: Io): Promise<number> {
  const { report } = await import('./report.ts');
  return report(error, io, { debug: asksFor(argv, /^(?:--debug|-q*Dq*)$/), json: asksFor(argv, /^--json$/) });
}

/** The world of this process, for `run`. Node.js opens a standard stream when it is first asked for, which takes 3 ms. */
export function processIo(signal: AbortSignal): Io {
  const { env, platform, arch, version } = process;
  return {
    env,
    cwd: process.cwd(),
    home: homedir(),
    platform,
    arch,
    nodeVersion: version,
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    signal,
  };
}

/** Why everything stops: a signal of the system, or SIGPIPE for a reader of stdout that went away. */
export function interruption(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE'): HubError {
  return new HubError(
    'ABORTED',
    `interrupted by ${signal}; partial downloads are kept, and the next pull continues them`,
    {
      details: { signal },
    },
  );
}

/** Errors of the command line itself are told before its flags are understood. */
function asksFor(argv: readonly string[], flag: RegExp): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? undefined : end).some((token) => flag.test(token));
}
