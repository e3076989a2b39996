// How is the index of a store read and changed, by many processes at once, without a moment when it is not whole?
import * as fs from 'node:fs';
import { HubError } from '../../errors.ts';
import { MANIFEST_LIMIT } from '../../spec/manifest.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import type { Platform } from '../../spec/platform.ts';
import { isErrno, storageError, syncDirectory, toDisk } from '../../util/fs.ts';
import { writeAllSync } from '../../util/fs-sync.ts';
import { withLock, type Lock } from '../../util/lock.ts';
import type { Blobs } from './blobs.ts';
import { keepFacts, readFacts, sumOfFacts, writeFacts, type CachedFacts } from './cache.ts';
import type { ReadBytes } from './facts.ts';
import { storeFailure } from './failure.ts';
import { learnNew, type FactsByDigest } from './graph.ts';
import type { ListKey, StateKey } from './list-changes.ts';
import { EMPTY_INDEX, formatIndex, parseIndex, type ImageIndex } from './names.ts';
import type { StorePaths } from './paths.ts';
import type { ImageSummary } from './summary.ts';

/** One consistent view of the store. */
export interface State {
  readonly index: ImageIndex;
  readonly facts: FactsByDigest;
  /** Stands for both. Undefined where the facts are in no file. */
  readonly key: StateKey | undefined;
}

/** A view that only this process may change. */
export interface Change {
  index: ImageIndex;
  /** May be changed; `factsChanged` says that it was. Costs something in a large store, so it is read on demand. */
  facts(): Promise<FactsByDigest>;
  factsChanged: boolean;
  /** When the store was locked, by the clock of the file system, milliseconds since 1970. */
  readonly since: number;
  /** Writes what was changed so far: content first, the index last. Happens by itself at the end. */
  save(): Promise<void>;
}

export interface ChangeOptions extends CallOptions {
  /** Called once when another process has had the store for three seconds. */
  readonly onWait?: (() => void) | undefined;
}

interface Snapshot {
  readonly index: ImageIndex;
  /** Changes whenever the file does. */
  readonly identity: string;
}

const NEXT = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | fs.constants.O_NOFOLLOW;
/** Milliseconds to wait for one process that is alive and keeps the index locked. */
const TIMEOUT = 60_000;
/** A change takes milliseconds, so waiting is nothing to tell until it lasts. */
const NOTICE_AFTER = 3000;
/** Shorter lists are made as quickly as they are read. */
const MANY = 300;
/** Bytes; an index of so many images has more. */
const SMALL = MANY * 100;
/** Other tools write the file in place: half of it is seen for a moment. */
const PATIENCE = [20, 80, 200];

export class StateFile {
  readonly #paths: StorePaths;
  readonly #blobs: Blobs;
  /** Whose list of images is kept; none without it. */
  readonly #platform: Platform | undefined;
  #snapshot: Snapshot | undefined;
  #facts: (CachedFacts & { readonly identity: string }) | undefined;
  /** The change under way in this process; the next one waits here, not in the queue of processes. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(paths: StorePaths, blobs: Blobs, platform?: Platform) {
    this.#paths = paths;
    this.#blobs = blobs;
    this.#platform = platform;
  }

  /** Verified bytes of a manifest or config. */
  readonly read: ReadBytes = (descriptor) => this.#blobs.bytes(descriptor, MANIFEST_LIMIT);

  /** Names only. Throws STORAGE for a damaged index. */
  async index(): Promise<ImageIndex> {
    return (await this.#load()).index;
  }

  /** Names and facts of all images; what was learnt is kept where the store may be written to. */
  async view(): Promise<State> {
    const { index, identity } = await this.#load();
    const { facts } = this.#loadFacts(identity);
    if (await learnNew(facts, index.entries, this.read))
      this.#facts = { identity, facts, sum: await this.#keep(identity, facts) };
    const sum = this.#facts?.facts === facts ? this.#facts.sum : undefined;
    return { index, facts, key: sum === undefined ? undefined : { index: identity, facts: sum } };
  }

  /** What stands for the names and facts that `view` would give, without reading them; undefined where they are few. */
  async key(): Promise<StateKey | undefined> {
    try {
      const stats = fs.statSync(this.#paths.index);
      if (stats.size < SMALL) return undefined;
      const index = identityOf(stats);
      const facts = sumOfFacts(this.#paths, index);
      return facts === undefined ? undefined : { index, facts };
    } catch {
      // The view tells what is wrong.
      return undefined;
    }
  }

  /** For the next one who asks for it. Where nothing may be written, or somebody else is writing, it is made again. */
  async keepList(key: ListKey, list: readonly ImageSummary[]): Promise<void> {
    if (list.length < MANY) return;
    const { writeList } = await import('./kept-list.ts');
    await this.#ifFree(() => writeList(this.#paths, key, list));
  }

  /** Runs `work` while nobody else changes the store. Nothing is written when it throws, or changes nothing. */
  change<T>(options: ChangeOptions, work: (change: Change) => Promise<T>): Promise<T> {
    const { signal, onWait } = options;
    // Only whoever writes content looks for leftovers otherwise.
    const lockOptions = { signal, onWait, timeout: TIMEOUT, noticeAfter: NOTICE_AFTER, sweep: true };
    const run = this.#turn.then(() =>
      withLock(this.#paths.indexLock, lockOptions, async (lock) => {
        const change = await this.#begin(lock);
        const result = await work(change);
        await change.save();
        return result;
      }),
    );
    const told = run.catch((error: unknown) => {
      throw storeFailure(error, this.#paths.dir);
    });
    this.#turn = told.catch(() => undefined);
    return told;
  }

  async #begin(lock: Lock): Promise<Change> {
    let saved = await this.#load();
    let facts: FactsByDigest | undefined;
    const change: Change = {
      index: saved.index,
      facts: async () => {
        facts ??= new Map(this.#loadFacts(saved.identity).facts);
        return facts;
      },
      factsChanged: false,
      since: lock.since,
      save: async () => {
        const changed = change.factsChanged ? facts : undefined;
        if (change.index !== saved.index)
          saved = await this.#write(saved, { index: change.index, facts: changed, lock });
        else if (changed) this.#writeFacts(changed, saved.identity);
        change.factsChanged = false;
      },
    };
    return change;
  }

  async #load(): Promise<Snapshot> {
    for (const wait of PATIENCE) {
      try {
        return this.#loadOnce();
      } catch (error) {
        if (!HubError.is(error) || error.details['path'] !== this.#paths.index) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    return this.#loadOnce();
  }

  #loadOnce(): Snapshot {
    const path = this.#paths.index;
    let file: number | undefined;
    try {
      file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      const stats = fs.fstatSync(file);
      if (!stats.isFile()) throw new HubError('STORAGE', `${path} is not a regular file`);
      const identity = identityOf(stats);
      if (this.#snapshot?.identity === identity) return this.#snapshot;
      this.#snapshot = { identity, index: parseIndex(fs.readFileSync(file), path) };
      return this.#snapshot;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return { identity: 'none', index: EMPTY_INDEX };
      throw storageError(error, `cannot read ${path}`);
    } finally {
      if (file !== undefined) fs.closeSync(file);
    }
  }

  #loadFacts(identity: string): CachedFacts {
    if (this.#facts?.identity !== identity) this.#facts = { identity, ...readFacts(this.#paths, identity) };
    return this.#facts;
  }

  /** Keeps what a reader has learnt, if the index is still the one it read; else, and where nothing may be written, it is learnt again. */
  async #keep(identity: string, facts: FactsByDigest): Promise<string | undefined> {
    return this.#ifFree(async () => {
      const now = await this.#load();
      if (now.identity !== identity || identity === 'none') return undefined;
      return writeFacts(this.#paths, facts, identity);
    });
  }

  /** Runs `work` unless somebody else is changing the store, or it may not be written to. */
  async #ifFree<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await withLock(this.#paths.indexLock, { timeout: 0 }, work);
    } catch (error) {
      if (HubError.is(error, 'LOCKED') || HubError.is(error, 'STORAGE')) return undefined;
      throw storageError(error, 'cannot write the cache');
    }
  }

  /** The facts name the index they belong to, so they can go first: a crash in between makes them void, not wrong. */
  async #write(before: Snapshot, { index, facts, lock }: Next): Promise<Snapshot> {
    try {
      await this.#blobs.barrier();
      const identity = await this.#writeNext(formatIndex(index));
      const noteInList = await this.#listNote(before, { index, facts, identity });
      if (facts || before.identity === 'none') this.#writeFacts(facts ?? new Map(), identity);
      else this.#keepFacts(before.identity, identity);
      noteInList?.();
      lock.check();
      fs.renameSync(this.#paths.nextIndex, this.#paths.index);
      this.#snapshot = { identity, index };
      await syncDirectory(this.#paths.dir);
      return this.#snapshot;
    } catch (error) {
      throw storageError(error, `cannot write ${this.#paths.index}`);
    }
  }

  /**
   * What tells a list that is kept about the change; made before anything is, done when the facts are those of the next
   * index. A list of another state takes no notice of it, so that it may come before the index as well.
   */
  async #listNote(before: Snapshot, { index, facts, identity }: Noted): Promise<(() => void) | undefined> {
    const [platform, sum] = [this.#platform, sumOfFacts(this.#paths, before.identity)];
    if (!platform || sum === undefined || !fs.existsSync(this.#paths.list)) return undefined;
    const { noteChange } = await import('./list-note.ts');
    const known = (): FactsByDigest => this.#loadFacts(before.identity).facts;
    const change = { before: before.index.entries, after: index.entries, known, learnt: facts, platform };
    const from = { index: before.identity, facts: sum, platform };
    return noteChange(this.#paths, change, from, () => {
      const next = sumOfFacts(this.#paths, identity);
      return next === undefined ? undefined : { index: identity, facts: next, platform };
    });
  }

  async #writeNext(text: string): Promise<string> {
    const file = fs.openSync(this.#paths.nextIndex, NEXT, 0o644);
    try {
      writeAllSync(file, text);
      // The clock that stamps files is coarse: two changes in a row could look like one.
      const now = (performance.timeOrigin + performance.now()) / 1000;
      fs.futimesSync(file, now, now);
      await toDisk(file);
      return identityOf(fs.fstatSync(file));
    } finally {
      fs.closeSync(file);
    }
  }

  #writeFacts(facts: FactsByDigest, identity: string): void {
    if (identity === 'none') return;
    const sum = writeFacts(this.#paths, facts, identity);
    this.#facts = { identity, facts: new Map(facts), sum };
  }

  #keepFacts(from: string, to: string): void {
    keepFacts(this.#paths, from, to);
    // Whether that was possible is not known, so nothing may stand for them.
    if (this.#facts?.identity === from) this.#facts = { identity: to, facts: this.#facts.facts, sum: undefined };
  }
}

interface Next {
  readonly index: ImageIndex;
  /** When they have changed. */
  readonly facts: FactsByDigest | undefined;
  readonly lock: Lock;
}

type Noted = Pick<Next, 'index' | 'facts'> & { readonly identity: string };

function identityOf({ ino, size, mtimeMs }: { ino: number; size: number; mtimeMs: number }): string {
  return `${ino}-${size}-${mtimeMs}`;
}
