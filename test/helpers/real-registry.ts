// How does a test get the registry that everybody runs: distribution, as a program of its own?
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startProcess, which } from './processes.ts';

const run = promisify(execFile);

export interface RealRegistryOptions {
  /** Contents of an htpasswd file (bcrypt); see TESTER. */
  readonly htpasswd?: string;
  /** Where tokens come from: a TokenServer fits. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly certificate: string;
  };
  readonly deleteEnabled?: boolean;
  /** PEM; the registry speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The program, when a test means a certain one. */
  readonly program?: string;
}

export interface RealRegistry {
  /** `127.0.0.1:41234` */
  readonly host: string;
  /** Its output; lines of requests look like `127.0.0.1 - - [...] "GET /v2/ HTTP/1.1" 200 2 "" "agent"`. */
  readonly log: readonly string[];
  /** Requests so far, as `GET /v2/ 200`. A line may come a moment after its answer. */
  requests(): readonly string[];
  /** Where its content lies, for tests that damage it. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** An account, and its line for `htpasswd`. */
export const TESTER = {
  username: 'tester',
  password: 'secret',
  htpasswd: 'tester:$2y$04$p9xVkbA/VNMvqYv2dnSM3.vmfDclIu7bRnyaa2qX6am7R3OdkAUyq',
} as const;

const PACKAGE = 'docker-registry';
let found: Promise<{ path: string } | { reason: string }> | undefined;
let told = false;

/** The program: on PATH, or unpacked from Debian's package into a cache folder, which needs no root. */
function findRegistryProgram(): Promise<{ readonly path: string } | { readonly reason: string }> {
  found ??= (async () => {
    const path = (await which(PACKAGE)) ?? (await which('registry'));
    return path === undefined ? unpackRegistry(cacheFolder()) : { path };
  })();
  return found;
}

/** True when `startRealRegistry` will give one; says once why not. For `describe.skipIf(!(await hasRealRegistry()))`. */
export async function hasRealRegistry(): Promise<boolean> {
  const program = await findRegistryProgram();
  if ('path' in program) return true;
  if (!told) console.warn(`skipped: no registry to test against: ${program.reason}`);
  told = true;
  return false;
}

/** Starts one on a free port of this machine with an empty folder; undefined when there is no program to be had. */
export async function startRealRegistry(options: RealRegistryOptions = {}): Promise<RealRegistry | undefined> {
  if (options.program === undefined && !(await hasRealRegistry())) return undefined;
  const program = await findRegistryProgram();
  const path = options.program ?? ('path' in program ? program.path : '');
  const folder = await mkdtemp(join(tmpdir(), 'hubctl-registry-'));
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(await configuration(folder, options))); // YAML is a superset of JSON
  const running = await startProcess(path, ['serve', config], {
    env: { OTEL_TRACES_EXPORTER: 'none' },
    ready: /listening on (127\.0\.0\.1:\d+)/,
  });
  return {
    host: running.ready[1] ?? '',
    log: running.output,
    requests: () => running.output.flatMap((line) => accessLine(line) ?? []),
    folder,
    stop: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function configuration(folder: string, options: RealRegistryOptions): Promise<object> {
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const { htpasswd, token, tls } = options;
  const basic = htpasswd !== undefined && {
    htpasswd: { realm: 'test', path: await file('htpasswd', `${htpasswd}\n`) },
  };
  const { certificate, ...tokenRest } = token ?? { certificate: '' };
  const bearer = token && { token: { ...tokenRest, rootcertbundle: await file('tokens.pem', certificate) } };
  const secure = tls && { tls: { certificate: await file('tls.pem', tls.cert), key: await file('tls.key', tls.key) } };
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: join(folder, 'data') },
      delete: { enabled: options.deleteEnabled ?? false },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: '127.0.0.1:0', secret: 'only for tests', ...secure },
    ...((basic || bearer) && { auth: { ...basic, ...bearer } }),
  };
}

function accessLine(line: string): string | undefined {
  const match = /^\S+ - \S+ \[[^\]]*\] "(\S+) (\S+) [^"]*" (\d+)/.exec(line);
  return match ? `${match[1]} ${match[2]} ${match[3]}` : undefined;
}

/** Where programs that tests need are kept between runs. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hubctl-test');
}

/**
 * Gets Debian's package without installing it. First with the package lists of this machine; where there are none, as in
 * slim containers, with lists of its own. The reason, when it cannot be had, is one line for people.
 */
export async function unpackRegistry(cache: string): Promise<{ path: string } | { reason: string }> {
  const path = join(cache, PACKAGE, 'usr/bin', PACKAGE);
  const present = await access(path).then(
    () => true,
    () => false,
  );
  if (present) return { path };
  const missing = (await which('apt-get')) === undefined ? 'apt-get' : 'dpkg-deb';
  if ((await which(missing)) === undefined)
    return { reason: `there is no docker-registry on PATH and no ${missing} to get it with` };
  try {
    await mkdir(cache, { recursive: true });
    const work = await mkdtemp(join(cache, 'unpack-'));
    try {
      await download(work);
      const archive = (await readdir(work)).find((name) => name.endsWith('.deb')) ?? '';
      await run('dpkg-deb', ['-x', join(work, archive), join(work, 'root')]);
      await rename(join(work, 'root'), join(cache, PACKAGE)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another test was faster
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return { path };
  } catch (error) {
    return { reason: `docker-registry could not be downloaded: ${lastLine(error)}` };
  }
}

async function download(work: string): Promise<void> {
  const quick = ['-q', '-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=15', '-o', 'APT::Sandbox::User='];
  const options = { cwd: work, timeout: 120_000 };
  try {
    await run('apt-get', [...quick, 'download', PACKAGE], options);
  } catch {
    const own = ['-o', `Dir::State=${join(work, 'state')}`, '-o', `Dir::Cache=${join(work, 'cache')}`];
    await mkdir(join(work, 'state/lists/partial'), { recursive: true });
    await mkdir(join(work, 'cache/archives/partial'), { recursive: true });
    await run('apt-get', [...quick, ...own, 'update'], options);
    await run('apt-get', [...quick, ...own, 'download', PACKAGE], options);
  }
}

function lastLine(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
