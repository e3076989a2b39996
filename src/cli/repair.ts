// How does what is damaged in the local store become whole again?
import type { CheckReport, Damage } from '../endpoints/store/check.ts';
import type { ImageSummary, Store } from '../endpoints/store/store.ts';
import { HubError } from '../errors.ts';
import type { Platform } from '../spec/platform.ts';
import { copy } from '../transfer/copy.ts';
import type { OnEvent } from '../transfer/events.ts';
import type { Context } from './context.ts';
import { familiarText } from './image-rows.ts';
import { originsOf } from './origins.ts';
import { platformsOf } from './platforms.ts';

export interface Repaired {
  /** Images that were fetched anew: names, or digests of those without one. */
  readonly fetched: readonly string[];
  /** Images that nobody has any more, and digests of damaged content that no image needs. */
  readonly removed: readonly string[];
  /** What kept an image from being fetched. */
  readonly failures: ReadonlyMap<string, HubError>;
  /** Where a damaged list of images is kept. */
  readonly kept: string | undefined;
}

interface Work {
  readonly context: Context;
  readonly store: Store;
  readonly onEvent: OnEvent;
}

/**
 * Fetches every damaged image from where it came from. One that its registry no longer has is removed, since nobody can
 * bring it back; one whose registry cannot be asked stays as it is. Throws STORAGE, and the signal's reason.
 */
export async function repair(context: Context, store: Store, report: CheckReport): Promise<Repaired> {
  const isListDamaged = report.damage.some(({ kind }) => kind === 'index');
  const kept = isListDamaged ? await store.upkeep.rebuildIndex() : undefined;
  // What the images need is known only now.
  const { damage } = isListDamaged ? await store.upkeep.check({ sound: report.sound, signal: context.signal }) : report;
  const fetched: string[] = [];
  const removed: string[] = [];
  const failures = new Map<string, HubError>();
  const view = context.output.transfer({ direction: 'pull' });
  try {
    for (const image of await store.summaries()) {
      const key = image.name ?? image.descriptor.digest;
      const own = damage.filter(({ images }) => images.includes(key));
      if (own.length === 0) continue;
      const outcome = await repairImage({ context, store, onEvent: view.onEvent }, image, own);
      if (outcome === 'fetched') fetched.push(key);
      else if (outcome === 'removed') removed.push(key);
      else failures.set(key, outcome);
    }
  } finally {
    view.finish();
  }
  // Content that is still damaged after its images were fetched or removed is of use to nobody.
  for (const { digest, images } of damage) {
    if (digest === undefined || images.some((image) => failures.has(image))) continue;
    if (await store.upkeep.dropDamaged(digest, { signal: context.signal })) removed.push(digest);
  }
  return { fetched, removed, failures, kept };
}

async function repairImage(
  { context, store, onEvent }: Work,
  image: ImageSummary,
  damage: readonly Damage[],
): Promise<'fetched' | 'removed' | HubError> {
  const { signal, settings } = context;
  const { descriptor, name = descriptor.digest } = image;
  const digests = damage.flatMap(({ digest }) => digest ?? []);
  try {
    await copy(await originsOf(context, store, image, digests), store, descriptor.digest, {
      as: name,
      platforms: wantedPlatforms(context, image),
      keepIndex: true,
      verify: true,
      concurrency: settings.concurrency,
      label: familiarText(image),
      onEvent,
      signal,
    });
    return 'fetched';
  } catch (error) {
    if (!HubError.is(error) || signal.aborted) throw error;
    if (error.code !== 'NOT_FOUND') return error;
    await store.remove([image], { signal });
    return 'removed';
  }
}

/** The platforms that are here; that of this machine when the index itself is damaged. */
function wantedPlatforms(context: Context, { platforms }: ImageSummary): readonly Platform[] {
  const here = platforms.filter(({ present }) => present).flatMap(({ platform }) => platform ?? []);
  return here.length > 0 ? here : platformsOf(context, []);
}
