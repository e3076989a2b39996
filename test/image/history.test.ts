import { describe, expect, test } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { historyOf } from '../../src/image/history.ts';
import { readImage, type ImageView } from '../../src/image/read.ts';
import { fillMemory, sampleImage, type SampleImage } from '../helpers/sample-image.ts';

async function viewOf(image: SampleImage): Promise<ImageView> {
  const memory = new MemoryEndpoint();
  const root = fillMemory(memory, 'app', image);
  return readImage(memory, root, { platform: { os: 'linux', architecture: 'amd64' }, explicit: false, name: 'app' });
}

describe('history', () => {
  test('gives each layer to the next entry that made one, last step first', async () => {
    const image = sampleImage({
      layers: ['one', 'two'],
      history: [
        { created: '2024-01-01T00:00:00Z', created_by: 'ADD one' },
        { created: '2024-01-02T00:00:00Z', created_by: 'ENV A=b', empty_layer: true },
        { created: '2024-01-03T00:00:00Z', created_by: 'COPY two', comment: 'buildkit' },
        { created_by: 'CMD ["sh"]', empty_layer: true },
      ],
    });
    const [one, two] = image.layers;
    expect(historyOf(await viewOf(image))).toMatchObject([
      { id: image.config.descriptor.digest, created: undefined, createdBy: 'CMD ["sh"]', size: 0, layer: undefined },
      { id: undefined, createdBy: 'COPY two', comment: 'buildkit', size: two?.descriptor.size },
      { id: undefined, createdBy: 'ENV A=b', size: 0 },
      { id: undefined, created: '2024-01-01T00:00:00Z', createdBy: 'ADD one', size: one?.descriptor.size },
    ]);
  });

  test('shows layers nobody told about as steps of their own', async () => {
    const image = sampleImage({ layers: ['one', 'two', 'three'], history: [{ created_by: 'ADD one' }] });
    const steps = historyOf(await viewOf(image));
    expect(steps.map((step) => step.createdBy)).toEqual(['', '', 'ADD one']);
    expect(steps.map((step) => step.layer?.digest)).toEqual(
      image.layers.map((layer) => layer.descriptor.digest).reverse(),
    );
  });

  test('has steps without size when it tells of more layers than there are', async () => {
    const image = sampleImage({ layers: ['one'], history: [{ created_by: 'ADD one' }, { created_by: 'ADD two' }] });
    expect(historyOf(await viewOf(image)).map((step) => step.size)).toEqual([0, image.layers[0]?.descriptor.size]);
  });

  test('of an image without history and layers is empty', async () => {
    expect(historyOf(await viewOf(sampleImage({ layers: [] })))).toEqual([]);
  });

  test('is not what an artifact has', async () => {
    const view = await viewOf(sampleImage());
    expect(() => historyOf({ ...view, config: undefined })).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});
