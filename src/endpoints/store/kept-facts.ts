// How are facts written down so that ten thousand of them are read in a moment?
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

/** How facts begin that are not of an index. */
const NO_MANIFESTS = '{"manifests":[],';

/** For the cache file: JSON in one line. */
export function keep(facts: ManifestFacts): string {
  if (facts instanceof KeptFacts) return facts.json;
  const { manifests, blobs, id, created, platform, subject } = facts;
  const lines = blobs.map(({ digest, size, optional }) => `${digest} ${size}${optional ? ' ?' : ''}`);
  const config = blobs.find((blob) => blob.digest === id)?.size;
  const size = sizeOfBlobs(blobs);
  const kept: Kept = { manifests, blobs: lines.join('\n'), size, config, id, created, platform, subject };
  return JSON.stringify(kept);
}

/** From the cache file, where `keep` wrote it. It is taken apart when something of it is asked for: mostly nothing is. */
export function unkeep(json: string): ManifestFacts {
  return new KeptFacts(json);
}

/** True when it is an index that lists this manifest. Quick, as `hasBlob` is, for facts that nobody has asked for yet. */
export function isChild(facts: ManifestFacts, digest: string): boolean {
  if (facts instanceof KeptFacts && (facts.json.startsWith(NO_MANIFESTS) || !facts.json.includes(digest))) return false;
  return facts.manifests.some((child) => child.digest === digest);
}

/** True when this is the config, a layer or another blob of the manifest; its subject does not count. */
export function hasBlob(facts: ManifestFacts, digest: string): boolean {
  if (facts instanceof KeptFacts && !facts.json.includes(digest)) return false;
  return facts.blobs.some((blob) => blob.digest === digest);
}

class KeptFacts implements ManifestFacts {
  readonly json: string;
  #kept: Kept | undefined;
  #blobs: readonly BlobRef[] | undefined;

  constructor(json: string) {
    this.json = json;
  }

  get manifests(): readonly ManifestRef[] {
    return this.#read().manifests;
  }

  get id(): string | undefined {
    return this.#read().id;
  }

  get created(): string | undefined {
    return this.#read().created;
  }

  get platform(): Platform | undefined {
    return this.#read().platform;
  }

  get subject(): string | undefined {
    return this.#read().subject;
  }

  get size(): number {
    return this.#read().size;
  }

  get blobs(): readonly BlobRef[] {
    this.#blobs ??= this.#read().blobs.split('\n').filter(Boolean).map(blobRef);
    return this.#blobs;
  }

  get config(): Pick<BlobRef, 'digest' | 'size'> | undefined {
    const { id, config } = this.#read();
    return id === undefined || config === undefined ? undefined : { digest: id, size: config };
  }

  #read(): Kept {
    this.#kept ??= JSON.parse(this.json) as Kept;
    return this.#kept;
  }
}

function blobRef(line: string): BlobRef {
  const [digest = '', size = '', optional] = line.split(' ');
  return optional === undefined ? { digest, size: Number(size) } : { digest, size: Number(size), optional: true };
}
