// What does a registry have of a manifest that is to get a name, and how few questions does it take to know?
import type { Descriptor } from '../../spec/descriptor.ts';
import { isDigest } from '../../spec/digest.ts';
import type { CallOptions, Standing, StandingOptions } from '../../transfer/endpoint.ts';
import type { RepositoryAccess } from './access.ts';
import { hasManifest, headName } from './manifests.ts';
import { isStrict } from './strict.ts';

/** The digest a tag has, empty when the registry does not tell it; undefined when it has none. */
type Meaning = string | undefined;

/** Asks for manifests and tags by HEAD, for a push [distribution-spec end-3]. */
export class Standings {
  readonly #access: RepositoryAccess;
  /** Answers under way to questions asked ahead, by tag. Each serves once: a tag may move. */
  readonly #ahead = new Map<string, Promise<Meaning>>();
  readonly #written = new Set<string>();
  readonly #read = new Set<string>();
  /** Thought to be there, and left to the registry to check. */
  readonly #assumed = new Set<string>();

  constructor(access: RepositoryAccess) {
    this.#access = access;
  }

  /** Asks what a tag means before it has to be known. */
  askAhead(as: string, options: CallOptions): void {
    if (isDigest(as)) return;
    const asked = headName(this.#access, as, options);
    // Whoever needs the answer is told of the failure; perhaps nobody does.
    asked.catch(() => undefined);
    this.#ahead.set(as, asked);
  }

  /** A manifest that was put a moment ago need not be asked for. */
  noteWritten(digest: string): void {
    this.#assumed.delete(digest);
    this.#written.add(digest);
  }

  /** A manifest that the repository itself has just given: only what its tag means is not known. */
  noteRead(digest: string): void {
    this.#read.add(digest);
  }

  /** True for a manifest of which nobody has asked whether it is there. */
  isAssumed(digest: string): boolean {
    return this.#assumed.has(digest);
  }

  /** A manifest that was deleted, or is not there although it was thought to be. */
  forget(digest: string): void {
    this.#written.delete(digest);
    this.#assumed.delete(digest);
    this.#read.delete(digest);
  }

  /**
   * One request when the name is the manifest's already; none when the manifest is thought to be there under another name and
   * the registry will say if something is missing, one where it may not. A tag that means nothing, or another manifest that
   * nobody remembers, is the normal case of a push: then the blobs tell.
   */
  async of({ digest }: Descriptor, { as, remembered, signal }: StandingOptions): Promise<Standing> {
    if (this.#written.has(digest)) return 'present';
    if (as === digest) return (await this.#has(digest, signal)) ? 'named' : 'absent';
    if (isDigest(as)) return this.#look(digest, signal);
    if (remembered === 'present') return this.#presume(digest, signal);
    const meaning = await this.#meaning(as, signal);
    if (meaning === digest) return 'named';
    if (remembered === undefined && meaning !== '' && !this.#read.has(digest)) return 'unknown';
    return remembered === undefined ? this.#look(digest, signal) : this.#presume(digest, signal);
  }

  /** A manifest that was there before still is, unless the registry refuses it. */
  async #presume(digest: string, signal: AbortSignal | undefined): Promise<Standing> {
    if (this.#read.has(digest) || !(await isStrict(this.#access))) return this.#look(digest, signal);
    this.#assumed.add(digest);
    return 'present';
  }

  async #look(digest: string, signal: AbortSignal | undefined): Promise<Standing> {
    return (await this.#has(digest, signal)) ? 'present' : 'absent';
  }

  async #meaning(as: string, signal: AbortSignal | undefined): Promise<Meaning> {
    const asked = this.#ahead.get(as);
    this.#ahead.delete(as);
    return asked ?? headName(this.#access, as, { signal });
  }

  async #has(digest: string, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#read.has(digest) || hasManifest(this.#access, digest, { signal });
  }
}
