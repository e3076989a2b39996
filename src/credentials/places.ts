// Where do the credentials of a user lie, and which of these files comes first?
import { isAbsolute, join, relative, sep } from 'node:path';
import { AuthFile } from './auth-file.ts';
import type { FileShape } from './docker-config.ts';
import type { Environment } from './helper-program.ts';
import { currentUser } from './system.ts';

export interface PlacesOptions {
  readonly env: Environment;
  readonly home: string;
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  /** File to use instead of every other, absolute. */
  readonly authfile?: string | undefined;
  /** Folder of docker's config.json, absolute. */
  readonly configDir?: string | undefined;
  readonly warn: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The files that may hold credentials. `chosen` was named by a flag or by REGISTRY_AUTH_FILE. */
export interface Places {
  readonly chosen: AuthFile | undefined;
  /** True when `chosen` came from a flag, and no other file is looked at. */
  readonly exclusive: boolean;
  readonly docker: AuthFile;
  /** auth.json of podman, skopeo and buildah, in the order they read them. */
  readonly containers: readonly AuthFile[];
  /** ~/.dockercfg, from before docker 1.7. */
  readonly old: AuthFile;
}

/** The files of this user [docker config.json, containers-auth.json]. Nothing is opened yet. */
export function placesOf(options: PlacesOptions): Places {
  const { env, home, authfile, configDir } = options;
  const file = (path: string, shape?: FileShape): AuthFile => {
    const label = labelOf(path, home);
    return new AuthFile({ path, label, shape: shape ?? shapeOf(path), warn: options.warn, signal: options.signal });
  };
  const named = authfile ?? nonEmpty(env['REGISTRY_AUTH_FILE']);
  const dockerDir = configDir ?? nonEmpty(env['DOCKER_CONFIG']) ?? join(home, '.docker');
  return {
    chosen: named === undefined ? undefined : file(named),
    exclusive: authfile !== undefined,
    docker: file(join(dockerDir, 'config.json'), 'config'),
    containers: containersPaths(options).map((path) => file(path, 'config')),
    old: file(join(home, '.dockercfg'), 'dockercfg'),
  };
}

/** The files that are read, first to last. */
export function filesOf({ chosen, exclusive, docker, containers, old }: Places): readonly AuthFile[] {
  if (chosen && exclusive) return [chosen];
  const all = [...(chosen ? [chosen] : []), docker, ...containers, old];
  return all.filter((file, index) => all.findIndex((other) => other.path === file.path) === index);
}

function containersPaths({ env, home, platform }: PlacesOptions): readonly string[] {
  const configHome = nonEmpty(env['XDG_CONFIG_HOME']) ?? join(home, '.config');
  const persistent = join(configHome, 'containers', 'auth.json');
  const usual = join(home, '.config', 'containers', 'auth.json');
  if (platform !== 'linux') return [...new Set([usual, persistent])];
  const user = currentUser();
  const runtime = nonEmpty(env['XDG_RUNTIME_DIR']);
  if (runtime !== undefined) return [join(runtime, 'containers', 'auth.json'), persistent];
  return user === undefined ? [persistent] : [join('/run/containers', String(user), 'auth.json'), persistent];
}

function shapeOf(path: string): FileShape {
  return /(?:^|[\\/])\.dockercfg$/.test(path) ? 'dockercfg' : 'config';
}

function labelOf(path: string, home: string): string {
  const below = relative(home, path);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : `~${sep}${below}`;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
