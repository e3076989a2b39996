import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/spec/digest.ts';
import { buildManifest } from '../../../src/spec/build.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { dockerImage, oldDockerArchive } from '../../helpers/archives.ts';
import { tarOf } from '../../helpers/images.ts';
import type { Registry } from '../../helpers/registry.ts';
import { AMD64, ARM64, blobOf, imageOf, indexOf, newStore, put } from '../../helpers/stores.ts';
import { newRegistry, newWorkplace } from '../../helpers/workplace.ts';

const image = imageOf({ layers: ['one', 'two'] });
const { digest, size, mediaType } = image.manifest.descriptor;
const multi = indexOf([AMD64, ARM64, { os: 'linux', architecture: 's390x' }]);
const indexDigest = multi.index.descriptor.digest;
const [, arm64 = ''] = multi.images.map(({ manifest }) => manifest.descriptor.digest);

/** Names in index.json of a layout, with their digests. */
function namesIn(dir: string): readonly unknown[] {
  const { manifests } = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  return manifests.map((entry) => [entry.annotations?.['org.opencontainers.image.ref.name'], entry.digest]);
}

/** GETs of blobs, and PUTs of them. */
function moved(registry: Registry): number {
  return (
    registry.requests({ method: 'GET', path: '/blobs/' }).length +
    registry.requests({ method: 'PUT', path: '/blobs/' }).length
  );
}

describe('a copy', () => {
  test('brings a whole index to another registry, and prints its digest alone', async () => {
    const { hubctl, publish } = await newWorkplace();
    const other = await newRegistry();
    const { status, stdout } = await hubctl(['copy', publish('app:1', multi), `${other.host}/mirror/app:2`]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${indexDigest}\n` });
    expect(other.contents.manifest('mirror/app', '2')?.bytes.equals(multi.index.bytes)).toBe(true);
    for (const { config, layers, manifest } of multi.images) {
      expect(other.contents.manifest('mirror/app', manifest.descriptor.digest)).toBeDefined();
      for (const { descriptor } of [config, ...layers]) {
        expect(other.contents.blob('mirror/app', descriptor.digest)).toBeDefined();
      }
    }
  });

  test('tells a registry nothing of the repositories of another one', async () => {
    const { hubctl, publish } = await newWorkplace();
    const other = await newRegistry();
    const source = publish('secret/project:1', image);
    // Known from before, so that a mount would be tried if it could help.
    await hubctl(['pull', '-q', source]);
    expect(await hubctl(['copy', source, `${other.host}/public/app:1`])).toMatchObject({ status: 0 });
    await hubctl(['tag', source, `${other.host}/public/again:1`]);
    expect(await hubctl(['push', `${other.host}/public/again:1`])).toMatchObject({ status: 0 });
    const paths = other.log.map(({ path }) => decodeURIComponent(path));
    expect(paths.filter((path) => path.includes('secret'))).toEqual([]);
  });

  test.each(['store:src:1', 'oci:DIR/src', 'docker-archive:DIR/src.tar', 'oci-archive:DIR/src.tar', 'HOST/src:1'])(
    'from %s gives the same digest everywhere',
    async (pattern) => {
      const { hubctl, publish, dir, registry } = await newWorkplace();
      const place = (text: string): string => text.replace('DIR', dir).replace('HOST', registry.host);
      const source = place(pattern);
      const original = publish('src:1', multi);
      if (source !== original) await hubctl(['copy', original, source]);
      const targets = ['store:a:1', 'oci:DIR/a:1', 'docker-archive:DIR/a.tar', 'oci-archive:DIR/b.tar', 'HOST/a:1'];
      for (const target of targets.map(place)) {
        expect(await hubctl(['copy', '-q', source, target])).toMatchObject({ status: 0, stdout: `${indexDigest}\n` });
      }
      expect(registry.contents.manifest('a', '1')?.digest).toBe(indexDigest);
    },
  );

  test('says on stderr what it moved', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const { stderr } = await hubctl(['copy', publish('app:1', image), `oci:${join(dir, 'layout')}`]);
    expect(stderr).toMatch(/\ncopied 2 of 2 layers, \d+B\n$/);
  });

  test('with --json gives one object', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const target = `oci:${join(dir, 'layout')}:x`;
    const bytes = image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    const none = { layers: 0, bytes: 0 };
    const { stdout } = await hubctl(['copy', '--json', publish('app:1', image), target]);
    expect(JSON.parse(stdout)).toEqual({
      target,
      reference: 'x',
      digest,
      mediaType,
      size,
      copied: { layers: 2, bytes },
      mounted: none,
      existing: none,
    });
  });

  test('in one registry borrows the layers and moves none', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const { status, stderr } = await hubctl(['copy', publish('team/app:1', multi), `${registry.host}/mirror/app`]);
    expect(status).toBe(0);
    expect(stderr).toContain(': Mounted from team/app\n');
    expect(moved(registry)).toBe(0);
    expect(registry.contents.manifest('mirror/app', '1')?.digest).toBe(indexDigest);
  });

  test('in one repository gives another tag', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    await hubctl(['copy', publish('app:1', image), `${registry.host}/app:stable`]);
    expect(registry.contents.manifest('app', 'stable')?.digest).toBe(digest);
    expect(moved(registry)).toBe(0);
  });

  test('takes names of registries with docker:// before them', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const target = `docker://${registry.host}/other:1`;
    expect((await hubctl(['copy', `docker://${publish('app:1', image)}`, target])).status).toBe(0);
    expect(registry.contents.tags('other')).toEqual(['1']);
  });

  test('pushes a file that an old docker saved', async () => {
    const { hubctl, registry, dir } = await newWorkplace();
    const saved = dockerImage();
    writeFileSync(join(dir, 'app.tar'), tarOf(oldDockerArchive([{ image: saved, tags: ['app:1'] }])));
    const { status } = await hubctl(['copy', `docker-archive:${join(dir, 'app.tar')}`, `${registry.host}/app:1`]);
    expect(status).toBe(0);
    expect(registry.contents.blob('app', saved.id)?.equals(saved.config)).toBe(true);
  });

  test('reads an archive from stdin', async () => {
    const { hubctl, registry } = await newWorkplace();
    const stdin = tarOf(oldDockerArchive([{ image: dockerImage(), tags: ['app:1'] }]));
    expect((await hubctl(['copy', 'docker-archive:-', `${registry.host}/app:1`], { stdin })).status).toBe(0);
    expect(registry.contents.tags('app')).toEqual(['1']);
  });

  test('from a store that has one platform brings that, and warns', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const name = publish('app:1', multi);
    await hubctl(['pull', name]);
    const { stdout, stderr } = await hubctl(['copy', `store:${name}`, `${registry.host}/other:1`]);
    expect(stdout).toBe(`${multi.images[0]?.manifest.descriptor.digest}\n`);
    expect(stderr).toContain('WARNING: only linux/amd64 of');
  });
});

describe('a target without a tag', () => {
  test('in a registry gets the tag of the source', async () => {
    const { hubctl, publish } = await newWorkplace();
    const other = await newRegistry();
    await hubctl(['copy', publish('app:1.2', image), `${other.host}/app`]);
    expect(other.contents.tags('app')).toEqual(['1.2']);
  });

  test('in a layout gets the tag of the source', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    await hubctl(['copy', publish('app:1.2', image), `oci:${join(dir, 'layout')}`]);
    expect(namesIn(join(dir, 'layout'))).toEqual([['1.2', digest]]);
  });

  test('gets the name of an image in a layout', async () => {
    const { hubctl, publish, registry, dir } = await newWorkplace();
    await hubctl(['copy', publish('app:1.2', image), `oci:${join(dir, 'layout')}`]);
    await hubctl(['copy', `oci:${join(dir, 'layout')}:1.2`, `${registry.host}/other`]);
    expect(registry.contents.tags('other')).toEqual(['1.2']);
  });

  test('is the whole name for the store', async () => {
    const { hubctl, publish, images } = await newWorkplace();
    const name = publish('team/app:1.2', image);
    expect((await hubctl(['copy', name, 'store:'])).status).toBe(0);
    expect(await images()).toEqual([[name, digest]]);
  });

  test('is the whole name for an archive', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const name = publish('team/app:1.2', image);
    const file = join(dir, 'app.tar');
    await hubctl(['copy', name, `docker-archive:${file}`]);
    expect((await hubctl(['load', '-i', file])).stdout).toBe(`Loaded image: ${name}\n`);
  });

  test('in a registry stays without one when the source is named by its digest', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    publish('app:1', image);
    await hubctl(['copy', `${registry.host}/app@${digest}`, `${registry.host}/other`]);
    expect(registry.contents.tags('other')).toEqual([]);
    expect(registry.contents.manifest('other', digest)).toBeDefined();
  });

  test('in a layout stays without one when the source is named by its digest', async () => {
    const { hubctl, publish, registry, dir } = await newWorkplace();
    publish('app:1', image);
    await hubctl(['copy', `${registry.host}/app@${digest}`, `oci:${join(dir, 'layout')}`]);
    expect(namesIn(join(dir, 'layout'))).toEqual([[undefined, digest]]);
    await hubctl(['copy', `oci:${join(dir, 'layout')}:${digest}`, `oci:${join(dir, 'second')}`]);
    expect(namesIn(join(dir, 'second'))).toEqual([[undefined, digest]]);
  });

  test('in the store is refused when the source has no name', async () => {
    const { hubctl, publish, dir, images } = await newWorkplace();
    await hubctl(['copy', publish('app:1', image), `oci:${join(dir, 'layout')}`]);
    const { status, stderr } = await hubctl(['copy', `oci:${join(dir, 'layout')}`, 'store:']);
    expect(status).toBe(2);
    expect(stderr).toContain('the image needs a name in the store\n  hint: use store:NAME[:TAG]\n');
    expect(await images()).toEqual([]);
  });
});

describe('platforms', () => {
  test('one is copied as an image of its own', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const names = [publish('app:1', multi), `${registry.host}/other:1`];
    const { stdout, stderr } = await hubctl(['copy', '--platform', 'linux/arm64', ...names]);
    expect(stdout).toBe(`${arm64}\n`);
    expect(stderr).not.toContain('WARNING');
    expect(registry.contents.manifest('other', '1')?.digest).toBe(arm64);
  });

  test('some become a smaller index in a registry, whose digest is told', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const names = [publish('app:1', multi), `${registry.host}/other:1`];
    const { stdout, stderr } = await hubctl(['copy', '--platform', 'linux/arm64,linux/amd64', ...names]);
    const copied = registry.contents.manifest('other', '1');
    expect(stdout).toBe(`${copied?.digest}\n`);
    expect(stderr).toContain(`WARNING: ${registry.host}/app:1 is copied as a new index of 2 platforms`);
    expect(JSON.parse(copied?.bytes.toString() ?? '')).toMatchObject({
      manifests: [{ platform: { architecture: 'amd64' } }, { platform: { architecture: 'arm64' } }],
    });
  });

  test('some keep the index in a layout, without the others', async () => {
    const { hubctl, publish, dir } = await newWorkplace();
    const flags = ['--platform', 'linux/arm64', '--platform', 'linux/amd64'];
    const { stdout } = await hubctl(['copy', ...flags, publish('app:1', multi), `oci:${join(dir, 'layout')}`]);
    expect(stdout).toBe(`${indexDigest}\n`);
    expect(readdirSync(join(dir, 'layout', 'blobs', 'sha256'))).toHaveLength(1 + 2 * 3);
  });

  test('of one that is not there end with 3', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const argv = ['copy', '--platform', 'linux/mips', publish('app:1', multi), `${registry.host}/other:1`];
    const { status, stderr } = await hubctl(argv);
    expect(status).toBe(3);
    expect(stderr).toContain('it has: linux/amd64, linux/arm64, linux/s390x; choose one with --platform');
    expect(registry.contents.hasRepository('other')).toBe(false);
  });

  test('of an image for another one end with 3', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const argv = ['copy', '--platform', 'linux/arm64', publish('app:1', image), `${registry.host}/other:1`];
    const { status, stderr } = await hubctl(argv);
    expect(status).toBe(3);
    expect(stderr).toContain('is for linux/amd64, not linux/arm64');
  });

  test('cannot be some and all at once', async () => {
    const { hubctl, registry } = await newWorkplace();
    const argv = ['copy', '--platform', 'linux/arm64', '--all-platforms', `${registry.host}/a`, `${registry.host}/b`];
    expect((await hubctl(argv)).status).toBe(2);
    expect(registry.log).toEqual([]);
  });
});

describe('--referrers', () => {
  const signature = blobOf('signature', 'application/vnd.example.signature');
  const config = blobOf('{}', MEDIA_TYPES.ociEmpty);
  const bytes = Buffer.from(
    buildManifest({
      config: config.descriptor,
      layers: [signature.descriptor],
      subject: image.manifest.descriptor,
      artifactType: 'application/vnd.example.signature',
    }),
  );
  const publishSigned = (registry: Registry): void => {
    for (const blob of [signature, config]) registry.contents.putBlob('app', blob.bytes);
    registry.contents.putManifest('app', { mediaType: MEDIA_TYPES.ociManifest, bytes });
  };

  test('brings what refers to the image', async () => {
    const { hubctl, publish, registry } = await newWorkplace({ referrers: true });
    const other = await newRegistry({ referrers: true });
    const name = publish('app:1', image);
    publishSigned(registry);
    expect((await hubctl(['copy', '--referrers', name, `${other.host}/app`])).status).toBe(0);
    expect(other.contents.referrers('app', digest)).toHaveLength(1);
    expect(other.contents.blob('app', signature.descriptor.digest)?.toString()).toBe('signature');
  });

  test('is needed for that', async () => {
    const { hubctl, publish, registry } = await newWorkplace({ referrers: true });
    const other = await newRegistry({ referrers: true });
    const name = publish('app:1', image);
    publishSigned(registry);
    await hubctl(['copy', name, `${other.host}/app`]);
    expect(other.contents.manifest('app', digestOf(bytes))).toBeUndefined();
  });
});

describe('an archive on stdout', () => {
  test.each(['docker-archive:-', 'oci-archive:-', 'docker-archive:-:other:2'])(
    'is alone there with %s, and the digest on stderr',
    async (target) => {
      const { hubctl, publish } = await newWorkplace();
      const { status, bytes, stderr } = await hubctl(['copy', publish('app:1', image), target]);
      expect(status).toBe(0);
      expect(stderr).toMatch(new RegExp(`\n${digest}\n$`));
      expect(bytes.length % 512).toBe(0);
      expect((await hubctl(['load'], { stdin: bytes })).status).toBe(0);
    },
  );

  test.each([
    ['a terminal', [], { tty: true }],
    ['--json', ['--json'], {}],
  ] as const)('is refused with %s', async (_, flags, options) => {
    const { hubctl, registry } = await newWorkplace();
    const result = await hubctl(['copy', ...flags, `${registry.host}/app`, 'docker-archive:-'], options);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(registry.log).toEqual([]);
  });
});

describe('a copy that cannot be', () => {
  test('of an image that is not there ends with 3 and leaves nothing', async () => {
    const { hubctl, registry, dir } = await newWorkplace();
    const file = join(dir, 'app.tar');
    const { status, stdout } = await hubctl(['copy', `${registry.host}/app:nope`, `docker-archive:${file}`]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(existsSync(file)).toBe(false);
  });

  test('of damaged content ends with 7 and leaves nothing', async () => {
    const { hubctl, publish, registry, dir } = await newWorkplace();
    const name = publish('app:1', image);
    registry.fail({ path: image.layers[0]?.descriptor.digest ?? '', times: 9 }, { corrupt: 12 });
    const { status, stdout } = await hubctl(['copy', name, `docker-archive:${join(dir, 'app.tar')}`]);
    expect({ status, stdout }).toEqual({ status: 7, stdout: '' });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('from an image that the store does not have ends with 3', async () => {
    const { hubctl, registry } = await newWorkplace();
    expect((await hubctl(['copy', 'store:app:1', `${registry.host}/app:1`])).status).toBe(3);
    expect(registry.log).toEqual([]);
  });

  test('from an archive of several images, of which none is named, ends with 2 and lists them', async () => {
    const { hubctl, registry, dir } = await newWorkplace();
    const store = await newStore(join(dir, 'store'));
    await put(store, image.blobs, 'one:1');
    await put(store, imageOf({ layers: ['other'] }).blobs, 'two:1');
    const file = join(dir, 'app.tar');
    await hubctl(['save', '-o', file, 'one:1', 'two:1']);
    const { status, stderr } = await hubctl(['copy', `docker-archive:${file}`, `${registry.host}/app:1`]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/one:1.*two:1/);
    expect((await hubctl(['copy', `docker-archive:${file}:one:1`, `${registry.host}/app:1`])).stdout).toBe(
      `${digest}\n`,
    );
  });

  test('names what it does not know: docker-daemon', async () => {
    const { hubctl, dir } = await newWorkplace();
    const { status, stderr } = await hubctl(['copy', 'docker-daemon:app:1', `oci:${join(dir, 'layout')}`]);
    expect(status).toBe(8);
    expect(stderr).toContain('docker-daemon: is not something hubctl copies from or to\n  hint: ');
  });
});
