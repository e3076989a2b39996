// What can an archive or a layout that somebody sent do to this machine?
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeEntry, paddingAfter, TAR_END, type TarEntry } from '../../src/layers/tar.ts';
import { copy } from '../../src/transfer/copy.ts';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { openLayout } from '../../src/endpoints/layout/layout.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { dockerImage } from '../helpers/archives.ts';
import { folder } from '../helpers/folder.ts';
import { addImage } from '../helpers/images.ts';
import { damageOf } from '../helpers/kills.ts';

const SECRET = 'a file of this machine that nobody may get';

interface Scene {
  readonly dir: string;
  /** A file that the input points to. */
  readonly victim: string;
}

function scene(): Scene {
  const dir = folder();
  const victim = join(dir, 'victim');
  writeFileSync(victim, SECRET);
  return { dir, victim };
}

/** The victim is as it was, and its text nowhere: not in the output, not in what was stored. */
async function expectUnharmed({ dir, victim }: Scene, { stdout, stderr }: CliResult): Promise<void> {
  expect(readFileSync(victim, 'utf8')).toBe(SECRET);
  expect(stdout + stderr).not.toContain('nobody may get');
  const blobs = join(dir, 'store', 'blobs', 'sha256');
  const stored = existsSync(blobs) ? readdirSync(blobs).map((name) => readFileSync(join(blobs, name))) : [];
  expect(stored.filter((bytes) => bytes.includes(SECRET))).toEqual([]);
  expect(await damageOf(join(dir, 'store'))).toEqual([]);
}

const cli = ({ dir }: Scene, ...args: readonly string[]): Promise<CliResult> =>
  runCli(['--store', join(dir, 'store'), '--timeout', '20s', ...args], { home: dir });

describe('a layout', () => {
  async function layoutIn({ dir }: Scene): Promise<{ path: string; blob: (kind: string) => string }> {
    const source = new MemoryEndpoint('source');
    const { descriptor, config, layers } = addImage(source, { as: 'app' });
    const path = join(dir, 'layout');
    await copy(source, await openLayout(path), 'app', { as: '1' });
    const digests: Readonly<Record<string, string>> = {
      manifest: descriptor.digest,
      config: config.digest,
      layer: layers[0]!.descriptor.digest,
    };
    return { path, blob: (kind) => join(path, 'blobs', ...(digests[kind] ?? '').split(':')) };
  }

  const TRICKS: Readonly<Record<string, (path: string, victim: string) => void>> = {
    'a link to a file of this machine': (path, victim) => symlinkSync(victim, path),
    'a pipe': (path) => execFileSync('mkfifo', [path]),
    'a directory': (path) => mkdirSync(path),
    'a link to itself': (path) => symlinkSync(path, path),
    'a link to a device': (path) => symlinkSync('/dev/zero', path),
    'a hard link to a file of this machine': (path, victim) => linkSync(victim, path),
  };

  describe.each(Object.entries(TRICKS))('with %s', (_, trick) => {
    test.each(['manifest', 'config', 'layer'])('in the place of a %s is refused', async (kind) => {
      const where = scene();
      const { path, blob } = await layoutIn(where);
      rmSync(blob(kind));
      trick(blob(kind), where.victim);
      const result = await cli(where, 'copy', `oci:${path}:1`, 'store:app:1');
      expect([3, 7]).toContain(result.status);
      await expectUnharmed(where, result);
    });

    test.each(['index.json', 'oci-layout'])('in the place of its %s is refused', async (name) => {
      const where = scene();
      const { path } = await layoutIn(where);
      rmSync(join(path, name));
      trick(join(path, name), where.victim);
      const result = await cli(where, 'copy', `oci:${path}:1`, 'store:app:1');
      if (name === 'index.json') expect(result.status).toBeGreaterThan(0);
      await expectUnharmed(where, result);
    });
  });

  test('whose folder of blobs is a link to another one may be read, for its content is checked', async () => {
    const where = scene();
    const { path } = await layoutIn(where);
    renameSync(join(path, 'blobs'), join(where.dir, 'elsewhere'));
    symlinkSync(join(where.dir, 'elsewhere'), join(path, 'blobs'));
    await expectUnharmed(where, await cli(where, 'copy', `oci:${path}:1`, 'store:app:1'));
  });
});

describe('an archive', () => {
  type Entry = TarEntry | readonly [path: string, content: string | Buffer];

  function tar(entries: readonly Entry[]): Buffer {
    const parts = entries.flatMap((entry) => {
      if ('kind' in entry) return [...encodeEntry(entry)];
      const bytes = Buffer.from(entry[1] as string);
      const head = encodeEntry({ path: entry[0], kind: 'file', size: bytes.length });
      return [...head, bytes, Buffer.alloc(paddingAfter(bytes.length))];
    });
    return Buffer.concat([...parts, TAR_END]);
  }

  const image = dockerImage();
  const manifestOf = (config: string, layers: readonly string[]): Entry => [
    'manifest.json',
    JSON.stringify([{ Config: config, RepoTags: ['app:1'], Layers: layers }]),
  ];
  const config: Entry = ['c.json', image.config];
  const layers: readonly Entry[] = image.layers.map((bytes, at) => [`${at}.tar`, bytes]);
  const link = (path: string, linkPath: string): Entry => ({ path, kind: 'symlink', size: 0, linkPath });

  const ARCHIVES: Readonly<Record<string, (victim: string) => readonly Entry[]>> = {
    'a manifest that is a link': (victim) => [config, ...layers, link('manifest.json', victim)],
    'a config that is a link': (victim) => [
      link('c.json', victim),
      ...layers,
      manifestOf('c.json', ['0.tar', '1.tar']),
    ],
    'a layer that is a link': (victim) => [
      config,
      link('0.tar', victim),
      layers[1]!,
      manifestOf('c.json', ['0.tar', '1.tar']),
    ],
    'a layer that is a link upwards': () => [
      config,
      link('0.tar', '../../victim'),
      layers[1]!,
      manifestOf('c.json', ['0.tar', '1.tar']),
    ],
    'links in a circle': () => [
      config,
      link('0.tar', '1.tar'),
      link('1.tar', '0.tar'),
      manifestOf('c.json', ['0.tar', '1.tar']),
    ],
    'paths in its manifest that lead out': () => [
      config,
      ...layers,
      manifestOf('../victim', ['../victim', '/etc/passwd']),
    ],
    'an absolute path in its manifest': (victim) => [config, ...layers, manifestOf(victim, [victim])],
    'entries that lead out': () => [
      ['../victim', 'overwritten'],
      ['/tmp/hubctl-never', 'x'],
      config,
      ...layers,
      manifestOf('c.json', ['0.tar', '1.tar']),
    ],
    'a manifest of another shape': () => [['manifest.json', '[{"Config":5,"Layers":{"a":1}}]']],
    'a manifest that is nested without end': () => [['manifest.json', '['.repeat(100_000)]],
    'a manifest that names prototypes': () => [
      [
        'manifest.json',
        '[{"__proto__":{"x":1},"Config":"__proto__","RepoTags":["constructor:1"],"Layers":["constructor"]}]',
      ],
    ],
    'names that are no names': () => [
      config,
      ...layers,
      [
        'manifest.json',
        JSON.stringify([{ Config: 'c.json', RepoTags: ['../../x', '-rf', 'a b', ''], Layers: ['0.tar', '1.tar'] }]),
      ],
    ],
    'nothing in it': () => [],
  };

  test.each(Object.entries(ARCHIVES))('with %s harms nothing', async (_, make) => {
    const where = scene();
    const path = join(where.dir, 'x.tar');
    writeFileSync(path, tar(make(where.victim)));
    const result = await cli(where, 'load', '-i', path);
    await expectUnharmed(where, result);
    expect(result.status === 0 || result.stderr.startsWith('hubctl: ')).toBe(true);
    expect(result.stderr).not.toContain('internal error');
    expect(existsSync('/tmp/hubctl-never')).toBe(false);
    expect(
      readdirSync(where.dir).filter(
        (name) => !['store', 'victim', 'x.tar', '.cache', '.docker', '.config'].includes(name),
      ),
    ).toEqual([]);
  });

  test.each([
    ['bytes of chance', () => Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7919) % 251))],
    ['zeros', () => Buffer.alloc(100_000)],
    ['half a header', () => tar([config]).subarray(0, 300)],
    ['half an entry', () => tar([config, ...layers]).subarray(0, 700)],
    ['a size that is too large', () => withSize(tar([config]), '77777777777')],
    ['a size that is negative', () => withSize(tar([config]), '-0000000001')],
    ['a size that is no number', () => withSize(tar([config]), 'zzzzzzzzzzz')],
    ['a size of base 256 without end', () => withSize(tar([config]), '\u00ff'.repeat(11))],
  ])('of %s is refused', async (_, make) => {
    const where = scene();
    const path = join(where.dir, 'x.tar');
    writeFileSync(path, make());
    const result = await cli(where, 'load', '-i', path);
    expect([2, 7]).toContain(result.status);
    expect(result.stderr).not.toContain('internal error');
    await expectUnharmed(where, result);
  });

  /** Another size in the first header, whose sum is made right again. */
  function withSize(bytes: Buffer, size: string): Buffer {
    bytes.write(size.padEnd(12, '\0'), 124, 12, 'latin1');
    bytes.write('        ', 148, 8, 'latin1');
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
    return bytes;
  }

  test('that is a device without end is refused', async () => {
    const where = scene();
    const result = await cli(where, 'load', '-i', '/dev/zero');
    expect(result.status).toBeGreaterThan(0);
    expect(result.stderr).toContain('/dev/zero holds no image');
    await expectUnharmed(where, result);
  });
});
