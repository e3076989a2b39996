// Who runs this program, and how is a group of processes ended?
import * as runtime from 'node:process';

/** Effective user id; undefined where users have none (Windows). */
export function currentUser(): number | undefined {
  return runtime.geteuid?.();
}

/** Ends a process and those it started, when it leads a group of its own. One that is gone already is no failure. */
export function killGroup(pid: number): void {
  try {
    runtime.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
