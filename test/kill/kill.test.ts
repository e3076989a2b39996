// Is anything ever half done, whenever hubctl is killed? Seeded moments; HUBCTL_TEST_LONG=1 tries many more of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/http/clock.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { startFaultProxy, type Seen } from '../faults/fault-proxy.ts';
import { folder } from '../helpers/folder.ts';
import { newUser, type User } from '../helpers/hubctl.ts';
import { damageOf, durationOf, leftoversOf, namesInIndex, runKilled, temporaryFilesIn } from '../helpers/kills.ts';
import { isLong, randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { which } from '../helpers/processes.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { startRealRegistry } from '../helpers/real-registry.ts';
import { documentOf, fillRegistry, type SampleImage } from '../helpers/sample-image.ts';

const [MANY, FEW] = isLong ? [100, 30] : [5, 3];
const LONG = isLong ? 1_800_000 : 240_000;
const random = seededRandom(seed);

/** An image whose layers do not compress. */
function imageOf(...sizes: readonly number[]): SampleImage {
  const layers = sizes.map((size) => documentOf(randomBytes(random, size), 'application/vnd.oci.image.layer.v1.tar'));
  const config = documentOf(
    {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
      history: layers.map(() => ({ created_by: 'test' })),
    },
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = documentOf(
    { schemaVersion: 2, mediaType, config: config.descriptor, layers: layers.map(({ descriptor }) => descriptor) },
    mediaType,
  );
  return { manifest, config, layers };
}

const image = imageOf(200_000, 1_500_000, 4_000_000);
let registry: Registry;
let user: User;

beforeAll(async () => {
  [registry, user] = [await startRegistry(), await newUser()];
  fillRegistry(registry.contents, ['app', '1'], image);
});
afterAll(async () => {
  await registry.stop();
  await user[Symbol.asyncDispose]();
});

const SLOW = ['--limit-rate', '16MB/s', '--no-progress'];

interface Experiment {
  readonly kills: number;
  /** A fresh place for one kill, and the command line to kill there. */
  readonly prepare: () => Promise<Place>;
}

interface Place {
  readonly args: readonly string[];
  readonly input?: string;
  /** Fails when what the kill left is not whole. */
  readonly check: () => Promise<void> | void;
  /** Fails when the command, run once more to its end, has not done its work or has left something behind. */
  readonly finish: () => Promise<void> | void;
}

/** Kills a command at moments spread over the time that it takes. Gives how many of them hit it before its end. */
async function kill({ kills, prepare }: Experiment): Promise<number> {
  const first = await prepare();
  const whole = await durationOf(() => user.ok(first.args, options(first)));
  let hits = 0;
  for (let count = 0; count < kills; count += 1) {
    const place = await prepare();
    // Before the first tenth of a second Node.js is still starting.
    const moment = 80 + random() * Math.max(20, whole * 0.95 - 80);
    const { hit } = await runKilled(user, place.args, moment, options(place));
    if (hit) hits += 1;
    const context = `killed after ${moment.toFixed(0)} ms, seed ${seed}, number ${count}`;
    try {
      await place.check();
      expect(await user.hubctl(place.args, options(place)), context).toMatchObject({ status: 0 });
      await place.finish();
    } catch (error) {
      throw new Error(`${context}: ${String(error)}`, { cause: error });
    }
  }
  if (isLong) console.log(`${hits} of ${kills} kills came before the end of: hubctl ${first.args.join(' ')}`);
  return hits;
}

function options({ input }: Place): { input?: string } {
  return input === undefined ? {} : { input };
}

async function storeWith(reference: string): Promise<string> {
  const dir = join(folder(), 'store');
  await user.ok(['pull', '-q', '--store', dir, reference]);
  return dir;
}

async function expectWhole(dir: string, names?: readonly string[]): Promise<void> {
  expect(await damageOf(dir)).toEqual([]);
  if (names) expect(namesInIndex(dir)).toEqual(names);
}

async function expectClean(dir: string, names?: readonly string[]): Promise<void> {
  await expectWhole(dir, names);
  expect(leftoversOf(dir)).toEqual([]);
}

describe(`a kill at any moment of`, () => {
  test(
    'pull leaves a store that is whole, and the next run ends the work',
    async () => {
      const name = `${registry.host}/app:1`;
      const hits = await kill({
        kills: MANY,
        prepare: async () => {
          const dir = join(folder(), 'store');
          return {
            args: ['pull', '--store', dir, ...SLOW, name],
            check: () => expectWhole(dir),
            finish: () => expectClean(dir, [name]),
          };
        },
      });
      expect(hits).toBeGreaterThan(0);
    },
    LONG,
  );

  test(
    'push leaves no false blob and no half image, and the next run ends the work',
    async () => {
      const source = await storeWith(`${registry.host}/app:1`);
      let number = 0;
      await kill({
        kills: MANY,
        prepare: async () => {
          const target = await startRegistry();
          number += 1;
          const name = `${target.host}/push/n${number}:1`;
          await user.ok(['tag', '--store', source, `${registry.host}/app:1`, name]);
          const check = (): void => {
            const blobs = target.contents.blobs(`push/n${number}`);
            expect(blobs.filter((digest) => digestOf(target.contents.anyBlob(digest) ?? '') !== digest)).toEqual([]);
          };
          return {
            args: ['push', '--store', source, ...SLOW, name],
            check: () => check(),
            finish: async () => {
              check();
              expect(target.contents.manifest(`push/n${number}`, '1')?.digest).toBe(image.manifest.descriptor.digest);
              await expectClean(source);
              await target.stop();
            },
          };
        },
      });
    },
    LONG,
  );

  test(
    'copy to a layout leaves a layout that is whole, and the next run ends the work',
    async () => {
      await kill({
        kills: FEW,
        prepare: async () => {
          const [dir, store] = [join(folder(), 'layout'), join(folder(), 'store')];
          const blobs = join(dir, 'blobs', 'sha256');
          const check = (): void => {
            namesInIndex(dir);
            const names = existsSync(blobs) ? readdirSync(blobs).filter((name) => !name.startsWith('.')) : [];
            expect(names.filter((name) => digestOf(readFileSync(join(blobs, name))) !== `sha256:${name}`)).toEqual([]);
          };
          return {
            args: ['copy', '--store', store, ...SLOW, `${registry.host}/app:1`, `oci:${dir}:1`],
            check,
            finish: () => {
              check();
              expect(namesInIndex(dir)).toEqual(['1']);
              expect([...temporaryFilesIn(dir), ...temporaryFilesIn(blobs)]).toEqual([]);
            },
          };
        },
      });
    },
    LONG,
  );

  test(
    'login leaves a configuration that is whole, with everything that was in it',
    async () => {
      const guarded = await startRegistry({ auth: 'basic' });
      await kill({
        kills: FEW,
        prepare: async () => {
          const dir = join(folder(), 'docker');
          const path = join(dir, 'config.json');
          mkdirSync(dir);
          writeFileSync(path, JSON.stringify({ auths: { other: { auth: 'YTpi' } }, plugins: { x: { y: '1' } } }));
          const read = (): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
          const expected = { auths: { other: { auth: 'YTpi' } }, plugins: { x: { y: '1' } } };
          return {
            args: [
              'login',
              '--config',
              dir,
              '--credential-store',
              'file',
              '-u',
              'tester',
              '--password-stdin',
              guarded.host,
            ],
            input: 'secret',
            check: () => expect(read()).toMatchObject(expected),
            finish: () => {
              expect(read()).toMatchObject({ ...expected, auths: { [guarded.host]: expect.anything() as unknown } });
              expect(readdirSync(dir)).toEqual(['config.json']);
            },
          };
        },
      });
      await guarded.stop();
    },
    LONG,
  );

  test(
    'tag leaves a list of images that is whole',
    async () => {
      const name = `${registry.host}/app:1`;
      const dir = await storeWith(name);
      let number = 0;
      await kill({
        kills: FEW,
        prepare: async () => {
          number += 1;
          const before = namesInIndex(dir);
          const fresh = `${registry.host}/tag:${number}`;
          return {
            args: ['tag', '--store', dir, name, fresh],
            check: async () => {
              await expectWhole(dir);
              expect(namesInIndex(dir)).toEqual(expect.arrayContaining([...before]));
            },
            finish: () => expectClean(dir, [...new Set([...before, fresh])]),
          };
        },
      });
    },
    LONG,
  );

  test(
    'a collection leaves every image that was to stay',
    async () => {
      const name = `${registry.host}/app:1`;
      const dir = await storeWith(name);
      await kill({
        kills: FEW,
        prepare: async () => {
          for (let count = 0; count < 40; count += 1) {
            const bytes = randomBytes(random, 1000);
            writeFileSync(join(dir, 'blobs', 'sha256', digestOf(bytes).slice(7)), bytes);
          }
          return {
            args: ['image', 'prune', '-f', '--store', dir],
            check: () => expectWhole(dir, [name]),
            finish: async () => {
              await expectClean(dir, [name]);
              expect(readdirSync(join(dir, 'blobs', 'sha256'))).toHaveLength(5);
            },
          };
        },
      });
    },
    LONG,
  );

  test(
    'save leaves no half archive under its name, and load of it no half image',
    async () => {
      const name = `${registry.host}/app:1`;
      const source = await storeWith(name);
      const whole = join(folder(), 'whole.tar');
      await user.ok(['save', '--store', source, '-o', whole, name]);
      await kill({
        kills: FEW,
        prepare: async () => {
          const dir = folder();
          const file = join(dir, 'app.tar');
          return {
            args: ['save', '--store', source, '-o', file, name],
            check: () => {
              if (existsSync(file)) expect(statSync(file).size).toBe(statSync(whole).size);
            },
            finish: async () => {
              expect(readdirSync(dir)).toEqual(['app.tar']);
              await expectClean(source);
            },
          };
        },
      });
      await kill({
        kills: FEW,
        prepare: async () => {
          const dir = join(folder(), 'store');
          return {
            args: ['load', '--store', dir, '-i', whole],
            check: () => expectWhole(dir),
            finish: () => expectClean(dir, [name]),
          };
        },
      });
    },
    LONG,
  );

  test(
    'import leaves a store that is whole',
    async () => {
      const files = folder();
      for (const name of ['a', 'b', 'c']) writeFileSync(join(files, name), randomBytes(random, 1_000_000));
      await kill({
        kills: FEW,
        prepare: async () => {
          const dir = join(folder(), 'store');
          return {
            args: ['import', '--store', dir, files, 'made:1'],
            check: () => expectWhole(dir),
            finish: () => expectClean(dir, ['docker.io/library/made:1']),
          };
        },
      });
    },
    LONG,
  );
});

test(
  'a pull that was killed at nine tenths of a large layer fetches the last tenth',
  async () => {
    const large = imageOf(25_200_000);
    const layer = large.layers[0]!.descriptor;
    fillRegistry(registry.contents, ['large', '1'], large);
    const dir = join(folder(), 'store');
    const part = join(dir, 'partial', `${layer.digest.replace(':', '-')}.part`);
    // One piece after the other: of several at once, what is not noted yet would be fetched again.
    const flags = ['--concurrency', '1', '--limit-rate', '20MB/s', '--no-progress'];
    const args = ['pull', '--store', dir, ...flags, `${registry.host}/large:1`];
    // Parts of it may come in any order, so what counts is not how long the file is but how much of it is there.
    const isAlmostThere = (): boolean => existsSync(part) && statSync(part).blocks * 512 >= layer.size * 0.9;
    expect(await runKilled(user, args, isAlmostThere)).toMatchObject({ hit: true });
    expect(await damageOf(dir)).toEqual([]);
    const before = registry.log.length;
    await user.ok(args);
    const fetches = registry.log.slice(before).filter(({ path }) => path.includes(layer.digest));
    expect(fetches.reduce((sum, { responseBytes }) => sum + responseBytes, 0)).toBeLessThanOrEqual(2_600_000);
    await expectClean(dir, [`${registry.host}/large:1`]);
  },
  LONG,
);

test(
  'a pull that is killed at any moment fetches about what was missing: in the median at most 0.55 of the image, never more than all',
  async () => {
    const sample = imageOf(260_000, 4_200_000, 10_000_000);
    fillRegistry(registry.contents, ['again', '1'], sample);
    const parts = [sample.manifest, sample.config, ...sample.layers];
    const total = parts.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    const kills = isLong ? 60 : 9;
    const shares: number[] = [];
    for (let number = 0; number < kills; number += 1) {
      const dir = join(folder(), 'store');
      const args = ['pull', '--store', dir, '--limit-rate', '8MB/s', '--no-progress', `${registry.host}/again:1`];
      // One in each of as many equal parts of the image: in the middle, or anywhere where they are many.
      const moment = ((number + (isLong ? random() : 0.5)) / kills) * total;
      await runKilled(user, args, () => receivedIn(dir) >= moment);
      const before = registry.log.length;
      await user.ok(['pull', '--store', dir, '--no-progress', `${registry.host}/again:1`]);
      const fetches = registry.log.slice(before).filter(({ method }) => method === 'GET');
      shares.push(fetches.reduce((sum, { responseBytes }) => sum + responseBytes, 0) / total);
      await expectClean(dir, [`${registry.host}/again:1`]);
    }
    const sorted = shares.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(kills / 2)]!;
    if (isLong)
      console.log(
        `fetched again: ${median.toFixed(2)} of the image in the median, ${sorted.at(-1)?.toFixed(2)} at most`,
      );
    expect(median, `seed ${seed}`).toBeLessThanOrEqual(0.55);
    expect(sorted.at(-1), `seed ${seed}`).toBeLessThanOrEqual(1);
  },
  LONG,
);

/** Bytes of content that a store has on its disk, finished or not. */
function receivedIn(dir: string): number {
  const sizes = [join(dir, 'blobs', 'sha256'), join(dir, 'partial')].map((place) =>
    existsSync(place)
      ? readdirSync(place).reduce(
          (sum, name) => sum + (statSync(join(place, name), { throwIfNoEntry: false })?.blocks ?? 0) * 512,
          0,
        )
      : 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Both of the registry that everybody runs: the second major version, as Debian has it, and the third. */
const REGISTRIES = [
  // A session in which a request broke off is gone there: nothing is left to go on from.
  { program: 'docker-registry', again: 1 },
  { program: 'registry', again: 0.104 },
] as const;

describe.each(REGISTRIES)(
  'a push to distribution ($program) that was killed inside one large PUT',
  ({ program, again }) => {
    test(
      `is ended by the next one, which sends at most ${again} of the layer again`,
      async ({ skip }) => {
        const path = await which(program);
        if (path === undefined) console.warn(`skipped: ${program} is not on this machine`);
        const target = path === undefined ? undefined : await startRealRegistry({ program: path });
        if (!target) return skip();
        const proxy = await startFaultProxy({ target: target.host, rules: [], clock: systemClock });
        try {
          const large = imageOf(25_200_000);
          const layer = large.layers[0]!.descriptor;
          fillRegistry(registry.contents, ['large', program], large);
          const dir = await storeWith(`${registry.host}/large:${program}`);
          const name = `${proxy.host}/pushed/large:1`;
          await user.ok(['tag', '--store', dir, `${registry.host}/large:${program}`, name]);
          const args = ['push', '--store', dir, '--limit-rate', '40MB/s', '--no-progress', name];
          const bodies = (): readonly Seen[] => proxy.requests(['PUT', 'PATCH'], /\/blobs\/uploads\//);
          const sent = (from: number): number =>
            bodies()
              .slice(from)
              .reduce((sum, { requestBytes }) => sum + requestBytes, 0);
          expect(await runKilled(user, args, () => sent(0) >= layer.size * 0.9)).toMatchObject({ hit: true });
          expect(bodies().filter(({ requestBytes }) => requestBytes > layer.size * 0.85)).toHaveLength(1);
          const before = bodies().length;
          await user.ok(args);
          expect(sent(before)).toBeLessThanOrEqual(layer.size * again + 2000);
          expect(await digestAt(target.host, 'pushed/large', '1')).toBe(large.manifest.descriptor.digest);
          const blob = await fetch(`http://${target.host}/v2/pushed/large/blobs/${layer.digest}`);
          expect(digestOf(Buffer.from(await blob.arrayBuffer()))).toBe(layer.digest);
        } finally {
          await proxy.stop();
          await target.stop();
        }
      },
      LONG,
    );
  },
);

async function digestAt(host: string, repository: string, tag: string): Promise<string | null> {
  const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' };
  const { headers: answer } = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers,
  });
  return answer.get('docker-content-digest');
}

test(
  'a push that was killed at nine tenths of a large layer sends the last tenth',
  async () => {
    const large = imageOf(25_200_000);
    const layer = large.layers[0]!.descriptor;
    fillRegistry(registry.contents, ['large', '2'], large);
    const target = await startRegistry();
    const dir = await storeWith(`${registry.host}/large:2`);
    const name = `${target.host}/pushed/large:1`;
    await user.ok(['tag', '--store', dir, `${registry.host}/large:2`, name]);
    const args = ['push', '--store', dir, '--limit-rate', '40MB/s', '--no-progress', name];
    const sent = (from: number): number =>
      target.log
        .slice(from)
        .filter(({ method, path }) => /P(?:UT|ATCH)/.test(method) && path.includes('/blobs/uploads/'))
        .reduce((sum, { requestBytes }) => sum + requestBytes, 0);
    expect(await runKilled(user, args, () => sent(0) >= layer.size * 0.9)).toMatchObject({ hit: true });
    const before = target.log.length;
    await user.ok(args);
    expect(target.contents.anyBlob(layer.digest)?.length).toBe(layer.size);
    expect(sent(before)).toBeLessThanOrEqual(2_600_000);
    expect(target.contents.manifest('pushed/large', '1')?.digest).toBe(large.manifest.descriptor.digest);
    await target.stop();
  },
  LONG,
);
