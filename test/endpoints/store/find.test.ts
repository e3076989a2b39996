import { describe, expect, test } from 'vitest';
import type { Store } from '../../../src/endpoints/store/store.ts';
import { encodedOf, shortDigest } from '../../../src/spec/digest.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { indexOf, newStore, put, putImage } from '../../helpers/stores.ts';

const nameOf = async (store: Store, text: string): Promise<string | undefined> => (await store.find(text)).name;

test('finds by familiar and canonical names, with latest as the default tag', async () => {
  const store = await newStore();
  await putImage(store, 'alpine');
  await putImage(store, 'localhost:5000/team/app:v1', { layers: ['app'] });
  const alpine = 'docker.io/library/alpine:latest';
  for (const text of [
    'alpine',
    'alpine:latest',
    'library/alpine',
    'docker.io/library/alpine',
    'index.docker.io/alpine',
  ]) {
    expect(await nameOf(store, text)).toBe(alpine);
  }
  expect(await nameOf(store, 'localhost:5000/team/app:v1')).toBe('localhost:5000/team/app:v1');
});

test('finds by the digest of the image, alone or after a name', async () => {
  const store = await newStore();
  const { digest } = (await putImage(store, 'alpine:3')).manifest.descriptor;
  const expected = 'docker.io/library/alpine:3';
  for (const text of [digest, encodedOf(digest), shortDigest(digest), `alpine@${digest}`, `alpine:other@${digest}`]) {
    expect(await nameOf(store, text)).toBe(expected);
  }
  expect(await hubErrorFrom(() => store.find(`busybox@${digest}`))).toMatchObject({ code: 'NOT_FOUND' });
});

test('finds by the beginning of the image ID, with or without sha256:', async () => {
  const store = await newStore();
  const { config } = await putImage(store, 'alpine:3');
  const id = config.descriptor.digest;
  for (const text of [id, id.slice(0, 19), encodedOf(id), shortDigest(id), encodedOf(id).slice(0, 4)]) {
    expect(await nameOf(store, text)).toBe('docker.io/library/alpine:3');
  }
});

test('finds an image by a platform inside it', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'multi');
  const arm = images[1]!;
  for (const { descriptor } of [arm.config, arm.manifest]) {
    expect(await nameOf(store, shortDigest(descriptor.digest))).toBe('docker.io/library/multi:latest');
  }
});

test('prefers a name to an ID that begins so', async () => {
  const store = await newStore();
  const { config } = await putImage(store, 'other');
  const short = encodedOf(config.descriptor.digest).slice(0, 6);
  await putImage(store, short, { layers: ['named like an ID'] });
  expect(await nameOf(store, short)).toBe(`docker.io/library/${short}:latest`);
});

test('findAll gives every name of the image for an ID, one for a name', async () => {
  const store = await newStore();
  const { manifest, config } = await putImage(store, 'a');
  await store.setName(manifest.descriptor, 'b');
  expect((await store.findAll(shortDigest(config.descriptor.digest))).map(({ name }) => name)).toEqual([
    'docker.io/library/a:latest',
    'docker.io/library/b:latest',
  ]);
  expect(await store.findAll('b')).toHaveLength(1);
});

describe('what cannot be found', () => {
  test('is named with its tag', async () => {
    const store = await newStore();
    const error = await hubErrorFrom(() => store.find('nope'));
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'no such image: nope:latest' });
    expect(error.hint).toContain('hubctl images');
  });

  test('is named as given when it can only be an ID', async () => {
    const store = await newStore();
    const id = 'f'.repeat(64);
    expect((await hubErrorFrom(() => store.find(id))).message).toBe(`no such image: ${id}`);
  });

  test('is explained when it is no name at all', async () => {
    const store = await newStore();
    expect(await hubErrorFrom(() => store.find('UPPER'))).toMatchObject({ code: 'REFERENCE_INVALID' });
  });
});

test('the beginning of several IDs is ambiguous', async () => {
  const store = await newStore();
  const digests: string[] = [];
  for (let at = 0; at < 40; at += 1) {
    const { config } = await putImage(store, `i${at}`, { layers: [`${at}`] });
    digests.push(encodedOf(config.descriptor.digest));
  }
  const first = digests.map((hex) => hex[0]).find((letter, at, all) => all.indexOf(letter) !== at) ?? '';
  const error = await hubErrorFrom(() => store.find(first));
  expect(error).toMatchObject({ code: 'USAGE' });
  expect(error.hint).toContain('give more of it');
}, 60_000);

test('one image that is here alone and within an index is not ambiguous', async () => {
  const store = await newStore();
  const { index, images } = indexOf();
  await put(store, [...images.flatMap(({ blobs }) => blobs), index], 'multi');
  await store.setName(images[0]!.manifest.descriptor, 'single');
  const found = await store.findAll(shortDigest(images[0]!.config.descriptor.digest));
  expect(found.map(({ name }) => name)).toEqual(['docker.io/library/multi:latest', 'docker.io/library/single:latest']);
});
