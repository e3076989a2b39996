import { existsSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { openStore } from '../../../src/endpoints/store/store.ts';
import { parseManifest } from '../../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { collect, contentOf } from '../../../src/util/content.ts';
import { withLock } from '../../../src/util/lock.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { addImage, addIndex } from '../../helpers/images.ts';
import { seed, seededRandom } from '../../helpers/random.ts';
import {
  AMD64,
  ARM64,
  blobNames,
  blobOf,
  hexOf,
  imageOf,
  indexOf,
  namesOf,
  newStore,
  opener,
  put,
  putImage,
  readIndex,
} from '../../helpers/stores.ts';

const ALPINE = 'docker.io/library/alpine:3';

describe('a store that does not exist', () => {
  test('is empty, and reading creates nothing', async () => {
    const store = await newStore();
    expect(await store.images()).toEqual([]);
    expect(await store.summaries()).toEqual([]);
    expect(await store.has(blobOf('x').descriptor)).toBe(false);
    expect(await store.unname(ALPINE)).toBe(false);
    expect(await store.remove([])).toEqual({ deleted: [], bytes: 0 });
    expect(await store.collect()).toEqual({ deleted: [], bytes: 0 });
    expect(await store.seen.repositories('docker.io', blobOf('x').descriptor.digest)).toEqual([]);
    expect(await store.diffIds.layerOf(blobOf('x').descriptor.digest)).toBeUndefined();
    expect(await hubErrorFrom(() => store.resolve(ALPINE))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await hubErrorFrom(() => store.read(blobOf('x').descriptor))).toMatchObject({ code: 'NOT_FOUND' });
    expect(existsSync(store.dir)).toBe(false);
  });

  test('cannot be where a file is', async () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    expect(await hubErrorFrom(() => openStore(path))).toMatchObject({ code: 'STORAGE' });
  });
});

describe('names', () => {
  test('make a plain image layout that other tools can read', async () => {
    const store = await newStore();
    const { manifest } = await putImage(store, ALPINE);
    expect(JSON.parse(readFileSync(join(store.dir, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(readIndex(store)).toEqual({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [
        {
          ...manifest.descriptor,
          annotations: { 'io.containerd.image.name': ALPINE, 'org.opencontainers.image.ref.name': ALPINE },
        },
      ],
    });
  });

  test('are canonical whatever is given', async () => {
    const store = await newStore();
    const { manifest } = await putImage(store, 'alpine');
    await store.setName(manifest.descriptor, `alpine:3@${manifest.descriptor.digest}`);
    expect(await namesOf(store)).toEqual([
      'docker.io/library/alpine:latest',
      `docker.io/library/alpine@${manifest.descriptor.digest}`,
    ]);
  });

  test('that move leave the image without a name', async () => {
    const store = await newStore();
    const old = await putImage(store, ALPINE, { layers: ['old'] });
    const fresh = await putImage(store, ALPINE, { layers: ['new'] });
    expect((await store.images()).map(({ name, descriptor }) => [name, descriptor.digest])).toEqual([
      [undefined, old.manifest.descriptor.digest],
      [ALPINE, fresh.manifest.descriptor.digest],
    ]);
  });

  test('that move away from an image with other names leave nothing without a name', async () => {
    const store = await newStore();
    const old = await putImage(store, ALPINE, { layers: ['old'] });
    await store.setName(old.manifest.descriptor, 'alpine:old');
    await putImage(store, ALPINE, { layers: ['new'] });
    expect(await namesOf(store)).toEqual(['docker.io/library/alpine:old', ALPINE]);
  });

  test('given to an image without one take it out of the nameless', async () => {
    const store = await newStore();
    const { manifest } = await putImage(store, undefined);
    expect(await namesOf(store)).toEqual([undefined]);
    await store.setName(manifest.descriptor, ALPINE);
    expect(await namesOf(store)).toEqual([ALPINE]);
  });

  test('taken away leave the content until it is collected', async () => {
    const store = await newStore();
    const image = await putImage(store, ALPINE);
    expect(await store.unname('alpine:3')).toBe(true);
    expect(await store.unname('alpine:3')).toBe(false);
    expect(await store.images()).toEqual([]);
    expect(blobNames(store)).toEqual(hexOf(image.blobs));
  });

  test('many at once in one process are all kept', async () => {
    const store = await newStore();
    const { manifest } = await putImage(store, 'x:0');
    await Promise.all(Array.from({ length: 50 }, (_, at) => store.setName(manifest.descriptor, `x:${at}`)));
    expect(await store.images()).toHaveLength(50);
  });

  test('that are malformed are refused', async () => {
    const store = await newStore();
    const { manifest } = await putImage(store, ALPINE);
    const error = await hubErrorFrom(() => store.setName(manifest.descriptor, 'UPPER'));
    expect(error).toMatchObject({ code: 'REFERENCE_INVALID' });
  });
});

describe('a name is given only to what is complete', () => {
  test('an image without a layer is refused with the digests to get', async () => {
    const store = await newStore();
    const image = imageOf({ layers: ['one', 'two'] });
    await put(store, image.blobs.slice(1));
    const error = await hubErrorFrom(() => store.setName(image.manifest.descriptor, ALPINE));
    expect(error).toMatchObject({ code: 'STORAGE', details: { missing: [image.layers[0]?.descriptor.digest] } });
    expect(await store.images()).toEqual([]);
  });

  test('a blob of the wrong size counts as missing', async () => {
    const store = await newStore();
    const image = imageOf();
    await put(store, image.blobs);
    const layer = image.layers[0]?.descriptor ?? image.config.descriptor;
    const { digest } = layer;
    await store.has(layer); // it is in its place, and nothing comes after what is written here
    writeFileSync(store.blobPath(digest), 'short');
    const error = await hubErrorFrom(() => store.setName(image.manifest.descriptor, ALPINE));
    expect(error.details['missing']).toEqual([digest]);
  });

  test('an index may lack manifests', async () => {
    const store = await newStore();
    const { index, images } = indexOf();
    await put(store, [...(images[0]?.blobs ?? []), index], ALPINE);
    expect(await namesOf(store)).toEqual([ALPINE]);
  });

  test('a manifest of an index that was brought along needs its layers', async () => {
    const store = await newStore();
    const { index, images } = indexOf();
    const [image] = images;
    await put(store, [...(image?.blobs ?? []), index]);
    unlinkSync(store.blobPath(image?.layers[0]?.descriptor.digest ?? ''));
    const error = await hubErrorFrom(() => store.setName(index.descriptor, ALPINE));
    expect(error.details['missing']).toEqual([image?.layers[0]?.descriptor.digest]);
  });

  test('what is left of an old attempt at another platform does not matter', async () => {
    const store = await newStore();
    const { index, images } = indexOf();
    const attempt = await newStore(store.dir);
    await put(attempt, images[1]?.blobs.slice(1) ?? []);
    await put(store, [...(images[0]?.blobs ?? []), index], ALPINE);
    expect(await namesOf(store)).toEqual([ALPINE]);
  });

  test('layers that registries do not hand out may be missing', async () => {
    const store = await newStore();
    const foreign = imageOf({ layerType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' });
    await put(store, foreign.blobs.slice(1), ALPINE);
    expect(await namesOf(store)).toEqual([ALPINE]);
  });

  test('content that is a leaf of unknown type needs only itself', async () => {
    const store = await newStore();
    await put(store, [blobOf('anything', 'application/x-unknown')], ALPINE);
    expect(await namesOf(store)).toEqual([ALPINE]);
  });
});

describe('resolve', () => {
  test('finds by canonical name, and by the digest of anything that is here', async () => {
    const store = await newStore();
    const image = await putImage(store, ALPINE);
    expect(await store.resolve(ALPINE)).toMatchObject(image.manifest.descriptor);
    expect(await store.resolve(image.manifest.descriptor.digest)).toMatchObject(image.manifest.descriptor);
    expect(await store.resolve(image.config.descriptor.digest)).toMatchObject({ size: image.config.descriptor.size });
  });

  test('knows the type of a manifest inside an index', async () => {
    const store = await newStore();
    const { index, images } = indexOf();
    await put(store, [...images.flatMap(({ blobs }) => blobs), index], ALPINE);
    expect(await store.resolve(images[1]?.manifest.descriptor.digest ?? '')).toEqual(images[1]?.manifest.descriptor);
  });

  test('finds by the digest in a name of the same repository only', async () => {
    const store = await newStore();
    const { manifest } = await putImage(store, ALPINE);
    const { digest } = manifest.descriptor;
    expect(await store.resolve(`docker.io/library/alpine@${digest}`)).toMatchObject({ digest });
    expect(await hubErrorFrom(() => store.resolve(`docker.io/library/busybox@${digest}`))).toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('removal', () => {
  test('deletes what no other image needs, parents first', async () => {
    const store = await newStore();
    const first = await putImage(store, 'a', { layers: ['shared', 'only a'] });
    const second = await putImage(store, 'b', { layers: ['shared', 'only b'] });
    await store[Symbol.asyncDispose]();
    const { deleted, bytes } = await store.remove([await store.find('a')]);
    const gone = [first.manifest, first.config, first.layers[1]];
    expect(deleted).toEqual(gone.map((blob) => blob?.descriptor.digest));
    expect(bytes).toBe(gone.reduce((sum, blob) => sum + (blob?.bytes.length ?? 0), 0));
    expect(blobNames(store)).toEqual(hexOf(second.blobs));
    expect(await namesOf(store)).toEqual(['docker.io/library/b:latest']);
  });

  test('of one of two names deletes nothing', async () => {
    const store = await newStore();
    const image = await putImage(store, 'a');
    await store.setName(image.manifest.descriptor, 'b');
    await store[Symbol.asyncDispose]();
    expect(await store.remove([await store.find('a')])).toEqual({ deleted: [], bytes: 0 });
    expect(await namesOf(store)).toEqual(['docker.io/library/b:latest']);
  });

  test('of an image that is also within an index leaves it there', async () => {
    const store = await newStore();
    const { index, images } = indexOf();
    await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'all');
    await store.setName(images[0]?.manifest.descriptor ?? index.descriptor, 'one');
    await store[Symbol.asyncDispose]();
    expect((await store.remove([await store.find('one')])).deleted).toEqual([]);
    const { deleted } = await store.remove([await store.find('all')]);
    expect(deleted).toHaveLength(7);
    expect(blobNames(store)).toEqual([]);
  });

  test('works from what is on the disk when nothing was remembered', async () => {
    const store = await newStore();
    const first = await putImage(store, 'a', { layers: ['shared', 'only a'] });
    const second = await putImage(store, 'b', { layers: ['shared', 'only b'] });
    await store[Symbol.asyncDispose]();
    unlinkSync(join(store.dir, 'images-cache.json'));
    const other = await newStore(store.dir);
    await other.remove([await other.find('a')]);
    expect(blobNames(store)).toEqual(hexOf(second.blobs));
    expect(first.layers[0]?.descriptor).toEqual(second.layers[0]?.descriptor);
  });
});

describe('a long list of images', () => {
  /** A store with 400 names of one image, and what it shows to somebody who has read nothing of it yet. */
  async function longList() {
    const store = await newStore();
    const image = await putImage(store, ALPINE);
    const { manifests, ...rest } = JSON.parse(readFileSync(join(store.dir, 'index.json'), 'utf8')) as {
      manifests: object[];
    };
    for (let at = 0; at < 400; at += 1) {
      const annotations = { 'org.opencontainers.image.ref.name': `registry.example/app:${at}` };
      manifests.push({ ...image.manifest.descriptor, annotations });
    }
    writeFileSync(join(store.dir, 'index.json'), JSON.stringify({ ...rest, manifests }));
    const shown = async (): Promise<unknown> => {
      const list = await (await newStore(store.dir)).summaries();
      const fields = list.map(({ name, descriptor, id, size, platforms }) => [name, descriptor, id, size, platforms]);
      return JSON.parse(JSON.stringify(fields)) as unknown;
    };
    const list = join(store.dir, 'images-list.txt');
    /** What is kept does not matter: what is shown is what is shown without it. */
    const expectTrue = async (): Promise<void> => {
      const [first, second] = [await shown(), await shown()];
      expect(existsSync(list)).toBe(true);
      unlinkSync(list);
      expect([first, second]).toEqual(Array(2).fill(await shown()));
    };
    return { store, image, list, shown, expectTrue };
  }

  test('is kept, and read again without the index', async () => {
    const { list, shown } = await longList();
    expect(existsSync(list)).toBe(false);
    expect(await shown()).toHaveLength(401);
    const { mtimeMs, ino } = statSync(list);
    expect(await shown()).toHaveLength(401);
    expect(statSync(list)).toMatchObject({ mtimeMs, ino });
  });

  test('is not kept when it is short', async () => {
    const store = await newStore();
    await putImage(store, ALPINE);
    expect(await store.summaries()).toHaveLength(1);
    expect(existsSync(join(store.dir, 'images-list.txt'))).toBe(false);
  });

  test('is that of the store as it is now, whatever has changed', async () => {
    const { store, image, expectTrue } = await longList();
    await expectTrue();
    await store.setName(image.manifest.descriptor, 'new:1');
    await expectTrue();
    await store.unname('registry.example/app:7');
    await expectTrue();
    await putImage(store, 'other:1', { layers: ['other'] });
    await expectTrue();
    await store.remove([await store.find('other:1')]);
    await expectTrue();
    await store.collect({ allPartial: true });
    await expectTrue();
  });

  test('is kept up with what changes, and not made anew for it', async () => {
    const { store, image, list, shown } = await longList();
    await shown();
    const { ino, size } = statSync(list);
    await store.setName(image.manifest.descriptor, 'new:1');
    await store.unname('registry.example/app:7');
    await putImage(store, 'other:1', { layers: ['other'] });
    await store.remove([await store.find('other:1'), await store.find('registry.example/app:8')]);
    await putImage(store, 'other:2', { layers: ['another'] });
    await putImage(store, 'other:2', { layers: ['yet another'] });
    const now = await shown();
    expect(now).toHaveLength(402);
    expect(statSync(list)).toMatchObject({ ino });
    expect(statSync(list).size).toBeGreaterThan(size);
    unlinkSync(list);
    expect(await shown()).toEqual(now);
  });

  test('is written anew once very much has changed', async () => {
    const { store, image, list, shown } = await longList();
    await shown();
    const { ino, size } = statSync(list);
    for (let at = 0; at < 80; at += 1) await store.setName(image.manifest.descriptor, `new:${at}`);
    expect(statSync(list).size).toBeGreaterThan(size + 32 * 1024);
    expect(await shown()).toHaveLength(481);
    expect(statSync(list).ino).not.toBe(ino);
    expect(await shown()).toHaveLength(481);
  });

  test('does not grow without end where nobody asks for it', async () => {
    const { store, image, list, shown } = await longList();
    await shown();
    const { size } = statSync(list);
    for (let at = 0; at < 300; at += 1) await store.setName(image.manifest.descriptor, `new:${at}`);
    expect(statSync(list).size).toBeLessThanOrEqual(size + 128 * 1024);
    expect(await shown()).toHaveLength(701);
  });

  test('is the true one after any changes, by hubctl and by others', async () => {
    const { store, image, list, shown } = await longList();
    const random = seededRandom(seed);
    const pick = (): string => `registry.example/app:${Math.floor(random() * 400)}`;
    const actions: readonly (() => Promise<unknown>)[] = [
      () => store.setName(image.manifest.descriptor, pick()),
      () => store.unname(pick()),
      () => putImage(store, pick(), { layers: [pick()] }),
      async () => store.remove([(await store.images())[3]!]),
      () => putImage(store, undefined, { layers: [pick()] }),
      () => putImage(store, undefined, { layers: [pick()], subject: image.manifest.descriptor }),
      () => store.collect({ allPartial: true }),
      async () => {
        const index = join(store.dir, 'index.json');
        const { manifests, ...rest } = JSON.parse(readFileSync(index, 'utf8')) as { manifests: object[] };
        writeFileSync(index, JSON.stringify({ ...rest, manifests: manifests.slice(1) }));
      },
      async () => writeFileSync(list, readFileSync(list).subarray(0, -20)),
      shown,
    ];
    for (let step = 0; step < 60; step += 1) {
      await actions[Math.floor(random() * actions.length)]?.();
      const [told, kept] = [await shown(), existsSync(list) ? readFileSync(list) : undefined];
      rmSync(list, { force: true });
      expect(told, `seed ${seed}, step ${step}`).toEqual(await shown());
      if (kept) writeFileSync(list, kept);
    }
  });

  test('shows a platform that came to an index whose name was there', async () => {
    const { store, expectTrue, shown } = await longList();
    const { index, images } = indexOf();
    await put(store, [...(images[0]?.blobs ?? []), index], 'all');
    await expectTrue();
    const before = await shown();
    await put(store, [...(images[1]?.blobs ?? []), index], 'all');
    expect(await shown()).not.toEqual(before);
    await expectTrue();
  });

  test('is void when another tool has changed the index', async () => {
    const { store, shown } = await longList();
    await shown();
    const text = readFileSync(join(store.dir, 'index.json'), 'utf8');
    writeFileSync(join(store.dir, 'index.json'), text.replace('registry.example/app:9"', 'registry.example/app:x"'));
    expect(JSON.stringify(await shown())).toContain('registry.example/app:x');
  });

  test('is shown where nothing may be written, and while somebody changes the store', async () => {
    const { store, list, shown } = await longList();
    await withLock(join(store.dir, 'locks', 'index.lock'), {}, async () => {
      expect(await shown()).toHaveLength(401);
    });
    expect(existsSync(list)).toBe(false);
  });
});

describe('manifests that are about another one', () => {
  test('are found from there, not listed, kept with it and deleted with it', async () => {
    const store = await newStore();
    const image = await putImage(store, ALPINE);
    const signature = imageOf({ layers: ['signature'], subject: image.manifest.descriptor });
    await put(store, signature.blobs);
    expect(await namesOf(store)).toEqual([ALPINE]);
    const found: string[] = [];
    for await (const { digest } of store.referrers?.(image.manifest.descriptor) ?? []) found.push(digest);
    expect(found).toEqual([signature.manifest.descriptor.digest]);
    await store[Symbol.asyncDispose]();
    expect((await store.collect()).deleted).toEqual([]);
    await store.remove([await store.find(ALPINE)]);
    expect(blobNames(store)).toEqual([]);
    expect(readIndex(store).manifests).toEqual([]);
  });
});

describe('content in memory and from streams', () => {
  test('addBytes stores small content and describes it', async () => {
    const store = await newStore();
    const descriptor = await store.addBytes(Buffer.from('{}'), 'application/json');
    expect(descriptor).toEqual(blobOf('{}', 'application/json').descriptor);
    expect((await store.bytes(descriptor)).toString()).toBe('{}');
  });

  test('ingest stores content whose digest is not known', async () => {
    const store = await newStore();
    const { bytes, descriptor } = blobOf('whatever it is');
    expect(await store.ingest(contentOf(bytes))).toEqual({ digest: descriptor.digest, size: descriptor.size });
    expect(await store.has(descriptor)).toBe(true);
    await store[Symbol.asyncDispose]();
    expect(readdirSync(join(store.dir, 'temp'))).toEqual([]);
  });

  test('ingest of content that breaks off leaves nothing', async () => {
    const store = await newStore();
    const broken = { forEach: () => Promise.reject(new Error('broke')), cancel: () => undefined };
    await expect(store.ingest(broken)).rejects.toThrow('broke');
    await store[Symbol.asyncDispose]();
    expect(blobNames(store)).toEqual([]);
    expect(readdirSync(join(store.dir, 'temp'))).toEqual([]);
  });

  test('bytes refuses what is damaged or too long', async () => {
    const store = await newStore();
    const blob = blobOf('good bytes');
    await put(store, [blob]);
    expect(await hubErrorFrom(() => store.bytes(blob.descriptor, 3))).toMatchObject({ code: 'CONTENT_INVALID' });
    writeFileSync(store.blobPath(blob.descriptor.digest), 'evil bytes');
    const error = await hubErrorFrom(() => store.bytes(blob.descriptor));
    expect(error).toMatchObject({
      code: 'DIGEST_MISMATCH',
      message: `stored blob ${blob.descriptor.digest} is damaged`,
    });
  });

  test('temp gives an empty file of its own that goes with the store', async () => {
    const store = await newStore();
    const [first, second] = [await store.temp(), await store.temp()];
    expect(first).not.toBe(second);
    expect(statSync(first).size).toBe(0);
    expect(statSync(first).mode & 0o777).toBe(0o600);
    await store[Symbol.asyncDispose]();
    expect(existsSync(first)).toBe(false);
  });

  test('a digest is never a path', async () => {
    const store = await newStore();
    for (const digest of ['sha256:../../etc/passwd', 'sha256:', '../x', `sha256:${'A'.repeat(64)}`]) {
      expect(await hubErrorFrom(() => store.blobPath(digest))).toMatchObject({ code: 'CONTENT_INVALID' });
    }
    expect(await hubErrorFrom(() => store.blobPath('md5:d41d8cd98f00b204e9800998ecf8427e'))).toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

describe('copy', () => {
  test('brings an image here and back without changing a byte', async () => {
    const source = new MemoryEndpoint();
    const { descriptor } = addIndex(source, { attestations: true, as: 'v1' });
    const store = await newStore();
    await copy(source, store, 'v1', { as: ALPINE });
    const target = new MemoryEndpoint();
    await copy(store, target, ALPINE, { as: 'v1' });
    expect(await target.resolve('v1')).toMatchObject({ digest: descriptor.digest });
    const again = await copy(source, store, 'v1', { as: ALPINE });
    expect(again).toMatchObject({ copied: 0, copiedBytes: 0 });
  });

  test('heals an image whose layer another process has collected meanwhile', async () => {
    const source = new MemoryEndpoint();
    const image = addImage(source, { as: 'v1' });
    const store = await newStore();
    const { layers } = image;
    const path = store.blobPath(layers[0]?.descriptor.digest ?? '');
    let removed = false;
    const result = await copy(source, store, 'v1', {
      as: ALPINE,
      onEvent: (event) => {
        if (removed || event.type !== 'finished' || event.kind !== 'config' || !existsSync(path)) return;
        removed = true;
        unlinkSync(path);
      },
    });
    expect(result.descriptor).toMatchObject(image.descriptor);
    expect(await store.has(layers[0]?.descriptor ?? image.descriptor)).toBe(true);
  });

  test('adds a platform to an index that is here in part', async () => {
    const source = new MemoryEndpoint();
    addIndex(source, { as: 'v1' });
    const store = await newStore();
    const options = { as: ALPINE, keepIndex: true };
    await copy(source, store, 'v1', { ...options, platforms: [AMD64] });
    expect((await store.summaries())[0]?.platforms.map(({ present }) => present)).toEqual([true, false]);
    await copy(source, store, 'v1', { ...options, platforms: [ARM64] });
    expect((await store.summaries())[0]?.platforms.map(({ present }) => present)).toEqual([true, true]);
    const other = await newStore(store.dir);
    expect((await other.summaries())[0]?.platforms.map(({ present }) => present)).toEqual([true, true]);
    expect((await other.collect()).deleted).toEqual([]);
  });
});

test('reads a part of a blob', async () => {
  const store = await newStore();
  const blob = blobOf('0123456789');
  await put(store, [blob]);
  const part = await store.read(blob.descriptor, { start: 2, end: 5 });
  expect((await collect(part, 10)).toString()).toBe('234');
});

test('prepare refuses when there is no room, before anything is written', async () => {
  const store = await newStore();
  const error = await hubErrorFrom(() => store.prepare(2 ** 52));
  expect(error).toMatchObject({ code: 'STORAGE' });
  expect(error.message).toMatch(/^need [\d.]+ MB, [\d.]+ MB free in /);
});

test('content of sha512 lives beside that of sha256', async () => {
  const store = await newStore();
  const blob = blobOf('x', 'application/octet-stream', 'sha512');
  await store.write(blob.descriptor, opener(blob));
  expect((await store.bytes(blob.descriptor)).toString()).toBe('x');
  expect(readdirSync(join(store.dir, 'blobs')).toSorted()).toEqual(['sha256', 'sha512']);
});

test('an image config that another tool wrote differently is still read', async () => {
  const store = await newStore();
  const config = blobOf('not json at all', MEDIA_TYPES.ociConfig);
  const manifest = blobOf(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: config.descriptor, layers: [] }),
    MEDIA_TYPES.ociManifest,
  );
  expect(parseManifest(manifest.bytes).layers).toEqual([]);
  await put(store, [config, manifest], ALPINE);
  expect(await store.summaries()).toMatchObject([{ id: config.descriptor.digest, created: undefined }]);
});
