// What must a place offer so that images can be copied from it and to it?
import type { Descriptor } from '../spec/descriptor.ts';
import type { Content } from '../util/content.ts';

export type { Content };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ResolveOptions extends CallOptions {
  /** What the name meant last time. A source that can tell cheaply that it still does answers with it. */
  readonly expected?: Descriptor | undefined;
}

export interface ReadOptions extends CallOptions {
  /** First byte wanted, 0 by default. */
  readonly start?: number | undefined;
  /** First byte not wanted; the end of the content by default. */
  readonly end?: number | undefined;
  /**
   * More than `end` is welcome: a source that cannot give just a part gives all from `start` on, instead of throwing the rest
   * away. `isPart` of the content tells which it is.
   */
  readonly greedy?: boolean | undefined;
  /** The caller hashes the whole by itself, since it puts it together from parts. */
  readonly unverified?: boolean | undefined;
  /** What came before was damaged: the source takes another way, if it has one. */
  readonly fresh?: boolean | undefined;
}

/** Opens the content, again if need be, from a byte offset. Retry, resume and ranges are this function called again. */
export type Open = (options?: ReadOptions) => Promise<Content>;

export type Outcome = 'copied' | 'exists' | 'mounted';

export interface WriteResult {
  readonly outcome: Outcome;
  /** The repository that lent the blob, when the outcome is `mounted`. */
  readonly mountedFrom?: string | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Also give the content this name (a tag, or a full reference for local stores). Written even when the bytes are there. */
  readonly as?: string | undefined;
  /** Repositories of the same registry that may lend the blob. A hint. */
  readonly mountFrom?: readonly string[] | undefined;
  /** Write even what the sink believes to have: it was wrong about it a moment ago. */
  readonly force?: boolean | undefined;
  /** How the work may be shared out when the sink can take parts in any order. */
  readonly share?: Share | undefined;
  /** The content comes from a sound source: where the receiver checks it as well, nobody else has to. */
  readonly sound?: boolean | undefined;
  /** Told when the sink has to wait for another process that writes the same content. */
  readonly onWait?: ((reason: string) => void) | undefined;
}

/** What a sink has of a manifest: also under the name it is to get, only the content, nothing, or it was not asked. */
export type Standing = 'named' | 'present' | 'absent' | 'unknown';

/** What the caller remembers of a manifest at the sink from last time: that it had the name, or only that it was there. */
export type Remembered = 'named' | 'present';

export interface StandingOptions extends CallOptions {
  readonly as: string;
  /** A hint. It decides what is asked first, never what is believed. */
  readonly remembered?: Remembered | undefined;
}

/** Shares out the work of fetching one content. */
export interface Share {
  /** Bytes that one request should bring when so many are missing. */
  piece(missing: number): number;
  /** Lets transfers that have nothing else to do take part: `next` begins another piece, or gives undefined when none is left. */
  offer(next: () => Promise<void> | undefined): void;
}

/** Bytes from a Source are NOT trusted: copy() verifies them. */
export interface Source {
  /** For people: `localhost:5000/app`, `oci:./out`. */
  readonly name: string;
  /** Group of sources that share limits, such as the host of a registry; none for those on this machine. */
  readonly lane?: string | undefined;
  /** True where content was verified when it was put there: if it is wrong now, it was damaged since, and is damaged for good. */
  readonly sound?: boolean | undefined;
  /** A copy from here, or to here, is about to begin, of so many pieces when that is known: connects to what it will need. Never throws. */
  warm?(pieces?: number): void;
  /** Throws NOT_FOUND. */
  resolve(reference: string, options?: ResolveOptions): Promise<Descriptor>;
  /** Throws NOT_FOUND. With `start` or `end` gives just that part, or throws UNSUPPORTED where it cannot. */
  read(descriptor: Descriptor, options?: ReadOptions): Promise<Content>;
  /** Waits some milliseconds before content that broke off is read on; a timer by default. */
  sleep?(milliseconds: number, signal?: AbortSignal): Promise<void>;
  tags?(options?: CallOptions): AsyncIterable<string>;
  referrers?(subject: Descriptor, options?: CallOptions): AsyncIterable<Descriptor>;
}

/** A Sink shows nothing until the content it was given has ended without error and was verified, and names content last. */
export interface Sink {
  readonly name: string;
  /** True when the sink may hold an index some of whose manifests are absent. */
  readonly sparse?: boolean | undefined;
  /** Group of sinks that share limits, such as the host of a registry. */
  readonly lane?: string | undefined;
  has(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
  /** For sinks where a question is a round trip: told the name of a copy before its content is known, to ask ahead. */
  expect?(as: string, options?: CallOptions): void;
  /** As for a source. */
  warm?(pieces?: number): void;
  /** For the same sinks: about a manifest and its name, in as few questions as it takes. `unknown` when another would be needed. */
  standing?(descriptor: Descriptor, options: StandingOptions): Promise<Standing>;
  write(descriptor: Descriptor, open: Open, options?: WriteOptions): Promise<WriteResult>;
  /** For sinks that are one file or one stream: write the trailer. Called once, after the last copy() succeeded. */
  commit?(options?: CallOptions): Promise<void>;
}

/** Disposing releases, and discards what was not committed: never the other way round, since dispose also runs on failure. */
export interface Endpoint extends Source, Sink, AsyncDisposable {}
