// Where does the demo play? A temporary folder with a home of its own, and every program that was started in it: all
// of it is gone at the end, however that comes.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Screen } from './screen.js';

/** The program that is shown. */
export const HUBCTL = fileURLToPath(new URL('../../bin/hubctl.js', import.meta.url));

/** Settings of this shell that concern the screen and how programs run; all others could lead to the user's own things. */
const KEPT = /^(PATH|TERM|COLORTERM|COLUMNS|LANG|LC_\w+|TZ|CI|NO_COLOR|FORCE_COLOR|SYSTEMROOT|PATHEXT|COMSPEC)$/i;

/** Exit statuses after signals, as shells count them. */
const STATUSES = /** @type {const} */ ({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 });
/** Milliseconds a program has after SIGTERM. */
const PATIENCE = 10_000;
/** Milliseconds between looks whether whoever started the demo is still there. */
const LOOK_EVERY = 200;
/** Lines of the registry's log that are shown when something went wrong. */
const LAST_LINES = 5;

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * @typedef {object} RunOptions
 * @property {boolean} [capture] take what it writes to stdout, besides showing it
 * @property {string} [input] file in the folder that is its standard input
 */

/**
 * @param {{ readonly keep: boolean }} options
 * @returns {Promise<Stage>}
 */
export async function startStage({ keep }) {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'hubctl-demo-')));
  return new Stage(dir, keep);
}

export class Stage {
  /** Everything is in here. */
  dir;
  /** Leave it as it is when all went well. */
  keep;
  screen = new Screen(process.stdout, process.env);
  /** @type {{ readonly status: number, readonly words: string } | undefined} */
  #interrupted;
  #failed = false;
  /** @type {Set<ChildProcess>} */
  #children = new Set();
  /** @type {ChildProcess | undefined} */
  #registry;

  /**
   * @param {string} dir
   * @param {boolean} keep
   */
  constructor(dir, keep) {
    this.dir = dir;
    this.keep = keep;
    for (const [name, status] of Object.entries(STATUSES)) {
      const signal = /** @type {keyof typeof STATUSES} */ (name);
      process.on(signal, () =>
        this.#interrupt(signal, { status, words: 'interrupted; everything it made is removed' }),
      );
    }
    // npm hands a signal to a shell, and some shells end of it without telling what they run.
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid !== parent) process.emit('SIGTERM');
    }, LOOK_EVERY);
    watch.unref();
    process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      // Whoever closed the pipe has seen enough.
      const isClosed = error.code === 'EPIPE';
      this.#interrupt('SIGTERM', { status: isClosed ? 0 : 1, words: isClosed ? '' : `cannot write: ${error.message}` });
    });
    process.stderr.on('error', () => undefined);
  }

  /** What the programs see of the world. */
  get env() {
    const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name));
    const home = join(this.dir, 'home');
    return {
      ...Object.fromEntries(kept),
      HOME: home,
      USERPROFILE: home,
      TMPDIR: join(this.dir, 'tmp'),
      TEMP: join(this.dir, 'tmp'),
      HUBCTL_HOME: join(this.dir, 'store'),
      DOCKER_CONFIG: join(this.dir, 'docker'),
      // The keychain of the system belongs to the user.
      HUBCTL_CREDENTIAL_STORE: 'file',
    };
  }

  /** @param {string} name */
  path(name) {
    return join(this.dir, name);
  }

  /** Makes the folders that programs expect. */
  async furnish() {
    for (const name of ['home', 'tmp', 'bin']) await mkdir(this.path(name));
  }

  /** Throws when somebody wants it to end. */
  check() {
    if (this.#interrupted) throw new Error('interrupted');
  }

  /**
   * Shows a command and what it says. Throws when it fails.
   *
   * @param {readonly string[]} args
   * @param {RunOptions} [options]
   * @returns {Promise<string>} stdout, when it is captured
   */
  async hubctl(args, { capture = false, input } = {}) {
    this.check();
    this.screen.command(['hubctl', ...args], input === undefined ? undefined : `< ${input}`);
    const file = input === undefined ? undefined : await open(this.path(input));
    try {
      const child = this.#spawn(args, [file?.fd ?? 'ignore', capture ? 'pipe' : 'inherit', 'inherit']);
      let text = '';
      child.stdout?.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
        text += chunk;
        process.stdout.write(chunk);
      });
      const status = await ended(child);
      this.check();
      if (status !== 0) throw new Error(`hubctl ${args[0]} ended with status ${status}`);
      return text.trim();
    } finally {
      await file?.close();
    }
  }

  /**
   * Starts a registry that runs until the end of the demo, or longer when it is kept.
   *
   * @param {readonly string[]} args of `hubctl`
   * @returns {Promise<{ readonly host: string, readonly pid: number | undefined }>}
   */
  async serve(args) {
    this.check();
    this.screen.command(['hubctl', ...args], '&');
    const log = await open(this.path('registry.log'), 'a');
    try {
      const child = this.#spawn(args, ['ignore', 'pipe', log.fd], { detached: this.keep });
      this.#registry = child;
      const line = await firstLine(child);
      this.check();
      this.screen.line(line);
      const port = /^registry at http:\/\/127\.0\.0\.1:(\d+) /.exec(line)?.[1];
      if (port === undefined) throw new Error('the registry did not start');
      return { host: `localhost:${port}`, pid: child.pid };
    } finally {
      await log.close();
    }
  }

  /** @param {unknown} error */
  fail(error) {
    this.#failed = true;
    if (this.#interrupted) return;
    process.stderr.write(`\ndemo: failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }

  /** Ends what runs and removes what there is, unless it shall be kept. */
  async close() {
    if (this.keep && !this.#failed && !this.#interrupted) {
      this.#registry?.stdout?.destroy();
      this.#registry?.unref();
      return;
    }
    await Promise.all([...this.#children].map(stop));
    if (this.#failed && !this.#interrupted) await this.#showLog();
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
    if (!this.#interrupted) return;
    const { status, words } = this.#interrupted;
    if (words !== '') process.stderr.write(`\ndemo: ${words}\n`);
    process.exitCode = status;
  }

  async #showLog() {
    const text = await readFile(this.path('registry.log'), 'utf8').catch(() => '');
    const lines = text.trimEnd().split('\n').slice(-LAST_LINES);
    if (text !== '') process.stderr.write(`demo: the registry's last words:\n${lines.join('\n')}\n`);
  }

  /**
   * @param {keyof typeof STATUSES} signal
   * @param {{ readonly status: number, readonly words: string }} why
   */
  #interrupt(signal, why) {
    if (this.#interrupted) return;
    this.#interrupted = why;
    // The registry is ended last, when nobody uses it.
    for (const child of this.#children) if (child !== this.#registry) child.kill(signal);
  }

  /**
   * @param {readonly string[]} args
   * @param {import('node:child_process').StdioOptions} stdio
   * @param {{ readonly detached?: boolean }} [options]
   */
  #spawn(args, stdio, { detached = false } = {}) {
    const child = spawn(process.execPath, [HUBCTL, ...args], {
      cwd: this.dir,
      env: this.env,
      stdio,
      detached,
      windowsHide: true,
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }
}

/**
 * @param {ChildProcess} child
 * @returns {Promise<number | string>} exit status or signal
 */
function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
}

/**
 * @param {ChildProcess} child
 * @returns {Promise<string>} without line feed; all there is when it ends before
 */
function firstLine(child) {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('error', reject);
    child.once('close', () => resolve(text));
  });
}

/** @param {ChildProcess} child */
async function stop(child) {
  const end = ended(child).catch(() => undefined);
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  await end;
  clearTimeout(impatience);
}
