import { describe, expect, test } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { chooseManifest, readConfig, readImage, readManifest, type ChooseOptions } from '../../src/image/read.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { documentOf, fillMemory, sampleImage, sampleIndex } from '../helpers/sample-image.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const INDEX = 'application/vnd.oci.image.index.v1+json';

function wanting(options: Partial<ChooseOptions> = {}): ChooseOptions {
  return { platform: AMD64, explicit: false, name: 'app:1', ...options };
}

describe('an index', () => {
  const index = sampleIndex(['linux/amd64', 'linux/arm64']);
  const memory = new MemoryEndpoint();
  const root = fillMemory(memory, 'app:1', index);

  test('is entered at the platform wanted', async () => {
    const view = await readImage(memory, root, wanting({ platform: ARM64, explicit: true }));
    expect(view.root.descriptor).toEqual(index.index.descriptor);
    expect(view.manifest.descriptor.digest).toBe(index.images[1]?.manifest.descriptor.digest);
    expect(view.config?.image?.platform).toMatchObject(ARM64);
  });

  test('without the platform wanted says which ones it has, attestations left out', async () => {
    const failure = readImage(memory, root, wanting({ platform: { os: 'linux', architecture: 's390x' } }));
    await expect(failure).rejects.toMatchObject({
      code: 'NOT_FOUND',
      details: { available: ['linux/amd64', 'linux/arm64'] },
    });
  });

  test('of which only another platform is here gives that one when none was named', async () => {
    const arm = index.images[1]?.manifest.descriptor.digest;
    const has = async ({ digest }: Descriptor): Promise<boolean> => digest === arm;
    const view = await readImage(memory, root, wanting({ has }));
    expect(view.manifest.descriptor.digest).toBe(arm);
  });

  test('of which only another platform is here fails when the platform was named', async () => {
    const arm = index.images[1]?.manifest.descriptor.digest;
    const has = async ({ digest }: Descriptor): Promise<boolean> => digest === arm;
    await expect(readImage(memory, root, wanting({ has, explicit: true }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      details: { available: ['linux/arm64'] },
    });
  });

  test('of which nothing is here fails', async () => {
    const failure = readImage(memory, root, wanting({ has: async () => false }));
    await expect(failure).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'none of the platforms of app:1 is here',
    });
  });

  test('in an index is entered as well', async () => {
    const outer = documentOf({ schemaVersion: 2, mediaType: INDEX, manifests: [{ ...root, platform: AMD64 }] }, INDEX);
    const top = memory.add(outer.bytes, INDEX);
    const view = await readImage(memory, top, wanting());
    expect(view.manifest.descriptor.digest).toBe(index.images[0]?.manifest.descriptor.digest);
  });

  test('in indexes without end is given up', async () => {
    let inner = root;
    for (let depth = 0; depth < 8; depth += 1) {
      const manifests = [{ ...inner, platform: AMD64 }];
      inner = memory.add(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }), INDEX);
    }
    await expect(readImage(memory, inner, wanting())).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });
});

describe('a single image', () => {
  const image = sampleImage({ platform: 'linux/arm64' });
  const memory = new MemoryEndpoint();
  const root = fillMemory(memory, 'app:1', image);

  test('of another platform is taken when none was named', async () => {
    const view = await readImage(memory, root, wanting());
    expect(view.manifest).toBe(view.root);
  });

  test.each(['readImage', 'chooseManifest'])('of another platform is not taken when one was named: %s', async (way) => {
    const options = wanting({ explicit: true });
    const failure =
      way === 'readImage'
        ? readImage(memory, root, options)
        : chooseManifest(memory, await readManifest(memory, root), options);
    await expect(failure).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'app:1 is for linux/arm64, not linux/amd64',
    });
  });
});

describe('what a source gives', () => {
  test('is not trusted: a config with other bytes is refused', async () => {
    const image = sampleImage();
    const memory = new MemoryEndpoint();
    const root = fillMemory(memory, 'app:1', image);
    const forged = Buffer.from(image.config.bytes.toString().replace('PATH', 'HTAP'));
    const source = {
      name: 'liar',
      resolve: async () => root,
      read: async (descriptor: Descriptor) =>
        descriptor.digest === image.config.descriptor.digest
          ? {
              forEach: async (consume: (chunk: Uint8Array) => unknown) => void consume(forged),
              cancel: () => undefined,
            }
          : memory.read(descriptor),
    };
    await expect(readImage(source, root, wanting())).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('may be an artifact, whose config is not read as that of an image', async () => {
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const memory = new MemoryEndpoint();
    const config = memory.add('{"name":"chart"}', 'application/vnd.cncf.helm.config.v1+json');
    const root = memory.add(JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: [] }), type);
    const view = await readImage(memory, root, wanting({ explicit: true }));
    expect(view.config).toMatchObject({ descriptor: { digest: config.digest }, image: undefined });
  });

  test('may have no config, which readConfig says', async () => {
    const memory = new MemoryEndpoint();
    const root = memory.add(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }), INDEX);
    const view = await readManifest(memory, root);
    await expect(readConfig(memory, view)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
