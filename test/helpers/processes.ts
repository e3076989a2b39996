// How does a test find a program on this machine, run it as a server, and end it again?
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export interface Running {
  readonly pid: number;
  /** What it wrote so far, both streams, line by line. */
  readonly output: readonly string[];
  /** The match of `ready`. */
  readonly ready: RegExpExecArray;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** A line of output that says that the server can be used. */
  readonly ready: RegExp;
  /** Milliseconds until SIGKILL follows SIGTERM; 5,000 by default. */
  readonly patience?: number;
}

/** Absolute path of a program on PATH. */
export async function which(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Runs a server until `stop`, or until this process ends. Throws with its output when it ends before it is ready. */
export async function startProcess(program: string, args: readonly string[], options: StartOptions): Promise<Running> {
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  const isReady = new Promise<RegExpExecArray>((resolve, reject) => {
    const look = (line: string): void => {
      output.push(line);
      const found = options.ready.exec(line);
      if (found) resolve(found);
    };
    for (const stream of [child.stdout, child.stderr]) eachLine(stream, look);
    const fail = (why: string): void => reject(new Error(`${program} ${why}\n${output.slice(-20).join('\n')}`));
    child.once('error', (error) => fail(`cannot be started: ${error.message}`));
    child.once('close', (code) => fail(`ended with status ${code} before it was ready`));
  });
  const ready = await isReady;
  return {
    pid: child.pid ?? 0,
    output,
    ready,
    stop: async () => {
      child.kill('SIGTERM');
      const impatience = setTimeout(kill, options.patience ?? 5000);
      await ended;
      clearTimeout(impatience);
      process.removeListener('exit', kill);
    },
  };
}

function eachLine(stream: NodeJS.ReadableStream, consume: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) consume(line);
  });
  stream.on('end', () => rest && consume(rest));
}
