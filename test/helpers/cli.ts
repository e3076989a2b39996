// Runs the command line in this process, with a terminal, a home and an environment of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/cli/main.ts';
import { fakeIo, type FakeIoOptions } from './terminal.ts';

export interface CliOptions extends FakeIoOptions {
  /** What stdin holds; it ends after that. Typed keys when `tty` is set. */
  readonly stdin?: string | Uint8Array;
}

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as it is, for archives and manifests. */
  readonly bytes: Buffer;
}

/** Runs `hubctl ...argv`. Without `home` it gets an empty one that is removed afterwards. */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'hubctl-cli-')));
  try {
    const io = fakeIo({ ...options, home });
    io.stdin.end(options.stdin ?? '');
    const status = await run(argv, io);
    return { status, stdout: io.stdout.text, stderr: io.stderr.text, bytes: io.stdout.bytes };
  } finally {
    if (options.home === undefined) await rm(home, { recursive: true, force: true });
  }
}
