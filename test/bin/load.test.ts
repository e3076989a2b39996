import {
  appendFile,
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { execute, type Finished } from '../helpers/hubctl.ts';
import { programOf } from '../helpers/program.ts';

const isWindows = process.platform === 'win32';

/** Does what its first argument says. */
const MAIN = `
import { deep } from './deep-ABC.js';
export const interruption = () => new Error('interrupted');
export const processIo = () => ({});
export const fail = async (error) => { process.stderr.write(error.stack); return 70; };
export async function run([what]) {
  if (what === 'deep') process.stdout.write(deep());
  if (what === 'more') process.stdout.write((await import('./more-ABC.js')).more());
  if (what === 'flags') require('v8').setFlagsFromString('--liftoff-only');
  if (what === 'strange flags') require('v8').setFlagsFromString('--no-opt');
  if (what === 'throw') {
    throw new Error('thrown');
  }
  return 0;
}
`;
const PARTS = {
  'main.js': MAIN,
  'deep-ABC.js': "export function deep() { return 'marker'; }",
  'more-ABC.js': "/* → */ export function more() { return 'm\\u00f6re'; }",
};

let program = '';
let home = '';
let folder = '';
beforeAll(async () => {
  program = await programOf(PARTS);
});
afterAll(() => rm(program, { recursive: true, force: true }));
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hubctl-load-'));
  folder = join(home, '.cache/hubctl/code');
  return () => rm(home, { recursive: true, force: true });
});

async function run(what: string, env: Readonly<Record<string, string>> = {}, ...flags: string[]): Promise<Finished> {
  const args = [...flags, join(program, 'bin/hubctl.js'), what];
  return execute(process.execPath, args, { env: { PATH: process.env['PATH'], HOME: home, ...env } });
}

async function kept(): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function onlyFile(): Promise<string> {
  const files = await kept();
  expect(files).toHaveLength(1);
  return join(folder, files[0] ?? '');
}

/** Makes the code in the file say something else than its source does. */
async function falsify(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf('marker');
  expect(at).toBeGreaterThan(0);
  bytes.write('FORGED', at);
  await writeFile(path, bytes);
}

describe('parts', () => {
  test('find each other, and what they say is what was written', async () => {
    expect(await run('deep')).toEqual({ status: 0, stdout: 'marker', stderr: '' });
    expect((await run('more')).stdout).toBe('möre');
  });

  test('are named with file and line in stack traces, with compiled code too', async () => {
    const pack = join(program, 'dist/cli/pack.js');
    const lines = (await readFile(pack, 'latin1')).split('\n');
    const line = lines.findIndex((text) => text.includes('throw new Error("thrown")')) + 1;
    expect((await run('throw')).stderr).toContain(`at run (${pack}:${line}:`);
    await run('deep');
    expect(await kept()).toHaveLength(1);
    expect((await run('throw')).stderr).toContain(`at run (${pack}:${line}:`);
  });
});

test('modules of Node.js that are named but not used are not loaded, and are what they are when used', async () => {
  const other = await programOf({
    'main.js': `
      import { STATUS_CODES } from 'node:http';
      import * as tls from 'node:tls';
      export const processIo = () => ({});
      export async function run([what]) {
        const isLoaded = () => process.moduleLoadList.includes('NativeModule http');
        process.stdout.write(String(isLoaded()) + ' ');
        if (what === 'use') process.stdout.write([STATUS_CODES[404], isLoaded(), 'connect' in tls].join());
        return 0;
      }`,
  });
  const run = async (what: string): Promise<string> =>
    (await execute(process.execPath, [join(other, 'bin/hubctl.js'), what], { env: { HUBCTL_CODE_CACHE: '0' } })).stdout;
  expect(await run('name')).toBe('false ');
  expect(await run('use')).toBe('false Not Found,true,true');
  await rm(other, { recursive: true });
});

describe('compiled code', () => {
  test('is kept by the first run, for nobody but its user', async () => {
    await run('deep');
    const path = await onlyFile();
    expect(path).toContain(`-${process.version}-${process.platform}-${process.arch}-`);
    if (isWindows) return;
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  test('is not written again when nothing was added', async () => {
    await run('deep');
    const before = await stat(await onlyFile());
    await run('deep');
    const after = await stat(await onlyFile());
    expect(after.ino).toBe(before.ino);
    expect(after.mtimeMs).toBe(before.mtimeMs);
  });

  test('grows by the parts that a later run asks for', async () => {
    await run('deep');
    const { size } = await stat(await onlyFile());
    expect((await run('more')).stdout).toBe('möre');
    const grown = await stat(await onlyFile());
    expect(grown.size).toBeGreaterThan(size);
    await run('more');
    expect((await stat(await onlyFile())).ino).toBe(grown.ino);
  });

  test('is used: V8 runs what the file holds', async () => {
    await run('deep');
    const path = await onlyFile();
    await falsify(path);
    expect((await run('deep')).stdout).toBe('FORGED');
  });

  test.each([
    ['HUBCTL_CODE_CACHE=0', { HUBCTL_CODE_CACHE: '0' }],
    ['options in NODE_OPTIONS', { NODE_OPTIONS: '--max-old-space-size=999' }],
  ])('is not kept with %s', async (_, env) => {
    expect(await run('deep', env)).toEqual({ status: 0, stdout: 'marker', stderr: '' });
    expect(await readdir(home)).toEqual([]);
  });

  test('is not kept with options of Node.js', async () => {
    expect((await run('deep', {}, '--no-opt')).stdout).toBe('marker');
    expect(await readdir(home)).toEqual([]);
  });

  test('is not kept when V8 got other options meanwhile, but for those that can be taken back', async () => {
    await run('strange flags');
    expect(await kept()).toEqual([]);
    await run('flags');
    const { ino } = await stat(await onlyFile());
    await run('flags');
    expect((await stat(await onlyFile())).ino, 'the code was accepted').toBe(ino);
  });

  test('goes below XDG_CACHE_HOME where that is absolute', async () => {
    await run('deep', { XDG_CACHE_HOME: join(home, 'caches') });
    expect(await readdir(join(home, 'caches/hubctl/code'))).toHaveLength(1);
    await run('deep', { XDG_CACHE_HOME: 'caches' });
    expect(await kept()).toHaveLength(1);
  });

  test.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -8)],
    ['empty', () => Buffer.alloc(0)],
    ['of something else', () => Buffer.from('#!/bin/sh\n'.repeat(1000))],
    [
      'that V8 refuses',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4 * 9), Buffer.alloc(bytes.length - 4 * 9, 1)]),
    ],
  ])('in a file %s is made anew', async (_, damage) => {
    await run('deep');
    const path = await onlyFile();
    const whole = await readFile(path);
    await writeFile(path, damage(whole));
    expect(await run('deep')).toEqual({ status: 0, stdout: 'marker', stderr: '' });
    expect((await stat(path)).size).toBe(whole.length);
  });

  test('is shipped for the Node.js that builds, and then none is kept', async () => {
    await run('deep');
    const shipped = await programOf(PARTS);
    await mkdir(join(shipped, 'dist/cli/code'));
    const file = await onlyFile();
    await rename(file, file.replace(folder, join(shipped, 'dist/cli/code')));
    const args = [join(shipped, 'bin/hubctl.js'), 'deep'];
    const { stdout } = await execute(process.execPath, args, { env: { HOME: home } });
    await rm(shipped, { recursive: true });
    expect(stdout).toBe('marker');
    expect(await kept()).toEqual([]);
  });
});

describe.skipIf(isWindows)('compiled code that others could have written is left alone', () => {
  const written = async (): Promise<string> => {
    await run('deep');
    const path = await onlyFile();
    await falsify(path);
    return path;
  };

  test('in a file that others may write to or read', async () => {
    const path = await written();
    await chmod(path, 0o644);
    expect((await run('deep')).stdout).toBe('marker');
  });

  test('in a folder that others may write to or read, which gets no new one either', async () => {
    const path = await written();
    await chmod(folder, 0o755);
    const before = await stat(path);
    expect((await run('deep')).stdout).toBe('marker');
    expect((await stat(path)).ino).toBe(before.ino);
  });

  test('behind a link in place of the file', async () => {
    const path = await written();
    await rename(path, join(home, 'elsewhere'));
    await symlink(join(home, 'elsewhere'), path);
    expect((await run('deep')).stdout).toBe('marker');
  });

  test('behind a link in place of the folder', async () => {
    await written();
    await rename(folder, join(home, 'elsewhere'));
    await symlink(join(home, 'elsewhere'), folder);
    expect((await run('deep')).stdout).toBe('marker');
  });

  test.skipIf(process.getuid?.() !== 0)('in a folder of somebody else', async () => {
    const path = await written();
    await chown(folder, 12_345, 12_345);
    expect((await run('deep')).stdout).toBe('marker');
    await chown(folder, 0, 0);
    await chown(path, 12_345, 12_345);
    expect((await run('deep')).stdout).toBe('marker');
  });

  test.skipIf(process.getuid?.() !== 0)('and none is left in a home of somebody else', async () => {
    await chown(home, 12_345, 12_345);
    expect((await run('deep')).stdout).toBe('marker');
    expect(await readdir(home)).toEqual([]);
  });
});

test('code of other releases goes when there is too much of it', async () => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await appendFile(join(folder, name), name);
  await run('deep');
  const files = await kept();
  expect(files).toHaveLength(4);
  expect(files.some((name) => name.includes(process.version))).toBe(true);
});

test.skipIf(isWindows || process.getuid?.() === 0)('a home that cannot be written to is no obstacle', async () => {
  await chmod(home, 0o500);
  expect(await run('deep')).toEqual({ status: 0, stdout: 'marker', stderr: '' });
  await chmod(home, 0o700);
});
