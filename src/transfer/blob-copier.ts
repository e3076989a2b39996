// How does one blob get from the source to the sink?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { isNonDistributable } from '../spec/media-types.ts';
import { contentOf } from '../util/content.ts';
import type { Open, Share, Source, WriteResult } from './endpoint.ts';
import type { Limiter } from './limit.ts';
import type { Metadata } from './metadata.ts';
import type { CopyOptions, ReadableSink } from './options.ts';
import { freshly, reader } from './read.ts';
import { secondTry } from './verify.ts';

interface BlobParts {
  readonly from: Source;
  readonly to: ReadableSink;
  readonly limiter: Limiter;
  readonly label: string;
  readonly signal: AbortSignal;
  readonly options: Pick<CopyOptions, 'mountFrom' | 'onEvent'>;
}

/** Layers, configs and whatever else is not a manifest: each in its turn, told about while it moves. */
export class BlobCopier {
  /** A request to the source takes its time, whatever it brings. */
  far: () => boolean = () => false;
  readonly #parts: BlobParts;
  readonly #metadata: Pick<Metadata, 'known'>;

  /** `metadata` may have read small blobs before. */
  constructor(parts: BlobParts, metadata: Pick<Metadata, 'known'>) {
    this.#parts = parts;
    this.#metadata = metadata;
  }

  /**
   * Copies a blob, or has it mounted; `force` when what the sink seems to have is not to be believed. `onWanted` is called when
   * the sink asks for the bytes, so that it has not got them. Undefined for one that was left out. Throws DIGEST_MISMATCH when it arrived damaged twice, and what source and sink throw.
   */
  async copy(descriptor: Descriptor, force: boolean, onWanted?: () => void): Promise<WriteResult | undefined> {
    const { from, to, limiter, signal, options } = this.#parts;
    if (isNonDistributable(descriptor.mediaType) && (await this.#leaveOut(descriptor))) return undefined;
    const mountFrom = await options.mountFrom?.(descriptor);
    const onWait = (reason: string): void =>
      this.#emit({ type: 'waiting', reference: this.#label, descriptor, reason });
    const write = (open: Open, forced: boolean, share?: Share): Promise<WriteResult> =>
      to.write(descriptor, open, { signal, mountFrom, force: forced, share, onWait, sound: from.sound });
    // What several small requests gain is the way to the source; a sink elsewhere has its own way of doing that.
    const together = to.lane === undefined && from.lane !== undefined;
    const limits = { lane: this.#lane, size: descriptor.size, signal, far: this.far, together };
    return limiter.run(limits, async (share) => {
      try {
        return await write(telling(this.#open(descriptor), onWanted), force, share);
      } catch (error) {
        // One fetch more, in one piece and by another connection: the damage may have happened on the way.
        if (!HubError.is(error, 'DIGEST_MISMATCH') || error.details['damaged'] === true || signal.aborted) throw error;
        this.#emit({ type: 'warning', message: `${descriptor.digest} arrived damaged; fetching it once more` });
        return secondTry(() => write(freshly(this.#open(descriptor)), true));
      }
    });
  }

  get #label(): string {
    return this.#parts.label;
  }

  /** Where transfers get in each other's way: at the registry that is written to, else at the one that is read. */
  get #lane(): string {
    return this.#parts.to.lane ?? this.#parts.from.lane ?? this.#parts.to.name;
  }

  /** Non-distributable layers stay where they are unless the sink is a local one [OCI image-spec layer.md]. */
  async #leaveOut(descriptor: Descriptor): Promise<boolean> {
    const { to, signal } = this.#parts;
    if (to.sparse || (await to.has(descriptor, { signal }))) return false;
    this.#emit({ type: 'warning', message: `non-distributable layer ${descriptor.digest} is not pushed` });
    return true;
  }

  #open(descriptor: Descriptor): Open {
    const known = this.#metadata.known(descriptor);
    if (known) return async ({ start, end } = {}) => contentOf((await known).subarray(start, end));
    const { from, limiter, signal } = this.#parts;
    let begun = -1;
    let received = 0;
    return reader(from, descriptor, {
      signal,
      // Parts further on are the same transfer; one that begins no later than the first did is another try.
      onStart: (offset) => {
        if (begun !== -1 && offset > begun) return;
        [begun, received] = [offset, offset];
        this.#emit({ type: 'started', reference: this.#label, descriptor, offset });
      },
      onBytes: (bytes) => {
        received += bytes;
        limiter.moved(this.#lane, bytes);
        this.#emit({ type: 'progress', reference: this.#label, descriptor, bytes: received });
      },
      onRetry: (attempt, delay, error) =>
        this.#emit({ type: 'retrying', url: descriptor.digest, attempt, delay, message: error.message }),
    });
  }

  #emit(event: Parameters<NonNullable<CopyOptions['onEvent']>>[0]): void {
    this.#parts.options.onEvent?.(event);
  }
}

function telling(open: Open, tell: (() => void) | undefined): Open {
  if (!tell) return open;
  return (range) => {
    tell();
    return open(range);
  };
}
