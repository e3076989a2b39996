// Is this text the name of a registry?
import { HubError } from '../errors.ts';
import { parseReference } from '../spec/reference.ts';

/**
 * The registry, as image names write it: `docker.io`, `localhost:5000`; a slash at the end is left out. Throws
 * REFERENCE_INVALID for a URL, for a repository, and for a word that image names would not take for a host.
 */
export function registryName(text: string): string {
  const name = text.endsWith('/') ? text.slice(0, -1) : text;
  const registry = isHost(name) ? registryOf(name) : undefined;
  if (registry !== undefined) return registry;
  throw new HubError('REFERENCE_INVALID', `"${text}" is not a registry`, {
    hint: 'write its host, with a port if need be: localhost:5000',
  });
}

function isHost(name: string): boolean {
  return name !== '' && !name.includes('/') && (name === 'localhost' || /[.:]/.test(name));
}

function registryOf(host: string): string | undefined {
  try {
    return parseReference(`${host}/name`).registry;
  } catch (error) {
    if (HubError.is(error, 'REFERENCE_INVALID')) return undefined;
    throw error;
  }
}
