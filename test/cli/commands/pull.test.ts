import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shortDigest } from '../../../src/spec/digest.ts';
import { sampleIndex } from '../../helpers/sample-image.ts';
import { AMD64, ARM64, imageOf, indexOf, newStore, type Blob } from '../../helpers/stores.ts';
import { newRegistry, newWorkplace, requestsTo, type Workplace } from '../../helpers/workplace.ts';

const S390X = { os: 'linux', architecture: 's390x' };
const image = imageOf({ layers: ['one', 'two'] });
const index = indexOf([AMD64, ARM64, S390X]);
const digest = image.manifest.descriptor.digest;
const indexDigest = index.index.descriptor.digest;

function idsOf(blobs: readonly Blob[]): readonly string[] {
  return blobs.map(({ descriptor }) => shortDigest(descriptor.digest));
}

/** Which platforms of the index are in the store. */
async function platformsIn(place: Workplace): Promise<readonly unknown[]> {
  const store = await newStore(join(place.dir, 'store'));
  const [summary] = await store.summaries();
  return summary?.platforms.filter(({ present }) => present).map(({ platform }) => platform?.architecture) ?? [];
}

describe('a pull', () => {
  test('takes the tag latest, and says what it did in the words of docker', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    publish('team/app:latest', image);
    const { status, stdout } = await hubctl(['pull', `${registry.host}/team/app`]);
    expect(status).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'Using default tag: latest',
      'latest: Pulling from team/app',
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${registry.host}/team/app:latest`,
      `${registry.host}/team/app:latest`,
      '',
    ]);
  });

  test('does not speak of a default when there is a tag', async () => {
    const { hubctl, publish } = await newWorkplace();
    expect((await hubctl(['pull', publish('app:1', image)])).stdout).toMatch(/^1: Pulling from app\n/);
  });

  test('tells of its layers on stderr', async () => {
    const { hubctl, publish } = await newWorkplace();
    const { stderr } = await hubctl(['pull', publish('app:1', image)]);
    const lines = stderr.split('\n');
    for (const id of idsOf(image.layers)) {
      expect(lines).toEqual(expect.arrayContaining([`${id}: Pulling fs layer`, `${id}: Pull complete`]));
    }
    expect(stderr).toMatch(/\ndownloaded 2 of 2 layers, \d+B\n$/);
    expect(stderr).not.toContain(idsOf([image.config])[0]);
  });

  test('leaves the image in the store under its canonical name', async () => {
    const { hubctl, publish, images } = await newWorkplace();
    const name = publish('app:1', image);
    await hubctl(['pull', name]);
    expect(await images()).toEqual([[name, digest]]);
  });

  test('with --quiet prints the name alone', async () => {
    const { hubctl, publish } = await newWorkplace();
    const name = publish('app:latest', image);
    expect(await hubctl(['pull', '-q', name.replace(':latest', '')])).toMatchObject({
      stdout: `${name}\n`,
      stderr: '',
    });
  });

  test('with --json gives one array with an object per image', async () => {
    const { hubctl, publish } = await newWorkplace();
    const name = publish('app:1', image);
    const bytes = image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    const { mediaType, size } = image.manifest.descriptor;
    const { stdout, stderr } = await hubctl(['pull', '--json', name]);
    expect(JSON.parse(stdout)).toEqual([
      {
        reference: name,
        digest,
        mediaType,
        size,
        changed: true,
        downloaded: { layers: 2, bytes },
        reused: { layers: 0, bytes: 0 },
      },
    ]);
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ version: 1 });
  });

  test('asks for each piece of content once', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    await hubctl(['pull', publish('app:1', image)]);
    const blobs = [image.config, ...image.layers].map((blob) => `GET /v2/app/blobs/${blob.descriptor.digest}`);
    expect([...requestsTo(registry)].sort()).toEqual([...blobs, 'GET /v2/app/manifests/1'].sort());
  });
});

describe('a second pull', () => {
  test.each([
    ['an image', image],
    ['an index', index],
  ])('of %s that is up to date costs one HEAD', async (_, published) => {
    const { hubctl, publish, registry } = await newWorkplace();
    const name = publish('app:1', published);
    await hubctl(['pull', name]);
    const before = registry.log.length;
    const { status, stdout, stderr } = await hubctl(['pull', name]);
    expect(status).toBe(0);
    expect(stdout).toContain(`\nStatus: Image is up to date for ${name}\n`);
    expect(stderr).toContain(': Already exists\n');
    expect(requestsTo(registry).slice(before)).toEqual(['HEAD /v2/app/manifests/1']);
  });

  test('says with --json that nothing changed', async () => {
    const { hubctl, publish } = await newWorkplace();
    const name = publish('app:1', image);
    await hubctl(['pull', name]);
    expect(JSON.parse((await hubctl(['pull', '--json', name])).stdout)).toMatchObject([
      { changed: false, downloaded: { layers: 0 }, reused: { layers: 2 } },
    ]);
  });

  test('follows a tag that has moved, and fetches only what is new', async () => {
    const { hubctl, publish, images, registry } = await newWorkplace();
    const name = publish('app:1', image);
    await hubctl(['pull', name]);
    const newer = imageOf({ layers: ['one', 'three'] });
    publish('app:1', newer);
    const { stdout, stderr } = await hubctl(['pull', name]);
    expect(stdout).toContain('Status: Downloaded newer image');
    expect(stderr).toContain('downloaded 1 of 2 layers');
    expect(await images()).toEqual([
      [name, newer.manifest.descriptor.digest],
      [undefined, digest],
    ]);
    expect(registry.requests({ path: image.layers[0]?.descriptor.digest ?? '' })).toHaveLength(1);
  });
});

describe('a pull of several images', () => {
  test('with -a takes every tag of the repository', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    const names = [publish('app:1', image), publish('app:2', imageOf({ layers: ['other'] }))];
    const { status, stdout } = await hubctl(['pull', '-a', `${registry.host}/app`]);
    expect(status).toBe(0);
    expect(stdout).not.toContain('Using default tag');
    expect(stdout.split('\n').filter((line) => names.includes(line))).toEqual(names);
    expect((await images()).map(([name]) => name)).toEqual(names);
  });

  test('with -a downloads layers that tags share once', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    publish('app:1', image);
    publish('app:2', image);
    await hubctl(['pull', '-a', `${registry.host}/app`]);
    for (const { descriptor } of image.layers) expect(registry.requests({ path: descriptor.digest })).toHaveLength(1);
  });

  test.each([
    ['a tag', ':1'],
    ['a digest', `@${digest}`],
  ])('refuses -a together with %s', async (_, suffix) => {
    const { hubctl, registry } = await newWorkplace();
    const { status, stdout, stderr } = await hubctl(['pull', '-a', `${registry.host}/app${suffix}`]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain("a tag or digest can't be used with --all-tags/-a");
    expect(registry.log).toEqual([]);
  });

  test('does the others when one fails, and ends with 1', async () => {
    const { hubctl, publish, images } = await newWorkplace();
    const names = [publish('a:1', image), publish('b:1', imageOf({ layers: ['b'] }))];
    const [first = '', second = ''] = names;
    const { status, stdout, stderr } = await hubctl(['pull', first, `${first}nope`, second]);
    expect(status).toBe(1);
    expect((await images()).map(([name]) => name)).toEqual(names);
    expect(stdout.split('\n').filter((line) => names.includes(line))).toEqual(names);
    expect(stderr).toContain(`hubctl: pull ${first}nope: not found`);
    expect(stderr).toMatch(/\nhubctl: 1 of 3 failed\n$/);
  });

  test('ends with the code they have in common when all fail', async () => {
    const { hubctl, registry } = await newWorkplace();
    const { status, stderr } = await hubctl(['pull', `${registry.host}/a`, `${registry.host}/b`]);
    expect(status).toBe(3);
    expect(stderr).toContain('hubctl: 2 of 2 failed');
  });
});

describe('platforms', () => {
  test('that of this machine is pulled; the digest stays that of the tag', async () => {
    const place = await newWorkplace();
    const { stdout } = await place.hubctl(['pull', place.publish('app:1', index)]);
    expect(stdout).toContain(`Digest: ${indexDigest}\n`);
    expect(await platformsIn(place)).toEqual(['amd64']);
  });

  test.each([
    { flags: ['--platform', 'linux/arm64'], pulled: ['arm64'] },
    { flags: ['--platform', 'linux/arm64', '--platform', 'linux/s390x'], pulled: ['arm64', 's390x'] },
    { flags: ['--platform', 'linux/arm64,linux/s390x'], pulled: ['arm64', 's390x'] },
    { flags: ['--all-platforms'], pulled: ['amd64', 'arm64', 's390x'] },
  ])('with $flags it pulls $pulled', async ({ flags, pulled }) => {
    const place = await newWorkplace();
    const { status } = await place.hubctl(['pull', ...flags, place.publish('app:1', index)]);
    expect(status).toBe(0);
    expect(await platformsIn(place)).toEqual(pulled);
    expect(await place.images()).toEqual([[`${place.registry.host}/app:1`, indexDigest]]);
  });

  test('are added to those that are here', async () => {
    const place = await newWorkplace();
    const name = place.publish('app:1', index);
    await place.hubctl(['pull', name]);
    const { stdout } = await place.hubctl(['pull', '--platform', 'linux/arm64', name]);
    expect(stdout).toContain('Status: Downloaded newer image');
    expect(await platformsIn(place)).toEqual(['amd64', 'arm64']);
  });

  test('cannot be some and all at once', async () => {
    const { hubctl, registry } = await newWorkplace();
    const flags = ['--platform', 'linux/arm64', '--all-platforms'];
    const { status, stderr } = await hubctl(['pull', ...flags, `${registry.host}/app`]);
    expect(status).toBe(2);
    expect(stderr).toContain('use either --platform or --all-platforms');
    expect(registry.log).toEqual([]);
  });

  test('that are not there end with 3 and a list of those that are', async () => {
    const place = await newWorkplace();
    const name = place.publish('app:1', sampleIndex(['linux/amd64', 'linux/arm64']));
    const { status, stderr } = await place.hubctl(['pull', '--platform', 'linux/mips', name]);
    expect(status).toBe(3);
    expect(stderr).toContain(`no matching manifest for linux/mips in ${name}\n`);
    expect(stderr).toContain('it has: linux/amd64, linux/arm64; choose one with --platform\n');
    expect(await place.images()).toEqual([]);
  });

  test('do not stop an image for another one only, but are spoken of', async () => {
    const place = await newWorkplace();
    const name = place.publish('app:1', imageOf({ platform: ARM64 }));
    const { status, stderr } = await place.hubctl(['pull', name]);
    expect(status).toBe(0);
    expect(stderr).toContain(`WARNING: ${name} is for linux/arm64, not linux/amd64\n`);
  });
});

describe('--output', () => {
  /** Names in index.json of a layout. */
  const namesIn = (dir: string): readonly unknown[] => {
    const { manifests } = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as {
      manifests: { digest: string; annotations?: Record<string, string> }[];
    };
    return manifests.map((entry) => [entry.annotations?.['org.opencontainers.image.ref.name'], entry.digest]);
  };

  test('oci:DIR makes a layout with the tag as the name, and leaves the store alone', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const name = publish('app:1', image);
    const { status, stdout } = await hubctl(['pull', '-o', `oci:${join(dir, 'layout')}`, name]);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`\n${name}\n$`));
    expect(namesIn(join(dir, 'layout'))).toEqual([['1', digest]]);
    expect(readdirSync(join(dir, 'layout', 'blobs', 'sha256'))).toHaveLength(4);
    expect(existsSync(join(dir, 'store'))).toBe(false);
  });

  test('oci:DIR:TAG gives another name', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    await hubctl(['pull', '-o', `oci:${join(dir, 'layout')}:mine`, publish('app:1', image)]);
    expect(namesIn(join(dir, 'layout'))).toEqual([['mine', digest]]);
  });

  test('oci:DIR keeps an image that was pulled by digest without a name', async () => {
    const { hubctl, publish, registry, dir } = await newWorkplace();
    publish('app:1', image);
    await hubctl(['pull', '-o', `oci:${join(dir, 'layout')}`, `${registry.host}/app@${digest}`]);
    expect(namesIn(join(dir, 'layout'))).toEqual([[undefined, digest]]);
  });

  test('oci:DIR takes several images', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const names = [publish('app:1', image), publish('app:2', index)];
    await hubctl(['pull', '--all-platforms', '-o', `oci:${join(dir, 'layout')}`, ...names]);
    expect([...namesIn(join(dir, 'layout'))].sort()).toEqual([
      ['1', digest],
      ['2', indexDigest],
    ]);
  });

  test('oci:DIR takes the manifest of one platform, so that the layout is whole', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    await hubctl(['pull', '--platform', 'linux/amd64', '-o', `oci:${join(dir, 'layout')}`, publish('app:2', index)]);
    const [[name, named] = []] = namesIn(join(dir, 'layout')) as [string, string][];
    expect(name).toBe('2');
    expect(named).not.toBe(indexDigest);
  });

  test('oci:DIR:TAG takes one image only', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const names = [publish('app:1', image), publish('app:2', index)];
    const { status, stderr } = await hubctl(['pull', '-o', `oci:${join(dir, 'layout')}:x`, ...names]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('names one image, not 2')]);
  });

  test('docker-archive:FILE makes a file that load takes', async () => {
    const { hubctl, publish, dir, images } = await newWorkplace();
    const name = publish('app:1', image);
    const file = join(dir, 'app.tar');
    expect((await hubctl(['pull', '-o', `docker-archive:${file}`, name])).status).toBe(0);
    expect(await images()).toEqual([]);
    expect((await hubctl(['load', '-i', file])).stdout).toBe(`Loaded image: ${name}\n`);
    expect(await images()).toEqual([[name, digest]]);
  });

  test.each(['-', 'docker-archive:-', 'docker-archive:-:other:2'])(
    '%s puts the archive alone on stdout, and every line on stderr',
    async (target) => {
      const { hubctl, publish } = await newWorkplace();
      const name = publish('app:1', image);
      const { status, bytes, stderr } = await hubctl(['pull', '-o', target, name]);
      expect(status).toBe(0);
      expect(stderr).toContain(`Digest: ${digest}\n`);
      expect(stderr).toMatch(new RegExp(`\n${name}\n$`));
      expect(bytes.length % 512).toBe(0);
      expect((await hubctl(['load'], { stdin: bytes })).status).toBe(0);
    },
  );

  test('- says nothing at all with --quiet', async () => {
    const { hubctl, publish } = await newWorkplace();
    const { bytes, stderr } = await hubctl(['pull', '-q', '-o', '-', publish('app:1', image)]);
    expect(stderr).toBe('');
    expect((await hubctl(['load'], { stdin: bytes })).status).toBe(0);
  });

  test.each([{ tty: true, flags: [] }, { flags: ['--json'] }])(
    '- is refused where an archive is no use: %j',
    async ({ flags, ...options }) => {
      const { hubctl, registry } = await newWorkplace();
      const result = await hubctl(['pull', ...flags, '-o', '-', `${registry.host}/app`], options);
      expect(result).toMatchObject({ status: 2, stdout: '' });
      expect(registry.log).toEqual([]);
    },
  );

  test.each(['archive.tar', 'docker-daemon:x', 'store:x', 'zip:x'])('refuses %s', async (target) => {
    const { hubctl, registry } = await newWorkplace();
    const { status, stdout, stderr } = await hubctl(['pull', '-o', target, `${registry.host}/app`]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`--output ${target} is not understood\n  hint: use oci:DIR[:TAG], docker-archive:FILE`);
    expect(registry.log).toEqual([]);
  });

  test('leaves no file, and speaks of none, when one of the images fails', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const name = publish('app:1', image);
    const target = `docker-archive:${join(dir, 'app.tar')}`;
    const { status, stdout } = await hubctl(['pull', '-o', target, name, `${name}nope`]);
    expect(status).toBe(1);
    expect(stdout).not.toContain('Status:');
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('a pull by digest', () => {
  test('gets exactly that, and names it so', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    publish('app:1', image);
    const name = `${registry.host}/app@${digest}`;
    const { status, stdout } = await hubctl(['pull', name]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      `${digest}: Pulling from app\nDigest: ${digest}\nStatus: Downloaded newer image for ${name}\n${name}\n`,
    );
    expect(await images()).toEqual([[name, digest]]);
  });

  test('does not look at a tag that stands before it', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    publish('app:1', image);
    expect((await hubctl(['pull', `${registry.host}/app:nope@${digest}`])).status).toBe(0);
    expect(await images()).toEqual([[`${registry.host}/app@${digest}`, digest]]);
    expect(registry.requests({ path: 'nope' })).toEqual([]);
  });

  test('ends with 7 when the registry gives another manifest', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    publish('app:1', image);
    registry.fail({ method: 'GET', path: '/manifests/', times: 9 }, { corrupt: 40 });
    const { status, stderr } = await hubctl(['pull', `${registry.host}/app@${digest}`]);
    expect(status).toBe(7);
    expect(stderr).toContain(`the manifest should be ${digest} but hashes to`);
    expect(await images()).toEqual([]);
  });
});

describe('damage and breaks', () => {
  const layer = image.layers[0]?.descriptor.digest ?? '';

  test('a layer that is not what its digest says ends with 7, and nothing is named', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    const name = publish('app:1', image);
    registry.fail({ method: 'GET', path: layer, times: 9 }, { corrupt: 12 });
    const { status, stdout, stderr } = await hubctl(['pull', name]);
    expect(status).toBe(7);
    expect(stdout).not.toContain('Status:');
    expect(stderr).toContain(`hubctl: pull ${name}: expected ${layer}`);
    expect(await images()).toEqual([]);
  });

  test('a layer damaged on the way is fetched once more', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    const name = publish('app:1', image);
    registry.fail({ method: 'GET', path: layer }, { corrupt: 12 });
    const { status, stderr } = await hubctl(['pull', name]);
    expect(status).toBe(0);
    expect(stderr).toContain(`WARNING: ${layer} arrived damaged; fetching it once more\n`);
    expect(await images()).toEqual([[name, digest]]);
  });

  test('a body that breaks off goes on where it stopped', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    registry.fail({ method: 'GET', path: layer }, { closeAfter: 10 });
    const { status, stderr } = await hubctl(['pull', publish('app:1', image)]);
    expect(status).toBe(0);
    expect(stderr).toContain(`${shortDigest(layer)}: Retrying in`);
    const ranges = registry.requests({ method: 'GET', path: layer }).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=10-/)]);
  });

  test('what arrived of a large layer before a failure is not asked for again by the next pull', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const large = imageOf({ layers: [randomBytes(300_000).toString('hex')] });
    const path = large.layers[0]?.descriptor.digest ?? '';
    const name = publish('app:1', large);
    registry.fail({ method: 'GET', path }, { closeAfter: 10 });
    registry.fail({ method: 'GET', path }, { status: 403 });
    expect((await hubctl(['pull', name])).status).toBe(4);
    const { status, stderr } = await hubctl(['pull', name]);
    expect(status).toBe(0);
    expect(stderr).toContain(`${shortDigest(path)}: Resuming after 10B`);
    expect(registry.requests({ method: 'GET', path }).at(-1)?.headers.range).toMatch(/^bytes=10-/);
  });
});

describe('a registry that says no', () => {
  test('for an unknown tag ends with 3 and a next step', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    publish('app:1', image);
    const { status, stderr } = await hubctl(['pull', `${registry.host}/app:nope`]);
    expect(status).toBe(3);
    expect(stderr).toContain(`hubctl: pull ${registry.host}/app:nope: not found`);
    expect(stderr).toContain(`hubctl tags ${registry.host}/app`);
  });

  test.each(['basic', 'bearer'] as const)('for want of a %s login ends with 4 and names the command', async (auth) => {
    const { hubctl, registry } = await newWorkplace({ auth });
    const { status, stderr } = await hubctl(['pull', `${registry.host}/app:1`]);
    expect(status).toBe(4);
    expect(stderr).toContain(`hint: log in first: hubctl login ${registry.host}\n`);
  });

  test('because of too many requests ends with 5 and says how long to wait', async () => {
    const { hubctl, registry } = await newWorkplace();
    registry.fail({ path: '/manifests/' }, { status: 429, headers: { 'retry-after': '3600' } });
    const { status, stderr } = await hubctl(['pull', `${registry.host}/app:1`]);
    expect(status).toBe(5);
    expect(stderr).toMatch(/try again after 20\d\d-\d\d-\d\d \d\d:\d\d UTC/);
  });

  test('since nothing listens there ends with 6', async () => {
    const { hubctl } = await newWorkplace();
    const gone = await newRegistry();
    await gone.stop();
    const { status, stdout, stderr } = await hubctl(['pull', '-q', `${gone.host}/app:1`]);
    expect({ status, stdout }).toEqual({ status: 6, stdout: '' });
    expect(stderr).toContain(`hubctl: pull ${gone.host}/app:1: cannot connect to ${gone.host}`);
  });

  test('with --json is told as an object on stderr, and stdout is still one value', async () => {
    const { hubctl, registry } = await newWorkplace();
    const { stdout, stderr } = await hubctl(['pull', '--json', `${registry.host}/app:1`]);
    expect(JSON.parse(stdout)).toEqual([]);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'NOT_FOUND', exit: 3 },
    });
  });
});

test('refuses a name that is none before anything is opened', async () => {
  const { hubctl, dir } = await newWorkplace();
  expect(await hubctl(['pull', 'localhost/UPPER'])).toMatchObject({ status: 2, stdout: '' });
  expect(existsSync(join(dir, 'store'))).toBe(false);
});
