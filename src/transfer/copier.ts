// What is the state of one copy: what has been done, what is under way, what it moved?
import { HubError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { requireVerifiable } from '../spec/digest.ts';
import { childrenOf, parseManifest, type Child } from '../spec/manifest.ts';
import { isAttestation } from '../spec/media-types.ts';
import { contentOf } from '../util/content.ts';
import { BlobCopier } from './blob-copier.ts';
import type { CopyOptions, ReadableSink } from './options.ts';
import type { Source, WriteResult } from './endpoint.ts';
import type { ContentKind } from './events.ts';
import { Held, lacksContent } from './held.ts';
import type { Limiter } from './limit.ts';
import { Metadata } from './metadata.ts';

/** Layers and blobs of artifacts; manifests and configs are not counted. Bytes are as stored, mostly compressed. */
export interface CopyTotals {
  readonly copied: number;
  readonly copiedBytes: number;
  readonly mounted: number;
  readonly mountedBytes: number;
  readonly existing: number;
  readonly existingBytes: number;
}

interface CopierParts {
  readonly from: Source;
  readonly to: ReadableSink;
  readonly limiter: Limiter;
  readonly label: string;
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
  readonly options: CopyOptions;
}

interface Place extends Child {
  readonly depth: number;
}

const MAX_DEPTH = 8;
const MAX_DESCRIPTORS = 100_000;
const MAX_REFERRERS = 1000;

export class Copier {
  /** Manifests, and configs that are needed before they are copied. */
  readonly metadata: Metadata;
  readonly #blobs: BlobCopier;
  readonly #parts: CopierParts;
  readonly #done = new Map<string, Promise<void>>();
  /** What was asked for its referrers: a registry may say that two manifests refer to each other. */
  readonly #subjects = new Set<string>();
  readonly #chosen = new Map<string, ReadonlySet<string>>();
  readonly #held: Held;
  #failure: unknown;
  #totals = { copied: 0, copiedBytes: 0, mounted: 0, mountedBytes: 0, existing: 0, existingBytes: 0 };

  constructor(parts: CopierParts) {
    this.#parts = parts;
    this.metadata = new Metadata(parts);
    this.#blobs = new BlobCopier(parts, this.metadata);
    this.#held = new Held(parts);
    if (parts.options.verify) this.#held.doubt([]);
  }

  get options(): CopyOptions {
    return this.#parts.options;
  }

  get label(): string {
    return this.#parts.label;
  }

  /** True when a request to the source takes its time, whatever it brings. The first answers may make it seem so. */
  farBy(isFar: () => boolean): void {
    this.#blobs.far = isFar;
  }

  get sinkIsSparse(): boolean {
    return this.#parts.to.sparse === true;
  }

  get totals(): CopyTotals {
    return { ...this.#totals };
  }

  /** The first failure, which is the cause of those that followed. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Of the index with this digest, copy only these manifests. */
  only(digest: string, manifests: readonly Descriptor[]): void {
    this.#chosen.set(digest, new Set(manifests.map((manifest) => manifest.digest)));
  }

  /** Everything is looked at once more; what is listed is written whatever the sink believes, all of it when the list is empty. */
  startAgain(missing: readonly string[]): void {
    this.#done.clear();
    this.#held.doubt(missing);
    this.#failure = undefined;
  }

  /** Waits until nothing is under way any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#done.values());
  }

  async root(descriptor: Descriptor, as: string): Promise<void> {
    await this.#tree({ descriptor, kind: 'manifest', depth: 0 }, as);
  }

  /** Copies what refers to a manifest, such as signatures, and what refers to that. */
  async referrers(subject: Descriptor, depth = 0): Promise<void> {
    const { from, signal } = this.#parts;
    if (!from.referrers || depth > MAX_DEPTH || this.#subjects.has(subject.digest)) return;
    this.#subjects.add(subject.digest);
    const found: Descriptor[] = [];
    for await (const descriptor of from.referrers(subject, { signal })) {
      found.push(descriptor);
      if (found.length >= MAX_REFERRERS) break;
    }
    for (const descriptor of found) {
      await this.#node({ descriptor, kind: 'manifest', depth: 1 });
      await this.referrers(descriptor, depth + 1);
    }
  }

  async sinkHas(descriptor: Descriptor): Promise<boolean> {
    return this.#parts.to.has(descriptor, { signal: this.#parts.signal });
  }

  #node(node: Place, onWanted?: () => void): Promise<void> {
    const known = this.#done.get(node.descriptor.digest);
    if (known) return known;
    const work = isTree(node) ? this.#tree(node) : this.#leaf(node, onWanted);
    this.#done.set(node.descriptor.digest, work);
    work.catch((error: unknown) => {
      if (this.#failure === undefined) this.#failure = error;
      // Content that the sink lost can be brought once more; what else is under way need not stop for that.
      if (!lacksContent(error)) this.#parts.abort(error);
    });
    return work;
  }

  async #tree(node: Place, as?: string): Promise<void> {
    const { from, to, signal, limiter } = this.#parts;
    const { descriptor } = node;
    this.#checkLimits(node);
    // What is at hand is read while the sink is asked. Whoever needs it learns what went wrong.
    if (from.lane === undefined) setImmediate(() => void this.metadata.manifest(descriptor).catch(() => undefined));
    const standing = await this.#held.standing(descriptor, as, () => this.metadata.manifest(descriptor));
    if (standing === 'named') return this.#alreadyThere(node);
    const bytes = await this.metadata.manifest(descriptor);
    const children = this.#children(descriptor, bytes, node.depth + 1);
    const isThere = standing === 'unknown' ? await this.#isThereAfterAll(node, children, as) : standing === 'present';
    if (!isThere) await this.#all(children);
    const write = (): Promise<WriteResult> =>
      to.write(descriptor, async () => contentOf(bytes), { signal, as, force: this.#held.isDoubted(descriptor) });
    const lane = `manifests ${to.lane ?? to.name}`;
    const result = await limiter.run({ lane, size: bytes.length, signal }, write);
    // Only now the sink has said that it has them.
    if (isThere) for (const child of children) await this.#mark(child);
    this.#finish(node, manifestKind(children), result);
  }

  /**
   * Of a manifest that the sink was not asked about, the config tells: it belongs to no other image, so when the sink has it
   * the manifest may be there under another name, and when it has not, no question was asked in vain. Several others wait
   * until that is known, not until it is there; a single one follows over the same connection sooner than over a new one.
   */
  async #isThereAfterAll({ descriptor }: Place, children: readonly Place[], as: string | undefined): Promise<boolean> {
    const { to, signal, options } = this.#parts;
    const config = children.find(({ kind }) => kind === 'config');
    if (!config || (await options.mountFrom?.(config.descriptor))?.length) return false;
    const answered = new Promise<void>((resolve, reject) => {
      this.#node(config, children.length > 2 ? resolve : undefined).then(resolve, reject);
    });
    // Once the question is on its way.
    setImmediate(() => to.warm?.(children.length - 1));
    await answered;
    if (!this.#held.hadAlready(config.descriptor) || as === undefined) return false;
    return (await to.standing?.(descriptor, { as, remembered: 'present', signal })) === 'present';
  }

  async #all(children: readonly Place[]): Promise<void> {
    const results = await Promise.allSettled(children.map((child) => this.#node(child)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw this.#failure ?? failed.reason;
  }

  /** The sink has a manifest, so it has what the manifest refers to: say so, move nothing. */
  async #alreadyThere(node: Place): Promise<void> {
    // A sparse source may lack what the sink has; then there is nothing to tell.
    if (!(await this.metadata.has(node.descriptor))) return;
    const bytes = await this.metadata.manifest(node.descriptor);
    const children = this.#children(node.descriptor, bytes, node.depth + 1);
    for (const child of children) await this.#mark(child);
    this.#finish(node, manifestKind(children), { outcome: 'exists' });
  }

  async #mark(node: Place): Promise<void> {
    if (this.#done.has(node.descriptor.digest)) return;
    this.#done.set(node.descriptor.digest, Promise.resolve());
    if (isTree(node)) return this.#alreadyThere(node);
    this.#finish(node, node.kind, { outcome: 'exists' });
  }

  #children(descriptor: Descriptor, bytes: Buffer, depth: number): readonly Place[] {
    const chosen = this.#chosen.get(descriptor.digest);
    const manifest = parseManifest(bytes, descriptor.mediaType);
    if (manifest.kind === 'schema1') throw outdated(descriptor);
    const children = childrenOf(manifest).map((child) => ({ ...child, depth }));
    const wanted = chosen ? children.filter((child) => chosen.has(child.descriptor.digest)) : children;
    for (const child of wanted) {
      requireVerifiable(child.descriptor.digest);
      if (this.#done.has(child.descriptor.digest) || isTree(child)) continue;
      this.#emit({ type: 'queued', reference: this.label, descriptor: child.descriptor, kind: child.kind });
    }
    return wanted;
  }

  async #leaf({ descriptor, kind }: Place, onWanted?: () => void): Promise<void> {
    const result = await this.#blobs.copy(descriptor, this.#held.isDoubted(descriptor), onWanted);
    if (!result) return;
    if (result.outcome === 'exists') this.#held.note(descriptor);
    this.#finish({ descriptor }, kind, result);
  }

  #finish({ descriptor }: Pick<Place, 'descriptor'>, kind: ContentKind, { outcome, mountedFrom }: WriteResult): void {
    if (kind === 'layer' || kind === 'blob') {
      const count = ({ copied: 'copied', mounted: 'mounted', exists: 'existing' } as const)[outcome];
      this.#totals[count] += 1;
      this.#totals[`${count}Bytes`] += descriptor.size;
    }
    this.#emit({ type: 'finished', reference: this.label, descriptor, kind, outcome, mountedFrom });
  }

  #checkLimits({ descriptor, depth }: Place): void {
    if (depth > MAX_DEPTH) {
      throw new HubError('CONTENT_INVALID', `index ${descriptor.digest} is nested deeper than ${MAX_DEPTH} levels`);
    }
    if (this.#done.size > MAX_DESCRIPTORS) {
      throw new HubError('CONTENT_INVALID', `${this.label} refers to more than ${MAX_DESCRIPTORS} pieces of content`);
    }
  }

  #emit(event: Parameters<NonNullable<CopyOptions['onEvent']>>[0]): void {
    this.#parts.options.onEvent?.(event);
  }
}

/** By its place in the parent, not by its type alone: a layer that claims to be a manifest is still a layer. */
function isTree({ kind }: Child): boolean {
  return kind === 'index' || kind === 'manifest';
}

function outdated({ digest }: Descriptor): HubError {
  return new HubError('UNSUPPORTED', `${digest} is a docker schema 1 manifest, which hubctl does not copy`, {
    hint: 'the image has to be pushed again with a docker of 2016 or newer',
  });
}

function manifestKind(children: readonly Child[]): ContentKind {
  return children.some((child) => isTree(child) && !isAttestation(child.descriptor)) ? 'index' : 'manifest';
}
