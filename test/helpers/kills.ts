// What is left when hubctl is killed, and what does the next run make of it?
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { openStore } from '../../src/endpoints/store/store.ts';
import type { User } from './hubctl.ts';

export interface Kill {
  /** Milliseconds after the start. */
  readonly moment: number;
  /** False when the command had ended by itself before. */
  readonly hit: boolean;
}

/** Runs a command and kills it, as a power cut would, after some time, or as soon as `when` says so. */
export async function runKilled(
  user: User,
  args: readonly string[],
  moment: number | (() => boolean),
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Kill> {
  const child = user.start(args, options.env === undefined ? {} : { env: options.env });
  child.stdout?.resume();
  child.stderr?.resume();
  child.stdin?.on('error', () => undefined).end(options.input ?? '');
  const started = performance.now();
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  const kill = (): boolean => child.kill('SIGKILL');
  const timer = typeof moment === 'number' ? setTimeout(kill, moment) : setInterval(() => moment() && kill(), 1);
  const [, signal] = await ended;
  clearTimeout(timer);
  return { moment: Math.round(performance.now() - started), hit: signal === 'SIGKILL' };
}

/** Milliseconds that a command takes when nobody kills it. */
export async function durationOf(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** What is wrong with a store: damage, and names that lead nowhere. Empty is good. */
export async function damageOf(dir: string): Promise<readonly string[]> {
  await using store = await openStore(dir);
  const { damage } = await store.upkeep.check();
  return damage.map(({ kind, digest, images, message }) => `${kind} ${digest ?? ''} ${images.join()} ${message}`);
}

/** Bytes in files of a store that belong to nothing but a run: partial, temporary and lock files. */
export function leftoversOf(dir: string): readonly string[] {
  const inside = ['partial', 'temp', 'locks'].flatMap((name) => filesIn(join(dir, name)));
  return [...inside, ...temporaryFilesIn(dir)];
}

/** Hidden `.tmp` files, and locks. */
export function temporaryFilesIn(dir: string): readonly string[] {
  return filesIn(dir).filter((path) => /\.tmp$|\.lock$/.test(path));
}

function filesIn(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile());
}

/** The names in the list of images of a layout or store; throws when it is not whole. */
export function namesInIndex(dir: string): readonly string[] {
  const path = join(dir, 'index.json');
  if (!existsSync(path)) return [];
  const { manifests } = JSON.parse(readFileSync(path, 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  return manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? []);
}
