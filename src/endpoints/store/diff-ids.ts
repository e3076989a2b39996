// Which compressed layer was made from which uncompressed one? Compressing again could give other bytes.
import { parseDescriptor, type Descriptor } from '../../spec/descriptor.ts';
import { isDigest } from '../../spec/digest.ts';
import { HubError } from '../../errors.ts';
import { isRecord } from '../../util/json.ts';
import { Memory } from './memory.ts';

/** A diff ID is the digest of an uncompressed layer [OCI image-spec config.md]. A hint: the layer may be gone. */
export interface DiffIds {
  /** The layer remembered last; one that is in the store goes before one that is not. Throws STORAGE. */
  layerOf(diffId: string): Promise<Descriptor | undefined>;
  /** Throws STORAGE. */
  diffIdOf(layerDigest: string): Promise<string | undefined>;
  /** Throws STORAGE. */
  add(diffId: string, layer: Descriptor): Promise<void>;
}

interface Pair {
  readonly diffId: string;
  readonly layer: Descriptor;
}

export function diffIds(path: string, isPresent: (layer: Descriptor) => Promise<boolean>): DiffIds {
  const memory = new Memory<Pair>(path, { parse: parsePair });
  return {
    layerOf: async (diffId) => {
      const layers = (await memory.records()).filter((pair) => pair.diffId === diffId).map((pair) => pair.layer);
      for (const layer of layers.toReversed()) if (await isPresent(layer)) return layer;
      return layers.at(-1);
    },
    diffIdOf: async (digest) => (await memory.records()).findLast((pair) => pair.layer.digest === digest)?.diffId,
    add: async (diffId, { mediaType, digest, size }) => {
      const isKnown = (pair: Pair): boolean => pair.diffId === diffId && pair.layer.digest === digest;
      if ((await memory.records()).some(isKnown)) return;
      await memory.add([{ diffId, layer: { mediaType, digest, size } }]);
    },
  };
}

function parsePair(value: unknown): Pair | undefined {
  if (!isRecord(value) || typeof value['diffId'] !== 'string' || !isDigest(value['diffId'])) return undefined;
  try {
    return { diffId: value['diffId'], layer: parseDescriptor(value['layer'], 'layer') };
  } catch (error) {
    if (HubError.is(error)) return undefined;
    throw error;
  }
}
