// How does an image get from one endpoint to another?
import type { Descriptor } from '../spec/descriptor.ts';
import { Copier, type CopyTotals } from './copier.ts';
import type { Source } from './endpoint.ts';
import { lacksContent } from './held.ts';
import { Limiter } from './limit.ts';
import type { CopyOptions, ReadableSink } from './options.ts';
import { chooseRoot } from './root.ts';

export interface CopyResult extends CopyTotals {
  /** What was copied and named. */
  readonly descriptor: Descriptor;
  /** What the reference meant at the source: an index, when one of its platforms was chosen. */
  readonly resolved: Descriptor;
  /** The name at the sink. */
  readonly reference: string;
}

const HEALINGS = 2;
/** Milliseconds to resolve a name, over a connection that may be there already, from which on the source counts as far away. */
const FAR = 20;
/** The same, where it is known how long the quickest answer took over a connection that was there. */
const FAR_ANSWER = 12;

/**
 * Copies what `reference` names at `from`, and all it refers to, to `to`: children before parents, each digest once, the
 * name last. Every byte is verified on the way. The first failure aborts its siblings, waits until they have settled,
 * and is then thrown, so nothing is written behind the caller's back. Throws what endpoints throw, DIGEST_MISMATCH and
 * CONTENT_INVALID.
 */
export async function copy(
  from: Source,
  to: ReadableSink,
  reference: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const label = options.label ?? reference;
  const limiter = options.limiter ?? new Limiter(options.concurrency);
  const copier = new Copier({ from, to, limiter, label, signal, abort: (reason) => stop.abort(reason), options });
  try {
    const { expected } = options;
    // What was here before is most likely still the same, and then nothing more is needed.
    if (!expected) from.warm?.();
    const asked = performance.now();
    const resolving = from.resolve(reference, { signal, expected });
    if (from.lane !== undefined) askAhead(to, reference, { ...options, signal });
    const resolved = await resolving;
    const took = performance.now() - asked;
    // What took long may have been a token, a handshake, or this machine: the quickest answer tells.
    copier.farBy(() => took > FAR && (from.delay?.() ?? took) > FAR_ANSWER);
    return await copyNamed(copier, reference, resolved);
  } catch (error) {
    stop.abort(error);
    await copier.settle();
    // An abort of ours hides the failure that caused it; the caller's own abort is the failure.
    throw options.signal?.aborted ? options.signal.reason : (copier.failure ?? error);
  }
}

/** While a distant source says what is to be copied, the sink may look what the name means there. */
function askAhead(to: ReadableSink, reference: string, { as = reference, remembered, signal }: CopyOptions): void {
  if (!remembered) to.expect?.(as, { signal });
}

async function copyNamed(copier: Copier, reference: string, resolved: Descriptor): Promise<CopyResult> {
  const { options, label } = copier;
  const { descriptor, checked } = await chooseRoot(copier, resolved, options);
  options.onEvent?.({ type: 'resolved', reference: label, descriptor });
  const as = options.as ?? reference;
  await copyHealing(copier, descriptor, as);
  await checked;
  if (options.referrers) await copier.referrers(descriptor);
  options.onEvent?.({ type: 'named', reference: as, descriptor });
  return { ...copier.totals, descriptor, resolved, reference: as };
}

/**
 * When the sink says that content it had is gone, that content is written once more without asking for it; and when it
 * says so again, since it may not name all that is missing, everything is.
 */
async function copyHealing(copier: Copier, root: Descriptor, as: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await copier.root(root, as);
      return;
    } catch (error) {
      if (!lacksContent(error) || tries >= HEALINGS || copier.options.signal?.aborted) throw error;
      await copier.settle();
      copier.startAgain(tries === 0 ? (error.details['missing'] as readonly string[]) : []);
    }
  }
}
