// Where may a registry listen, and what has to be set up before others can reach it?
import { isIP } from 'node:net';
import { HubError } from '../errors.ts';

export interface ListenAddress {
  /** A name or address without brackets. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

const DEFAULT_HOST = '127.0.0.1';

/** `127.0.0.1:5000`, `[::1]:5000`, `localhost:0`, `:5000` and `5000` (both on loopback). Throws USAGE. */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain = '', digits = ''] = /^(?:\[([0-9a-fA-F:.]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? (plain === '' ? DEFAULT_HOST : plain);
  const port = Number(digits);
  const isHost = bracketed === undefined ? /^[A-Za-z0-9.-]+$/.test(host) : isIP(host) === 6;
  if (digits !== '' && port <= 65_535 && isHost) return { host, port };
  throw new HubError('USAGE', `invalid address "${text}"`, {
    hint: 'give it as HOST:PORT, such as 127.0.0.1:5000; port 0 takes any that is free',
  });
}

/** True for addresses that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

export interface Protection {
  readonly tls: boolean;
  readonly accounts: boolean;
}

/** Throws REFUSED for an address that others reach unless they have to log in over TLS. */
export function checkExposure(address: ListenAddress, protection: Protection): void {
  if (isLoopbackHost(address.host) || (protection.tls && protection.accounts)) return;
  const missing = [protection.tls ? '' : 'TLS', protection.accounts ? '' : 'passwords'].filter((part) => part !== '');
  throw new HubError(
    'REFUSED',
    `${address.host} can be reached from other machines, and there is no ${missing.join(' and no ')}`,
    {
      hint: 'add --tls-cert, --tls-key and --htpasswd; or allow it with --insecure-listen if everybody on the network may use it',
    },
  );
}

/** `127.0.0.1:5000`, `[::1]:5000`. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
