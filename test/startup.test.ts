// What does a command load before it works? Counted in files and bytes, never in seconds.
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleCli } from '../scripts/bundle.js';
import { nameOf } from '../scripts/pack.js';
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

interface Script {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { readonly count: number }[];
  }[];
}

/** Runs hubctl and asks V8 which functions it called: each chunk is one. */
async function loadedBy(...args: readonly string[]): Promise<Loaded> {
  const coverage = await mkdtemp(join(folder, 'coverage-'));
  const env = { PATH: process.env['PATH'], HOME: join(folder, 'home'), NODE_V8_COVERAGE: coverage };
  const hubctl = join(folder, 'bin/hubctl.js');
  await execute(process.execPath, [hubctl, ...args], { env, cwd: join(folder, 'home') });
  const files = new Set<string>();
  const called = new Set<string>();
  for (const name of await readdir(coverage)) {
    const { result } = JSON.parse(await readFile(join(coverage, name), 'utf8')) as { result: Script[] };
    for (const { url, functions } of result.filter((script) => script.url.startsWith('file:'))) {
      files.add(fileURLToPath(url));
      const run = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0);
      run.forEach(({ functionName }) => called.add(functionName));
    }
  }
  const outputs = Object.entries(bundle.outputs).filter(([path]) => called.has(nameOf(path)));
  expect([...files], 'the account of what was loaded').toContain(hubctl);
  expect(files.has(join(folder, 'dist/cli/pack.js')), 'the program is there when a part of it is').toBe(
    outputs.length > 0,
  );
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

describe.each([
  ['--version', ['--version']],
  ['--help', ['--help']],
  ['help of a command', ['pull', '--help']],
  ['completion', ['completion', 'bash']],
])('%s', (_, args) => {
  test('loads nothing of the program', async () => {
    expect(await loadedBy(...args)).toEqual({ packages: [], parts: [], kilobytes: 0 });
  });
});

describe('tag', () => {
  test('loads itself and the store, and nothing that speaks to a network or draws', async () => {
    const loaded = await loadedBy('tag', 'alpine:3', 'mine:1');
    expect(commandsOf(loaded)).toEqual(['cli/commands/tag.ts']);
    expect(loaded.packages).toEqual(['get-east-asian-width']);
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
    expect(loaded.packages).toEqual(['get-east-asian-width', 'p-limit', 'yocto-queue']);
    expect(loaded.kilobytes).toBeLessThanOrEqual(740);
  });
});

const EVERY = ['get-east-asian-width'];
/** With flags, of which a package knows how they are written. */
const FLAGS = ['commander', ...EVERY];
const COPIES = [...EVERY, 'p-limit', 'yocto-queue'];

describe('a command that stays on this machine', () => {
  test.each([
    { args: ['images'], file: 'image/ls', packages: EVERY },
    { args: ['rmi', 'x'], file: 'image/rm', packages: EVERY },
    { args: ['image', 'prune'], file: 'image/prune', packages: EVERY },
    { args: ['auth', 'ls'], file: 'auth/ls', packages: EVERY },
    { args: ['logout', 'x'], file: 'logout', packages: EVERY },
    { args: ['import', 'nothing', 'x'], file: 'import', packages: [...EVERY, 'tar'] },
    { args: ['images', '-q'], file: 'image/ls', packages: FLAGS },
    { args: ['save', '-o', 'f.tar', 'x'], file: 'save', packages: [...FLAGS, ...COPIES.slice(1), 'tar'] },
    { args: ['load', '-i', 'nothing.tar'], file: 'load', packages: [...FLAGS, ...COPIES.slice(1), 'tar'] },
  ])('$args.0 $args.1: itself, and nothing that speaks to a network', async ({ args, file, packages }) => {
    const loaded = await loadedBy(...args);
    expect(commandsOf(loaded)).toEqual([`cli/commands/${file}.ts`]);
    expect(loaded.packages.toSorted()).toEqual(packages.toSorted());
    expect(loaded.parts.filter((part) => part === 'auth' || part === 'hub')).toEqual([]);
    expect(loaded.kilobytes).toBeLessThanOrEqual(505);
  });
});

describe('a command that asks a registry', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());

  test.each([
    { args: ['digest', 'HOST/app:1'], file: 'digest' },
    { args: ['tags', 'HOST/app'], file: 'tags' },
    { args: ['inspect', 'HOST/app:1'], file: 'inspect' },
    { args: ['copy', 'HOST/app:1', 'oci:out'], file: 'copy' },
    { args: ['login', '-u', 'a', '-p', 'b', 'HOST'], file: 'login' },
    { args: ['search', 'x', '--index', 'http://HOST'], file: 'search' },
  ])('$args.0: itself, but no tar, no spinner, no colours and no keychain', async ({ args, file }) => {
    const loaded = await loadedBy(...args.map((word) => word.replace('HOST', registry.host)));
    expect(commandsOf(loaded)).toEqual([`cli/commands/${file}.ts`]);
    expect(loaded.packages.filter((name) => ![...FLAGS, ...COPIES, 'undici'].includes(name))).toEqual([]);
    expect(loaded.kilobytes).toBeLessThanOrEqual(1150);
  });
});

test('a pull in plain http loads none of the modules of Node.js for TLS, its http, workers, files and clocks', async () => {
  const registry = await startRegistry();
  const list = join(folder, 'list.cjs');
  await writeFile(list, "process.on('exit', () => process._rawDebug(process.moduleLoadList.join()));");
  const args = ['--require', list, join(folder, 'bin/hubctl.js'), 'pull', '-q', `${registry.host}/app:1`];
  const env = { PATH: process.env['PATH'], HOME: join(folder, 'home'), HUBCTL_CODE_CACHE: '0' };
  const { stderr } = await execute(process.execPath, args, { env });
  await registry.stop();
  const loaded = new Set(stderr.split(','));
  expect(loaded, 'the list of modules').toContain('NativeModule fs');
  const needless = ['tls', 'http', 'https', 'worker_threads', 'child_process', 'dns/promises', 'v8', 'zlib'];
  needless.push('fs/promises', 'perf_hooks', 'internal/blocklist');
  expect(needless.filter((name) => loaded.has(`NativeModule ${name}`))).toEqual([]);
});
