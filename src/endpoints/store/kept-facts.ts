// How are facts written down so that ten thousand of them are read in a moment?
import { isRecord } from '../../util/json.ts';
import { sizeOfBlobs, type BlobRef, type ManifestFacts, type ManifestRef } from './facts.ts';
import type { Platform } from '../../spec/platform.ts';

/** As JSON. A list of images asks for sums only, so the blobs are one text, which is taken apart when somebody asks for them. */
interface Kept {
  readonly manifests: readonly ManifestRef[];
  /** A line for each: `sha256:… 123`, and ` ?` where it may be missing. */
  readonly blobs: string;
  readonly size: number;
  /** Size of the config. */
  readonly config?: number | undefined;
  readonly id?: string | undefined;
  readonly created?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly subject?: string | undefined;
}

/** For the cache file. */
export function keep(facts: ManifestFacts): Kept {
  if (facts instanceof KeptFacts) return facts.kept;
  const { manifests, blobs, id, created, platform, subject } = facts;
  const lines = blobs.map(({ digest, size, optional }) => `${digest} ${size}${optional ? ' ?' : ''}`);
  const config = blobs.find((blob) => blob.digest === id)?.size;
  return { manifests, blobs: lines.join('\n'), size: sizeOfBlobs(blobs), config, id, created, platform, subject };
}

/** From the cache file; undefined for what is no such value. */
export function unkeep(value: unknown): ManifestFacts | undefined {
  if (!isRecord(value) || !Array.isArray(value['manifests']) || typeof value['blobs'] !== 'string') return undefined;
  return new KeptFacts(value as unknown as Kept);
}

class KeptFacts implements ManifestFacts {
  readonly kept: Kept;
  readonly manifests: readonly ManifestRef[];
  readonly id: string | undefined;
  readonly created: string | undefined;
  readonly platform: Platform | undefined;
  readonly subject: string | undefined;
  readonly size: number;
  #blobs: readonly BlobRef[] | undefined;

  constructor(kept: Kept) {
    this.kept = kept;
    this.manifests = kept.manifests;
    this.id = kept.id;
    this.created = kept.created;
    this.platform = kept.platform;
    this.subject = kept.subject;
    this.size = kept.size;
  }

  get blobs(): readonly BlobRef[] {
    this.#blobs ??= this.kept.blobs.split('\n').filter(Boolean).map(blobRef);
    return this.#blobs;
  }

  get config(): Pick<BlobRef, 'digest' | 'size'> | undefined {
    const { id, config } = this.kept;
    return id === undefined || config === undefined ? undefined : { digest: id, size: config };
  }
}

function blobRef(line: string): BlobRef {
  const [digest = '', size = '', optional] = line.split(' ');
  return optional === undefined ? { digest, size: Number(size) } : { digest, size: Number(size), optional: true };
}
