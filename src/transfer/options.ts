// What can a caller of copy() ask for?
import type { Descriptor } from '../spec/descriptor.ts';
import type { Platform } from '../spec/platform.ts';
import type { CallOptions, Remembered, Sink, Source } from './endpoint.ts';
import type { OnEvent } from './events.ts';
import type { Limiter } from './limit.ts';

/** A sink that can read back what it has saves its source a request. */
export type ReadableSink = Sink & Partial<Pick<Source, 'read'>>;

export interface CopyOptions extends CallOptions {
  /** Name at the sink; `reference` by default. */
  readonly as?: string | undefined;
  /** Only these platforms of an index. All of it by default. */
  readonly platforms?: readonly Platform[] | undefined;
  /** With `platforms`: keep the index as it is, without the manifests that were not chosen, where the sink may be sparse. */
  readonly keepIndex?: boolean | undefined;
  /** Only what the source has, when it holds an index some of whose manifests are absent. */
  readonly available?: boolean | undefined;
  /** Shared by several copies; else one of `concurrency` is made. */
  readonly limiter?: Limiter | undefined;
  /** Transfers at once; by default 8, and up to 16 where more are faster. */
  readonly concurrency?: number | undefined;
  /** Repositories of the sink's registry that may lend a blob. */
  readonly mountFrom?: ((descriptor: Descriptor) => Promise<readonly string[]>) | undefined;
  /** What is remembered of the root at a sink that can tell its standing; saves questions, and is never trusted. */
  readonly remembered?: ((root: Descriptor) => Promise<Remembered | undefined>) | undefined;
  /** What the reference meant last time; see ResolveOptions. */
  readonly expected?: Descriptor | undefined;
  /** Also signatures, SBOMs and whatever else refers to what is copied. */
  readonly referrers?: boolean | undefined;
  /** Trust nothing that the sink seems to have: a local one reads it again, another is sent it once more. */
  readonly verify?: boolean | undefined;
  /** How events name this copy; `reference` by default. */
  readonly label?: string | undefined;
  readonly onEvent?: OnEvent | undefined;
}
