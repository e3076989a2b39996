import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { createArchive } from '../../../src/endpoints/archive/write.ts';
import { openStore } from '../../../src/endpoints/store/store.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { dockerImage, oldDockerArchive } from '../../helpers/archives.ts';
import { runCli, type CliOptions, type CliResult } from '../../helpers/cli.ts';
import { addIndex, tarOf, type TarFile } from '../../helpers/images.ts';

describe('hubctl load', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-load-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const hubctl = (args: readonly string[], options?: CliOptions): Promise<CliResult> =>
    runCli(['--store', join(dir, 'store'), ...args], options);
  const file = async (files: readonly TarFile[]): Promise<string> => {
    await writeFile(join(dir, 'x.tar'), tarOf(files));
    return join(dir, 'x.tar');
  };
  const names = async (): Promise<(string | undefined)[]> => {
    await using store = await openStore(join(dir, 'store'));
    return (await store.images()).map(({ name }) => name);
  };

  it('prints the name of every image as docker does', async () => {
    const image = dockerImage();
    const other = dockerImage([[['x', 'x']]]);
    const path = await file(
      oldDockerArchive([
        { image, tags: ['app:1', 'ghcr.io/acme/app:2'] },
        { image: other, tags: null },
      ]),
    );
    const { status, stdout, stderr } = await hubctl(['load', '-i', path]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(`Loaded image: app:1\nLoaded image: ghcr.io/acme/app:2\nLoaded image ID: ${other.id}\n`);
    expect(await names()).toEqual(['docker.io/library/app:1', 'ghcr.io/acme/app:2', undefined]);
    await using store = await openStore(join(dir, 'store'));
    expect((await store.summaries()).map(({ id }) => id)).toEqual([image.id, image.id, other.id]);
  });

  it('reads stdin, packed or not, and prints the same with -q', async () => {
    const bytes = tarOf(oldDockerArchive([{ image: dockerImage(), tags: ['app:1'] }]));
    for (const stdin of [bytes, gzipSync(bytes)]) {
      expect((await hubctl(['load'], { stdin })).stdout).toBe('Loaded image: app:1\n');
      expect((await hubctl(['load', '-q', '-i', '-'], { stdin })).stdout).toBe('Loaded image: app:1\n');
    }
  });

  it('keeps the digest of an index, also of one platform of it', async () => {
    const source = new MemoryEndpoint();
    const index = addIndex(source, { as: 'index' });
    {
      await using archive = await createArchive({ path: join(dir, 'x.tar') });
      await copy(source, archive, 'index', { as: 'docker.io/library/multi:1' });
      await archive.commit();
    }
    await hubctl(['load', '-i', join(dir, 'x.tar'), '--platform', 'linux/arm64']);
    await using store = await openStore(join(dir, 'store'));
    expect(await store.resolve('docker.io/library/multi:1')).toMatchObject({ digest: index.descriptor.digest });
    expect(await store.has(index.images[0]!.descriptor)).toBe(false);
    expect(await store.has(index.images[1]!.descriptor)).toBe(true);
  });

  it('warns of names that are not valid, and loads the rest', async () => {
    const path = await file(oldDockerArchive([{ image: dockerImage(), tags: ['Bad Name', 'good:1'] }]));
    const { status, stdout, stderr } = await hubctl(['load', '-i', path]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Loaded image: good:1\n' });
    expect(stderr).toContain('"Bad Name" in the archive is not a valid image name');
  });

  it('says with --json what it loaded', async () => {
    const image = dockerImage();
    const { stdout } = await hubctl([
      'load',
      '--json',
      '-i',
      await file(oldDockerArchive([{ image, tags: ['app:1'] }])),
    ]);
    expect(JSON.parse(stdout)).toEqual([
      { names: ['docker.io/library/app:1'], id: image.id, digest: expect.stringMatching(/^sha256:/) as string },
    ]);
  });

  it('loads nothing of an archive that is damaged', async () => {
    const image = dockerImage();
    const bytes = tarOf(oldDockerArchive([{ image, tags: ['app:1'] }]));
    const { status } = await hubctl(['load'], { stdin: bytes.subarray(0, bytes.length / 2) });
    expect(status).toBe(7);
    expect(await names()).toEqual([]);
  });

  it('refuses a terminal and files that are not there', async () => {
    expect((await hubctl(['load'], { tty: true })).status).toBe(2);
    expect((await hubctl(['load', '-i', join(dir, 'none.tar')])).status).toBe(3);
  });
});
