// Are these exactly the bytes that the descriptor promised?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { algorithmOf, hasherFor } from '../spec/digest.ts';

/** Counts and hashes bytes as they pass. Stops at the first byte too many, and judges the whole at the end. */
export class Verifier {
  readonly #descriptor: Descriptor;
  readonly #hash;
  #size = 0;

  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
    this.#hash = hasherFor(descriptor.digest);
  }

  /** Bytes seen so far. */
  get size(): number {
    return this.#size;
  }

  /** Throws DIGEST_MISMATCH when there are more bytes than promised. */
  update(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > this.#descriptor.size)
      throw mismatch(this.#descriptor, `more than ${this.#descriptor.size} bytes`);
    this.#hash.update(chunk);
  }

  /** Throws DIGEST_MISMATCH unless size and digest are as promised. Call once, at the end. */
  finish(): void {
    checkHash(this.#descriptor, this.#size, this.#hash.digest('hex'));
  }
}

/** Judges content of which size and hash are known. Throws DIGEST_MISMATCH unless they are as promised. */
export function checkHash(descriptor: Descriptor, size: number, hex: string): void {
  const actual = `${algorithmOf(descriptor.digest)}:${hex}`;
  if (size !== descriptor.size) throw mismatch(descriptor, `${size} bytes with digest ${actual}`);
  if (actual !== descriptor.digest) throw mismatch(descriptor, `digest ${actual}`);
}

/** Checks content in memory. Throws DIGEST_MISMATCH. */
export function verifyBytes(descriptor: Descriptor, bytes: Uint8Array): void {
  const verifier = new Verifier(descriptor);
  verifier.update(bytes);
  verifier.finish();
}

function mismatch(descriptor: Descriptor, actual: string): HubError {
  return new HubError(
    'DIGEST_MISMATCH',
    `expected ${descriptor.digest} of ${descriptor.size} bytes, received ${actual}`,
    {
      hint: 'nothing was stored; if it happens again, the registry or something between changes content',
      details: { expected: descriptor.digest, size: descriptor.size, actual },
    },
  );
}

/** Runs `again` after content was not what was promised. Its own mismatch says that it was the second one. */
export async function secondTry<T>(again: () => Promise<T>): Promise<T> {
  try {
    return await again();
  } catch (error) {
    if (!HubError.is(error, 'DIGEST_MISMATCH')) throw error;
    const { hint, details } = error;
    throw new HubError('DIGEST_MISMATCH', `${error.message}, twice`, { cause: error, hint, details });
  }
}

/**
 * Fetches content once more when it was not what was promised, on the chance that the damage happened on the way: `fresh`
 * asks for another way, then.
 */
export async function tryTwice<T>(fetch: (fresh: boolean) => Promise<T>): Promise<T> {
  try {
    return await fetch(false);
  } catch (error) {
    if (HubError.is(error, 'DIGEST_MISMATCH')) return secondTry(() => fetch(true));
    throw error;
  }
}
