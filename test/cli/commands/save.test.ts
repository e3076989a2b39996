import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { openStore } from '../../../src/endpoints/store/store.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { runCli, type CliOptions, type CliResult } from '../../helpers/cli.ts';
import { addImage, addIndex, AMD64, ARM64, type BuiltImage, type BuiltIndex } from '../../helpers/images.ts';

describe('hubctl save', () => {
  let dir: string;
  let file: string;
  let image: BuiltImage;
  let index: BuiltIndex;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-save-'));
    file = join(dir, 'x.tar');
    const source = new MemoryEndpoint();
    image = addImage(source, { as: 'image' });
    index = addIndex(source, { as: 'index', platforms: [AMD64, ARM64] });
    await using store = await openStore(join(dir, 'store'));
    for (const as of ['docker.io/library/app:1', 'docker.io/library/app:2']) await copy(source, store, 'image', { as });
    await copy(source, store, 'index', { as: 'docker.io/library/multi:1' });
  });
  afterEach(() => rm(dir, { recursive: true }));

  const hubctl = (args: readonly string[], options?: CliOptions): Promise<CliResult> =>
    runCli(['--store', join(dir, 'store'), ...args], options);
  /** Names and image IDs that docker would load, and digests that containerd would. */
  const saved = async (bytes: Buffer): Promise<{ tags: unknown[]; roots: unknown[] }> => {
    const text = bytes.toString('latin1');
    const docker = /^\[\{"Config".*$/m.exec(text.slice(text.lastIndexOf('[{"Config"')))?.[0] ?? '[]';
    const at = text.lastIndexOf('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"');
    const oci = JSON.parse(text.slice(at, text.indexOf('\0', at))) as { manifests: { digest: string }[] };
    return {
      tags: (JSON.parse(docker) as { RepoTags: unknown }[]).map(({ RepoTags }) => RepoTags),
      roots: oci.manifests.map(({ digest }) => digest),
    };
  };

  it('writes a file, and says nothing', async () => {
    expect(await hubctl(['save', '-o', file, 'app:1'])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(await saved(await readFile(file))).toEqual({ tags: [['app:1']], roots: [image.descriptor.digest] });
    expect((await readdir(dir)).sort()).toEqual(['store', 'x.tar']);
  });

  it('writes to stdout, the same bytes', async () => {
    await hubctl(['save', '-o', file, 'app:1', 'multi:1']);
    for (const args of [
      ['save', 'app:1', 'multi:1'],
      ['save', '-o', '-', 'app:1', 'multi:1'],
    ]) {
      const { status, bytes } = await hubctl(args);
      expect(status).toBe(0);
      expect(bytes.equals(await readFile(file))).toBe(true);
    }
  });

  it('takes a name without a tag for all tags of the repository', async () => {
    await hubctl(['save', '-o', file, 'app']);
    expect((await saved(await readFile(file))).tags).toEqual([['app:1', 'app:2']]);
  });

  it('gives an image no name that was asked for by its ID', async () => {
    await hubctl(['save', '-o', file, image.config.digest]);
    expect(await saved(await readFile(file))).toEqual({ tags: [null], roots: [image.descriptor.digest] });
  });

  it('keeps the index, whole or for one platform', async () => {
    await hubctl(['save', '-o', file, 'multi:1']);
    expect(await saved(await readFile(file))).toEqual({ tags: [['multi:1'], null], roots: [index.descriptor.digest] });
    await hubctl(['save', '-o', file, '--platform', 'linux/arm64', 'multi:1']);
    expect(await saved(await readFile(file))).toEqual({ tags: [['multi:1']], roots: [index.descriptor.digest] });
  });

  it('leaves nothing when one of the images is not there', async () => {
    const { status, stderr } = await hubctl(['save', '-o', file, 'app:1', 'none:1']);
    expect(status).toBe(3);
    expect(stderr).toContain('no such image: none:1');
    expect(await readdir(dir)).toEqual(['store']);
  });

  it('refuses a terminal, and --json on stdout', async () => {
    expect(await hubctl(['save', 'app:1'], { tty: true })).toMatchObject({ status: 2, stdout: '' });
    expect((await hubctl(['save', '--json', 'app:1'])).status).toBe(2);
  });

  it('says with --json what it saved', async () => {
    const { stdout } = await hubctl(['save', '--json', '-o', file, 'app:1']);
    expect(JSON.parse(stdout)).toEqual({
      file,
      images: [{ name: 'docker.io/library/app:1', digest: image.descriptor.digest }],
    });
  });
});
