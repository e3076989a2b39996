// Do many runs at once get into each other's way?
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folder } from '../helpers/folder.ts';
import { newUser, type User } from '../helpers/hubctl.ts';
import { findPeer, runPeer } from '../helpers/peers.ts';
import { damageOf, leftoversOf, namesInIndex, runKilled } from '../helpers/kills.ts';
import { isLong, randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { documentOf, fillRegistry, sampleImage, type Document, type SampleImage } from '../helpers/sample-image.ts';

const random = seededRandom(seed);
let registry: Registry;
let user: User;
let docker: string | undefined;

beforeAll(async () => {
  [registry, user, docker] = [await startRegistry(), await newUser(), await findPeer('docker')];
});
afterAll(async () => {
  await registry.stop();
  await user[Symbol.asyncDispose]();
});

function largeLayer(size: number): Document {
  return documentOf(randomBytes(random, size), 'application/vnd.oci.image.layer.v1.tar');
}

function imageOf(...layers: readonly Document[]): SampleImage {
  const { config, manifest } = sampleImage();
  const rootfs = { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) };
  const own = documentOf({ architecture: 'amd64', os: 'linux', config: {}, rootfs }, config.descriptor.mediaType);
  const { mediaType } = manifest.descriptor;
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const document = { schemaVersion: 2, mediaType, config: own.descriptor, layers: descriptors };
  return { manifest: documentOf(document, mediaType), config: own, layers };
}

interface Config {
  readonly auths: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

test.each(Array.from({ length: isLong ? 20 : 1 }, (_, at) => at))(
  'twenty logins at once keep twenty entries and what another program writes in between (%i)',
  async () => {
    const registries = await Promise.all(Array.from({ length: 20 }, () => startRegistry({ auth: 'basic' })));
    const foreign = await Promise.all(Array.from({ length: 2 }, () => startRegistry({ auth: 'basic' })));
    const dir = join(folder(), 'docker');
    const path = join(dir, 'config.json');
    const read = (): Config => JSON.parse(readFileSync(path, 'utf8')) as Config;
    mkdirSync(dir);
    writeFileSync(path, JSON.stringify({ auths: { first: { auth: 'YTpi' } }, plugins: { p: { k: 'v' } } }));
    const unknown = { unknown: [1, { a: null }] };
    // As docker does: without a lock of ours, by another file that is renamed.
    const writeAsDocker = (more: object): void => {
      writeFileSync(`${path}.docker`, JSON.stringify({ ...read(), ...more }));
      renameSync(`${path}.docker`, path);
    };
    // The real one, too. Without a daemon it logs in by itself; it drops what it does not know.
    const dockerLogin = async (host: string): Promise<void> => {
      const args = [
        '--host',
        `unix://${dir}/none.sock`,
        '--config',
        dir,
        'login',
        '-u',
        'tester',
        '-p',
        'secret',
        host,
      ];
      if (docker !== undefined) await runPeer(docker, args, folder());
    };
    const login = (host: string): ReturnType<User['hubctl']> => {
      const args = ['login', '--config', dir, '--credential-store', 'file', '-u', 'tester', '--password-stdin', host];
      return user.hubctl(args, { input: 'secret' });
    };
    const results: { status: number | null }[] = [];
    for (const [at, waves] of [registries, registries.slice(0, 5)].entries()) {
      writeAsDocker({ ...unknown, wave: at });
      results.push(...(await Promise.all(waves.map(({ host }) => login(host)))));
      expect(read()).toMatchObject({ ...unknown, wave: at, plugins: { p: { k: 'v' } } });
      await dockerLogin(foreign[at]?.host ?? '');
    }
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 0));
    const config = read();
    const byDocker = docker === undefined ? [] : foreign;
    const hosts = [...registries, ...byDocker].map(({ host }) => host);
    expect(Object.keys(config.auths).toSorted()).toEqual(['first', ...hosts].toSorted());
    expect(config).toMatchObject({ plugins: { p: { k: 'v' } } });
    await Promise.all([...registries, ...foreign].map((one) => one.stop()));
  },
  120_000,
);

test('many pulls into one store at once lose no name', async () => {
  const count = isLong ? 50 : 12;
  const names = Array.from({ length: count }, (_, at) => {
    fillRegistry(registry.contents, [`many/app${at}`, '1'], sampleImage({ layers: ['shared', `layer ${at}`] }));
    return `${registry.host}/many/app${at}:1`;
  });
  const dir = join(folder(), 'store');
  const results = await Promise.all(names.map((name) => user.hubctl(['pull', '-q', '--store', dir, name])));
  expect(results.map(({ status }) => status)).toEqual(names.map(() => 0));
  expect([...namesInIndex(dir)].toSorted()).toEqual(names.toSorted());
  expect(await damageOf(dir)).toEqual([]);
  expect(leftoversOf(dir)).toEqual([]);
}, 300_000);

test.each(Array.from({ length: isLong ? 10 : 1 }, (_, at) => at))(
  'five large images into one store at once are all there, with what they share moved once (%i)',
  async (round) => {
    const [shared, ...own] = [8_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000].map(largeLayer);
    const names = own.map((layer, at) => {
      fillRegistry(registry.contents, [`five${round}/app${at}`, '1'], imageOf(shared!, layer));
      return `${registry.host}/five${round}/app${at}:1`;
    });
    const dir = join(folder(), 'store');
    const before = registry.log.length;
    const results = await Promise.all(names.map((name) => user.hubctl(['pull', '-q', '--store', dir, name])));
    expect(results.map(({ status }) => status)).toEqual(names.map(() => 0));
    expect([...namesInIndex(dir)].toSorted()).toEqual(names.toSorted());
    expect(await damageOf(dir)).toEqual([]);
    expect(bytesMoved(before)).toBeLessThanOrEqual(13_000_000 * 1.05);
  },
  120_000,
);

test.each(Array.from({ length: isLong ? 15 : 1 }, (_, at) => at))(
  'two pulls of one image move its bytes once (%i)',
  async (round) => {
    fillRegistry(registry.contents, [`twice${round}`, '1'], imageOf(largeLayer(8_000_000)));
    const dir = join(folder(), 'store');
    const pull = ['pull', '-q', '--store', dir, `${registry.host}/twice${round}:1`];
    const before = registry.log.length;
    const results = await Promise.all([user.hubctl(pull), user.hubctl(pull)]);
    expect(results.map(({ status }) => status)).toEqual([0, 0]);
    expect(bytesMoved(before)).toBeLessThanOrEqual(8_000_000 * 1.05);
  },
  120_000,
);

/** Bytes of all answers since there were so many requests in the log. */
function bytesMoved(before: number): number {
  return registry.log.slice(before).reduce((sum, { responseBytes }) => sum + responseBytes, 0);
}

test('whoever waits for a pull that is killed goes on where it was', async () => {
  const image = imageOf(largeLayer(8_000_000));
  fillRegistry(registry.contents, ['killed', '1'], image);
  const dir = join(folder(), 'store');
  const pull = ['pull', '-q', '--store', dir, '--limit-rate', '8MB/s', `${registry.host}/killed:1`];
  const before = registry.log.length;
  const first = runKilled(user, pull, 900);
  const second = await user.hubctl(pull);
  await first;
  expect(second.status).toBe(0);
  const { digest } = image.layers[0]!.descriptor;
  const moved = registry.log.slice(before).filter(({ path }) => path.includes(digest));
  expect(moved.length).toBeGreaterThan(0);
  expect(await damageOf(dir)).toEqual([]);
  expect(namesInIndex(dir)).toEqual([`${registry.host}/killed:1`]);
}, 120_000);

test('names are given, taken and collected at once, and none is lost', async () => {
  fillRegistry(registry.contents, ['base', '1'], sampleImage());
  const dir = join(folder(), 'store');
  const name = `${registry.host}/base:1`;
  await user.ok(['pull', '-q', '--store', dir, name]);
  for (let at = 0; at < 4; at += 1) await user.ok(['tag', '--store', dir, name, `gone${at}:1`]);
  const runs = Array.from({ length: 4 }, (_, at) => [
    user.hubctl(['tag', '--store', dir, name, `new${at}:1`]),
    user.hubctl(['rmi', '--store', dir, `gone${at}:1`]),
    user.hubctl(['store', 'gc', '--store', dir]),
  ]).flat();
  expect((await Promise.all(runs)).map(({ status }) => status)).toEqual(runs.map(() => 0));
  const fresh = Array.from({ length: 4 }, (_, at) => `docker.io/library/new${at}:1`);
  expect([...namesInIndex(dir)].toSorted()).toEqual([name, ...fresh].toSorted());
  expect(await damageOf(dir)).toEqual([]);
}, 120_000);
