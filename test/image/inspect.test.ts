import { describe, expect, test } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { describeImage, type ImageFacts } from '../../src/image/inspect.ts';
import { readImage } from '../../src/image/read.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { fillMemory, sampleImage, sampleIndex, type SampleImage, type SampleIndex } from '../helpers/sample-image.ts';

const NAMES = { tags: ['app:1'], digests: ['app@sha256:0'] };

async function factsOf(sample: SampleImage | SampleIndex, architecture = 'amd64'): Promise<ImageFacts> {
  const memory = new MemoryEndpoint();
  const root = fillMemory(memory, 'app', sample);
  const platform = { os: 'linux', architecture };
  return describeImage(await readImage(memory, root, { platform, explicit: false, name: 'app' }), NAMES);
}

describe('the facts of an image', () => {
  test('are those docker gives', async () => {
    const image = sampleImage({
      platform: 'linux/arm/v6',
      layers: ['one', 'two'],
      config: { Env: ['A=b'], Cmd: ['sh', '-c', 'x'], Labels: { a: 'b' } },
      more: { author: 'bob', 'os.version': '1.2' },
      history: [{ created_by: 'ADD' }, { created_by: 'ADD', comment: 'last' }],
    });
    const [one, two] = image.layers.map((layer) => layer.descriptor);
    expect(await factsOf(image)).toMatchObject({
      Id: image.config.descriptor.digest,
      RepoTags: ['app:1'],
      RepoDigests: ['app@sha256:0'],
      Comment: 'last',
      Created: '2024-05-06T07:08:09Z',
      Author: 'bob',
      Architecture: 'arm',
      Variant: 'v6',
      Os: 'linux',
      OsVersion: '1.2',
      Size: (one?.size ?? 0) + (two?.size ?? 0),
      Config: { Env: ['A=b'], Cmd: ['sh', '-c', 'x'], Labels: { a: 'b' } },
      RootFS: { Type: 'layers', Layers: [digestOf('one'), digestOf('two')] },
      Platforms: [],
    });
  });

  test('name each layer with digest, type and size', async () => {
    const image = sampleImage({ layers: ['one'] });
    const [layer] = image.layers;
    expect((await factsOf(image)).Layers).toEqual([
      {
        Digest: layer?.descriptor.digest,
        MediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        Size: layer?.descriptor.size,
      },
    ]);
  });

  test('have every field of the configuration that templates may name', async () => {
    const { Config } = await factsOf(sampleImage({ config: { WorkingDir: '/srv' } }));
    expect(Config).toMatchObject({
      User: '',
      Env: null,
      Cmd: null,
      Entrypoint: null,
      Labels: null,
      WorkingDir: '/srv',
    });
  });

  test('keep fields of the configuration that no specification names', async () => {
    const { Config } = await factsOf(sampleImage({ config: { Vendor: { x: [1] } } }));
    expect(Config['Vendor']).toEqual({ x: [1] });
  });

  test('list the platforms of an index, and the one that was chosen', async () => {
    const sample = sampleIndex(['linux/amd64', 'linux/arm64/v8']);
    const facts = await factsOf(sample, 'arm64');
    expect(facts.Architecture).toBe('arm64');
    expect(facts.Descriptor.Digest).toBe(sample.index.descriptor.digest);
    expect(facts.Manifest.Digest).toBe(sample.images[1]?.manifest.descriptor.digest);
    expect(facts.Platforms.map((entry) => [entry.Platform, entry.Digest])).toEqual([
      ['linux/amd64', sample.images[0]?.manifest.descriptor.digest],
      [expect.stringContaining('linux/arm64'), sample.images[1]?.manifest.descriptor.digest],
    ]);
  });

  test('of an artifact have its manifest as ID and an empty configuration', async () => {
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const memory = new MemoryEndpoint();
    const config = memory.add('{}', 'application/vnd.oci.empty.v1+json');
    const artifactType = 'application/vnd.example';
    const manifest = { schemaVersion: 2, mediaType: type, artifactType, config, layers: [], annotations: { k: 'v' } };
    const root = memory.add(JSON.stringify(manifest), type);
    const platform = { os: 'linux', architecture: 'amd64' };
    const facts = describeImage(await readImage(memory, root, { platform, explicit: false, name: 'app' }), NAMES);
    expect(facts).toMatchObject({
      Id: root.digest,
      ArtifactType: artifactType,
      Annotations: { k: 'v' },
      Os: '',
      Size: 0,
      Config: { Env: null },
    });
  });
});
