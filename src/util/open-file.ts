// How is a file opened and closed without another thread, and still read by one where the disk is slow?
import * as fs from 'node:fs';
import { promisify } from 'node:util';

/** As a `FileHandle` of Node.js, of which making one, and closing it, costs three turns of another thread. */
export interface OpenFile {
  readonly fd: number;
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

const read = promisify(fs.read);

/** Throws what the system throws. `flags` as of open(2). */
export function openFile(path: string, flags: number): OpenFile {
  const fd = fs.openSync(path, flags);
  return {
    fd,
    read: (buffer, offset, length, position) => read(fd, buffer, offset, length, position),
    close: async () => fs.closeSync(fd),
  };
}
