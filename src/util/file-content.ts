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

/** Bytes of a file from `start` to `end`. Throws CONTENT_INVALID when the file turns out to be shorter. */
export function fileContent(file: FileHandle, part: FilePart): Content {
  let cancelled = false;
  const close = async (): Promise<void> => {
    part.onEnd?.();
    if (part.close) await file.close();
  };
  return {
    forEach: async (consume) => {
      const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(part.bufferSize ?? BUFFER, part.end - part.start)));
      try {
        for (let position = part.start; position < part.end;) {
          part.signal?.throwIfAborted();
          if (cancelled) throw new HubError('ABORTED', `reading ${part.what} was given up`);
          const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, part.end - position), position);
          if (bytesRead === 0) throw new HubError('CONTENT_INVALID', `${part.what} ends too early`);
          position += bytesRead;
          const pause = consume(buffer.subarray(0, bytesRead));
          if (pause) await pause;
        }
      } finally {
        const isOpen = !cancelled;
        cancelled = true;
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
