// How do tests run our code in processes of their own, to kill them and to let them get into each other's way?
import { build } from 'esbuild';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Script {
  /** Starts `node script ...args`; arguments that are no texts are given as JSON. */
  start(...args: readonly unknown[]): Child;
  remove(): Promise<void>;
}

export interface Child {
  readonly process: ChildProcess;
  /** Lines it wrote to stdout so far. */
  readonly lines: readonly string[];
  /** Resolves when it has written this line. Fails when it ends before that. */
  said(line: string): Promise<void>;
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Compiles a file of test/fixtures with all it imports, since Node 20 runs no TypeScript. */
export async function compile(fixture: string): Promise<Script> {
  const dir = await mkdtemp(join(tmpdir(), 'hubctl-script-'));
  const outfile = join(dir, 'script.mjs');
  const entry = join(import.meta.dirname, '..', 'fixtures', fixture);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  return {
    start: (...args) =>
      startChild(
        outfile,
        args.map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg))),
      ),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

function startChild(script: string, args: readonly string[]): Child {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  let rest = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    child.emit('line');
  });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    if (errors !== '') lines.push(`stderr: ${errors}`);
    child.emit('line');
    return (code ?? signal) as number | string;
  });
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    process: child,
    lines,
    ended,
    said: async (line) => {
      while (!lines.includes(line)) {
        if (isOver()) throw new Error(`the child ended without saying "${line}": ${lines.join(' | ')} ${errors}`);
        await once(child, 'line');
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
