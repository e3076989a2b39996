import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../../src/endpoints/store/store.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { parseImageConfig, type ImageConfig } from '../../../src/spec/image-config.ts';
import { parseManifest, type Manifest } from '../../../src/spec/manifest.ts';
import { runCli, type CliOptions, type CliResult } from '../../helpers/cli.ts';
import { tarOf } from '../../helpers/images.ts';

const TAR = tarOf([['bin/sh', 'shell']]);
const EPOCH = { SOURCE_DATE_EPOCH: '1700000000' };

describe('hubctl import', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-import-'));
    await writeFile(join(dir, 'rootfs.tar'), TAR);
  });
  afterEach(() => rm(dir, { recursive: true }));

  const hubctl = (args: readonly string[], options?: CliOptions): Promise<CliResult> =>
    runCli(['--store', join(dir, 'store'), 'import', ...args], options);
  const imported = async (name: string): Promise<{ manifest: Manifest; config: ImageConfig }> => {
    await using store = await openStore(join(dir, 'store'));
    const manifest = parseManifest(await store.bytes(await store.resolve(name)));
    return { manifest, config: parseImageConfig(await store.bytes(manifest.config!)) };
  };

  it('makes an image of a tar and prints its ID', async () => {
    const args = [
      '-c',
      'CMD ["/bin/sh"]',
      '-c',
      'ENV A=b',
      '-m',
      'by hand',
      '--platform',
      'linux/arm64',
      join(dir, 'rootfs.tar'),
    ];
    const { status, stdout, stderr } = await hubctl([...args, 'own'], { env: EPOCH });
    const { manifest, config } = await imported('docker.io/library/own:latest');
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${manifest.config?.digest}\n`, stderr: '' });
    expect(config).toMatchObject({
      platform: { os: 'linux', architecture: 'arm64' },
      created: '2023-11-14T22:13:20Z',
      diffIds: [digestOf(TAR)],
      history: [{ comment: 'by hand', created: '2023-11-14T22:13:20Z' }],
      config: { Cmd: ['/bin/sh'], Env: ['A=b'] },
    });
  });

  it('keeps a tar that is packed, from a file or stdin', async () => {
    const packed = gzipSync(TAR, { level: 1 });
    await writeFile(join(dir, 'rootfs.tar.gz'), packed);
    await hubctl([join(dir, 'rootfs.tar.gz'), 'own:file']);
    await hubctl(['-', 'own:stdin'], { stdin: packed });
    for (const tag of ['file', 'stdin']) {
      const { manifest, config } = await imported(`docker.io/library/own:${tag}`);
      expect(manifest.layers[0]?.digest).toBe(digestOf(packed));
      expect(config.diffIds).toEqual([digestOf(TAR)]);
    }
    expect((await imported('docker.io/library/own:stdin')).config.history[0]?.comment).toBe('Imported from -');
  });

  it('makes the same image of the same directory when the time is set', async () => {
    const ids: string[] = [];
    for (const time of [1_800_000_000, 1_900_000_000]) {
      const root = join(dir, 'root');
      await rm(root, { recursive: true, force: true });
      await mkdir(join(root, 'etc'), { recursive: true });
      await writeFile(join(root, 'etc', 'motd'), 'hello');
      await symlink('motd', join(root, 'etc', 'link'));
      await utimes(join(root, 'etc', 'motd'), time, time);
      ids.push((await hubctl([root, 'own:1'], { env: EPOCH })).stdout);
    }
    expect(ids[0]).toMatch(/^sha256:[a-f0-9]{64}\n$/);
    expect(ids[1]).toBe(ids[0]);
  });

  it('puts each --layer on top of the last one, from a tar or a directory', async () => {
    await mkdir(join(dir, 'program', 'opt'), { recursive: true });
    await writeFile(join(dir, 'program', 'opt', 'app'), 'program');
    await writeFile(join(dir, 'settings.tar'), tarOf([['etc/app', 'settings']]));
    const layers = ['--layer', join(dir, 'program'), '--layer', join(dir, 'settings.tar')];
    const { stdout } = await hubctl(['--json', join(dir, 'rootfs.tar'), ...layers, 'own:1']);
    const { manifest, config } = await imported('docker.io/library/own:1');
    const told = JSON.parse(stdout) as { layers: readonly { digest: string }[] };
    expect(told.layers.map(({ digest }) => digest)).toEqual(manifest.layers.map(({ digest }) => digest));
    expect(config.diffIds[0]).toBe(digestOf(TAR));
    expect(config.diffIds[2]).toBe(digestOf(tarOf([['etc/app', 'settings']])));
    expect(config.history.map(({ comment }) => comment)).toEqual(
      [join(dir, 'rootfs.tar'), layers[1], layers[3]].map((source) => `Imported from ${source}`),
    );
  });

  it('keeps an image without a name', async () => {
    const { stdout } = await hubctl([join(dir, 'rootfs.tar')]);
    await using store = await openStore(join(dir, 'store'));
    expect(await store.find(stdout.trim())).toMatchObject({ name: undefined });
  });

  it('says with --json what it made', async () => {
    const { stdout } = await hubctl(['--json', join(dir, 'rootfs.tar'), 'own:1']);
    expect(JSON.parse(stdout)).toMatchObject({
      id: expect.stringMatching(/^sha256:/) as string,
      name: 'docker.io/library/own:1',
    });
  });

  it.each([
    ['an instruction that is none', ['-c', 'RUN x', 'rootfs.tar'], 2],
    ['a name with a digest', ['rootfs.tar', `own@${digestOf('x')}`], 2],
    ['several platforms', ['--platform', 'linux/amd64,linux/arm64', 'rootfs.tar'], 2],
    ['a file that is not there', ['none.tar'], 3],
    ['a layer that is not there', ['rootfs.tar', '--layer', 'none.tar'], 3],
    ['an address', ['https://example.com/rootfs.tar'], 3],
  ])('refuses %s', async (_, args, status) => {
    expect((await hubctl(args.map((arg) => (arg === 'rootfs.tar' ? join(dir, arg) : arg)))).status).toBe(status);
  });

  it('refuses what is no tar, and names the way out for xz', async () => {
    const text = await hubctl(['-'], { stdin: 'no tar' });
    expect(text).toMatchObject({ status: 7, stdout: '' });
    expect(text.stderr).toContain('stdin is not a tar archive');
    const xz = await hubctl(['-'], { stdin: Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(99)]) });
    expect(xz.status).toBe(8);
    expect(xz.stderr).toContain('xz -dc');
  });

  it('refuses a terminal and a time that is none', async () => {
    expect((await hubctl(['-'], { tty: true })).status).toBe(2);
    expect((await hubctl([join(dir, 'rootfs.tar')], { env: { SOURCE_DATE_EPOCH: 'today' } })).status).toBe(2);
  });
});
