// How does a part of an open file become content?
import type { FileHandle } from 'node:fs/promises';
import { HubError } from '../errors.ts';
import type { Content } from './content.ts';

const BUFFER = 256 * 1024;

export interface FilePart {
  /** First byte wanted. */
  readonly start: number;
  /** First byte not wanted. */
  readonly end: number;
  /** Close the file afterwards, or when the content is cancelled. */
  readonly close?: boolean | undefined;
  /** Names the content in messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes read at once; 256 KiB by default. */
  readonly bufferSize?: number | undefined;
  /** Called once, when nothing more will be read. */
  readonly onEnd?: (() => void) | undefined;
}

/** Never part of a buffer that others share. */
function bufferOf(size: number): Buffer {
  return Buffer.allocUnsafeSlow(size);
}

/** Bytes of a file from `start` to `end`. Throws CONTENT_INVALID when the file turns out to be shorter. */
export function fileContent(file: FileHandle, part: FilePart): Content {
  let cancelled = false;
  const close = async (): Promise<void> => {
    part.onEnd?.();
    if (part.close) await file.close();
  };
  return {
    forEach: async (consume) => {
      const size = Math.min(part.bufferSize ?? BUFFER, part.end - part.start);
      // One is filled while the other is in use.
      const buffers = part.end - part.start > size ? [bufferOf(size), bufferOf(size)] : [bufferOf(size)];
      let turns = 0;
      const fill = async (position: number): Promise<Buffer> => {
        const buffer = buffers[turns++ % buffers.length] as Buffer;
        const { bytesRead } = await file.read(buffer, 0, Math.min(size, part.end - position), position);
        return buffer.subarray(0, bytesRead);
      };
      let ahead: Promise<Buffer> | undefined = size > 0 ? fill(part.start) : undefined;
      try {
        for (let position = part.start; ahead;) {
          const bytes: Buffer = await ahead;
          part.signal?.throwIfAborted();
          if (cancelled) throw new HubError('ABORTED', `reading ${part.what} was given up`);
          if (bytes.length === 0) throw new HubError('CONTENT_INVALID', `${part.what} ends too early`);
          position += bytes.length;
          ahead = position < part.end ? fill(position) : undefined;
          const pause = consume(bytes);
          if (pause) await pause;
        }
      } finally {
        const isOpen = !cancelled;
        cancelled = true;
        // A file is not closed under a read.
        await ahead?.catch(() => undefined);
        if (isOpen) await close();
      }
    },
    cancel: () => {
      if (cancelled) return;
      cancelled = true;
      // Nobody waits for this; a file that cannot be closed was not going to be used again.
      close().catch(() => undefined);
    },
  };
}
