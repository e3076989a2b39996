// How was an image built, step by step, and how large did each step make it?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { HistoryEntry } from '../spec/image-config.ts';
import type { ImageView } from './read.ts';

export interface HistoryStep {
  /** The image ID on the last step, since only that is known; undefined on all others. */
  readonly id: string | undefined;
  /** RFC 3339, as the config has it. */
  readonly created: string | undefined;
  /** The instruction; empty when the config does not tell. */
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the layer as stored and transferred, which usually is compressed; 0 for a step without a layer. */
  readonly size: number;
  readonly layer: Descriptor | undefined;
}

/**
 * The steps of an image, the last one first. Layers belong to the entries of the history that are not empty, in order;
 * layers without an entry become steps of their own [OCI image-spec config.md]. Throws UNSUPPORTED for what is no image.
 */
export function historyOf({ manifest, config }: ImageView): readonly HistoryStep[] {
  if (!config?.image) {
    throw new HubError(
      'UNSUPPORTED',
      `manifest ${manifest.descriptor.digest} is not that of an image: it has no history`,
    );
  }
  const layers = manifest.manifest.layers;
  let used = 0;
  const steps = config.image.history.map((entry) => {
    if (entry.emptyLayer) return stepOf(entry, undefined);
    const layer = layers[used];
    used += 1;
    return stepOf(entry, layer);
  });
  const untold = layers.slice(used).map((layer) => stepOf(undefined, layer));
  const all = [...steps, ...untold].reverse();
  return all.map((step, index) => (index === 0 ? { ...step, id: config.descriptor.digest } : step));
}

function stepOf(entry: HistoryEntry | undefined, layer: Descriptor | undefined): HistoryStep {
  return {
    id: undefined,
    created: entry?.created,
    createdBy: entry?.createdBy ?? '',
    comment: entry?.comment ?? '',
    size: layer?.size ?? 0,
    layer,
  };
}
