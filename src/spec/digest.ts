// What is a digest, and how is it computed?
import { createHash, type Hash } from 'node:crypto';
import { HubError } from '../errors.ts';

/** Hex lengths of the algorithms hubctl verifies [OCI image-spec descriptor.md, registered algorithms]. */
const HEX_LENGTH: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
]);
const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const LOWER_HEX = /^[a-f0-9]+$/;
/** Almost all of them; one look instead of three counts with ten thousand. */
const USUAL = /^sha256:[a-f0-9]{64}$/;

/** True for any grammatical digest whose encoded part is right for its algorithm where that is known. */
export function isDigest(text: string): boolean {
  if (USUAL.test(text)) return true;
  if (!GRAMMAR.test(text)) return false;
  const [algorithm = '', encoded = ''] = text.split(':', 2);
  const length = HEX_LENGTH.get(algorithm);
  return length === undefined || (encoded.length === length && LOWER_HEX.test(encoded));
}

/** True when content can be checked against it: sha256 and sha512. */
export function isVerifiable(digest: string): boolean {
  return HEX_LENGTH.has(algorithmOf(digest));
}

export function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'));
}

export function encodedOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** First 12 hex digits, as people see an image or a layer named. */
export function shortDigest(digest: string): string {
  const start = digest.indexOf(':') + 1;
  return digest.slice(start, start + 12);
}

/** Throws UNSUPPORTED for a digest whose content cannot be verified. */
export function requireVerifiable(digest: string): void {
  if (isVerifiable(digest)) return;
  throw new HubError('UNSUPPORTED', `digest algorithm ${algorithmOf(digest)} cannot be verified`, {
    hint: 'use content addressed by sha256 or sha512',
  });
}

/** A hash of the digest's own algorithm. Throws UNSUPPORTED for one that cannot be verified. */
export function hasherFor(digest: string): Hash {
  requireVerifiable(digest);
  return createHash(algorithmOf(digest));
}

/** Digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
