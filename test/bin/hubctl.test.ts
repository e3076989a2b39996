import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { execute } from '../helpers/hubctl.ts';
import { programOf } from '../helpers/program.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'hubctl.js');

/** Stands for the real program: does what its first argument says. */
const STUB = `
exports.interruption = (signal) => Object.assign(new Error('interrupted by ' + signal), { signal });
exports.processIo = (signal, onOpened) => {
  onOpened(process.stdout, true);
  return { signal, stdout: process.stdout, stderr: process.stderr };
};
exports.fail = async (error) => { process.stderr.write('failed: ' + error.message); return 70; };
const aborted = (signal) => new Promise((resolve) => {
  const timer = setInterval(() => undefined, 1000);
  signal.addEventListener('abort', () => { clearInterval(timer); resolve(signal.reason.signal); });
});
exports.run = async ([what, ...rest], io) => {
  const { stdout, stderr } = io;
  if (what === 'load') { setInterval(() => undefined, 1000); stdout.write('ready'); await new Promise(() => undefined); }
  const { signal } = io;
  if (what === 'status') return Number(rest[0]);
  if (what === 'crash') { setTimeout(() => { throw new Error('late'); }, 1); await aborted(signal); }
  if (what === 'linger') { setInterval(() => undefined, 1000); return 3; }
  if (what === 'timer') { setTimeout(() => stdout.write('fired'), 400); return 3; }
  if (what === 'file') { require('fs').writeFile(rest[0], 'text', () => stdout.write('written')); return 3; }
  if (what === 'wait') {
    stdout.write('ready');
    const reason = await aborted(signal);
    stderr.write('aborted by ' + reason);
    return { SIGTERM: 143, SIGHUP: 129 }[reason] ?? 130;
  }
  if (what === 'drain') {
    stdout.write('ready');
    await aborted(signal);
    await new Promise((resolve) => setTimeout(resolve, 500));
    return 5;
  }
  if (what === 'stubborn') { setInterval(() => undefined, 1000); stdout.write('ready'); await new Promise(() => undefined); }
  if (what === 'flood') {
    while (!signal.aborted) { stdout.write('line\\n'.repeat(1000)); await new Promise((resolve) => setImmediate(resolve)); }
    return 130;
  }
  return 0;
};
`;

/** Stand for what is written down at build time. */
const ANSWERS = ['version', 'help', 'help.pull', 'help.image.ls', 'completion.zsh'];

let folder = '';
beforeAll(async () => {
  folder = await programOf({ 'main.js': STUB });
  for (const name of ANSWERS) await writeFile(join(folder, 'dist', 'cli', 'answers', `${name}.txt`), `${name}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

function start(...args: readonly string[]): Started {
  return startScript('hubctl.js', args);
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly ready: Promise<void>;
}

function startScript(script: string, args: readonly string[]): Started {
  const child = spawn(process.execPath, [join(folder, 'bin', script), ...args]);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ready = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (status, signal) => resolve({ status, signal, stderr })),
  );
  return { child, ended, ready };
}

test('the status of the program is the status of the process', async () => {
  expect(await start('status', '5').ended).toEqual({ status: 5, signal: null, stderr: '' });
});

describe('what is written down is answered without the program', () => {
  test.each([
    ['version', ['--version']],
    ['version', ['-v']],
    ['help', []],
    ['help', ['-h']],
    ['help', ['help']],
    ['help.pull', ['pull', '--help']],
    ['help.image.ls', ['help', 'image', 'ls']],
    ['completion.zsh', ['completion', 'zsh']],
  ])('%s for %j', async (answer, args) => {
    expect(await execute(process.execPath, [join(folder, 'bin', 'hubctl.js'), ...args])).toEqual({
      status: 0,
      stdout: `${answer}\n`,
      stderr: '',
    });
  });

  test.each([[['status', '6', '--help']], [['help', '../main']], [['--version', '--json']], [['completion']]])(
    '%j is for the program',
    async (args) => {
      expect(await execute(process.execPath, [join(folder, 'bin', 'hubctl.js'), ...args])).toMatchObject({
        status: args[0] === 'status' ? 6 : 0,
        stdout: '',
      });
    },
  );

  test.skipIf(!existsSync('/dev/full'))('a full disk is told, with its status', async () => {
    const script = `"${process.execPath}" "${join(folder, 'bin', 'hubctl.js')}" --help >/dev/full`;
    const { status, stderr } = await execute('sh', ['-c', script]);
    expect({ status, stderr }).toEqual({
      status: 9,
      stderr: expect.stringContaining('hubctl: cannot write to stdout: ENOSPC') as string,
    });
  });
});

test('a Node.js that is too old is told so', async () => {
  const text = await readFile(BIN, 'utf8');
  await writeFile(join(folder, 'bin', 'future.js'), text.replace(/LEAST = \[[^\]]*\]/, 'LEAST = [999, 0, 0]'));
  expect(await startScript('future.js', ['status', '0']).ended).toEqual({
    status: 8,
    signal: null,
    stderr: `hubctl: Node.js 999.0.0 or newer is needed, this is ${process.versions.node}\n`,
  });
});

test('what is still open does not keep the process', async () => {
  expect((await start('linger').ended).status).toBe(3);
});

const program = (...args: readonly string[]): ReturnType<typeof execute> =>
  execute(process.execPath, [join(folder, 'bin', 'hubctl.js'), ...args]);

test('a timer that nobody waits for does not keep the process at all', async () => {
  expect(await program('timer')).toMatchObject({ status: 3, stdout: '' });
});

test('a file that is still being written keeps the process', async () => {
  const path = join(folder, 'file');
  expect(await program('file', path)).toMatchObject({ status: 3, stdout: 'written' });
  expect(await readFile(path, 'utf8')).toBe('text');
});

test('an error that nobody caught is told as a failure', async () => {
  expect(await start('crash').ended).toEqual({ status: 70, signal: null, stderr: 'failed: late' });
});

describe.skipIf(process.platform === 'win32')('signals', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s aborts with a reason that names it', async (signal, status) => {
    const { child, ended, ready } = start('wait');
    await ready;
    child.kill(signal);
    expect(await ended).toEqual({ status, signal: null, stderr: `aborted by ${signal}` });
  });

  test('the second one ends the process at once', async () => {
    const { child, ended, ready } = start('stubborn');
    await ready;
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect([130, 143]).toContain((await ended).status);
  });

  test('Ctrl-C is not waited for long', async () => {
    const { child, ended, ready } = start('drain');
    await ready;
    child.kill('SIGINT');
    expect((await ended).status).toBe(130);
  });

  test.each([
    ['SIGINT', ['drain', 'serve']],
    ['SIGTERM', ['drain']],
  ] as const)('%s gives %j the time it needs', async (signal, args) => {
    const { child, ended, ready } = start(...args);
    await ready;
    child.kill(signal);
    expect((await ended).status).toBe(5);
  });

  test('end a program that has begun nothing yet by themselves', async () => {
    const { child, ended, ready } = start('load');
    await ready;
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ status: null, signal: 'SIGINT' });
  });
});

test('a reader that goes away ends the process quietly', async () => {
  const { child, ended, ready } = start('flood');
  await ready;
  child.stdout?.destroy();
  expect(await ended).toEqual({ status: 0, signal: null, stderr: '' });
});
