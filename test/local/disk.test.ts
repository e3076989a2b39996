// What happens on a disk that is full or may only be read, and what does an output path never do?
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/spec/digest.ts';
import { folder } from '../helpers/folder.ts';
import { execute, HUBCTL } from '../helpers/hubctl.ts';
import { damageOf, leftoversOf } from '../helpers/kills.ts';
import { randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { documentOf, fillRegistry, sampleImage } from '../helpers/sample-image.ts';

const SIZE = 6_000_000;
const layer = documentOf(randomBytes(seededRandom(seed), SIZE), 'application/vnd.oci.image.layer.v1.tar');
let registry: Registry;

beforeAll(async () => {
  registry = await startRegistry();
  const { config, manifest } = sampleImage();
  const rootfs = { type: 'layers', diff_ids: [digestOf(layer.bytes)] };
  const own = documentOf({ architecture: 'amd64', os: 'linux', config: {}, rootfs }, config.descriptor.mediaType);
  const { mediaType } = manifest.descriptor;
  const document = { schemaVersion: 2, mediaType, config: own.descriptor, layers: [layer.descriptor] };
  fillRegistry(registry.contents, ['app', '1'], {
    manifest: documentOf(document, mediaType),
    config: own,
    layers: [layer],
  });
});
afterAll(() => registry.stop());

/** A file system of its own, for one command, in a namespace of its own. */
const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', '/mnt']).status === 0;
if (!canMount) console.log('skipped: tests on a full disk, for want of user namespaces');

interface Outcome {
  readonly status: number | null;
  readonly stderr: string;
  readonly left: string;
}

/** Runs hubctl with its store on a small disk; tells what is left there. */
async function onSmallDisk(mount: string, args: string): Promise<Outcome> {
  const [home, place] = [folder(), folder()];
  const command = `${process.execPath} ${HUBCTL} --store ${place}/store ${args}`;
  const script = `mount -t tmpfs -o ${mount} none ${place} && { ${command}; echo "status=$?"; find ${place} -type f -size +0 -printf '%P %s\\n'; }`;
  const env = { PATH: process.env['PATH'], HOME: home };
  const { stdout, stderr } = await execute('unshare', ['-Urm', 'sh', '-c', script], { env });
  return {
    status: Number(/status=(\d+)/.exec(stdout)?.[1] ?? -1),
    stderr,
    left: stdout.split(/status=\d+\n/)[1] ?? '',
  };
}

describe.skipIf(!canMount)('a disk', () => {
  test('that is too small is told before any layer is asked for', async () => {
    const before = registry.log.length;
    const { status, stderr, left } = await onSmallDisk('size=3m', `pull --no-progress ${registry.host}/app:1`);
    expect(status).toBe(9);
    expect(stderr).toMatch(/need 6\.0 MB, \d\.\d MB free/);
    expect(registry.log.slice(before).filter(({ path }) => path.includes(layer.descriptor.digest))).toEqual([]);
    expect(left).not.toMatch(/partial|temp\/|locks/);
  });

  test('that is full in the middle of an import leaves nothing', async () => {
    const files = folder();
    writeFileSync(join(files, 'big'), layer.bytes);
    const { status, left } = await onSmallDisk('size=3m', `import ${files} made:1`);
    expect(status).toBe(9);
    expect(left).not.toMatch(/partial|temp\/|locks/);
  });

  test('that may only be read is told before any request', async () => {
    const before = registry.log.length;
    const { status, stderr } = await onSmallDisk('ro', `pull ${registry.host}/app:1`);
    expect({ status, requests: registry.log.length - before }).toEqual({ status: 9, requests: 0 });
    expect(stderr).toContain('is read-only');
  });
});

test('a file that may not grow larger is told, and nothing false is left', async () => {
  const [home, dir] = [folder(), join(folder(), 'store')];
  const command = `ulimit -f 2000; exec ${process.execPath} ${HUBCTL} pull --no-progress --store ${dir} ${registry.host}/app:1`;
  const env = { PATH: process.env['PATH'], HOME: home };
  const { status, stderr } = await execute('bash', ['--norc', '-c', `trap '' XFSZ; ${command}`], { env });
  expect(status).toBe(9);
  expect(stderr).toContain('larger than allowed');
  expect(await damageOf(dir)).toEqual([]);
  expect(leftoversOf(dir).filter((path) => path.includes('temp'))).toEqual([]);
});

describe('an output path', () => {
  const save = async (target: string): Promise<{ status: number | null; stderr: string }> => {
    const [home, dir] = [folder(), join(folder(), 'store')];
    const env = { PATH: process.env['PATH'], HOME: home, HUBCTL_HOME: dir };
    const run = (args: readonly string[]): ReturnType<typeof execute> =>
      execute(process.execPath, [HUBCTL, ...args], { env });
    await run(['pull', '-q', `${registry.host}/app:1`]);
    return run(['save', '-o', target, `${registry.host}/app:1`]);
  };

  test('that is a link is written behind the link, which stays', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'real.tar'), 'old');
    symlinkSync('real.tar', join(dir, 'link.tar'));
    expect((await save(join(dir, 'link.tar'))).status).toBe(0);
    expect(readFileSync(join(dir, 'real.tar')).length).toBeGreaterThan(SIZE);
    expect(readdirSync(dir).toSorted()).toEqual(['link.tar', 'real.tar']);
  });

  test('that is a device is not replaced by a file', async () => {
    expect((await save('/dev/null')).status).toBe(0);
    expect(execFileSync('stat', ['-c', '%F', '/dev/null']).toString()).toContain('character special file');
  });

  test('that is a full device is told', async () => {
    expect((await save('/dev/full')).status).toBe(9);
  });

  test('that is a directory is refused', async () => {
    const dir = folder();
    expect((await save(dir)).status).toBe(2);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('in a folder that is not there is refused, and none is made', async () => {
    const dir = folder();
    expect((await save(join(dir, 'no', 'app.tar'))).status).toBe(9);
    expect(existsSync(join(dir, 'no'))).toBe(false);
  });

  test('that exists keeps its old content when the command fails', async () => {
    const dir = folder();
    const file = join(dir, 'app.tar');
    writeFileSync(file, 'precious');
    mkdirSync(join(dir, 'home'));
    const env = { PATH: process.env['PATH'], HOME: join(dir, 'home') };
    const { status } = await execute(process.execPath, [HUBCTL, 'save', '-o', file, 'nothing:1'], { env });
    expect(status).toBe(3);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(readdirSync(dir).toSorted()).toEqual(['app.tar', 'home']);
  });
});
