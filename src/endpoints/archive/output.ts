// Where do the bytes of a new archive go, and what is left when it fails?
import { once } from 'node:events';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { createWriteStream, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { HubError } from '../../errors.ts';
import { isErrno, storageError, syncDirectory } from '../../util/fs.ts';
import { removeAbandoned, temporaryName } from '../../util/temporary.ts';

export type ArchiveTarget = { readonly path: string } | { readonly stream: Writable };

/** Bytes in order. A chunk is free for reuse once its promise has settled. */
export interface ArchiveOutput {
  readonly name: string;
  /** Bytes written. */
  readonly position: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets what was written since `position`. False where that cannot be done. */
  rewind(position: number): Promise<boolean>;
  /** Makes the archive appear as a whole. */
  commit(): Promise<void>;
  /** Leaves nothing. Safe after `commit`, when it does nothing. */
  discard(): Promise<void>;
}

/** A regular or new file is written beside itself and renamed; a pipe, a device or a stream gets the bytes as they come. */
export async function openOutput(target: ArchiveTarget): Promise<ArchiveOutput> {
  if ('stream' in target) return new StreamOutput(target.stream, 'the output');
  const { path } = target;
  const before = await statTarget(path);
  if (before && !before.isFile()) return new StreamOutput(createWriteStream(path), path, { close: true });
  return FileOutput.open(path, before);
}

async function statTarget(path: string): Promise<Stats | undefined> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory())
      throw new HubError('USAGE', `"${path}" is a directory`, { hint: `write to a file, or use oci:${path}` });
    return stats;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw storageError(error, `cannot write ${path}`);
  }
}

class FileOutput implements ArchiveOutput {
  readonly name: string;
  readonly #file: FileHandle;
  readonly #temporary: string;
  readonly #target: string;
  #position = 0;
  #open = true;

  private constructor(file: FileHandle, paths: { name: string; temporary: string; target: string }) {
    this.#file = file;
    this.name = paths.name;
    this.#temporary = paths.temporary;
    this.#target = paths.target;
  }

  static async open(path: string, before: Stats | undefined): Promise<FileOutput> {
    try {
      // The file behind a symbolic link is replaced, the link stays.
      const target = before ? await realpath(path) : path;
      const [directory, prefix] = [dirname(target), `.${basename(target).slice(0, 200)}.`];
      const temporary = join(directory, temporaryName(prefix));
      const file = await open(temporary, 'wx', before ? before.mode & 0o777 : 0o644);
      removeAbandoned(directory, prefix, (await file.stat()).mtimeMs);
      return new FileOutput(file, { name: path, temporary, target });
    } catch (error) {
      throw storageError(error, `cannot write ${path}`);
    }
  }

  get position(): number {
    return this.#position;
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.length;) {
        const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, this.#position);
        done += bytesWritten;
        this.#position += bytesWritten;
      }
    } catch (error) {
      throw storageError(error, `cannot write ${this.name}`);
    }
  }

  async rewind(position: number): Promise<boolean> {
    await this.#file.truncate(position);
    this.#position = position;
    return true;
  }

  async commit(): Promise<void> {
    try {
      await this.#file.sync();
      this.#open = false;
      await this.#file.close();
      await rename(this.#temporary, this.#target);
      await syncDirectory(dirname(this.#target));
    } catch (error) {
      await rm(this.#temporary, { force: true });
      throw storageError(error, `cannot write ${this.name}`);
    }
  }

  async discard(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
    await rm(this.#temporary, { force: true });
  }
}

class StreamOutput implements ArchiveOutput {
  readonly name: string;
  readonly #stream: Writable;
  readonly #close: boolean;
  #position = 0;
  #failure: Error | undefined;

  constructor(stream: Writable, name: string, { close = false }: { readonly close?: boolean } = {}) {
    this.#stream = stream;
    this.name = name;
    this.#close = close;
    // Without a listener an error between two writes would end the process.
    stream.on('error', this.#onError);
  }

  readonly #onError = (error: Error): void => {
    this.#failure ??= error;
  };

  get position(): number {
    return this.#position;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      if (this.#failure) return reject(this.#broken(this.#failure));
      // Copied, since whoever reads the stream may keep it for longer than the chunk is valid.
      this.#stream.write(Buffer.from(chunk), (error) => (error ? reject(this.#broken(error)) : resolve()));
    });
    this.#position += chunk.length;
  }

  async rewind(position: number): Promise<boolean> {
    return position === this.#position;
  }

  async commit(): Promise<void> {
    if (this.#close) {
      this.#stream.end();
      if (!this.#stream.closed) await once(this.#stream, 'close');
    }
    if (this.#failure) throw this.#broken(this.#failure);
    this.#stream.off('error', this.#onError);
  }

  async discard(): Promise<void> {
    if (this.#close) this.#stream.destroy();
  }

  #broken(error: Error): HubError {
    if (isErrno(error, 'EPIPE'))
      return new HubError('FAILED', `the reader of ${this.name} went away`, { cause: error });
    return storageError(error, `cannot write ${this.name}`);
  }
}
