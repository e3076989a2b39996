// How does one upload session grow, also across broken connections and restarts, until its digest is proven?
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, type FileHandle } from 'node:fs/promises';
import { algorithmOf, encodedOf, hasherFor } from '../../spec/digest.ts';
import type { Content } from '../../util/content.ts';
import { fileContent } from '../../util/file-content.ts';
import { isErrno, removeIfExists, storageError } from '../../util/fs.ts';
import { refusal } from '../wire.ts';
import { ChunkWriter } from './chunk-writer.ts';

const APPEND = constants.O_RDWR | constants.O_NOFOLLOW;

export interface UploadPlace {
  readonly id: string;
  readonly repository: string;
  /** Of the digest that is expected at the end; another one costs reading the content again. */
  readonly algorithm: string;
  readonly data: string;
  readonly state: string;
}

/** One session. Calls that change it must not overlap. What was received stays until the session ends. */
export class Upload {
  readonly id: string;
  readonly repository: string;
  /** A chunk came that may only be the last one. Not remembered across restarts. */
  hasSmallChunk = false;
  readonly #place: UploadPlace;
  /** Of the first `#hashed` bytes of the file; undefined when that is not known, as after a restart. */
  #hash: Hash | undefined;
  #hashed = 0;

  constructor(place: UploadPlace, { fresh }: { readonly fresh: boolean }) {
    this.id = place.id;
    this.repository = place.repository;
    this.#place = place;
    this.#hash = fresh ? createHash(place.algorithm) : undefined;
  }

  /** The file that holds what was received so far. */
  get path(): string {
    return this.#place.data;
  }

  /** Bytes received. Throws BLOB_UPLOAD_UNKNOWN when the session has ended meanwhile. */
  async size(): Promise<number> {
    try {
      return (await lstat(this.#place.data)).size;
    } catch (error) {
      throw isErrno(error, 'ENOENT') ? refusal('BLOB_UPLOAD_UNKNOWN') : this.#failure(error);
    }
  }

  /**
   * Adds a body, whose chunks it keeps until they are written, at the end. What arrived before it broke is kept. `onWritten` is told how many bytes of the file can be
   * read. Throws what the body throws, and STORAGE.
   */
  async append(body: Content, onWritten?: (bytes: number) => void): Promise<void> {
    const file = await this.#open();
    try {
      await this.#receive(file, body, onWritten);
    } finally {
      await file.close();
    }
  }

  /** The path of the content, synced, if it has this digest. Throws DIGEST_INVALID, which no more bytes can mend. */
  async finish(digest: string): Promise<string> {
    const file = await this.#open();
    try {
      const { size } = await file.stat();
      const actual = await this.#digest(file, digest, size);
      if (actual !== encodedOf(digest)) {
        throw refusal('DIGEST_INVALID', { details: [{ digest, actual: `${algorithmOf(digest)}:${actual}`, size }] });
      }
      await file.datasync();
      return this.#place.data;
    } catch (error) {
      throw this.#failure(error);
    } finally {
      await file.close();
    }
  }

  /** Forgets the session and what it received. False when it had ended before. */
  async end(): Promise<boolean> {
    try {
      const isFirst = await removeIfExists(this.#place.state);
      await removeIfExists(this.#place.data);
      return isFirst;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async #receive(file: FileHandle, body: Content, onWritten?: (bytes: number) => void): Promise<void> {
    const { size } = await file.stat();
    const writer = new ChunkWriter(file, size);
    const hash = this.#hashed === size ? this.#hash : undefined;
    this.#hash = undefined;
    try {
      await body.forEach((chunk) => {
        hash?.update(chunk);
        onWritten?.(writer.position);
        return writer.add(chunk);
      });
    } finally {
      await writer.flush().catch((error: unknown) => {
        throw this.#failure(error);
      });
    }
    this.#hash = hash;
    this.#hashed = writer.position;
  }

  /** Hex digits. A hash that ran along is asked for its result; else the content is read. */
  async #digest(file: FileHandle, digest: string, size: number): Promise<string> {
    const known = this.#place.algorithm === algorithmOf(digest) && this.#hashed === size ? this.#hash : undefined;
    if (known) return known.copy().digest('hex');
    const hash = hasherFor(digest);
    await fileContent(file, { start: 0, end: size, what: `upload ${this.id}` }).forEach(
      (chunk) => void hash.update(chunk),
    );
    return hash.digest('hex');
  }

  async #open(): Promise<FileHandle> {
    try {
      return await open(this.#place.data, APPEND);
    } catch (error) {
      throw isErrno(error, 'ENOENT') ? refusal('BLOB_UPLOAD_UNKNOWN') : this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    const isSystem = error instanceof Error && 'syscall' in error;
    return isSystem ? storageError(error, `cannot write the upload ${this.id}`) : error;
  }
}
