import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLayout } from '../../../src/endpoints/layout/layout.ts';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { encodedOf } from '../../../src/spec/digest.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { collect } from '../../../src/util/content.ts';
import { addImage, addIndex } from '../../helpers/images.ts';
import { runConformance } from '../conformance.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const IMAGE_NAME = 'io.containerd.image.name';

for (const [kind, names] of [
  ['tags', ['1.0', '2.0', 'none']],
  ['full names', ['docker.io/library/app:1', 'docker.io/library/db:1', 'docker.io/library/none:1']],
] as const) {
  runConformance(
    `layout with ${kind}`,
    async () => {
      const parent = await mkdtemp(join(tmpdir(), 'hubctl-layout-'));
      const dir = join(parent, 'new', 'layout');
      return {
        endpoint: await openLayoutWithIndex(dir),
        names,
        reopen: () => openLayout(dir),
        cleanUp: () => rm(parent, { recursive: true }),
      };
    },
    { sparse: true },
  );
}

/** A layout must exist before it can say which names it does not have. */
async function openLayoutWithIndex(dir: string): ReturnType<typeof openLayout> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
  return openLayout(dir);
}

describe('a layout directory', () => {
  let dir: string;
  let source: MemoryEndpoint;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-layout-'));
    source = new MemoryEndpoint();
  });
  afterEach(() => rm(dir, { recursive: true }));

  const index = async (): Promise<{ manifests: { digest: string; annotations?: Record<string, string> }[] }> =>
    JSON.parse(await readFile(join(dir, 'index.json'), 'utf8')) as never;
  const blobFile = (digest: string): string => join(dir, 'blobs', 'sha256', encodedOf(digest));

  it('has the files that the specification asks for, and no others', async () => {
    addImage(source, { as: 'image' });
    await copy(source, await openLayout(dir), 'image', { as: '1.0' });
    expect((await readdir(dir)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(JSON.parse(await readFile(join(dir, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    expect((await readdir(join(dir, 'blobs', 'sha256'))).every((name) => /^[a-f0-9]{64}$/.test(name))).toBe(true);
    expect((await index()).manifests[0]?.annotations).toEqual({ [REF_NAME]: '1.0' });
  });

  it('is called latest when no tag is given', async () => {
    addImage(source, { as: '' });
    await copy(source, await openLayout(dir), '', { as: '' });
    expect((await index()).manifests[0]?.annotations).toEqual({ [REF_NAME]: 'latest' });
  });

  it('writes a full name for containerd and its tag for everybody else', async () => {
    addImage(source, { as: 'image' });
    await copy(source, await openLayout(dir), 'image', { as: 'ghcr.io/acme/app:2' });
    expect((await index()).manifests[0]?.annotations).toEqual({ [IMAGE_NAME]: 'ghcr.io/acme/app:2', [REF_NAME]: '2' });
  });

  it('lists an image without a name once', async () => {
    const { descriptor } = addImage(source, { as: 'image' });
    const layout = await openLayout(dir);
    await copy(source, layout, 'image', { as: descriptor.digest });
    await copy(source, layout, 'image', { as: descriptor.digest });
    expect((await index()).manifests).toHaveLength(1);
    await copy(source, layout, 'image', { as: '1' });
    expect((await index()).manifests).toMatchObject([{ annotations: { [REF_NAME]: '1' } }]);
  });

  it('keeps what others wrote into index.json', async () => {
    const { descriptor } = addImage(source, { as: 'image' });
    const foreign = { ...descriptor, digest: `sha256:${'0'.repeat(64)}`, 'x-field': [1] };
    await writeFile(
      join(dir, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [foreign], annotations: { a: 'b' }, 'x-vendor': { deep: true } }),
    );
    await copy(source, await openLayout(dir), 'image', { as: '1' });
    expect(await index()).toMatchObject({
      annotations: { a: 'b' },
      'x-vendor': { deep: true },
      manifests: [foreign, { digest: descriptor.digest }],
    });
  });

  it('never overwrites an index.json that it does not understand', async () => {
    addImage(source, { as: 'image' });
    for (const text of ['{"manifests":[', '[]', '{"manifests":3}']) {
      await writeFile(join(dir, 'index.json'), text);
      const layout = await openLayout(dir);
      await expect(copy(source, layout, 'image', { as: '1' })).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
      expect(await readFile(join(dir, 'index.json'), 'utf8')).toBe(text);
    }
  });

  it('loses no entry when several writers name images at once', async () => {
    const names = Array.from({ length: 8 }, (_, number) => `v${number}`);
    for (const name of names) addImage(source, { as: name, layers: [[[name, name]]] });
    await Promise.all(names.map(async (name) => copy(source, await openLayout(dir), name, { as: name })));
    expect((await index()).manifests).toHaveLength(8);
  });

  it('gives its only image without being asked for a name', async () => {
    const { descriptor } = addImage(source, { as: 'image' });
    const layout = await openLayout(dir);
    await copy(source, layout, 'image', { as: 'whatever' });
    expect(await layout.resolve('')).toMatchObject({ digest: descriptor.digest });
    addImage(source, { as: 'other', layers: [] });
    await copy(source, layout, 'other', { as: 'other' });
    await expect(layout.resolve('')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: 'it holds whatever, other',
    });
    await copy(source, layout, 'other', { as: 'latest' });
    expect(await layout.resolve('')).toMatchObject({ digest: (await layout.resolve('other')).digest });
  });

  it('finds one platform of an index by its digest', async () => {
    const { images } = addIndex(source, { as: 'index' });
    const layout = await openLayout(dir);
    await copy(source, layout, 'index', { as: '1' });
    const { mediaType, digest, size } = images[1]!.descriptor;
    expect(await layout.resolve(digest)).toEqual({ mediaType, digest, size });
    await expect(layout.resolve(images[0]!.layers[0]!.descriptor.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('finds full names in either annotation, short or canonical', async () => {
    const { descriptor } = addImage(source, { as: 'image' });
    await copy(source, await openLayout(dir), 'image', { as: 'x' });
    for (const annotations of [
      { [REF_NAME]: 'docker.io/library/alpine:3' },
      { [REF_NAME]: 'alpine:3' },
      { [IMAGE_NAME]: 'docker.io/library/alpine:3', [REF_NAME]: '3' },
    ]) {
      await writeFile(
        join(dir, 'index.json'),
        JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptor, annotations }] }),
      );
      const layout = await openLayout(dir);
      expect(await layout.resolve('docker.io/library/alpine:3')).toMatchObject({ digest: descriptor.digest });
    }
  });

  it('takes the last of several images with one name, and says so', async () => {
    const first = addImage(source, { as: 'a' });
    const second = addImage(source, { as: 'b', layers: [] });
    const annotations = { [REF_NAME]: '1' };
    const manifests = [first, second].map(({ descriptor }) => ({ ...descriptor, annotations }));
    await writeFile(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    const warnings: string[] = [];
    const layout = await openLayout(dir, { onWarning: (text) => warnings.push(text) });
    expect(await layout.resolve('1')).toMatchObject({ digest: second.descriptor.digest });
    expect(warnings).toEqual([`oci:${dir} has several images called 1; the last one is taken`]);
  });

  it('counts a blob of another size as absent and replaces it', async () => {
    const { layers } = addImage(source, { as: 'image' });
    const layout = await openLayout(dir);
    await copy(source, layout, 'image', { as: '1' });
    const [layer] = layers;
    await writeFile(blobFile(layer!.descriptor.digest), 'cut');
    expect(await layout.has(layer!.descriptor)).toBe(false);
    await copy(source, layout, 'image', { as: '1' });
    expect((await readFile(blobFile(layer!.descriptor.digest))).equals(layer!.blob)).toBe(true);
  });

  it('replaces a blob of the right size when told to', async () => {
    const { layers } = addImage(source, { as: 'image' });
    const layout = await openLayout(dir);
    await copy(source, layout, 'image', { as: '1' });
    const { descriptor, blob } = layers[0]!;
    await writeFile(blobFile(descriptor.digest), Buffer.alloc(descriptor.size));
    await layout.write(descriptor, async () => source.read(descriptor), { force: true });
    expect((await readFile(blobFile(descriptor.digest))).equals(blob)).toBe(true);
  });

  it('never follows a link to content', async () => {
    const { descriptor } = addImage(source, { as: 'image' });
    const layout = await openLayout(dir);
    await copy(source, layout, 'image', { as: '1' });
    const outside = join(dir, 'outside');
    await writeFile(outside, 'x'.repeat(descriptor.size));
    await rm(blobFile(descriptor.digest));
    await symlink(outside, blobFile(descriptor.digest));
    expect(await layout.has(descriptor)).toBe(false);
    await expect(layout.read(descriptor)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    await rm(join(dir, 'index.json'));
    await symlink('/etc/hostname', join(dir, 'index.json'));
    await expect(layout.resolve('1')).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('says so when a directory is no layout, or is not there', async () => {
    await expect((await openLayout(dir)).resolve('1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect((await openLayout(join(dir, 'none'))).resolve('')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuses names that no layout may have', async () => {
    addImage(source, { as: 'image' });
    const layout = await openLayout(dir);
    await expect(copy(source, layout, 'image', { as: '../x y' })).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
  });

  it('removes what a process that died left long ago, and nothing else', async () => {
    addImage(source, { as: 'image' });
    const blobs = join(dir, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    const elsewhere = '.00000000-1-';
    const old = join(blobs, `${elsewhere}${'a'.repeat(16)}.tmp`);
    const young = join(blobs, `${elsewhere}${'b'.repeat(16)}.tmp`);
    await writeFile(old, 'x');
    await writeFile(young, 'x');
    await writeFile(join(blobs, '.other'), 'x');
    await utimes(old, 1000, 1000);
    await utimes(join(blobs, '.other'), 1000, 1000);
    await copy(source, await openLayout(dir), 'image', { as: '1' });
    const hidden = (await readdir(blobs)).filter((name) => name.startsWith('.')).sort();
    expect(hidden).toEqual(['.other', `${elsewhere}${'b'.repeat(16)}.tmp`].sort());
  });

  it('holds content of other digest algorithms', async () => {
    const { digestOf } = await import('../../../src/spec/digest.ts');
    const bytes = Buffer.from('sha512 content');
    const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes, 'sha512'), size: bytes.length };
    const layout = await openLayout(dir);
    const memory = new MemoryEndpoint();
    await memory.write(descriptor, async () => ({
      forEach: async (consume) => {
        await consume(bytes);
      },
      cancel: () => undefined,
    }));
    await layout.write(descriptor, () => memory.read(descriptor));
    expect((await collect(await layout.read(descriptor), 100)).equals(bytes)).toBe(true);
    expect(await readdir(join(dir, 'blobs'))).toEqual(['sha512']);
  });
});
