// What is in a lock file, who holds it, and who may remove it?
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { HubError } from '../errors.ts';
import { isErrno, storageError } from './fs.ts';
import { isRunning, now, ownPid, place } from './machine.ts';
import { isTemporary, temporaryName } from './temporary.ts';

/** Who holds a lock file. Without `pid` the file is empty or foreign. */
export interface Holder {
  /** Different for every holding. */
  readonly token: string;
  readonly pid?: number | undefined;
  readonly hostname?: string | undefined;
  /** Machine, boot and process namespace: process ids mean something only within one. */
  readonly place?: string | undefined;
  /** Last sign of life, milliseconds since 1970. */
  readonly beat: number;
  /** When it was taken, by the clock of the file system, milliseconds since 1970. */
  readonly since: number;
}

export interface Holding {
  readonly token: string;
  /** When it was taken, by the clock of the file system, milliseconds since 1970. */
  readonly since: number;
  /** Throws LOCKED when the file was taken over by somebody else. */
  check(): void;
  /** Removes the file if it is still ours. */
  release(): void;
}

const HEARTBEAT = 5000; // milliseconds
/** With a sign of life younger than this, nobody can have taken the file over. */
const FRESH = 15_000;
/** Removing takes no time; a marker this old was left by a process that was killed on another machine. */
const ABANDONED = 60_000;
const NEW_FILE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

/** Takes the lock file, or gives undefined when somebody has it. Everything in one go: no other task runs in between. Throws STORAGE. */
export function hold(path: string): Holding | undefined {
  const token = newToken();
  const file = createFile(path, token);
  if (!file) return undefined;
  const { fd, since } = file;
  let beat = now();
  const timer = setInterval(() => {
    const time = now();
    fs.futimes(fd, time / 1000, time / 1000, (error) => {
      if (!error) beat = time;
    });
  }, HEARTBEAT);
  timer.unref();
  return {
    token,
    since,
    check: () => {
      if (readHolder(path)?.token === token) return;
      throw new HubError(
        'LOCKED',
        `${path} was taken over by another process, because this one stood still for too long`,
      );
    },
    release: () => {
      clearInterval(timer);
      fs.closeSync(fd);
      if (now() - beat < FRESH) removeFile(path);
      else removeHeld(path, token);
    },
  };
}

/** Who holds the lock file now; undefined when there is no such file. */
export function readHolder(path: string): Holder | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW);
    const stats = fs.fstatSync(fd);
    const buffer = Buffer.alloc(1024);
    const text = stats.isFile() ? buffer.toString('utf8', 0, fs.readSync(fd, buffer, 0, buffer.length, 0)) : '';
    return parseHolder(text, stats);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw storageError(error, `cannot read the lock ${path}`);
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Whether the holder's process lives; undefined where that cannot be known: on other machines, after a restart. */
export function isAlive(holder: Holder): boolean | undefined {
  if (holder.pid === undefined || holder.place !== place()) return undefined;
  return isRunning(holder.pid);
}

/**
 * Removes a lock file if it still carries this token. Of all who try, only the one who creates the marker file of the
 * token may do so: else one of two takers could remove what the other has just taken. A taker that was killed in between
 * leaves its marker behind; then the next number is tried. True when the file is gone by our hand.
 */
export function removeHeld(path: string, token: string): boolean {
  for (let number = 0; number < 100; number += 1) {
    const marker = `${path}.${token}.${number}`;
    const file = createFile(marker, token);
    if (!file) {
      const other = readHolder(marker);
      if (other && (isAlive(other) === false || now() - other.beat > ABANDONED)) continue;
      return false;
    }
    fs.closeSync(file.fd);
    const ours = readHolder(path)?.token === token;
    if (ours) removeFile(path);
    for (let made = 0; made <= number; made += 1) removeFile(`${path}.${token}.${made}`);
    return ours;
  }
  return false;
}

/** True for the name of a marker, or of a lock file that is being made: what may be left of these is of no use to anybody. */
export function isMarker(name: string): boolean {
  return /\.[0-9a-z]{16}\.\d+$/.test(name) || isTemporary(name);
}

interface NewFile {
  readonly fd: number;
  readonly since: number;
}

/** Undefined when the file exists. */
function createFile(path: string, token: string): NewFile | undefined {
  try {
    if (fs.lstatSync(path, { throwIfNoEntry: false })) return undefined;
    return createWhole(path, token);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return undefined;
    if (!isErrno(error, 'ENOENT')) throw storageError(error, `cannot create the lock ${path}`);
  }
  try {
    fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return createWhole(path, token);
  } catch (error) {
    if (isErrno(error, 'EEXIST') && fs.existsSync(path)) return undefined;
    throw storageError(error, `cannot create the lock ${path}`);
  }
}

/** The file appears with all its content, by a hard link: a process that is killed here leaves no lock that nobody holds. */
function createWhole(path: string, token: string): NewFile {
  const temporary = temporaryName(`${path}.`);
  const file = writeNew(temporary, token);
  try {
    fs.linkSync(temporary, path);
    return file;
  } catch (error) {
    fs.closeSync(file.fd);
    if (!NO_LINKS.some((code) => isErrno(error, code))) throw error;
    return writeNew(path, token);
  } finally {
    removeFile(temporary);
  }
}

/** What file systems without hard links say. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'] as const;

function writeNew(path: string, token: string): NewFile {
  const holder = { token, pid: ownPid, hostname: hostname(), place: place() };
  const fd = fs.openSync(path, NEW_FILE, 0o600);
  try {
    // Not the time of day: it runs ahead of the coarser clock that stamps files, and this time is compared with theirs.
    const since = fs.fstatSync(fd).mtimeMs;
    fs.writeSync(fd, JSON.stringify({ ...holder, since }));
    return { fd, since };
  } catch (error) {
    fs.closeSync(fd);
    removeFile(path);
    throw error;
  }
}

function newToken(): string {
  return randomBytes(8).toString('hex');
}

function removeFile(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw storageError(error, `cannot remove the lock ${path}`);
  }
}

function parseHolder(text: string, stats: fs.Stats): Holder {
  const beat = stats.mtimeMs;
  const record = parseRecord(text);
  const { token, pid: holder, hostname: host, place: where, since } = record;
  if (
    typeof token !== 'string' ||
    !/^[0-9a-f]{16}$/.test(token) ||
    !Number.isSafeInteger(holder) ||
    Number(holder) <= 0
  ) {
    // Where there are no hard links, a file is empty between its creation and its first byte, or after a crash there.
    return { token: `x${stats.ino.toString(36)}`.padEnd(16, '0').slice(0, 16), beat, since: beat };
  }
  return {
    token,
    pid: Number(holder),
    hostname: typeof host === 'string' ? host : undefined,
    place: typeof where === 'string' ? where : undefined,
    beat,
    since: typeof since === 'number' ? since : beat,
  };
}

function parseRecord(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
