// Which machine does a host mean: this one, one of the private network, or any?
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const isLoopbackAddress = within(['127.0.0.0/8', '::1/128']);
const isMachineLocalAddress = within(['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '::/128', '::1/128', 'fe80::/10']);
/** And what belongs to nobody on the internet: benchmarks, protocol assignments, groups, and what is reserved. */
const isPrivateNetworkAddress = within([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '192.0.0.0/24',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  'fc00::/7',
  'fec0::/10',
  'ff00::/8',
]);
/** Where the last four bytes are an IPv4 address that a gateway goes on to, or that the machine takes for one (RFC 6052, 4291). */
const isEmbeddingAddress = within(['64:ff9b::/96', '::/96']);

/** A host name or address as it is compared: lower case, without brackets, zone or the dot of the root. */
export function bareHost(hostname: string): string {
  const unbracketed = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
  return unbracketed.toLowerCase().replace(/%.*$/, '').replace(/\.$/, '');
}

/** True for `localhost`, names below it, 127.0.0.0/8 and ::1; no name is looked up. */
export function isLoopback(hostname: string): boolean {
  const host = bareHost(hostname);
  return host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(host);
}

/** True for an address that a server must never send a client to: loopback, link-local, unspecified. */
export function isMachineLocal(hostname: string): boolean {
  return isLoopback(hostname) || spellingsOf(hostname).some(isMachineLocalAddress);
}

/** True for an IP literal of a private network (RFC 1918, RFC 6598, unique local). */
export function isPrivateAddress(hostname: string): boolean {
  return spellingsOf(hostname).some(isPrivateNetworkAddress);
}

/** An address, and the IPv4 address inside it. */
function spellingsOf(hostname: string): readonly string[] {
  const host = bareHost(hostname);
  if (!host.includes(':') || !isEmbeddingAddress(host)) return [host];
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(host)?.[1];
  if (dotted !== undefined) return [host, dotted];
  // The URL parser and name services write the last four bytes as two groups, and leave out what is zero.
  const [high = '0', low = '0'] = host.endsWith('::') ? [] : ['0', ...host.split(':')].slice(-2);
  const value = Number.parseInt(high || '0', 16) * 65_536 + Number.parseInt(low || '0', 16);
  return [host, [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')];
}

/** The host and, when it is written, the port of `example.com:5000`, `[::1]:5000` or `::1`. */
export function splitHost(text: string): { readonly hostname: string; readonly port: string | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(text);
  return { hostname: bareHost(match?.[1] ?? text), port: match?.[2] };
}

/** A block list of networks such as `10.0.0.0/8`; undefined when one is not a network. */
export function networks(texts: readonly string[]): BlockList | undefined {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', prefix = ''] = text.split('/', 2);
    const family = familyOf(address);
    if (family === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return undefined;
    list.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** True when `address` is an IP literal inside the list. IPv4 addresses mapped into IPv6 count as IPv4. */
export function isWithin(list: BlockList, address: string): boolean {
  const family = familyOf(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/**
 * A predicate for hosts of `--insecure` and `insecure-registries`: `host` (the default port only), `host:port`, or a
 * network in CIDR form, which matches IP literals. Text that is none of these matches nothing.
 */
export function hostMatcher(entries: readonly string[]): (host: string) => boolean {
  const lists = entries.filter((entry) => entry.includes('/')).flatMap((entry) => networks([entry]) ?? []);
  const hosts = entries.filter((entry) => !entry.includes('/')).map(splitHost);
  return (host) => {
    const { hostname, port } = splitHost(host);
    const isNamed = hosts.some((entry) => entry.hostname === hostname && (entry.port ?? '443') === (port ?? '443'));
    return isNamed || lists.some((list) => isWithin(list, hostname));
  };
}

/** As `net.isIP`, whose expression for IPv6 takes V8 7 ms to compile and is rarely needed. */
export function familyOf(address: string): 0 | 4 | 6 {
  if (address.includes(':')) return isIPv6(address) ? 6 : 0;
  return isIPv4(address) ? 4 : 0;
}

/**
 * True for an address in one of these networks. IPv4 is compared here, because most commands ask for nothing else and to load
 * a block list takes longer; the list, made on demand, also knows IPv4 addresses mapped into IPv6.
 */
function within(texts: readonly string[]): (address: string) => boolean {
  const narrow = texts.filter((text) => !text.includes(':')).map(rangeOf);
  let list: BlockList | undefined;
  return (address) => {
    const family = familyOf(address);
    if (family === 0) return false;
    if (family === 4) return narrow.some(({ bits, mask }) => (bitsOf(address) & mask) === bits);
    list ??= networks(texts);
    return list !== undefined && isWithin(list, address);
  };
}

/** What all addresses of an IPv4 network with a prefix of 1 to 32 bits have in common. */
function rangeOf(network: string): { readonly bits: number; readonly mask: number } {
  const [address = '', prefix] = network.split('/', 2);
  const mask = -1 << (32 - Number(prefix));
  return { bits: bitsOf(address) & mask, mask };
}

/** An IPv4 address as a signed number of 32 bits, as which operators take it. */
function bitsOf(address: string): number {
  return address.split('.').reduce((bits, part) => (bits << 8) | Number(part), 0);
}
