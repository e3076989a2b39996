// Which host answers for a registry, and which registry does a host answer for?

/** Docker Hub's name is not the host that serves it. */
const HUB = 'docker.io';
const HUB_HOST = 'registry-1.docker.io';

/** The host to connect to for a canonical registry name. */
export function apiHost(registry: string): string {
  return registry === HUB ? HUB_HOST : registry;
}

/** The canonical registry that a host serves: the inverse of `apiHost`. */
export function registryOfHost(host: string): string {
  return host === HUB_HOST ? HUB : host;
}

/** The repository a registry URL is about, where it is about one [distribution-spec endpoints]. */
export function repositoryOfPath(pathname: string): string | undefined {
  return /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(pathname)?.[1];
}
