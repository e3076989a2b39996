// What does the program do with its arguments, and with which status does it end?
import { homedir } from 'node:os';
import { HubError } from '../errors.ts';
import type { DialledAhead } from '../http/dial-ahead.ts';
import { hostAhead } from './ahead.ts';
import type { Io, OutputStream } from './io.ts';

/** Runs one command line (without node and script). Never throws: failures are told on stderr and become the exit status. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let ahead: DialledAhead | undefined;
  try {
    ahead = await dialFor(argv, io);
    const { runProgram } = await import('./program.ts');
    return await runProgram(argv, io, ahead);
  } catch (error) {
    return await fail(error, argv, io);
  } finally {
    ahead?.close();
  }
}

/** To load the program takes as long as to reach a registry, so both begin now. */
async function dialFor(argv: readonly string[], io: Io): Promise<DialledAhead | undefined> {
  const host = hostAhead(argv, io);
  if (host === undefined) return undefined;
  const { dialAhead } = await import('../http/dial-ahead.ts');
  const ahead = dialAhead(host);
  // The connection is begun when this turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  return ahead;
}

/** Tells a failure of this command line on stderr. Gives the exit status. */
export async function fail(error: unknown, argv: readonly string[], io: Io): Promise<number> {
  const { report } = await import('./report.ts');
  return report(error, io, { debug: asksFor(argv, /^(?:--debug|-q*Dq*)$/), json: asksFor(argv, /^--json$/) });
}

/** Told when a standard stream is opened: that of results, or that of everything else. */
type OnOpened = (stream: OutputStream, isResult: boolean) => void;

/** The world of this process, for `run`. Node.js opens a standard stream when it is first asked for, which takes 3 ms. */
export function processIo(signal: AbortSignal, onOpened?: OnOpened): Io {
  const { env, platform, arch, version } = process;
  const opened = new Set<OutputStream>();
  const tell = (stream: OutputStream, isResult: boolean): OutputStream => {
    if (!opened.has(stream)) {
      opened.add(stream);
      onOpened?.(stream, isResult);
    }
    return stream;
  };
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
      return tell(process.stdout, true);
    },
    get stderr() {
      return tell(process.stderr, false);
    },
    signal,
    processEnds: true,
  };
}

/** Why everything stops: a signal of the system, or SIGPIPE for a reader of stdout that went away. */
export function interruption(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE'): HubError {
  return new HubError(
    'ABORTED',
    `interrupted by ${signal}; what has been transferred is kept, and the same command goes on from there`,
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
