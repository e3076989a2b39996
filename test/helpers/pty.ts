// How does a test get a real terminal? From script(1), which every Linux has; others skip.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { execute } from './hubctl.ts';

export interface Typed {
  /** Typed as soon as the screen has shown this. */
  readonly after: string | RegExp;
  readonly keys: string;
  /** Milliseconds later; 0 by default. */
  readonly wait?: number;
  /** Told when that was, in milliseconds since 1970. */
  readonly onTyped?: (at: number) => void;
}

export interface PtyOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly typed?: readonly Typed[];
}

/** True where script(1) of util-linux is there. */
export const hasPty: boolean =
  process.platform === 'linux' && String(spawnSync('script', ['--version']).stdout).includes('util-linux');

if (!hasPty) console.log('skipped: tests on a real terminal, for want of script (util-linux)');

/** Runs a shell command on a terminal of its own; gives everything that terminal got to see. */
export async function onPty(command: string, { env = {}, typed = [] }: PtyOptions = {}): Promise<string> {
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let seen = '';
  const waiting = [...typed];
  let from = 0;
  const write = ({ keys, onTyped }: Typed): void => {
    onTyped?.(performance.timeOrigin + performance.now());
    // It may have ended by itself meanwhile.
    if (child.stdin.writable) child.stdin.write(keys);
  };
  const press = (one: Typed): void => {
    if (one.wait === undefined) write(one);
    else setTimeout(() => write(one), one.wait);
  };
  const type = (): void => {
    for (let next = waiting[0]; next; next = waiting[0]) {
      const rest = seen.slice(from);
      const found = typeof next.after === 'string' ? rest.indexOf(next.after) : rest.search(next.after);
      if (found === -1) return;
      from = seen.length;
      waiting.shift();
      press(next);
    }
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    type();
  });
  await once(child, 'close');
  return seen;
}

/** A command line for sh that tells the settings of the terminal before and after, and the status. */
export function watched(command: string): string {
  return `stty -g; ${command}; echo "status=$?"; stty -g`;
}

/** What `watched` told. */
export function outcomeOf(seen: string): { before: string; after: string; status: number; shown: string } {
  const lines = seen.split(/\r?\n/).filter((line) => line !== '');
  const settings = lines.filter((line) => /^[0-9a-f]+(?::[0-9a-f]+){10,}$/.test(line));
  const status = /status=(\d+)/.exec(seen)?.[1];
  return { before: settings[0] ?? '', after: settings.at(-1) ?? '', status: Number(status ?? -1), shown: seen };
}

/** In a shell, without a terminal. */
export function inShell(command: string, env: Readonly<Record<string, string>> = {}): ReturnType<typeof execute> {
  return execute('bash', ['--norc', '-c', command], { env: { PATH: process.env['PATH'], ...env } });
}
