import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fail, interruption, processIo, run } from '../../src/cli/main.ts';
import { mainHelp } from '../../src/cli/help.ts';
import { runCli } from '../helpers/cli.ts';
import { fakeIo } from '../helpers/terminal.ts';

const SRC = join(import.meta.dirname, '..', '..', 'src');

describe('quick answers', () => {
  test.each([[[]], [['help']], [['--help']], [['-h']]])('%j is the main help', async (argv) => {
    expect(await runCli(argv)).toMatchObject({ status: 0, stdout: mainHelp(), stderr: '' });
  });

  test.each([['--version'], ['-v']])('%s is the version', async (flag) => {
    expect((await runCli([flag])).stdout).toMatch(/^hubctl version \d/);
  });

  test('version is the long form', async () => {
    expect((await runCli(['version'])).stdout).toMatch(/^hubctl:\n Version: /);
  });
});

test('a failure is told on stderr and becomes the exit status', async () => {
  const io = fakeIo();
  expect(await run(['frobnicate'], io)).toBe(2);
  expect(io.stderr.text).toMatch(/^hubctl: unknown command: hubctl frobnicate\n/);
});

test.each([
  [['pull', '--debug'], true],
  [['-D', 'pull'], true],
  [['-qD', 'pull'], true],
  [['pull', '--', '-D'], false],
  [['pull', '-d'], false],
])('%j shows the cause of a failure: %s', async (argv, shown) => {
  const io = fakeIo();
  expect(await fail(new Error('x'), argv, io)).toBe(70);
  expect(io.stderr.text.includes('code: BUG')).toBe(shown);
});

test('a failure is JSON where --json was given, even if the line is not understood', async () => {
  const { stderr } = await runCli(['--nope', 'pull', '--json']);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'USAGE', message: 'unknown flag: --nope' } });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s interrupts with its status, and says what is kept', (signal, status) => {
  const error = interruption(signal);
  expect(error).toMatchObject({ code: 'ABORTED', exitCode: status, details: { signal } });
  expect(error.message).toContain('what has been transferred is kept');
});

test('the world of the process is handed over as it is', () => {
  const { signal } = new AbortController();
  const io = processIo(signal);
  expect(io).toMatchObject({
    cwd: process.cwd(),
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.version,
  });
  expect([io.env, io.stdout, io.stderr, io.signal]).toEqual([process.env, process.stdout, process.stderr, signal]);
});

/** Modules that importing a module loads, by following imports that are not `import()`. */
async function loadedBy(file: string, seen = new Set<string>()): Promise<ReadonlySet<string>> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith('/')) return seen;
  const text = await readFile(file, 'utf8');
  for (const [, types, target = ''] of text.matchAll(
    /^(?:import|export) (type )?[^;]*?from '([^']+)';|^import '([^']+)';/gms,
  )) {
    if (!types) await loadedBy(target.startsWith('.') ? join(file, '..', target) : target, seen);
  }
  return seen;
}

test('starting loads nothing but errors and what tells whom to connect to', async () => {
  const loaded = [...(await loadedBy(join(SRC, 'cli/main.ts')))];
  expect(loaded.map((file) => file.replace(`${SRC}/`, ''))).toEqual([
    'cli/main.ts',
    'node:os',
    'errors.ts',
    'cli/ahead.ts',
    'node:fs',
    'node:path',
  ]);
});

test('help, version and reports load no package but the table of widths', async () => {
  for (const module of ['help', 'version', 'report']) {
    const packages = [...(await loadedBy(join(SRC, `cli/${module}.ts`)))].filter((file) => !file.startsWith('/'));
    expect(packages.filter((name) => !name.startsWith('node:') && name !== 'get-east-asian-width')).toEqual([]);
  }
});

test('the output loads neither ora nor chalk', async () => {
  const loaded = await loadedBy(join(SRC, 'cli/output/create.ts'));
  expect([...loaded].filter((file) => file === 'ora' || file === 'chalk')).toEqual([]);
});

test('a stream is told once, when it is first asked for', () => {
  const told: [stream: unknown, isResult: boolean][] = [];
  const io = processIo(new AbortController().signal, (stream, isResult) => told.push([stream, isResult]));
  expect(told).toEqual([]);
  expect([io.stderr, io.stdout, io.stderr]).toEqual([process.stderr, process.stdout, process.stderr]);
  expect(told.map(([, isResult]) => isResult)).toEqual([false, true]);
  expect(told.map(([stream]) => stream === process.stdout)).toEqual([false, true]);
});
