// How does content get into the store, and out of it?
import { mkdirSync, renameSync, rmSync, type BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Content, Open, Outcome, ReadOptions, WriteOptions } from '../../transfer/endpoint.ts';
import { verifyBytes } from '../../transfer/verify.ts';
import { collect } from '../../util/content.ts';
import { isErrno, storageError, syncDirectory } from '../../util/fs.ts';
import { withLock, type Lock } from '../../util/lock.ts';
import { Crowd } from './crowd.ts';
import type { FillOptions } from './filling.ts';
import { HashThreads } from './hash-thread.ts';
import { PartFile } from './part.ts';
import type { StorePaths } from './paths.ts';
import { damaged, isSound, readBlob, sizeOfBlob, statsOfBlob } from './read-blob.ts';
import type { Space } from './space.ts';
import { isStamped, keepsStamps, stamp } from './stamp.ts';
import { SyncBatch } from './sync-batch.ts';
import { fetchWhole, WHOLE } from './whole.ts';

/** Complete blobs that wait for the disk at one time. */
const MOST_PENDING = 64;
/** Bytes that are read faster than anybody could wonder whether they are right. */
const SMALL = 64 * 1024;

/** The blobs of one store, as this process sees them. The directories exist before anything is written. */
export class Blobs {
  readonly #paths: StorePaths;
  readonly #space: Space;
  /** Complete blobs on their way to the disk; they get their final name when they have arrived. Never rejected. */
  readonly #pending = new Map<string, Promise<void>>();
  /** Small content that is being fetched; whoever wants the same waits. Never rejected. */
  readonly #fetching = new Map<string, Promise<unknown>>();
  readonly #unsynced = new Set<string>();
  readonly #used = new Set<string>();
  readonly #batch = new SyncBatch();
  readonly #threads = new HashThreads();
  readonly #crowd = new Crowd();
  #failure: unknown;
  #canStamp: boolean | undefined;

  constructor(paths: StorePaths, space: Space) {
    this.#paths = paths;
    this.#space = space;
  }

  /** True when this process wrote the content, or was told that it is there. */
  isUsed(digest: string): boolean {
    return this.#used.has(digest);
  }

  /** True when there is a file of the right size. It counts as new from now on, so that a collection elsewhere spares it. */
  async has(descriptor: Descriptor): Promise<boolean> {
    return (await this.#look(descriptor)) !== 'absent';
  }

  /** As `has`; `known` is a file that was verified once and not written to since. */
  async #look({ digest, size }: Descriptor): Promise<'absent' | 'unsure' | 'known'> {
    const before = await this.#statsOf(digest);
    if (!before || (size >= 0 && Number(before.size) !== size)) return 'absent';
    const isKnown = isStamped(before, digest);
    stamp(this.#paths.blob(digest), digest, isKnown);
    // A collection may have come between the look and the touch.
    if (!(await this.isPresent({ digest, size }))) return 'absent';
    this.#used.add(digest);
    return isKnown ? 'known' : 'unsure';
  }

  /** As `has`, without a trace. A negative size is not known and not compared. */
  async isPresent({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): Promise<boolean> {
    const actual = await this.sizeOf(digest);
    return actual !== undefined && (size < 0 || actual === size);
  }

  /** Bytes of a blob, undefined when it is not there or not a regular file. Throws STORAGE. */
  async sizeOf(digest: string): Promise<number | undefined> {
    await this.#arrival(digest);
    return sizeOfBlob(this.#paths, digest);
  }

  async #statsOf(digest: string): Promise<BigIntStats | undefined> {
    await this.#arrival(digest);
    return statsOfBlob(this.#paths, digest);
  }

  /** See Sink.write; names nothing. Resolves when the bytes are complete and verified; `barrier` waits for the disk. */
  async write(descriptor: Descriptor, open: Open, options: WriteOptions = {}): Promise<Outcome> {
    return descriptor.size <= WHOLE
      ? this.#writeWhole(descriptor, open, options)
      : this.#crowd.join(descriptor.size, () => this.#writeLarge(descriptor, open, options));
  }

  async #writeWhole(descriptor: Descriptor, open: Open, options: WriteOptions): Promise<Outcome> {
    const { digest } = descriptor;
    for (let other = this.#fetching.get(digest); other; other = this.#fetching.get(digest)) await other;
    const work = this.#fetchWhole(descriptor, open, options);
    this.#fetching.set(
      digest,
      work.catch(() => undefined),
    );
    try {
      return await work;
    } finally {
      this.#fetching.delete(digest);
    }
  }

  async #fetchWhole(descriptor: Descriptor, open: Open, options: WriteOptions): Promise<Outcome> {
    const { digest } = descriptor;
    const { signal } = options;
    if (await this.#isThere(descriptor, options)) return 'exists';
    await this.#room();
    const file = await fetchWhole(this.#paths.unfinished(digest), descriptor, open, { signal });
    const sync = (): Promise<void> => file.place((path) => this.#rename(path, digest));
    this.#track(digest, this.#batch.add({ size: descriptor.size, sync }));
    return 'copied';
  }

  async #writeLarge(descriptor: Descriptor, open: Open, options: WriteOptions): Promise<Outcome> {
    const { digest } = descriptor;
    const { signal, share, onWait } = options;
    if (await this.#isThere(descriptor, options)) return 'exists';
    await this.#room();
    const waiting = { signal, onWait: () => onWait?.('another process is writing it') };
    return new Promise<Outcome>((resolve, reject) => {
      const work = withLock(this.#paths.blobLock(digest), waiting, async (lock) => {
        if (await this.#isThere(descriptor, options)) return resolve('exists');
        const part = await this.#fill(descriptor, open, { signal, share, lock });
        this.#track(digest, work);
        resolve('copied');
        await this.#place(descriptor, part, lock);
      });
      work.catch(reject);
    });
  }

  /** Renames a complete file to its digest; nothing happens when the content is there. Takes the file away in any case. */
  async adopt(path: string, descriptor: Descriptor): Promise<void> {
    if ((await this.#look(descriptor)) === 'known') return rmSync(path, { force: true });
    this.#rename(path, descriptor.digest);
    this.#used.add(descriptor.digest);
  }

  /** Waits until everything written is on the disk under its name. Throws STORAGE when that failed. */
  async barrier(): Promise<void> {
    this.#batch.flush();
    await Promise.all(this.#pending.values());
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    for (const directory of this.#unsynced) {
      await syncDirectory(directory);
      this.#unsynced.delete(directory);
    }
  }

  /** Waits until nothing is under way any more, however it ends. */
  async settle(): Promise<void> {
    this.#batch.flush();
    await Promise.all(this.#pending.values());
    await this.#threads.close();
  }

  /** The beginning of a blob as text, unverified; empty when it is not there. */
  async text(digest: string, limit: number): Promise<string> {
    if ((await this.sizeOf(digest)) === undefined) return '';
    const unknown = { mediaType: '', digest, size: -1 };
    const content = await this.read(unknown, { end: limit });
    return (await collect(content, limit, digest)).toString('latin1');
  }

  /** Throws NOT_FOUND, DIGEST_MISMATCH when the file has another size, STORAGE. */
  read(descriptor: Descriptor, options: ReadOptions = {}): Promise<Content> {
    const arrival = this.#arrival(descriptor.digest);
    const read = (): Promise<Content> => readBlob(this.#paths, descriptor, options);
    return arrival ? arrival.then(read) : read();
  }

  /** All bytes of small content, verified. Throws NOT_FOUND, DIGEST_MISMATCH, CONTENT_INVALID above `limit` bytes. */
  async bytes(descriptor: Descriptor, limit: number): Promise<Buffer> {
    const bytes = await collect(await this.read(descriptor), limit, descriptor.digest);
    try {
      verifyBytes(descriptor, bytes);
    } catch (error) {
      throw HubError.is(error, 'DIGEST_MISMATCH') ? damaged(descriptor.digest, error) : error;
    }
    return bytes;
  }

  /**
   * What is there is looked at byte by byte when it may have been changed since it was verified, when the belief in it was
   * wrong a moment ago, and where that costs nothing: manifests and configs.
   */
  async #isThere(descriptor: Descriptor, { force = false, signal, onWait }: WriteOptions): Promise<boolean> {
    const found = await this.#look(descriptor);
    if (found === 'absent') return false;
    const { digest, size } = descriptor;
    const canTell = (): boolean => (this.#canStamp ??= keepsStamps(this.#paths.unfinished(digest), digest));
    if (!force && size > SMALL && (found === 'known' || !canTell())) return true;
    if (size > SMALL) onWait?.('what is here of it is being verified');
    await this.#arrival(digest);
    const sound = await isSound(this.#paths, descriptor, { signal });
    if (!sound || found === 'unsure') stamp(this.#paths.blob(digest), digest, sound);
    return sound;
  }

  async #fill(
    descriptor: Descriptor,
    open: Open,
    options: Pick<FillOptions, 'signal' | 'share' | 'lock'>,
  ): Promise<PartFile> {
    const part = new PartFile(this.#paths.part(descriptor.digest), descriptor, this.#threads);
    try {
      const earlier = Math.min(part.size, descriptor.size);
      const reservation = await this.#space.reserve(descriptor.size - earlier);
      try {
        await part.fill(open, { ...options, reservation, landFrom: this.#crowd.landFrom });
      } finally {
        this.#space.release(reservation);
      }
      return part;
    } catch (error) {
      await part.close(error);
      throw error;
    }
  }

  /** Waits until content that was written a moment ago has its name. */
  #arrival(digest: string): Promise<void> | undefined {
    const pending = this.#pending.get(digest);
    if (pending) this.#batch.flush();
    return pending;
  }

  async #room(): Promise<void> {
    if (this.#pending.size < MOST_PENDING) return;
    this.#batch.flush();
    await Promise.race(this.#pending.values());
  }

  #track(digest: string, work: Promise<void>): void {
    const done = work.then(
      () => undefined,
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
    this.#pending.set(digest, done);
    void done.then(() => this.#pending.delete(digest));
    this.#used.add(digest);
  }

  /** Bytes first, then the name: after a power cut a blob is whole or not there. */
  async #place(descriptor: Descriptor, part: PartFile, lock: Lock): Promise<void> {
    try {
      await part.sync();
      lock.check();
      this.#rename(this.#paths.part(descriptor.digest), descriptor.digest);
    } catch (error) {
      await part.close(error);
      throw error;
    }
    await part.close();
  }

  /** Not worth another thread, like all that the file system does without the disk. */
  #rename(from: string, digest: string): void {
    const to = this.#paths.blob(digest);
    try {
      try {
        renameSync(from, to);
      } catch (error) {
        makeWay(error, to);
        renameSync(from, to);
      }
      stamp(to, digest, true, statsOfBlob(this.#paths, digest));
      this.#unsynced.add(dirname(to));
    } catch (error) {
      throw storageError(error, `cannot write ${to}`);
    }
  }
}

/** Removes what kept a file from being renamed; throws the error when that is something else. */
function makeWay(error: unknown, to: string): void {
  if (isErrno(error, 'ENOENT')) mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  // A directory where the blob belongs is damage, and nothing of ours is in it.
  else if (IN_THE_WAY.some((code) => isErrno(error, code))) rmSync(to, { recursive: true });
  else throw error;
}

const IN_THE_WAY = ['EISDIR', 'ENOTEMPTY', 'EEXIST'] as const;
