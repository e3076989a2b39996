import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { remoteImage, wantedPlatform, withImage, type FoundImage, type Place } from '../../src/cli/resolve-image.ts';
import { createRegistryClient } from '../../src/endpoints/registry/client.ts';
import { HubError } from '../../src/errors.ts';
import { createHttp, type Http } from '../../src/http/client.ts';
import { FakeStore } from '../helpers/command.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { fillMemory, fillRegistry, sampleImage } from '../helpers/sample-image.ts';
import { fakeIo } from '../helpers/terminal.ts';

const remote = sampleImage({ layers: ['remote'] });
const local = sampleImage({ layers: ['local'] });
let registry: Registry;
let http: Http;
let store: FakeStore;
let context: Context;
let name: string;

beforeEach(async () => {
  registry = await startRegistry();
  fillRegistry(registry.contents, ['team/app', '1'], remote);
  name = `${registry.host}/team/app:1`;
  http = createHttp({ userAgent: 'hubctl/test', insecure: () => true, tries: 1 });
  store = new FakeStore();
  const io = fakeIo();
  const originOf = async (host: string): Promise<URL> => new URL(`http://${host}/`);
  context = {
    io,
    signal: io.signal,
    store: async () => store,
    registries: async () => createRegistryClient({ send: http.send, originOf, close: () => http.close() }),
  } as unknown as Context;
});

afterEach(async () => {
  await http.close();
  await registry.stop();
});

function find(text: string, place: Place): Promise<FoundImage> {
  return withImage(context, { text, place }, async (image) => image);
}

describe('an image', () => {
  test('is taken from the store when it is there', async () => {
    store.keep(name, fillMemory(store, 'x', local));
    const image = await find(name, 'nearest');
    expect(image).toMatchObject({ place: 'local', name, root: { digest: local.manifest.descriptor.digest } });
    expect(await image.has?.(local.config.descriptor)).toBe(true);
    expect(await image.has?.(remote.config.descriptor)).toBe(false);
  });

  test('is asked of the registry when it is not', async () => {
    expect(await find(name, 'nearest')).toMatchObject({
      place: 'remote',
      name,
      root: { digest: remote.manifest.descriptor.digest },
    });
  });

  test('is not looked for in the store when the registry is meant, nor the other way round', async () => {
    store.keep(name, fillMemory(store, 'x', local));
    expect((await find(name, 'remote')).place).toBe('remote');
    await expect(find(`${registry.host}/team/other`, 'local')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(registry.requests({ path: '/team/other/' })).toEqual([]);
  });

  test('is asked of the registry when what is here cannot answer', async () => {
    store.keep(name, fillMemory(store, 'x', local));
    const place = await withImage(context, { text: name, place: 'nearest' }, async (image) => {
      if (image.place === 'local') throw new HubError('NOT_FOUND', 'not for this platform');
      return image.place;
    });
    expect(place).toBe('remote');
  });

  test('is not asked of the registry for any other failure', async () => {
    store.keep(name, fillMemory(store, 'x', local));
    const failure = withImage(context, { text: name, place: 'nearest' }, async () => {
      throw new HubError('STORAGE', 'the disk is broken');
    });
    await expect(failure).rejects.toMatchObject({ code: 'STORAGE' });
    expect(registry.log).toEqual([]);
  });

  test('with a digest is asked for by it, whatever its tag', async () => {
    const { wanted } = await remoteImage(context, `${name}@${remote.manifest.descriptor.digest}`);
    expect(wanted).toBe(remote.manifest.descriptor.digest);
    expect((await remoteImage(context, 'alpine')).wanted).toBe('latest');
  });
});

describe('the platform wanted', () => {
  test('is that of the flag, then that of the environment, then that of this machine', () => {
    const io = fakeIo({ env: { DOCKER_DEFAULT_PLATFORM: 'linux/s390x' } });
    expect(wantedPlatform({ io }, 'linux/arm64')).toMatchObject({
      platform: { architecture: 'arm64' },
      explicit: true,
    });
    expect(wantedPlatform({ io }, undefined)).toMatchObject({ platform: { architecture: 's390x' }, explicit: false });
    expect(wantedPlatform({ io: fakeIo() }, undefined)).toMatchObject({
      platform: { os: 'linux', architecture: 'amd64' },
      explicit: false,
    });
  });

  test('is one', () => {
    expect(() => wantedPlatform({ io: fakeIo() }, 'linux/arm64,linux/amd64')).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});
