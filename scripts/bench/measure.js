// What did one run of a program cost? Seconds, seconds of CPU, and the most memory it held.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * @typedef {{ wall: number, cpu: number, memory: number | undefined }} Cost seconds, seconds, bytes
 * @typedef {{ argv: readonly string[], env: Readonly<Record<string, string>>, cwd: string }} Run
 */

/** Milliseconds between looks at the memory; the kernel keeps the peak, so only growth right before the end is missed. */
const LOOK = 2;
/** Milliseconds after which a run has failed. */
const PATIENCE = 600_000;

/**
 * Node cannot ask the kernel what a finished child used, and /proc counts CPU in hundredths of a second. bash can: its
 * `time` reads getrusage, to the millisecond, and leaves out its own start. Throws when the program fails.
 *
 * @param {Run} run
 * @returns {Promise<Cost>}
 */
export async function measure({ argv, env, cwd }) {
  const script = `TIMEFORMAT='%3R %3U %3S'; { time "$@" 2>&4; } 2>&3`;
  const child = spawn('bash', ['-c', script, 'bash', ...argv], {
    cwd,
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'],
  });
  const [times, errors] = [text(child.stdio[3]), text(child.stdio[4])];
  let memory = 0;
  const watch = setInterval(() => (memory = Math.max(memory, peakOf(childOf(child.pid)))), LOOK);
  const timer = setTimeout(() => child.kill(), PATIENCE);
  try {
    const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (status !== 0) throw new Error(`${argv.join(' ')}: status ${status}: ${(await errors).trim().slice(-300)}`);
  } finally {
    clearInterval(watch);
    clearTimeout(timer);
  }
  const [wall = NaN, user = NaN, system = NaN] = (await times).trim().split(' ').map(Number);
  return { wall, cpu: user + system, memory: memory === 0 ? undefined : memory };
}

/**
 * @param {import('node:stream').Stream | null | undefined} stream
 * @returns {Promise<string>}
 */
async function text(stream) {
  let all = '';
  const readable = /** @type {import('node:stream').Readable} */ (stream);
  for await (const chunk of readable) all += String(chunk);
  return all;
}

/** @param {number | undefined} pid */
function childOf(pid) {
  return readProc(`/proc/${pid}/task/${pid}/children`).split(' ')[0] ?? '';
}

/** @param {string} pid */
function peakOf(pid) {
  if (pid === '') return 0;
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(readProc(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** Ticks of the kernel's clock in a second, in which /proc counts CPU. */
const TICKS = 100;

/**
 * Seconds of CPU that these processes have used; undefined for none, and where that cannot be told.
 *
 * @param {readonly (number | undefined)[]} pids
 */
export function cpuOf(pids) {
  const seconds = pids.map((pid) => {
    // What follows the name, which may hold anything: state, parent, and so on to user and system time.
    const fields = readProc(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  });
  const sum = seconds.reduce((all, one) => all + one, 0);
  return pids.length === 0 || Number.isNaN(sum) ? undefined : sum;
}

/** Empty for a process that has ended, and where there is no /proc. @param {string} path */
function readProc(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
