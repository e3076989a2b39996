import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchive, type Archive } from '../../../src/endpoints/archive/read.ts';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import type { Descriptor } from '../../../src/spec/descriptor.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { parseManifest } from '../../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { collect } from '../../../src/util/content.ts';
import {
  dockerImage,
  newDockerArchive,
  ociArchive,
  oldDockerArchive,
  testWorkshop,
  type TestWorkshop,
} from '../../helpers/archives.ts';
import { addImage, addIndex, tarOf, type TarFile } from '../../helpers/images.ts';

describe('an archive as a source', () => {
  let workshop: TestWorkshop;
  let warnings: string[];
  const opened: Archive[] = [];
  beforeEach(async () => {
    workshop = await testWorkshop();
    warnings = [];
  });
  afterEach(async () => {
    for (const archive of opened.splice(0)) await archive[Symbol.asyncDispose]();
    await workshop[Symbol.asyncDispose]();
  });

  const openBytes = async (bytes: Uint8Array): Promise<Archive> => {
    const archive = await openArchive(
      { path: await workshop.file('x.tar', bytes) },
      {
        store: async () => workshop,
        onEvent: (event) => {
          if (event.type === 'warning') warnings.push(event.message);
        },
      },
    );
    opened.push(archive);
    return archive;
  };
  const open = (files: readonly TarFile[]): Promise<Archive> => openBytes(tarOf(files));
  const read = async (archive: Archive, descriptor: Descriptor): Promise<Buffer> =>
    collect(await archive.read(descriptor), 16 * 1024 * 1024);

  it('of an old docker gives docker manifests that can be copied', async () => {
    const image = dockerImage();
    const archive = await open(oldDockerArchive([{ image, tags: ['app:1', 'localhost:5000/app:2'] }]));
    expect(archive.images()).toMatchObject([
      {
        names: ['docker.io/library/app:1', 'localhost:5000/app:2'],
        ids: [image.id],
        descriptor: { mediaType: MEDIA_TYPES.dockerManifest },
      },
    ]);
    const target = new MemoryEndpoint();
    const { descriptor } = await copy(archive, target, 'docker.io/library/app:1', { as: 'copied' });
    const manifest = parseManifest(await read(archive, descriptor), descriptor.mediaType);
    expect(manifest.config?.digest).toBe(image.id);
    const [first] = manifest.layers;
    expect(gunzipSync(await collect(await target.read(first!), 1024 * 1024)).equals(image.layers[0]!)).toBe(true);
  });

  it('of an old docker shares layers between images by links', async () => {
    const [one, two] = [dockerImage([[['a', 'a']], [['b', 'b']]]), dockerImage([[['a', 'a']], [['c', 'c']]])];
    const archive = await open(
      oldDockerArchive([
        { image: one, tags: ['one:1'] },
        { image: two, tags: ['two:1'] },
      ]),
    );
    expect(archive.images().map(({ names, ids }) => [...names, ...ids])).toEqual([
      ['docker.io/library/one:1', one.id],
      ['docker.io/library/two:1', two.id],
    ]);
    expect(workshop.ingested()).toBe(3);
  });

  it('of a newer docker gets packed layers too: nobody knows its manifest by digest', async () => {
    const image = dockerImage();
    const archive = await open(newDockerArchive({ image, tags: ['app:1'] }));
    expect(archive.images()).toMatchObject([
      { names: ['docker.io/library/app:1'], ids: [image.id], descriptor: { mediaType: MEDIA_TYPES.dockerManifest } },
    ]);
    expect(workshop.ingested()).toBe(2);
  });

  it('keeps an OCI manifest with plain layers that docker did not make up', async () => {
    const image = dockerImage();
    const archive = await open(newDockerArchive({ image, tags: ['app:1'] }, { sources: false }));
    expect(archive.images()).toMatchObject([
      { names: ['docker.io/library/app:1'], ids: [image.id], descriptor: { mediaType: MEDIA_TYPES.ociManifest } },
    ]);
    expect(workshop.ingested()).toBe(0);
  });

  it('falls back to manifest.json when the OCI manifest is not whole', async () => {
    const image = dockerImage();
    const files = newDockerArchive({ image, tags: ['app:1'] }, { sources: false });
    const damaged = files.map((file): TarFile => {
      if ('kind' in file || !file[0].startsWith('blobs/')) return file;
      const bytes = Buffer.from(file[1]);
      // The manifest is the only blob that is JSON and names layers.
      return bytes.includes('"layers":[{')
        ? [file[0], bytes.toString().replace('"schemaVersion":2', '"schemaVersion":3')]
        : file;
    });
    const archive = await open(damaged);
    expect(archive.images()).toMatchObject([
      { names: ['docker.io/library/app:1'], ids: [image.id], descriptor: { mediaType: MEDIA_TYPES.dockerManifest } },
    ]);
  });

  it('keeps the digest of an index some of whose images are absent', async () => {
    const blobs = new MemoryEndpoint();
    const index = addIndex(blobs, { attestations: true });
    const [image] = index.images;
    const digests = [
      index.descriptor,
      image!.descriptor,
      image!.config,
      ...image!.layers.map(({ descriptor }) => descriptor),
    ];
    const root = { ...index.descriptor, annotations: { 'io.containerd.image.name': 'docker.io/library/app:1' } };
    const listed = {
      Config: `blobs/sha256/${image!.config.digest.slice(7)}`,
      RepoTags: ['app:1', 'app:2'],
      Layers: ['x', 'y'],
    };
    const archive = await open(
      await ociArchive(blobs, { digests, roots: [root], extra: [['manifest.json', JSON.stringify([listed])]] }),
    );
    expect(archive.images()).toMatchObject([
      {
        names: ['docker.io/library/app:1', 'docker.io/library/app:2'],
        descriptor: { digest: index.descriptor.digest },
      },
    ]);
    const target = new MemoryEndpoint();
    const options = { as: 'copied', keepIndex: true, available: true };
    expect((await copy(archive, target, '', options)).descriptor.digest).toBe(index.descriptor.digest);
    expect(await target.has(image!.descriptor)).toBe(true);
  });

  it('lists images of index.json that docker does not know', async () => {
    const blobs = new MemoryEndpoint();
    const { descriptor, config, layers } = addImage(blobs);
    const digests = [descriptor, config, ...layers.map((layer) => layer.descriptor)];
    const archive = await open(
      await ociArchive(blobs, { digests, roots: [descriptor], extra: [['manifest.json', '[]']] }),
    );
    expect(archive.images()).toMatchObject([{ names: [], descriptor: { digest: descriptor.digest } }]);
  });

  it('made by skopeo names images by tag or by name', async () => {
    const blobs = new MemoryEndpoint();
    const { descriptor, config, layers } = addImage(blobs);
    const digests = [descriptor, config, ...layers.map((layer) => layer.descriptor)];
    const tagged = { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': '1.0' } };
    const archive = await open(await ociArchive(blobs, { digests, roots: [tagged] }));
    expect(archive.images()).toMatchObject([{ names: [], tags: ['1.0'] }]);
    for (const reference of ['', '1.0', descriptor.digest, config.digest]) {
      expect((await archive.resolve(reference)).digest).toBe(descriptor.digest);
    }
  });

  it('says what it holds when a name is unknown, or needed', async () => {
    const archive = await open(
      oldDockerArchive([
        { image: dockerImage([[['a', 'a']]]), tags: ['one:1'] },
        { image: dockerImage([[['b', 'b']]]), tags: ['two:1'] },
      ]),
    );
    const hint = 'it holds docker.io/library/one:1, docker.io/library/two:1';
    await expect(archive.resolve('docker.io/library/three:1')).rejects.toMatchObject({ code: 'NOT_FOUND', hint });
    await expect(archive.resolve('')).rejects.toMatchObject({ code: 'USAGE', hint });
    await expect(archive.read({ mediaType: 'x', digest: digestOf('absent'), size: 6 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('leaves names out that are not valid, with a warning', async () => {
    const image = dockerImage();
    const archive = await open(oldDockerArchive([{ image, tags: ['UPPER:1', 'fine:1', 'app:1@sha256:abc'] }]));
    expect(archive.images()[0]?.names).toEqual(['docker.io/library/fine:1']);
    expect(warnings).toHaveLength(2);
  });

  it('reads manifests, configs and layers in part', async () => {
    const image = dockerImage();
    const archive = await open(oldDockerArchive([{ image, tags: null }]));
    const descriptor = await archive.resolve('');
    const { config, layers } = parseManifest(await read(archive, descriptor));
    for (const part of [descriptor, config!, layers[0]!]) {
      const whole = await read(archive, part);
      expect((await collect(await archive.read(part, { start: 3, end: 9 }), 100)).equals(whole.subarray(3, 9))).toBe(
        true,
      );
    }
  });

  it('may be packed, and may come from a stream', async () => {
    const image = dockerImage();
    const bytes = gzipSync(tarOf(oldDockerArchive([{ image, tags: ['app:1'] }])));
    expect((await openBytes(bytes)).images()[0]?.ids).toEqual([image.id]);
    const archive = await openArchive({ stream: Readable.from([bytes]) }, { store: async () => workshop });
    expect(archive.images()[0]?.ids).toEqual([image.id]);
    expect((await readdir(workshop.dir)).filter((name) => name.startsWith('temp'))).toHaveLength(2);
    await archive[Symbol.asyncDispose]();
    expect((await readdir(workshop.dir)).filter((name) => name.startsWith('temp'))).toHaveLength(1);
  });

  it('does not need the store for what is whole and not packed', async () => {
    const blobs = new MemoryEndpoint();
    const { descriptor, config, layers } = addImage(blobs);
    const digests = [descriptor, config, ...layers.map((layer) => layer.descriptor)];
    const path = await workshop.file('oci.tar', tarOf(await ociArchive(blobs, { digests, roots: [descriptor] })));
    const archive = await openArchive({ path }, { store: () => expect.fail('the store was opened') });
    opened.push(archive);
    await copy(archive, new MemoryEndpoint(), '');
  });

  it('finds out that a layer is damaged when it is copied', async () => {
    const blobs = new MemoryEndpoint();
    const { descriptor, config, layers } = addImage(blobs);
    const digests = [descriptor, config, ...layers.map((layer) => layer.descriptor)];
    const files = await ociArchive(blobs, { digests, roots: [descriptor] });
    const bytes = tarOf(files);
    bytes[bytes.indexOf(layers[0]!.blob) + 20]! ^= 1;
    await expect(copy(await openBytes(bytes), new MemoryEndpoint(), '')).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  it('from before docker 1.10 is refused with a way out', async () => {
    await expect(
      open([
        ['repositories', '{}'],
        ['abc/json', '{}'],
      ]),
    ).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      hint: expect.stringContaining('save it again') as string,
    });
  });

  it('without images is refused, and leaves no file open', async () => {
    await expect(open([['etc/passwd', 'root']])).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      hint: 'a root file system is turned into an image by import',
    });
    await expect(open([['index.json', '{"schemaVersion":2,"manifests":[]}']])).resolves.toBeDefined();
  });

  it('never fails with anything but an error of its own', async () => {
    const bytes = tarOf([
      ...oldDockerArchive([{ image: dockerImage(), tags: ['app:1'] }]),
      ...newDockerArchive({ image: dockerImage([[['x', 'x']]]), tags: ['b:1'] }),
    ]);
    const change = fc.record({
      at: fc.nat(bytes.length - 1),
      byte: fc.nat(255),
      cut: fc.boolean(),
      header: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        let damaged = Buffer.from(bytes);
        for (const { at, byte, cut, header } of changes) {
          // Most of a tar is padding: half of the changes go to where headers are.
          const place = header ? at - (at % 512) + (byte % 345) : at;
          if (cut) damaged = damaged.subarray(0, Math.max(600, at));
          else if (place < damaged.length) damaged[place] = byte;
        }
        const path = await workshop.file('damaged.tar', damaged);
        const archive = await openArchive({ path }, { store: async () => workshop }).catch((error: unknown) => error);
        if (archive instanceof Error) expect(archive).toMatchObject({ name: 'HubError' });
        else await (archive as Archive)[Symbol.asyncDispose]();
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it('lists its names', async () => {
    const archive = await open(oldDockerArchive([{ image: dockerImage(), tags: ['a:1', 'b:2'] }]));
    const names: string[] = [];
    for await (const name of archive.tags!()) names.push(name);
    expect(names).toEqual(['docker.io/library/a:1', 'docker.io/library/b:2']);
  });
});
