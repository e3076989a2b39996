import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isBuilt, isInstalled, setUp } from '../../scripts/setup.js';
import { ROOT } from '../helpers/source.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hubctl-setup-'));
});
afterEach(() => rm(root, { recursive: true }));

async function write(path: string, text: string, time?: number): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  if (time !== undefined) await utimes(join(root, path), time, time);
}

describe('node_modules', () => {
  const WANTED = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b-darwin': { version: '2.0.0', integrity: 'sha512-b', optional: true },
  };
  const installed = async (found: object): Promise<boolean> => {
    await write('package-lock.json', JSON.stringify({ packages: WANTED }));
    await write('node_modules/.package-lock.json', JSON.stringify({ packages: found }));
    return isInstalled(root);
  };
  const { '': _, ...all } = WANTED;

  test('holds what package-lock.json says', async () => {
    expect(await installed(all)).toBe(true);
  });

  test('may lack packages that are for other platforms', async () => {
    expect(await installed({ 'node_modules/a': WANTED['node_modules/a'] })).toBe(true);
  });

  test.each([
    ['lacks one', {}],
    ['has another version', { 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } }],
    ['has other content', { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } }],
    ['has one that nobody asked for', { ...all, 'node_modules/c': { version: '1.0.0' } }],
  ])('is stale when it %s', async (_, found) => {
    expect(await installed(found)).toBe(false);
  });

  test('is missing where npm did not finish', async () => {
    await write('package-lock.json', JSON.stringify({ packages: WANTED }));
    expect(await isInstalled(root)).toBe(false);
    await write('node_modules/.package-lock.json', '{"packages": {');
    expect(await isInstalled(root)).toBe(false);
  });

  test('of this folder is up to date, or these tests would not run', async () => {
    expect(await isInstalled(ROOT)).toBe(true);
  });
});

describe('dist', () => {
  const built = async (times: { readonly source: number; readonly result: number }): Promise<boolean> => {
    await write('src/deep/a.ts', '', times.source);
    for (const folder of ['src', 'src/deep']) await utimes(join(root, folder), 100, 100);
    await write('dist/index.js', '', times.result);
    return isBuilt(root, 'dist/index.js');
  };

  test('is newer than its sources after a build', async () => {
    expect(await built({ source: 200, result: 300 })).toBe(true);
  });

  test('is stale when a source changed later', async () => {
    expect(await built({ source: 400, result: 300 })).toBe(false);
  });

  test('is stale when a source was removed', async () => {
    await built({ source: 200, result: 300 });
    await rm(join(root, 'src/deep/a.ts'));
    expect(await isBuilt(root, 'dist/index.js')).toBe(false);
  });

  test('is missing on a fresh clone', async () => {
    await write('src/a.ts', '');
    expect(await isBuilt(root, 'dist/index.js')).toBe(false);
  });
});

describe('setting up', () => {
  /** A project with one dependency, from a folder, so that npm needs no network. */
  const project = async (build: string): Promise<void> => {
    const dependencies = { dep: 'file:dep' };
    const about = { name: 'x', version: '1.0.0', dependencies };
    const packages = { '': about, dep: { version: '1.0.0' }, 'node_modules/dep': { resolved: 'dep', link: true } };
    await write('dep/package.json', JSON.stringify({ name: 'dep', version: '1.0.0' }));
    await write('package.json', JSON.stringify({ ...about, scripts: { build } }));
    await write('package-lock.json', JSON.stringify({ ...about, lockfileVersion: 3, packages }));
  };

  test('installs and builds what is missing, and nothing more', async () => {
    await project('node build.js');
    await write('build.js', "const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.js', '');");
    await setUp(root);
    expect([await isInstalled(root), await isBuilt(root, 'dist/index.js')]).toEqual([true, true]);
    // Neither npm nor the build could do it again.
    await rm(join(root, 'package.json'));
    await setUp(root);
  });

  test('says which step failed', async () => {
    await project('exit 3');
    await expect(setUp(root)).rejects.toThrow('npm run build ended with status 3');
    await write('package-lock.json', '{ damaged');
    await expect(setUp(root)).rejects.toThrow('npm ci ended with status 1');
  });
});
