// How many requests and connections does a pull take, to the last one?
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RegistryOptions } from '../helpers/registry.ts';
import type { Share } from '../../src/transfer/endpoint.ts';
import { testClient } from '../helpers/registry-client.ts';
import { sampleImage } from '../helpers/sample-image.ts';
import { blobOf, newStore, type Blob } from '../helpers/stores.ts';
import { newRegistry, newWorkplace, requestsTo } from '../helpers/workplace.ts';

const image = sampleImage({ layers: Array.from({ length: 40 }, (_, index) => `layer ${index}`) });
const blobs = [image.config, ...image.layers].map(({ descriptor }) => `GET /v2/app/blobs/${descriptor.digest}`);

describe('a pull', () => {
  test('asks for the manifest and each blob once, and for nothing else', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    expect((await hubctl(['pull', '-q', publish('app:1', image)])).status).toBe(0);
    const [first, ...others] = requestsTo(registry);
    expect(first).toBe('GET /v2/app/manifests/1');
    expect(others.toSorted()).toEqual(blobs.toSorted());
  });

  test('never has more than sixteen connections', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    expect((await hubctl(['pull', '-q', publish('app:1', image)])).status).toBe(0);
    expect(registry.connections).toBeLessThanOrEqual(16);
  });

  test('loses no blob when connections break among many small ones', async () => {
    const { hubctl, publish, registry, images } = await newWorkplace();
    registry.fail({ path: '/blobs/', nth: 5 }, { reset: true });
    registry.fail({ path: '/blobs/', nth: 20 }, { lostReply: true });
    registry.fail({ path: '/blobs/', nth: 30 }, { resetAfter: 10 });
    const name = publish('app:1', image);
    expect((await hubctl(['pull', '-q', name])).status).toBe(0);
    expect(await images()).toEqual([[name, image.manifest.descriptor.digest]]);
    expect(new Set(requestsTo(registry).filter((request) => request.includes('/blobs/')))).toEqual(new Set(blobs));
  });

  test('of what is here already asks only whether it still is the same', async () => {
    const { hubctl, publish, registry } = await newWorkplace();
    const name = publish('app:1', image);
    await hubctl(['pull', '-q', name]);
    const before = registry.log.length;
    expect((await hubctl(['pull', '-q', name])).status).toBe(0);
    expect(requestsTo(registry).slice(before)).toEqual(['HEAD /v2/app/manifests/1']);
  });
});

test('a digest takes one request over one connection', async () => {
  const { hubctl, publish, registry } = await newWorkplace();
  expect((await hubctl(['digest', publish('app:1', image)])).status).toBe(0);
  expect(requestsTo(registry)).toEqual(['HEAD /v2/app/manifests/1']);
  expect(registry.connections).toBe(1);
});

describe('a large blob', () => {
  const large = blobOf(randomBytes(1_000_000));

  /** Two more transfers take pieces of 100,000 bytes. */
  const share: Share = {
    piece: () => 100_000,
    offer: (next) => {
      const help = async (): Promise<void> => {
        for (let work = next(); work; work = next()) await work;
      };
      void help();
      void help();
    },
  };

  /** Ranges that the registry, and the place it leads to, were asked for. */
  async function pull(
    options: RegistryOptions,
    wanted: readonly Blob[] = [large],
  ): Promise<{ registry: unknown[]; elsewhere: unknown[] }> {
    const registry = await newRegistry(options);
    await using client = testClient();
    const source = client.repository(registry.host, 'app');
    const store = await newStore();
    for (const { descriptor, bytes } of wanted) {
      registry.contents.putBlob('app', bytes);
      await store.write(descriptor, (range) => source.read(descriptor, range), { share });
      expect(await store.has(descriptor)).toBe(true);
    }
    const ranges = (log: readonly { headers: { range?: string | undefined } }[]): unknown[] =>
      log.map(({ headers }) => headers.range).toSorted();
    return { registry: ranges(registry.log), elsewhere: ranges(registry.blobServer?.log ?? []) };
  }

  const pieces = Array.from({ length: 10 }, (_, index) =>
    `bytes=${index}00000-${index}99999`.replace('=000000', '=0').replace('-099999', '-99999'),
  );

  test('comes in ranges, each asked for once', async () => {
    expect((await pull({})).registry).toEqual(pieces.toSorted());
  });

  test('comes in one answer where ranges are ignored, and of the next ones nothing is asked ahead', async () => {
    const { registry } = await pull({ ranges: false }, [large, blobOf(randomBytes(1_000_000))]);
    expect(registry).toEqual([...pieces.slice(0, 3), pieces[0]].toSorted());
  });

  test('that lives elsewhere is asked for there after its first ranges', async () => {
    const { registry, elsewhere } = await pull({ blobOrigin: true });
    expect(registry).toEqual(pieces.slice(0, 3));
    expect(elsewhere).toEqual(pieces.toSorted());
  });
});
