// How are requests sent, as the environment, docker's settings and the flags say?
import { join } from 'node:path';
import type { CredentialAccess } from '../credentials/access.ts';
import { HubError } from '../errors.ts';
import type { HttpOptions } from '../http/client.ts';
import { readIfExistsSync } from '../util/fs-sync.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { VERSION } from '../version.ts';
import { certDirs, configHome, type User } from './directories.ts';

export interface NetworkFlags
  extends User, Pick<HttpOptions, 'limitRate' | 'ahead' | 'trace' | 'onRetry' | 'onWaiting'> {
  readonly insecure?: readonly string[] | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** How the network is met; only tests change it. */
  readonly network?: Partial<HttpOptions> | undefined;
}

export interface NetworkSetting extends HttpOptions {
  /** Those of config.json, for registries that were named. */
  readonly ownHeaders: Readonly<Record<string, string>>;
}

/**
 * `named` has the registries the user named, by their host in URLs, where `example.com:443` has lost its port: only they
 * get the headers of config.json, never a redirect or a token service.
 */
export async function networkSetting(
  options: NetworkFlags,
  credentials: Pick<CredentialAccess, 'dockerConfig'>,
  named: ReadonlyMap<string, string>,
): Promise<NetworkSetting> {
  const { env, platform = 'linux', insecure = [] } = options;
  const [{ hostMatcher }, { proxyFromEnvironment }, { tlsFromEnvironment }] = await Promise.all([
    import('../http/addresses.ts'),
    import('../http/proxy.ts'),
    import('../http/tls.ts'),
  ]);
  const { proxies, httpHeaders } = await credentials.dockerConfig();
  const headers = Object.fromEntries(Object.entries(httpHeaders).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...options.network,
    userAgent: `hubctl/${VERSION}`,
    proxy: proxyFromEnvironment(env, proxies['default']),
    insecure: hostMatcher([...insecure, ...(await insecureRegistries(options))]),
    extraHeaders: (host) => (named.has(host) ? headers : {}),
    ownHeaders: headers,
    tls: {
      ...tlsFromEnvironment(env, platform),
      certDirs: certDirs(options),
      caFiles: options.tlsCa === undefined ? [] : [options.tlsCa],
      certFile: options.tlsCert,
      keyFile: options.tlsKey,
    },
    limitRate: options.limitRate,
    ahead: options.ahead,
    trace: options.trace,
    onRetry: options.onRetry,
    onWaiting: options.onWaiting,
  };
}

/** `insecure-registries` of docker's daemon.json, so that a machine set up for docker works as it is. */
async function insecureRegistries(options: NetworkFlags): Promise<readonly string[]> {
  const lists = await Promise.all(
    [join(configHome(options), 'docker', 'daemon.json'), '/etc/docker/daemon.json'].map((path) => readInsecure(path)),
  );
  return lists.flat();
}

async function readInsecure(path: string): Promise<readonly string[]> {
  try {
    const bytes = readIfExistsSync(path);
    if (!bytes) return [];
    const document = parseJson(bytes.toString('utf8'), path);
    const list = isRecord(document) ? document['insecure-registries'] : undefined;
    return Array.isArray(list) ? list.filter((entry): entry is string => typeof entry === 'string') : [];
  } catch (error) {
    // The daemon's file is not ours: one that is broken or not readable must not stop a client.
    if (HubError.is(error)) return [];
    throw error;
  }
}
