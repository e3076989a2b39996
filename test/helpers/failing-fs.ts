// A file system that stops, fails or forgets at a call that a test chooses. It stands between Node.js and every module that is
// imported after it was installed, so the code under test needs no door for it.
import * as everything from 'node:fs';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/**
 * `stop`: the process is gone at this call, which is half done when it writes. `data`: the same, and what was written and not
 * synced is lost. `names`: the same, and names in directories that were not synced are as before. `EIO`: this call fails.
 * `ENOSPC`: from this call on nothing can be added.
 */
export type Failure = 'stop' | 'data' | 'names' | 'EIO' | 'ENOSPC';

export const FAILURES: readonly Failure[] = ['stop', 'data', 'names', 'EIO', 'ENOSPC'];

export interface RunOptions {
  /** Only calls that change something below it count. */
  readonly dir: string;
  /** Number of the call that fails; none by default. */
  readonly at?: number;
  readonly failure?: Failure;
}

export interface RunResult {
  readonly calls: number;
  /** True when the call was reached. */
  readonly failed: boolean;
  readonly error?: unknown;
}

export interface FailingFs {
  run(options: RunOptions, work: () => Promise<unknown>): Promise<RunResult>;
}

/** What a call needs: room on the disk, room and time, or neither. */
type Kind = 'add' | 'write' | 'other';

interface Session {
  readonly dir: string;
  readonly at: number;
  readonly failure: Failure | undefined;
  readonly trash: string;
  calls: number;
  failed: boolean;
  /** Nothing reaches the disk any more. */
  isGone: boolean;
  /** How many bytes of a file are on the disk for certain, by its number. */
  readonly unsynced: Map<number, number>;
  /** How to take back the names that are not on the disk for certain, the last one last. */
  readonly names: { directory: string; undo: () => void }[];
}

type Any = any;

const real = { ...everything, promises: { ...fs.promises } };
const paths = new Map<number, string>();
let session: Session | undefined;

/** Call once, before the code under test is imported. */
export function installFailingFs(): FailingFs {
  patchNaming();
  patchDescriptors();
  patchOpen();
  syncBuiltinESMExports();
  return { run };
}

async function run({ dir, at = 0, failure }: RunOptions, work: () => Promise<unknown>): Promise<RunResult> {
  const trash = `${dir}.trash`;
  real.mkdirSync(trash, { recursive: true });
  const state = { calls: 0, failed: false, isGone: false, unsynced: new Map<number, number>(), names: [] };
  const own: Session = { dir, at, failure, trash, ...state };
  session = own;
  let error: unknown;
  try {
    await work();
  } catch (caught) {
    error = caught;
  }
  session = undefined;
  if (own.failed && failure === 'data') loseData(own);
  if (own.failed && failure === 'names') for (const { undo } of own.names.reverse()) undo();
  real.rmSync(trash, { recursive: true, force: true });
  return { calls: own.calls, failed: own.failed, error };
}

function failureOf(code: 'EIO' | 'ENOSPC'): Error {
  return Object.assign(new Error(`${code}: from the test`), {
    code,
    syscall: 'write',
    errno: code === 'EIO' ? -5 : -28,
  });
}

/** Throws when this call fails. True when a half of it is done before the process is gone. */
function isHalf(path: string | undefined, kind: Kind): boolean {
  if (!session || path === undefined || !isBelow(path, session.dir)) return false;
  if (session.isGone) throw failureOf('EIO');
  session.calls += 1;
  const { calls, at, failure } = session;
  const isHit = failure === 'ENOSPC' ? calls >= at && kind !== 'other' : calls === at;
  if (failure === undefined || at === 0 || !isHit) return false;
  session.failed = true;
  if (failure === 'EIO' || failure === 'ENOSPC') throw failureOf(failure);
  session.isGone = true;
  if (kind === 'write') return true;
  throw failureOf('EIO');
}

function isBelow(path: string, dir: string): boolean {
  return path === dir || path.startsWith(`${dir}/`);
}

function noteName(path: string, undo: () => void): void {
  if (session && isBelow(path, session.dir)) session.names.push({ directory: dirname(path), undo });
}

function noteWrite(fd: number): void {
  const path = paths.get(fd);
  if (!session || path === undefined || !isBelow(path, session.dir)) return;
  const { ino, size } = real.fstatSync(fd);
  if (!session.unsynced.has(ino)) session.unsynced.set(ino, size);
}

function noteSync(fd: number): void {
  if (!session) return;
  const stats = real.fstatSync(fd);
  if (stats.isFile()) session.unsynced.delete(stats.ino);
  if (!stats.isDirectory()) return;
  const left = session.names.filter(({ directory }) => directory !== paths.get(fd));
  session.names.splice(0, Infinity, ...left);
}

function loseData({ dir, unsynced }: Session): void {
  for (const path of filesBelow(dir)) {
    const stats = real.lstatSync(path);
    const synced = stats.isFile() ? unsynced.get(stats.ino) : undefined;
    if (synced !== undefined && synced < stats.size) real.truncateSync(path, synced);
  }
}

function filesBelow(dir: string): readonly string[] {
  if (!real.existsSync(dir)) return [];
  return real.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

let saved = 0;

/** Keeps the file that has this name now; gives how to bring it back. */
function keep(path: string): () => void {
  if (!session || !isBelow(path, session.dir)) return () => undefined;
  const stats = real.lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return () => real.rmSync(path, { force: true });
  if (!stats.isFile()) return () => undefined;
  const copy = join(session.trash, String((saved += 1)));
  real.linkSync(path, copy);
  return () => {
    real.rmSync(path, { force: true });
    real.linkSync(copy, path);
  };
}

interface Naming {
  readonly path: string;
  readonly kind: Kind;
  readonly undo: () => void;
}

const NAMING: Readonly<Record<string, (from: string, to: string) => Naming>> = {
  mkdir: (path) => ({ path, kind: 'add', undo: () => undefined }),
  rename: (from, to) => {
    const restore = keep(to);
    const undo = (): void => {
      if (real.existsSync(to)) real.renameSync(to, from);
      restore();
    };
    return { path: to, kind: 'other', undo };
  },
  link: (_, to) => ({ path: to, kind: 'add', undo: keep(to) }),
  unlink: (path) => ({ path, kind: 'other', undo: keep(path) }),
  rm: (path) => ({ path, kind: 'other', undo: keep(path) }),
  writeFile: (path) => ({ path, kind: 'add', undo: keep(path) }),
  copyFile: (_, to) => ({ path: to, kind: 'add', undo: keep(to) }),
  utimes: (path) => ({ path, kind: 'other', undo: () => undefined }),
};

/** Calls by path, in both their forms. */
function patchNaming(): void {
  for (const [name, look] of Object.entries(NAMING)) {
    const before = (args: readonly Any[]): (() => void) => {
      const { path, kind, undo } = look(resolve(String(args[0])), resolve(String(args[1])));
      isHalf(path, kind);
      return () => noteName(path, undo);
    };
    const sync = (real as Any)[`${name}Sync`] as (...args: Any[]) => unknown;
    (fs as Any)[`${name}Sync`] = (...args: Any[]): unknown => {
      const note = before(args);
      const result = sync(...args);
      note();
      return result;
    };
    const promise = (real.promises as Any)[name] as (...args: Any[]) => Promise<unknown>;
    (fs.promises as Any)[name] = async (...args: Any[]): Promise<unknown> => {
      const note = before(args);
      const result = await promise(...args);
      note();
      return result;
    };
  }
}

/** Calls by the number of an open file. */
function patchDescriptors(): void {
  const target = fs as Any;
  target.writeSync = (fd: number, data: Uint8Array | string, ...rest: Any[]): number => {
    const half = isHalf(paths.get(fd), 'write');
    noteWrite(fd);
    if (!half) return (real.writeSync as Any)(fd, data, ...rest) as number;
    const [start = 0, length = data.length, position = null] = rest as [number?, number?, (number | null)?];
    const bytes = Buffer.from(data as string).subarray(start, start + Math.floor(length / 2));
    real.writeSync(fd, bytes, 0, bytes.length, position);
    throw failureOf('EIO');
  };
  target.ftruncateSync = (fd: number, length?: number): void => {
    isHalf(paths.get(fd), 'other');
    real.ftruncateSync(fd, length);
  };
  for (const name of ['fsync', 'fdatasync'] as const) {
    target[name] = (fd: number, done: (error: Error | null) => void): void => {
      try {
        isHalf(paths.get(fd), 'other');
        noteSync(fd);
      } catch (error) {
        setImmediate(done, error as Error);
        return;
      }
      // What would be lost is decided here, so that nothing need get to the disk, for which a test would wait long.
      setImmediate(done, null);
    };
  }
}

function patchOpen(): void {
  const before = (path: unknown, flags: unknown): { full: string; note: (fd: number) => void } => {
    const full = resolve(String(path));
    const isNew = mayCreate(flags) && !real.existsSync(full);
    if (isNew) isHalf(full, 'add');
    const note = (fd: number): void => {
      paths.set(fd, full);
      if (isNew) noteName(full, () => real.rmSync(full, { force: true }));
      else if (mayTruncate(flags)) noteWrite(fd);
    };
    return { full, note };
  };
  (fs as Any).openSync = (path: string, flags: string, mode?: number): number => {
    const { note } = before(path, flags);
    const fd = real.openSync(path, flags, mode);
    note(fd);
    return fd;
  };
  (fs.promises as Any).open = async (path: string, flags?: string, mode?: number): Promise<fs.promises.FileHandle> => {
    const { note } = before(path, flags);
    const handle = await real.promises.open(path, flags, mode);
    note(handle.fd);
    patchHandle(handle);
    return handle;
  };
}

function mayCreate(flags: unknown): boolean {
  return typeof flags === 'number'
    ? (flags & fs.constants.O_CREAT) !== 0
    : typeof flags === 'string' && /[wa]/.test(flags);
}

function mayTruncate(flags: unknown): boolean {
  return typeof flags === 'number'
    ? (flags & fs.constants.O_TRUNC) !== 0
    : typeof flags === 'string' && flags.includes('w');
}

const HANDLE: Readonly<Record<string, Kind>> = {
  write: 'write',
  writeFile: 'write',
  sync: 'other',
  datasync: 'other',
  truncate: 'other',
  utimes: 'other',
  chmod: 'other',
};

let isPatched = false;

/** All handles share one prototype, which can only be had from one of them. */
function patchHandle(handle: fs.promises.FileHandle): void {
  if (isPatched) return;
  isPatched = true;
  const prototype = Object.getPrototypeOf(handle);
  for (const [name, kind] of Object.entries(HANDLE)) {
    const original = prototype[name] as (...args: Any[]) => Promise<unknown>;
    prototype[name] = async function patched(this: fs.promises.FileHandle, ...args: Any[]): Promise<unknown> {
      const half = isHalf(paths.get(this.fd), kind);
      if (kind === 'write') noteWrite(this.fd);
      if (half) {
        const bytes = Buffer.from(args[0] as string);
        real.writeSync(this.fd, bytes.subarray(0, Math.floor(bytes.length / 2)));
        throw failureOf('EIO');
      }
      if (name !== 'sync' && name !== 'datasync') return original.apply(this, args);
      noteSync(this.fd);
      return undefined;
    };
  }
}
