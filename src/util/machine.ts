// What time is it, and who are we among the processes of this machine? Only what coordinates processes asks here.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { getuid, kill, pid } from 'node:process';
import { isErrno } from './fs.ts';

/** Milliseconds since 1970. */
export function now(): number {
  return Date.now();
}

/** The process id. It means something only within one `place`. */
export const ownPid: number = pid;

const loads = new Set<() => number>();

/** Counts a thread among those that work for this process, by the share of its time that it works. Gives what ends that. */
export function watchLoad(load: () => number): () => void {
  loads.add(load);
  return () => void loads.delete(load);
}

/** Threads that are counted at this moment. */
export function watchedThreads(): number {
  return loads.size;
}

/** The share of the time that the busiest thread works, since this was called. Waiting for a processor counts as work. */
export function startLoad(): () => number {
  const before = performance.eventLoopUtilization();
  return () => Math.max(performance.eventLoopUtilization(before).utilization, ...[...loads].map((load) => load()));
}

/** The number of the user this process runs as; undefined where users have none. */
export const ownUser: number | undefined = getuid?.();

/** False when no process has this id; true also for processes of other users. */
export function isRunning(id: number): boolean {
  try {
    kill(id, 0);
    return true;
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
}

let known: string | undefined;

/** Machine, boot and process namespace: two containers may share a directory and even a host name, but no process ids. */
export function place(): string {
  known ??= [hostname(), text('/proc/sys/kernel/random/boot_id'), link('/proc/self/ns/pid')].join(' ');
  return known;
}

/** Empty where it cannot be known: everywhere but on Linux. */
function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
