// Does a request go through a proxy, and through which one?
import { HubError } from '../errors.ts';
import { bareHost, familyOf, isLoopback, isWithin, networks, splitHost } from './addresses.ts';
import { parseUrl } from '../util/url.ts';

export interface ProxyOptions {
  /** Proxy for http: URLs. */
  readonly http?: string | undefined;
  /** Proxy for https: URLs. */
  readonly https?: string | undefined;
  /** NO_PROXY: comma-separated hosts, suffixes, addresses and networks. */
  readonly none?: string | undefined;
}

/** The part of `proxies.default` of docker's config.json that matters here. */
export interface ProxyFallback {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY (upper case first); what the environment lacks comes from `fallback` [as Go net/http ProxyFromEnvironment]. */
export function proxyFromEnvironment(env: Environment, fallback: ProxyFallback = {}): ProxyOptions {
  const read = (name: string): string | undefined => env[name] || env[name.toLowerCase()] || undefined;
  return {
    http: read('HTTP_PROXY') ?? fallback.httpProxy,
    https: read('HTTPS_PROXY') ?? fallback.httpsProxy,
    none: read('NO_PROXY') ?? fallback.noProxy,
  };
}

/**
 * The proxy for a URL, or undefined for a direct connection. Loopback hosts are never proxied. Throws CONFIG_INVALID for
 * a proxy address that is malformed or of a kind other than http and https.
 */
export function proxyFor(url: URL, options: ProxyOptions): URL | undefined {
  const proxy = url.protocol === 'https:' ? options.https : options.http;
  if (!proxy || isLoopback(url.hostname) || isExcluded(url, options.none ?? '')) return undefined;
  return parseProxy(proxy);
}

/** The value of Proxy-Authorization for the user and password in a proxy URL. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '') return undefined;
  const pair = `${decoded(proxy.username)}:${decoded(proxy.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** A lone `%` in a password is meant as it stands, and so are escapes that are no UTF-8. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseProxy(text: string): URL {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = parseUrl(full);
  const kind = full.slice(0, full.indexOf(':')).toLowerCase();
  if (url && url.hostname !== '' && (kind === 'http' || kind === 'https')) return url;
  // The address may hold a password, so only its kind is named.
  const what = kind.startsWith('socks')
    ? `a ${kind} proxy is configured, which hubctl cannot use`
    : 'the proxy address is malformed';
  throw new HubError('CONFIG_INVALID', what, { hint: 'set HTTPS_PROXY and HTTP_PROXY to http://host:port' });
}

function isExcluded(url: URL, none: string): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const hostname = bareHost(url.hostname);
  return none.split(/[\s,]+/).some((entry) => entry !== '' && excludes(entry.toLowerCase(), hostname, port));
}

/** One entry of NO_PROXY, by the rules of Go's httpproxy: `*`, network, address, `host`, `.suffix`, `*.suffix`, each with a port or not. */
function excludes(entry: string, hostname: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) {
    const list = networks([entry]);
    return list !== undefined && isWithin(list, hostname);
  }
  const { hostname: name, port: onlyPort } = splitHost(entry);
  if (onlyPort !== undefined && onlyPort !== port) return false;
  if (familyOf(name) !== 0) return canonical(name) === canonical(hostname);
  if (name.startsWith('*.')) return hostname.endsWith(name.slice(1));
  if (name.startsWith('.')) return hostname.endsWith(name);
  return hostname === name || hostname.endsWith(`.${name}`);
}

function canonical(address: string): string {
  if (familyOf(address) !== 6) return address;
  return bareHost(new URL(`http://[${address}]/`).hostname);
}
