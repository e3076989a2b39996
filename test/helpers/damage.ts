// Ways in which a file of the store can be wrong.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';

function flip(path: string): void {
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(path, bytes);
}

function replace(path: string, by: (path: string) => void): void {
  rmSync(path);
  by(path);
}

/** What may have become of a blob. Each takes the path of a regular file that is not empty. */
export const MUTATIONS: Readonly<Record<string, (path: string) => void>> = {
  'has one bit flipped': flip,
  'is truncated': (path) => truncateSync(path, Math.floor(readFileSync(path).length / 2)),
  'is empty': (path) => truncateSync(path, 0),
  'is missing': (path) => rmSync(path),
  'is a directory': (path) => replace(path, () => mkdirSync(path)),
  'is a symbolic link': (path) => replace(path, () => symlinkSync('/etc/passwd', path)),
  'is a pipe': (path) => replace(path, () => execFileSync('mkfifo', [path])),
};
