// Which names mean the same registry, and under which key are its credentials kept?

/** The key of Docker Hub in every file and helper [docker/cli registry.IndexServer]. */
export const HUB_KEY = 'https://index.docker.io/v1/';

/** How docker.io is called where people and tools write it. */
const HUB_HOSTS: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
/** Entries in which docker keeps the tokens of its web login; they are no registry credentials. */
const HUB_TOKEN_KEYS: ReadonlySet<string> = new Set([`${HUB_KEY}access-token`, `${HUB_KEY}refresh-token`]);
const API_PATHS: ReadonlySet<string> = new Set(['', 'v1', 'v2']);
const URL_SHAPE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;

/**
 * `host[:port]` of a key as docker reads it: scheme, user and path dropped. Text without a scheme is cut at its first
 * slash [docker/cli credentials.ConvertToHostname].
 */
export function hostOfKey(key: string): string {
  const authority = URL_SHAPE.exec(key)?.[1];
  const host = authority === undefined ? undefined : hostOfAuthority(authority.slice(authority.lastIndexOf('@') + 1));
  return host ?? key.slice(0, indexOrEnd(key, '/'));
}

/** The key docker would write for a registry, however it was typed: the Hub's URL, or `host[:port]`. */
export function serverKey(registry: string): string {
  return registry === '' || canonicalServer(registry) === 'docker.io' ? HUB_KEY : hostOfKey(registry);
}

/** One name per registry, for comparing: lower case, `docker.io` for every spelling of Docker Hub. */
export function canonicalServer(key: string): string {
  const host = hostOfKey(key).toLowerCase();
  return HUB_HOSTS.has(host) ? 'docker.io' : host;
}

/** True when both keys name the same registry as a whole: not a namespace of it, nor a token of the web login. */
export function sameServer(a: string, b: string): boolean {
  return isServerKey(a) && isServerKey(b) && canonicalServer(a) === canonicalServer(b);
}

/** The path below the host of `host/org/app`, without scheme; undefined for a key that means a whole registry. */
export function namespaceOf(key: string): string | undefined {
  if (key.includes('://')) return undefined;
  const path = key.slice(indexOrEnd(key, '/')).replace(/^\/+|\/+$/g, '');
  return API_PATHS.has(path) ? undefined : path;
}

/** The keys that hold for a repository of a registry but not for all of it, the longest path first [containers-auth.json.5]. */
export function namespaceKeys(keys: Iterable<string>, registry: string, repository: string): readonly string[] {
  const found: { key: string; length: number }[] = [];
  for (const key of keys) {
    const path = namespaceOf(key);
    if (path === undefined || canonicalServer(key) !== canonicalServer(registry)) continue;
    if (repository === path || repository.startsWith(`${path}/`)) found.push({ key, length: path.length });
  }
  return found.sort((a, b) => b.length - a.length).map(({ key }) => key);
}

/** The keys among `keys` that mean this registry, docker's own spelling first. A namespaced `server` matches itself only. */
export function spellings(keys: Iterable<string>, server: string): readonly string[] {
  const namespace = namespaceOf(server);
  if (namespace !== undefined) return [...keys].filter((key) => sameNamespace(key, server, namespace));
  const own = serverKey(server);
  return [...keys].filter((key) => sameServer(key, server)).sort((a, b) => Number(b === own) - Number(a === own));
}

/** All a logout has to remove: every spelling, and for Docker Hub the tokens of docker's web login too. */
export function logoutKeys(keys: Iterable<string>, server: string): readonly string[] {
  const all = [...keys];
  const tokens = canonicalServer(server) === 'docker.io' ? all.filter((key) => HUB_TOKEN_KEYS.has(key)) : [];
  return [...spellings(all, server), ...tokens];
}

/** Spellings that programs have written over the years, for a place that cannot list what it holds. */
export function likelyKeys(server: string): readonly string[] {
  const own = serverKey(server);
  const hosts = own === HUB_KEY ? [...HUB_HOSTS] : [own];
  return [...new Set([own, ...hosts.flatMap((host) => [host, `https://${host}`, `http://${host}`])])];
}

function isServerKey(key: string): boolean {
  return namespaceOf(key) === undefined && !HUB_TOKEN_KEYS.has(key);
}

function sameNamespace(key: string, server: string, namespace: string): boolean {
  return namespaceOf(key) === namespace && canonicalServer(key) === canonicalServer(server);
}

function hostOfAuthority(authority: string): string | undefined {
  const [, name = '', port] = /^(.*?)(?::([^:\]]*))?$/.exec(authority) ?? [];
  if (name === '' || (port !== undefined && !/^\d*$/.test(port))) return undefined;
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  if (port === undefined || port === '') return bare;
  return bare.includes(':') ? `[${bare}]:${port}` : `${bare}:${port}`;
}

function indexOrEnd(text: string, part: string): number {
  const index = text.indexOf(part);
  return index === -1 ? text.length : index;
}
