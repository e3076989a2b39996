// How does an archive from anywhere become a plain tar that can be read in any order?
import { createReadStream, type Stats } from 'node:fs';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { HubError } from '../../errors.ts';
import { inflated } from '../../layers/compression.ts';
import { sniffCompression } from '../../spec/media-types.ts';
import type { Content } from '../../util/content.ts';
import { fileContent } from '../../util/file-content.ts';
import { isErrno, storageError } from '../../util/fs.ts';
import { peek } from '../../util/peek.ts';
import { BLOCK, isTarHeader, TAR_END } from '../../layers/tar.ts';

export type ArchiveSource = { readonly path: string } | { readonly stream: AsyncIterable<Uint8Array> };

export interface ArchiveFileOptions {
  /** Path of a fresh file for what has to be unpacked or spooled first. Called at most once. */
  readonly temp: () => Promise<string>;
  readonly signal?: AbortSignal | undefined;
}

/** A plain tar on disk. Close it: what was spooled goes away with it. */
export class ArchiveFile {
  readonly size: number;
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #temp: string | undefined;

  private constructor(file: FileHandle, facts: { size: number; name: string; temp: string | undefined }) {
    this.#file = file;
    this.size = facts.size;
    this.#name = facts.name;
    this.#temp = facts.temp;
  }

  /**
   * Opens a file as it is when it is a plain tar; spools streams, and inflates gzip and zstd. Throws NOT_FOUND,
   * CONTENT_INVALID when it is no tar, UNSUPPORTED for bzip2 and xz.
   */
  static async open(source: ArchiveSource, options: ArchiveFileOptions): Promise<ArchiveFile> {
    if ('stream' in source) return spool(source.stream, 'the archive on stdin', options);
    const name = source.path;
    const stats = await statFile(name);
    // A pipe can be opened once only: closing it would be the end for whoever writes into it.
    if (!stats.isFile()) return spool(createReadStream(name), name, options);
    const file = await openFile(name);
    try {
      const head = await readAt(file, 0, BLOCK);
      if (sniffCompression(head) === 'none') {
        checkHead(head, name);
        return new ArchiveFile(file, { size: stats.size, name, temp: undefined });
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return spool(createReadStream(name, { highWaterMark: 256 * 1024 }), name, options);
  }

  static of(file: FileHandle, facts: { size: number; name: string; temp: string | undefined }): ArchiveFile {
    return new ArchiveFile(file, facts);
  }

  /** For people. */
  get name(): string {
    return this.#name;
  }

  readAt(position: number, length: number): Promise<Buffer> {
    return readAt(this.#file, position, length);
  }

  content(start: number, end: number, signal?: AbortSignal): Content {
    return fileContent(this.#file, { start, end, signal, what: this.#name });
  }

  async close(): Promise<void> {
    await this.#file.close();
    if (this.#temp !== undefined) await rm(this.#temp, { force: true });
  }
}

async function statFile(path: string): Promise<Stats> {
  try {
    const stats = await stat(path);
    if (!stats.isDirectory()) return stats;
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw storageError(error, `cannot open archive "${path}"`);
    throw new HubError('NOT_FOUND', `archive "${path}" does not exist`, { cause: error });
  }
  throw new HubError('CONTENT_INVALID', `"${path}" is a directory, not an archive`, {
    hint: `use oci:${path} for an OCI layout`,
  });
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw storageError(error, `cannot open archive "${path}"`);
  }
}

async function spool(
  stream: AsyncIterable<Uint8Array>,
  name: string,
  options: ArchiveFileOptions,
): Promise<ArchiveFile> {
  const { head, content } = await peek(stream, BLOCK);
  const temp = await options.temp();
  const file = await open(temp, 'w+', 0o600);
  try {
    // What cannot be a tar is not read on: there may be no end to it.
    if (sniffCompression(head) === 'none') checkHead(head, name);
    const size = await fill(file, { content, name, head, signal: options.signal });
    checkHead(await readAt(file, 0, BLOCK), name);
    return ArchiveFile.of(file, { size, name, temp });
  } catch (error) {
    content.cancel();
    await file.close();
    await rm(temp, { force: true });
    throw error;
  }
}

interface Spooled {
  readonly content: Content;
  readonly head: Buffer;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

/** Gives the number of bytes. A tar that begins with its end is over, whatever follows: a device gives zeros for ever. */
async function fill(file: FileHandle, spooled: Spooled): Promise<number> {
  const { head, content, name } = spooled;
  if (head.length < BLOCK || head.some((byte) => byte !== 0)) return inflateInto(file, spooled);
  content.cancel();
  try {
    await file.write(TAR_END);
  } catch (error) {
    throw storageError(error, `cannot unpack ${name}`);
  }
  return TAR_END.length;
}

async function inflateInto(file: FileHandle, { content, head, name, signal }: Spooled): Promise<number> {
  let size = 0;
  const write = async (chunk: Uint8Array): Promise<void> => {
    signal?.throwIfAborted();
    try {
      await file.write(chunk, 0, chunk.length, size);
    } catch (error) {
      throw storageError(error, `cannot unpack ${name}`);
    }
    size += chunk.length;
  };
  await inflated(content, sniffCompression(head), { what: name }).forEach(write);
  return size;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function checkHead(head: Buffer, name: string): void {
  if (head.length === 0) throw new HubError('CONTENT_INVALID', `${name} is empty`);
  if (isTarHeader(head)) return;
  throw new HubError('CONTENT_INVALID', `${name} is not a tar archive`, {
    hint: 'images come as tar archives made by save, or as OCI layout directories (oci:DIR)',
  });
}
