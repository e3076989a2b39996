// How does content get into a file when it is too small for an interruption to be worth resuming?
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { CallOptions, Content, Open } from '../../transfer/endpoint.ts';
import { Verifier } from '../../transfer/verify.ts';
import { storageError } from '../../util/fs.ts';

/**
 * Up to this many bytes content is fetched in one go under a name of its own: no lock, since whoever else writes it
 * writes the same, and nothing to resume. Less than a far registry is asked for in one piece.
 */
export const WHOLE: number = 256 * 1024;

const NEW_FILE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;
const datasync = promisify(fs.fdatasync);

/** A file with verified content, which has no name that counts yet. */
export interface WholeFile {
  readonly path: string;
  /** Waits until the bytes are on the disk, has it renamed, and closes it. Nothing is left when that fails. Throws STORAGE. */
  place(rename: (path: string) => void): Promise<void>;
}

/**
 * Writes content to a new file at `path` as it arrives. Nothing is left when that fails. Throws DIGEST_MISMATCH, STORAGE,
 * the signal's reason, and what the source throws.
 */
export async function fetchWhole(
  path: string,
  descriptor: Descriptor,
  open: Open,
  { signal }: CallOptions,
): Promise<WholeFile> {
  const content = await open({ signal });
  const file = new NewFile(path, content);
  try {
    file.create();
    const verifier = content.verified === true ? undefined : new Verifier(descriptor);
    await content.forEach((chunk) => {
      signal?.throwIfAborted();
      verifier?.update(chunk);
      file.append(chunk);
    });
    verifier?.finish();
    signal?.throwIfAborted();
    return file;
  } catch (error) {
    file.discard();
    throw error;
  }
}

class NewFile implements WholeFile {
  readonly path: string;
  readonly #content: Content;
  #fd: number | undefined;

  constructor(path: string, content: Content) {
    this.path = path;
    this.#content = content;
  }

  create(): void {
    this.#try(() => {
      this.#fd = fs.openSync(this.path, NEW_FILE, 0o600);
    });
  }

  append(chunk: Uint8Array): void {
    this.#try((fd) => {
      for (let written = 0; written < chunk.length;) {
        written += fs.writeSync(fd, chunk, written, chunk.length - written);
      }
    });
  }

  discard(): void {
    this.#content.cancel();
    if (this.#fd === undefined) return;
    this.#close();
    this.#try(() => fs.rmSync(this.path, { force: true }));
  }

  async place(rename: (path: string) => void): Promise<void> {
    try {
      await datasync(this.#fd ?? -1);
      rename(this.path);
    } catch (error) {
      this.discard();
      throw storageError(error, `cannot write ${this.path}`);
    }
    this.#close();
  }

  #try(work: (fd: number) => void): void {
    try {
      work(this.#fd ?? -1);
    } catch (error) {
      throw storageError(error, `cannot write ${this.path}`);
    }
  }

  #close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}
