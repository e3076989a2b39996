// What of a copy does the sink hold already, and what of that can be believed?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { parseManifest } from '../spec/manifest.ts';
import type { Standing } from './endpoint.ts';
import type { CopyOptions, ReadableSink } from './options.ts';

interface HeldParts {
  readonly to: ReadableSink;
  readonly signal: AbortSignal;
  readonly options: CopyOptions;
}

/** Asks the sink, until it was found to lack what it said to have. */
export class Held {
  readonly #parts: HeldParts;
  /** What the sink had when it was to be written there. */
  readonly #noted = new Set<string>();
  /** Digests to be written although the sink seems to have them; `all` for every one. */
  #doubted: ReadonlySet<string> | 'all' = new Set();

  constructor(parts: HeldParts) {
    this.#parts = parts;
  }

  /** A manifest that needs no name has it when it is there. Where the sink may be sparse, what is below is looked at anyway. */
  async standing(descriptor: Descriptor, as: string | undefined, read: () => Promise<Uint8Array>): Promise<Standing> {
    const { to, signal, options } = this.#parts;
    if (to.sparse || this.#doubted === 'all' || this.#doubted.size > 0) return 'absent';
    if (as === undefined) return (await to.has(descriptor, { signal })) ? 'named' : 'absent';
    if (!to.standing) return (await to.has(descriptor, { signal })) ? 'present' : 'absent';
    const remembered = await options.remembered?.(descriptor);
    const standing = await to.standing(descriptor, { as, remembered, signal });
    if (standing !== 'named') return standing;
    // The list of what refers to an image may have to be mended, which only a write does.
    const { subject } = parseManifest(Buffer.from(await read()), descriptor.mediaType);
    return subject === undefined ? 'named' : 'present';
  }

  note({ digest }: Descriptor): void {
    this.#noted.add(digest);
  }

  hadAlready({ digest }: Descriptor): boolean {
    return this.#noted.has(digest);
  }

  /** From now on no manifest is taken for complete, and what is listed, or all when nothing is, not for being there. */
  doubt(missing: readonly string[]): void {
    this.#doubted = missing.length === 0 ? 'all' : new Set(missing);
  }

  isDoubted({ digest }: Descriptor): boolean {
    return this.#doubted === 'all' || this.#doubted.has(digest);
  }
}

/** True for a sink's answer that content it was believed to have is not there: `details.missing` lists digests. */
export function lacksContent(error: unknown): error is HubError {
  return HubError.is(error) && Array.isArray(error.details['missing']);
}
