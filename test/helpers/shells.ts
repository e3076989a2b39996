// Shells of this machine, to ask what they make of completion scripts.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export async function hasShell(shell: string): Promise<boolean> {
  return execute(shell, ['-c', 'exit 0']).then(
    () => true,
    () => false,
  );
}

/** Writes a script to a folder of its own and works with it there. */
export async function withScript<Value>(script: string, work: (path: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), 'hubctl-shell-'));
  try {
    const path = join(folder, 'script');
    await writeFile(path, script);
    return await work(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program. Gives its stdout; throws when it fails or says anything on stderr. */
export async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await execute(program, args);
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}
