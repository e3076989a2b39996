// What does a command load before it works? Counted in files and bytes, never in seconds.
import { cp, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleCli } from '../scripts/bundle.js';
import { execute } from './helpers/hubctl.ts';
import { startRegistry } from './helpers/registry.ts';
import { ROOT } from './helpers/source.ts';

interface Loaded {
  /** npm packages some code of which was read. */
  readonly packages: readonly string[];
  /** Folders and files of src/ some code of which was read: `cli/commands/tag.ts`, `http`. */
  readonly parts: readonly string[];
  readonly kilobytes: number;
}

let folder = '';
let bundle: Awaited<ReturnType<typeof bundleCli>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubctl-startup-'));
  bundle = await bundleCli(join(folder, 'dist/cli'));
  await mkdir(join(folder, 'home'));
  await cp(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs hubctl and asks V8 which scripts it had. */
async function loadedBy(...args: readonly string[]): Promise<Loaded> {
  const coverage = await mkdtemp(join(folder, 'coverage-'));
  const env = { PATH: process.env['PATH'], HOME: join(folder, 'home'), NODE_V8_COVERAGE: coverage };
  await execute(process.execPath, [join(folder, 'bin/hubctl.js'), ...args], { env, cwd: join(folder, 'home') });
  const scripts = new Set<string>();
  for (const name of await readdir(coverage)) {
    const { result } = JSON.parse(await readFile(join(coverage, name), 'utf8')) as { result: { url: string }[] };
    for (const { url } of result) if (url.startsWith('file:')) scripts.add(fileURLToPath(url));
  }
  const outputs = Object.entries(bundle.outputs).filter(([path]) => scripts.has(join(ROOT, path)));
  expect(outputs.length, 'files of the bundle that were loaded').toBeGreaterThan(0);
  const inputs = outputs.flatMap(([, output]) =>
    Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return {
    packages: unique(inputs.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])),
    parts: unique(inputs.filter((path) => path.startsWith('src/')).map((path) => partOf(relative('src', path)))),
    kilobytes: Math.ceil(outputs.reduce((sum, [, output]) => sum + output.bytes, 0) / 1024),
  };
}

function partOf(path: string): string {
  return path.startsWith('cli/') || !path.includes('/') ? path : (path.split('/')[0] ?? '');
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)].toSorted();
}

function commandsOf({ parts }: Loaded): readonly string[] {
  return parts.filter((part) => part.startsWith('cli/commands/'));
}

describe('--version', () => {
  test('loads no package, no command and nothing of the library but errors', async () => {
    const loaded = await loadedBy('--version');
    expect(loaded.packages).toEqual([]);
    expect(loaded.parts).toEqual(['cli/main.ts', 'cli/version.ts', 'errors.ts', 'version.ts']);
    expect(loaded.kilobytes).toBeLessThanOrEqual(12);
  });
});

describe('--help', () => {
  test('loads the width of characters, and of the commands only their list', async () => {
    const loaded = await loadedBy('--help');
    expect(loaded.packages).toEqual(['get-east-asian-width']);
    expect(commandsOf(loaded)).toEqual([]);
    expect(loaded.parts.filter((part) => !part.startsWith('cli/'))).toEqual(['errors.ts', 'util']);
    expect(loaded.kilobytes).toBeLessThanOrEqual(45);
  });
});

describe('tag', () => {
  test('loads itself and the store, and nothing that speaks to a network or draws', async () => {
    const loaded = await loadedBy('tag', 'alpine:3', 'mine:1');
    expect(commandsOf(loaded)).toEqual(['cli/commands/tag.ts']);
    expect(loaded.packages).toEqual(['commander', 'get-east-asian-width']);
    expect(loaded.parts.filter((part) => /^(?:http|auth|hub|credentials|image)$/.test(part))).toEqual([]);
    expect(loaded.kilobytes).toBeLessThanOrEqual(400);
  });
});

describe('pull', () => {
  test('loads itself, but no undici, no tar, no spinner and no other formats', async () => {
    const registry = await startRegistry();
    const loaded = await loadedBy('pull', `${registry.host}/app:1`);
    await registry.stop();
    expect(commandsOf(loaded)).toEqual(['cli/commands/pull.ts']);
    expect(loaded.packages).toEqual(['commander', 'get-east-asian-width', 'p-limit', 'yocto-queue']);
    expect(loaded.kilobytes).toBeLessThanOrEqual(650);
  });
});
