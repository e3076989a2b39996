import type childProcess from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { warmUp } from '../../scripts/warm-up.js';
import { execute } from '../helpers/hubctl.ts';
import { ROOT } from '../helpers/source.ts';

/** How long each program that was started may last, beside its arguments. */
const limits = vi.hoisted(() => [] as { args: readonly string[]; timeout: number | undefined }[]);
vi.mock('node:child_process', async (original) => {
  const actual = await original<typeof childProcess>();
  const spawn = (...[program, args, options]: [string, readonly string[], SpawnOptions]): ChildProcess => {
    limits.push({ args, timeout: options.timeout });
    return actual.spawn(program, args, options);
  };
  return { ...actual, spawn };
});

let root = '';
let code = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hubctl-warm-'));
  code = join(root, 'dist/cli/code');
  for (const name of ['bin', 'dist/cli', 'package.json']) {
    await cp(join(ROOT, name), join(root, name), { recursive: true });
  }
  await rm(code, { recursive: true, force: true });
  await mkdir(code);
  await writeFile(join(code, 'of-an-earlier-build'), '');
  await warmUp(root);
});
afterAll(() => rm(root, { recursive: true, force: true }));

test('leaves code for this Node.js alone', async () => {
  const files = await readdir(code);
  expect(files).toHaveLength(1);
  expect(files[0]).toContain(`-${process.version}-${process.platform}-${process.arch}-`);
});

test('each command has a time limit, but the registry lasts for all of them', () => {
  const [server, ...commands] = limits;
  expect(server).toMatchObject({ args: expect.arrayContaining(['serve']) as unknown, timeout: undefined });
  expect(commands.length).toBeGreaterThan(20);
  expect(commands.filter(({ timeout }) => timeout !== 60_000)).toEqual([]);
});

test('commands that were run find all their code there', async () => {
  const own = await mkdtemp(join(tmpdir(), 'hubctl-warm-'));
  const [file = ''] = await readdir(code);
  const kept = join(own, '.cache/hubctl/code', file);
  await mkdir(join(kept, '..'), { recursive: true, mode: 0o700 });
  await copyFile(join(code, file), kept);
  await chmod(kept, 0o600);
  await rename(code, `${code}-away`);
  const { ino } = await stat(kept);
  const env = { PATH: process.env['PATH'], HOME: own };
  for (const args of [['images'], ['tag', 'missing', 'b'], ['pull', '127.0.0.1:1/a:1']]) {
    await execute(process.execPath, [join(root, 'bin/hubctl.js'), ...args], { env });
  }
  await rename(`${code}-away`, code);
  expect((await stat(kept)).ino, 'it was not written again').toBe(ino);
  await rm(own, { recursive: true });
});

test('is not done twice', async () => {
  const [file = ''] = await readdir(code);
  const before = await stat(join(code, file));
  await warmUp(root);
  expect((await stat(join(code, file))).ino).toBe(before.ino);
});

test('a program that fails is told, with its reason', async () => {
  await rm(code, { recursive: true });
  const bin = join(root, 'bin/hubctl.js');
  const text = await readFile(bin, 'utf8');
  await writeFile(
    bin,
    text.replace(
      "'use strict';",
      "'use strict';\nif (process.argv[2] === 'push') { console.error('pushing\\nhubctl: no way'); process.exit(5); }",
    ),
  );
  await expect(warmUp(root)).rejects.toThrow(/hubctl push .* ended with status 5: hubctl: no way$/);
});
