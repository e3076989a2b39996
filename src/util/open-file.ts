// How is a file opened and closed without another thread, and still read by one where the disk is slow?
import * as fs from 'node:fs';
import { promisify } from 'node:util';

/** As a `FileHandle` of Node.js, of which making one, and closing it, costs three turns of another thread. */
export interface OpenFile {
  /** Negative once it is closed, so that nobody reads what has got the number since. */
  readonly fd: number;
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  /** Does nothing the second time. */
  close(): Promise<void>;
}

const CLOSED = -1;
/** Reads by another thread. */
export const readInto: typeof fs.read.__promisify__ = promisify(fs.read);

/** Throws what the system throws. `flags` as of open(2). */
export function openFile(path: string, flags: number): OpenFile {
  let fd = fs.openSync(path, flags);
  return {
    get fd() {
      return fd;
    },
    read: (buffer, offset, length, position) => readInto(fd, buffer, offset, length, position),
    close: async () => {
      const open = fd;
      fd = CLOSED;
      if (open !== CLOSED) fs.closeSync(open);
    },
  };
}
