// How does a test get the official conformance suite of the OCI distribution specification?
import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { which } from './processes.ts';
import { cacheFolder } from './real-registry.ts';

const run = promisify(execFile);

const NAME = 'conformance';
const VERSION = 'v0.0.0-20260831232431-97274622c111';
const MODULE = `github.com/opencontainers/distribution-spec/conformance@${VERSION}`;

let found: Promise<string | undefined> | undefined;

/** Its program: on PATH, built before, or built now with Go. Undefined after one line that says why it cannot be had. */
export function findConformanceSuite(): Promise<string | undefined> {
  found ??= (async () => {
    const suite = await obtain(join(cacheFolder(), `${NAME}-${VERSION}`));
    if ('path' in suite) return suite.path;
    console.warn(`skipped: no conformance suite: ${suite.reason}`);
    return undefined;
  })();
  return found;
}

async function obtain(cache: string): Promise<{ readonly path: string } | { readonly reason: string }> {
  const installed = await which(NAME);
  if (installed !== undefined) return { path: installed };
  const path = join(cache, NAME);
  if (await isProgram(path)) return { path };
  const go = await which('go');
  if (go === undefined) return { reason: `there is no ${NAME} on PATH, and no go to build it with` };
  try {
    await build(go, cache);
    return { path };
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return { reason: `go could not build it: ${text.trim().split('\n').at(-1) ?? ''}` };
  }
}

/** Built beside and renamed, so that nobody finds half of it. */
async function build(go: string, cache: string): Promise<void> {
  await mkdir(join(cache, '..'), { recursive: true });
  const work = await mkdtemp(`${cache}-`);
  try {
    const env = { ...process.env, GOBIN: work, GOFLAGS: '' };
    await run(go, ['install', MODULE], { env, timeout: 300_000 });
    await rename(work, cache).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another test was faster
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
