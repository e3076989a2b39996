import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { openEndpoint, type OpenedEndpoint, type OpenServices } from '../../src/endpoints/open.ts';
import { copy } from '../../src/transfer/copy.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { addImage } from '../helpers/images.ts';
import { testClient } from '../helpers/registry-client.ts';
import { newStore, putImage } from '../helpers/stores.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

/** Nothing of these may be asked for unless a test gives its own. */
const NOTHING: OpenServices = {
  store: () => expect.fail('the store was opened'),
  registries: () => expect.fail('the registries were opened'),
};

function registries(): OpenServices {
  const client = testClient();
  onTestFinished(() => client.close());
  return { ...NOTHING, registries: async () => client };
}

async function stored(): Promise<OpenServices> {
  const store = await newStore();
  return { ...NOTHING, store: async () => store };
}

async function open(text: string, services: OpenServices): Promise<OpenedEndpoint> {
  const opened = await openEndpoint(text, services);
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened;
}

describe('a registry', () => {
  test.each<[text: string, name: string, reference: string, explicit: boolean]>([
    ['alpine', 'alpine', 'latest', false],
    ['alpine:3', 'alpine', '3', true],
    [`alpine@${DIGEST}`, 'alpine', DIGEST, true],
    [`alpine:3@${DIGEST}`, 'alpine', DIGEST, true],
    ['docker://alpine:3', 'alpine', '3', true],
    ['localhost:5000/team/app:1', 'localhost:5000/team/app', '1', true],
    ['docker:5000/app', 'docker:5000/app', 'latest', false],
    ['store/app:1', 'store/app', '1', true],
    ['registry.example/oci:1', 'registry.example/oci', '1', true],
  ])('is what %s names', async (text, name, reference, explicit) => {
    const opened = await open(text, registries());
    expect(opened).toMatchObject({ kind: 'registry', reference, explicit });
    expect(opened.endpoint.name).toBe(name);
  });

  test('tells its place and the image', async () => {
    const opened = await open('alpine:3', registries());
    expect(opened.place).toEqual({ registry: 'docker.io', repository: 'library/alpine' });
    expect(opened.image).toMatchObject({ registry: 'docker.io', repository: 'library/alpine', tag: '3' });
  });

  test.each(['', 'UPPER', 'docker://', 'alpine:', 'alpine@sha256:1', ':1'])('is not named by %j', async (text) => {
    expect((await hubErrorFrom(() => openEndpoint(text, registries()))).code).toBe('REFERENCE_INVALID');
  });
});

describe('the local store', () => {
  test.each<[text: string, reference: string]>([
    ['store:alpine', 'docker.io/library/alpine:latest'],
    ['store:alpine:3', 'docker.io/library/alpine:3'],
    [`store:alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`],
    [`store:${DIGEST}`, DIGEST],
    ['store:localhost:5000/app:1', 'localhost:5000/app:1'],
  ])('is what %s names', async (text, reference) => {
    const services = await stored();
    const opened = await open(text, services);
    expect(opened).toMatchObject({ kind: 'store', reference, explicit: true });
    expect(opened.endpoint).toBe(await services.store());
  });

  test('need not be given a name', async () => {
    const opened = await open('store:', await stored());
    expect(opened).toMatchObject({ kind: 'store', reference: '', explicit: false });
    expect([opened.image, opened.place]).toEqual([undefined, undefined]);
  });

  test('stays open, since both sides may use it', async () => {
    const services = await stored();
    const store = await services.store();
    const { manifest } = await putImage(store, 'docker.io/library/app:1');
    const opened = await openEndpoint('store:app:1', services);
    await opened[Symbol.asyncDispose]();
    expect(await store.resolve('docker.io/library/app:1')).toMatchObject({ digest: manifest.descriptor.digest });
  });

  test('is not opened for a name that is none', async () => {
    expect((await hubErrorFrom(() => openEndpoint('store:UPPER', NOTHING))).code).toBe('REFERENCE_INVALID');
  });
});

describe('a layout', () => {
  test.each<[text: string, path: string, reference: string]>([
    ['oci:out', 'out', ''],
    ['oci:./out:1.0', './out', '1.0'],
    [`oci:/a/b:${DIGEST}`, '/a/b', DIGEST],
    ['oci:out:docker.io/library/app:1', 'out', 'docker.io/library/app:1'],
    ['oci:C:\\images:1', 'C:\\images', '1'],
    ['oci:C:/images', 'C:/images', ''],
    ['oci:c:1', 'c', '1'],
  ])('is what %s names', async (text, path, reference) => {
    const opened = await open(text, NOTHING);
    expect(opened).toMatchObject({ kind: 'layout', reference, explicit: reference !== '' });
    expect(opened.endpoint.name).toBe(`oci:${path}`);
    expect(opened.image).toBeUndefined();
  });

  test('needs a path', async () => {
    for (const text of ['oci:', 'oci::1']) {
      expect(await hubErrorFrom(() => openEndpoint(text, NOTHING))).toMatchObject({
        code: 'REFERENCE_INVALID',
        message: 'oci:DIR[:TAG] needs a path',
      });
    }
  });

  test('that is named by a relative path lies where the caller says', async () => {
    const source = new MemoryEndpoint();
    addImage(source, { as: 'image' });
    const cwd = folder();
    for (const text of ['oci:out:1', 'docker-archive:app.tar:app:1']) {
      const to = await open(text, { ...(await stored()), cwd });
      await copy(source, to.endpoint, 'image', { as: to.reference });
      await to.endpoint.commit?.();
    }
    expect((await readdir(cwd)).toSorted()).toEqual(['app.tar', 'out']);
  });

  test('is written and read again', async () => {
    const source = new MemoryEndpoint();
    const { descriptor } = addImage(source, { as: 'image' });
    const dir = join(folder(), 'out');
    const to = await open(`oci:${dir}:1`, NOTHING);
    await copy(source, to.endpoint, 'image', { as: to.reference });
    const from = await open(`oci:${dir}:1`, NOTHING);
    expect(await from.endpoint.resolve(from.reference)).toMatchObject({ digest: descriptor.digest });
  });
});

describe('an archive', () => {
  test.each<[text: string, path: string, reference: string]>([
    ['docker-archive:app.tar', 'app.tar', ''],
    ['docker-archive:app.tar:app', 'app.tar', 'docker.io/library/app:latest'],
    ['docker-archive:/a/app.tar:localhost:5000/app:1', '/a/app.tar', 'localhost:5000/app:1'],
    ['oci-archive:app.tar:app:1', 'app.tar', 'docker.io/library/app:1'],
    [`oci-archive:app.tar:${DIGEST}`, 'app.tar', DIGEST],
    ['docker-archive:-', '-', ''],
    ['docker-archive:-:app:1', '-', 'docker.io/library/app:1'],
  ])('is what %s names', async (text, path, reference) => {
    const opened = await open(text, NOTHING);
    expect(opened).toMatchObject({ kind: 'archive', reference, explicit: reference !== '' });
    expect(opened.endpoint.name).toBe(`archive ${path}`);
  });

  test('needs a path, and a name that is one', async () => {
    const codeOf = async (text: string): Promise<string> =>
      (await hubErrorFrom(() => openEndpoint(text, NOTHING))).code;
    expect(await codeOf('docker-archive:')).toBe('REFERENCE_INVALID');
    expect(await codeOf('docker-archive:app.tar:UPPER')).toBe('REFERENCE_INVALID');
    expect(await codeOf('docker-archive:app.tar:@1')).toBe('UNSUPPORTED');
  });

  test('goes to stdout and comes from stdin when it is called -', async () => {
    const source = new MemoryEndpoint();
    const { descriptor } = addImage(source, { as: 'image' });
    const services = await stored();
    const stdout = new PassThrough();
    const written = buffer(stdout);
    const to = await open('docker-archive:-:app:1', { ...services, stdout });
    await copy(source, to.endpoint, 'image', { as: to.reference });
    await to.endpoint.commit?.();
    stdout.end();
    const from = await open('docker-archive:-:app:1', { ...services, stdin: Readable.from([await written]) });
    expect(await from.endpoint.resolve(from.reference)).toMatchObject({ digest: descriptor.digest });
  });

  test('is not touched when it is opened, and leaves nothing behind', async () => {
    const dir = folder();
    const opened = await openEndpoint(`docker-archive:${join(dir, 'app.tar')}`, NOTHING);
    await opened[Symbol.asyncDispose]();
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('a scheme of other tools', () => {
  test.each(['docker-daemon:app:1', 'dir:/tmp/x', 'containers-storage:app'])('is refused: %s', async (text) => {
    const error = await hubErrorFrom(() => openEndpoint(text, NOTHING));
    expect(error).toMatchObject({
      code: 'UNSUPPORTED',
      message: `${text.slice(0, text.indexOf(':'))}: is not something hubctl copies from or to`,
    });
    expect(error.hint).toContain('oci:DIR');
  });
});

describe('the name of an image elsewhere', () => {
  test.each<[from: string, to: string, name: string]>([
    ['alpine:3', 'localhost:5000/mirror', '3'],
    ['alpine', 'localhost:5000/mirror', 'latest'],
    [`alpine@${DIGEST}`, 'localhost:5000/mirror', DIGEST],
    ['alpine:3', 'oci:out', '3'],
    [`alpine@${DIGEST}`, 'oci:out', DIGEST],
    ['alpine:3', 'docker-archive:a.tar', 'docker.io/library/alpine:3'],
    ['alpine', 'docker-archive:a.tar', 'docker.io/library/alpine:latest'],
    ['alpine', 'store:', 'docker.io/library/alpine:latest'],
    ['store:alpine:3', 'localhost:5000/mirror', '3'],
    [`store:${DIGEST}`, 'localhost:5000/mirror', DIGEST],
    ['oci:out:1.0', 'localhost:5000/mirror', '1.0'],
    ['oci:out:ghcr.io/team/app:2', 'localhost:5000/mirror', '2'],
    ['oci:out', 'localhost:5000/mirror', 'latest'],
    ['oci:out:1.0', 'docker-archive:a.tar', ''],
    ['docker-archive:a.tar:app:1', 'oci:out', '1'],
    ['docker-archive:a.tar', 'oci:out', 'latest'],
  ])('%s is called in %s: %s', async (from, to, name) => {
    const services = { ...registries(), store: (await stored()).store };
    const [source, target] = [await open(from, services), await open(to, services)];
    expect(target.nameLike(source)).toBe(name);
  });

  test('has to be given where the store cannot know one', async () => {
    const services = await stored();
    const [source, target] = [await open('oci:out:1.0', services), await open('store:', services)];
    expect(await hubErrorFrom(() => target.nameLike(source))).toMatchObject({
      code: 'USAGE',
      hint: 'use store:NAME[:TAG]',
    });
  });
});
