// Where does a user keep settings, caches and what ends with the session?
import { isAbsolute, join } from 'node:path';

export interface User {
  /** `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** `process.platform`. */
  readonly platform?: string | undefined;
}

/** A base directory, which has to be absolute to count [XDG Base Directory Specification]. */
export function xdg(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/** Undefined where there is none. */
export function runtimeHome({ env }: Pick<User, 'env'>): string | undefined {
  return xdg(env['XDG_RUNTIME_DIR']);
}

export function cacheHome({ env, home }: User): string {
  return xdg(env['XDG_CACHE_HOME']) ?? join(home, '.cache');
}

/** Where other tools keep their settings. */
export function configHome({ env, home }: User): string {
  return xdg(env['XDG_CONFIG_HOME']) ?? join(home, '.config');
}

/** Where docker and containers' tools keep certificates per host; the first that has the host is used. */
export function certDirs({ env, home, platform }: User): readonly string[] {
  if (platform === 'win32') return [join(env['PROGRAMDATA'] ?? 'C:\\ProgramData', 'docker', 'certs.d')];
  const config = configHome({ env, home });
  return [join(config, 'docker'), join(config, 'containers'), '/etc/containers', '/etc/docker'].map((dir) =>
    join(dir, 'certs.d'),
  );
}
