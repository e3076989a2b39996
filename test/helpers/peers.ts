// How does a test use the programs that hubctl has to get on with: crane, skopeo, docker?
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startProcess, which } from './processes.ts';

const execute = promisify(execFile);

export type Peer = 'crane' | 'skopeo' | 'docker' | 'dockerd' | 'oras' | 'regctl';

/** Path of a peer, or undefined after one line about what is skipped. */
export async function findPeer(name: Peer): Promise<string | undefined> {
  const path = await which(name);
  if (path === undefined) console.warn(`skipped: ${name} is not on this machine`);
  return path;
}

/** Runs a peer in a home of its own, so that nobody's credentials are used; gives stdout. Throws when it fails. */
export async function runPeer(path: string, args: readonly string[], home: string): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: home, TMPDIR: tmpdir() };
  const { stdout } = await execute(path, [...args], { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export interface Dockerd {
  /** For DOCKER_HOST: `unix:///tmp/…/docker.sock`. */
  readonly address: string;
  readonly pid: number;
  /** Runs the docker client against it; gives stdout. Throws when it fails. */
  docker(...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * A docker daemon with everything below one temporary folder, without networks and iptables. Undefined, after one line
 * that says why, where it cannot be: it needs root, dockerd and docker.
 */
export async function startDockerd(
  options: { readonly insecure?: readonly string[] } = {},
): Promise<Dockerd | undefined> {
  const [dockerd, docker] = await Promise.all([findPeer('dockerd'), findPeer('docker')]);
  if (dockerd === undefined || docker === undefined) return undefined;
  if (process.getuid?.() !== 0) {
    console.warn('skipped: dockerd needs root');
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'hubctl-dockerd-'));
  const address = `unix://${folder}/docker.sock`;
  try {
    await writeFile(join(folder, 'daemon.json'), '{}');
    const running = await startProcess(dockerd, daemonFlags(folder, address, options.insecure ?? []), {
      ready: /API listen on /,
      patience: 20_000,
    });
    return {
      address,
      pid: running.pid,
      docker: (...args) => runPeer(docker, ['--host', address, ...args], folder),
      stop: async () => {
        await running.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    console.warn(`skipped: dockerd does not run here: ${lastLine(error)}`);
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
}

function daemonFlags(folder: string, address: string, insecure: readonly string[]): string[] {
  return [
    ['--config-file', join(folder, 'daemon.json')],
    ['--host', address],
    ['--data-root', join(folder, 'data')],
    ['--exec-root', join(folder, 'exec')],
    ['--pidfile', join(folder, 'docker.pid')],
    ['--storage-driver', 'vfs'],
    ['--bridge', 'none'],
    ['--iptables=false', '--ip6tables=false', '--ip-masq=false'],
    insecure.flatMap((host) => ['--insecure-registry', host]),
  ].flat();
}

function lastLine(error: unknown): string {
  return String(error).trim().split('\n').at(-1) ?? '';
}
