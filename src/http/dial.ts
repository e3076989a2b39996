// How is a TCP connection to a host made when the host has several addresses and some of them do not answer?
import { lookup as systemLookup } from 'node:dns/promises';
import { connect, type OnReadOpts, type Socket } from 'node:net';
import { HubError } from '../errors.ts';
import { bareHost, familyOf } from './addresses.ts';
import { abortedBy, codeOf, failureOf } from './failure.ts';
import { localAddresses } from './hosts-file.ts';
import { openGathering, openTapped } from './tap.ts';

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Looks up every address of a name, in the order of preference of this machine. */
export type Lookup = (hostname: string) => Promise<readonly Address[]>;

export interface DialOptions {
  /** What the host is called in messages. */
  readonly place: string;
  /** Milliseconds for the name lookup, and for each address. */
  readonly timeout: number;
  readonly lookup?: Lookup | undefined;
  /** True for an address that must not be connected to. */
  readonly isForbidden?: ((address: string) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The bytes of the connection go to its tap; see tap.ts. */
  readonly tapped?: boolean | undefined;
  /** Begins a connection, one that speaks something above TCP; a plain one by default. Its bytes go to its tap. */
  readonly begin?: ((where: DialledAddress, onread: OnReadOpts) => Socket) | undefined;
}

/** One address as `connect` of node:net and node:tls takes it. */
export interface DialledAddress {
  readonly host: string;
  readonly port: number;
  readonly family: number;
  readonly noDelay: true;
}

/** Milliseconds after which the next address is tried while the earlier ones are still being waited for (RFC 8305). */
const HEAD_START = 250;

/**
 * Connects to the first address of `hostname` that answers; later addresses start 250 ms apart, or at once when an
 * earlier one fails. The address that was checked is the address that is connected to. Throws UNREACHABLE, TIMEOUT,
 * REFUSED for a forbidden address, and the signal's reason; `details.sent` is false.
 */
export async function dial(hostname: string, port: number, options: DialOptions): Promise<Socket> {
  const host = bareHost(hostname);
  const { signal, place, timeout } = options;
  if (signal?.aborted) throw abortedBy(signal);
  try {
    const family = familyOf(host);
    const found = family === 0 ? await resolveName(host, options) : [{ address: host, family }];
    const forbidden = found.find(({ address }) => options.isForbidden?.(address));
    if (forbidden) throw forbiddenAddress(host, forbidden.address);
    if (signal?.aborted) throw abortedBy(signal);
    return await new Race(interleave(found), port, options).winner;
  } catch (error) {
    throw failureOf(error, { host: place, limit: timeout, details: { sent: false } });
  }
}

class Race {
  readonly winner: Promise<Socket>;
  readonly #addresses: Address[];
  readonly #port: number;
  readonly #options: DialOptions;
  /** What is being connected, and what ends that. */
  readonly #running = new Map<Socket, NodeJS.Timeout>();
  #firstError: Error | undefined;
  #headStart: NodeJS.Timeout | undefined;
  #resolve: (socket: Socket) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(addresses: readonly Address[], port: number, options: DialOptions) {
    this.#addresses = [...addresses];
    this.#port = port;
    this.#options = options;
    this.winner = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    this.#next();
  }

  readonly #abort = (): void => {
    const { signal } = this.#options;
    if (signal) this.#finish(() => this.#reject(abortedBy(signal)));
  };

  #next(): void {
    clearTimeout(this.#headStart);
    const address = this.#addresses.shift();
    if (!address) return;
    const socket = this.#begin({ host: address.address, port: this.#port, family: address.family, noDelay: true });
    // Not the socket's own timer: Node.js sets that anew with each byte, also once it was taken back.
    this.#running.set(
      socket,
      setTimeout(() => socket.destroy(tooLate(this.#options)), this.#options.timeout),
    );
    socket.once('error', (error) => this.#lost(socket, error));
    socket.once('connect', () => this.#won(socket));
    if (this.#addresses.length > 0) this.#headStart = setTimeout(() => this.#next(), HEAD_START);
  }

  #begin(where: DialledAddress): Socket {
    const { begin, tapped } = this.#options;
    if (begin) return openGathering((onread) => begin(where, onread));
    return tapped ? openTapped((onread) => connect({ ...where, onread })) : connect(where);
  }

  #won(socket: Socket): void {
    this.#end(socket);
    socket.removeAllListeners('error');
    this.#finish(() => this.#resolve(socket));
  }

  #lost(socket: Socket, error: Error): void {
    this.#end(socket);
    // A refusal says more than a missing route of an address family this network does not have.
    if (!this.#firstError || codeOf(error) === 'ECONNREFUSED') this.#firstError = error;
    if (this.#addresses.length > 0) this.#next();
    else if (this.#running.size === 0) this.#finish(() => this.#reject(this.#firstError ?? error));
  }

  #finish(settle: () => void): void {
    clearTimeout(this.#headStart);
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#addresses.length = 0;
    for (const socket of this.#running.keys()) {
      this.#end(socket);
      socket
        .removeAllListeners('error')
        .on('error', () => undefined)
        .destroy();
    }
    settle();
  }

  #end(socket: Socket): void {
    clearTimeout(this.#running.get(socket));
    this.#running.delete(socket);
  }
}

async function resolveName(host: string, options: DialOptions): Promise<readonly Address[]> {
  const own = options.lookup ? undefined : localAddresses(host);
  if (own) return own;
  const look = options.lookup ?? ((name: string) => systemLookup(name, { all: true }));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate(options)), options.timeout);
  });
  try {
    const found = await Promise.race([look(host), late]);
    if (found.length > 0) return found;
    throw failureOf({ code: 'ENOTFOUND' }, { host: options.place, details: { sent: false } });
  } finally {
    clearTimeout(timer);
  }
}

/** IPv6 and IPv4 in turns, beginning with the family the machine prefers. */
function interleave(addresses: readonly Address[]): readonly Address[] {
  const first = addresses[0]?.family;
  const preferred = addresses.filter(({ family }) => family === first);
  const others = addresses.filter(({ family }) => family !== first);
  return preferred
    .flatMap((address, index) => [address, ...others.slice(index, index + 1)])
    .concat(others.slice(preferred.length));
}

function tooLate({ place, timeout }: DialOptions): HubError {
  return failureOf({ code: 'ETIMEDOUT' }, { host: place, limit: timeout, details: { sent: false } });
}

/** The error for an address that a server may not lead to. */
export function forbiddenAddress(host: string, address: string): HubError {
  const where = host === address ? address : `${host} (${address})`;
  return new HubError('REFUSED', `a server named the address ${where}, which is this machine or inside its network`, {
    hint: 'a registry on the internet has no reason to point there; report it to whoever runs the registry',
    details: { host, address },
  });
}
