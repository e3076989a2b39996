// Is there room for what is about to be written?
import { statfsSync } from 'node:fs';
import { HubError } from '../../errors.ts';

export interface Reservation {
  /** Bytes that are still to be written. */
  left: number;
}

/** Smaller content is not worth asking the file system. */
const WORTH_ASKING = 1024 * 1024;

/** Counts what this process has begun to write, so that several downloads do not rely on the same free bytes. */
export class Space {
  readonly #dir: string;
  readonly #reservations = new Set<Reservation>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Sets bytes aside until `release`. Throws STORAGE when the disk has not that many left. */
  async reserve(bytes: number): Promise<Reservation> {
    await this.check(bytes);
    const reservation = { left: bytes };
    this.#reservations.add(reservation);
    return reservation;
  }

  release(reservation: Reservation): void {
    this.#reservations.delete(reservation);
  }

  /** Throws STORAGE when the disk has not that many bytes left. */
  async check(bytes: number): Promise<void> {
    if (bytes < WORTH_ASKING) return;
    const free = freeBytes(this.#dir);
    let promised = 0;
    for (const { left } of this.#reservations) promised += Math.max(0, left);
    if (free === undefined || bytes <= free - promised) return;
    throw new HubError(
      'STORAGE',
      `need ${megabytes(bytes)}, ${megabytes(Math.max(0, free - promised))} free in ${this.#dir}`,
      {
        hint: 'free some space, remove images with: hubctl image prune, or choose another place with --store',
        details: { needed: bytes, free },
      },
    );
  }
}

/** Undefined where the file system does not tell: then writing will. */
export function freeBytes(dir: string): number | undefined {
  try {
    const { bavail, bsize, blocks } = statfsSync(dir);
    return blocks === 0 ? undefined : bavail * bsize;
  } catch {
    return undefined;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
