// May a token be asked for where the registry says, and may the password go there?
import { HubError } from '../errors.ts';
import { bareHost, familyOf, isLoopback, isMachineLocal, isPrivateAddress } from '../http/addresses.ts';
import { parseUrl } from '../util/url.ts';

/** Token services that are known to belong to a registry, by the name the registry has in references. */
const BUILT_IN: Readonly<Record<string, string>> = {
  'docker.io': 'https://auth.docker.io',
  'registry.digitalocean.com': 'https://api.digitalocean.com',
  'registry.gitlab.com': 'https://gitlab.com',
};

/**
 * The URL of the token service in a challenge of the registry at `url`; UNAUTHORIZED when it names none. Refused (REFUSED) are addresses that are not
 * https unless the registry itself is plain http, addresses with a user name, and addresses of this machine or of a
 * private network unless the registry is there too [distribution token authentication].
 */
export function resolveRealm(realm: string, url: URL): URL {
  if (realm === '') {
    throw new HubError('UNAUTHORIZED', `${url.host} wants a token but names no token service`, {
      details: { host: url.host },
    });
  }
  const target = parseUrl(realm, url);
  if (!target || (target.protocol !== 'https:' && target.protocol !== 'http:')) {
    throw refused(url, 'names a token service that is not a web address');
  }
  if (target.username !== '' || target.password !== '')
    throw refused(url, 'names a token service with a user name in its address');
  if (target.origin === url.origin) return target;
  if (target.protocol === 'http:' && url.protocol !== 'http:') {
    throw refused(url, `wants the token to be fetched over plain http from ${target.host}`);
  }
  if (!isPlausible(target, url)) throw refused(url, `names a token service inside another network, ${target.host}`);
  return target;
}

/**
 * Throws REFUSED when the credentials for `registry` (its name in references) must not be sent to `realm`: another origin
 * than the one accepted before (`pinned`) or known to belong to the registry; where there is neither, any that is not
 * the registry's own or of its own domain over https. A login, which is about to accept it, asks with `accepting`.
 */
export function checkRealmPin(
  realm: URL,
  registry: {
    readonly name: string;
    readonly url: URL;
    readonly pinned: string | undefined;
    readonly accepting?: boolean | undefined;
  },
): void {
  const { name, url, accepting = false } = registry;
  if (realm.origin === url.origin) return;
  const pinned = registry.pinned ?? BUILT_IN[name];
  if (pinned === realm.origin || (pinned === undefined && (accepting || isSameDomain(realm, url)))) return;
  const message = `${name} wants the password to be sent to ${realm.origin}`;
  if (pinned === undefined) {
    throw new HubError('REFUSED', `${message}, which nobody has accepted yet`, {
      hint: `if that is its token service, accept it by logging in: hubctl login ${name}`,
      details: { registry: name, realm: realm.origin },
    });
  }
  throw new HubError('REFUSED', `${message}, but its token service is ${pinned}`, {
    hint: `if the registry moved its token service, log in again with: hubctl login ${name}`,
    details: { registry: name, realm: realm.origin, expected: pinned },
  });
}

/** `gitlab.example.com` for `registry.example.com`: whoever runs the one runs the other. Never by address or over http. */
function isSameDomain(realm: URL, url: URL): boolean {
  if (realm.protocol !== 'https:' || url.protocol !== 'https:' || familyOf(bareHost(url.hostname)) !== 0) return false;
  const [own, other] = [bareHost(url.hostname), bareHost(realm.hostname)];
  const parent = own.slice(own.indexOf('.') + 1);
  return other.endsWith(`.${own}`) || (parent.includes('.') && (other === parent || other.endsWith(`.${parent}`)));
}

/** A service in a private place is believed only of a registry in the same kind of place. */
function isPlausible(target: URL, url: URL): boolean {
  if (bareHost(target.hostname) === bareHost(url.hostname)) return true;
  if (isLoopback(target.hostname)) return isLoopback(url.hostname);
  if (isMachineLocal(target.hostname)) return false;
  return !isPrivateAddress(target.hostname) || isPrivateAddress(url.hostname) || isLoopback(url.hostname);
}

function refused(url: URL, what: string): HubError {
  return new HubError('REFUSED', `${url.host} ${what}`, {
    hint: 'nothing was sent there; report it to whoever runs the registry',
    details: { host: url.host },
  });
}
