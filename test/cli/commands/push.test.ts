import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shortDigest } from '../../../src/spec/digest.ts';
import { base64 } from '../../helpers/credentials.ts';
import type { Registry } from '../../helpers/registry.ts';
import { imageOf, indexOf, newStore, put, type Blob } from '../../helpers/stores.ts';
import { serve } from '../../helpers/web.ts';
import { newWorkplace, requestsTo, type Workplace } from '../../helpers/workplace.ts';

const image = imageOf({ layers: ['one', 'two'] });
const { digest, size, mediaType } = image.manifest.descriptor;
const { index, images } = indexOf();
const [amd64, arm64] = images.map(({ manifest }) => manifest.descriptor.digest);
const wholeIndex = [...images.flatMap(({ blobs }) => blobs), index];
/** As a pull for this machine leaves it. */
const sparseIndex = [...(images[0]?.blobs ?? []), index];

/** Puts content into the store under a name in the registry of the place. Gives that name. */
async function keep(place: Workplace, name: string, blobs: readonly Blob[] = image.blobs): Promise<string> {
  const full = `${place.registry.host}/${name}`;
  await put(await newStore(join(place.dir, 'store')), blobs, full);
  return full;
}

function linesAbout({ descriptor }: Blob, stderr: string): readonly string[] {
  const id = `${shortDigest(descriptor.digest)}: `;
  return stderr.split('\n').flatMap((line) => (line.startsWith(id) ? [line.slice(id.length)] : []));
}

/** Takes a manifest and what it needs away from the registry. */
function lose({ contents }: Registry, blobs: readonly Blob[]): void {
  contents.deleteManifest('app', digest);
  for (const { descriptor } of blobs) contents.deleteBlob('app', descriptor.digest);
}

function uploads(registry: Registry): number {
  return registry.requests({ method: 'PUT', path: '/blobs/uploads/' }).length;
}

describe('a push', () => {
  test('names the repository first and the digest last, in the words of docker', async () => {
    const place = await newWorkplace();
    const { status, stdout } = await place.hubctl(['push', await keep(place, 'team/app:1')]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      `The push refers to repository [${place.registry.host}/team/app]\n1: digest: ${digest} size: ${size}\n`,
    );
  });

  test('takes the tag latest', async () => {
    const place = await newWorkplace();
    await keep(place, 'app:latest');
    const { stdout } = await place.hubctl(['push', `${place.registry.host}/app`]);
    expect(stdout).toContain(`\nlatest: digest: ${digest}`);
  });

  test('brings every byte, and the tag after all else', async () => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    const { contents } = place.registry;
    expect(contents.manifest('app', '1')).toMatchObject({ digest, mediaType, bytes: image.manifest.bytes });
    for (const { descriptor, bytes } of [image.config, ...image.layers]) {
      expect(contents.blob('app', descriptor.digest)?.equals(bytes)).toBe(true);
    }
    expect(requestsTo(place.registry).at(-1)).toBe('PUT /v2/app/manifests/1');
  });

  test('says of each layer on stderr that it was pushed', async () => {
    const place = await newWorkplace();
    const { stderr } = await place.hubctl(['push', await keep(place, 'app:1')]);
    for (const layer of image.layers) expect(linesAbout(layer, stderr)).toEqual(['Preparing', 'Pushed']);
    expect(linesAbout(image.config, stderr)).toEqual([]);
    expect(stderr).toMatch(/\nuploaded 2 of 2 layers, \d+B\n$/);
  });

  test('of what the registry has under this tag asks for the tag only', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1');
    await place.hubctl(['push', name]);
    const before = place.registry.log.length;
    const { stdout, stderr } = await place.hubctl(['push', name]);
    expect(stdout).toContain(`1: digest: ${digest}`);
    for (const layer of image.layers) expect(linesAbout(layer, stderr)).toEqual(['Preparing', 'Layer already exists']);
    const after = requestsTo(place.registry).slice(before);
    expect(after).toEqual(['HEAD /v2/app/manifests/1']);
  });

  test('of what it brought before sends another tag only', async () => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    const before = place.registry.log.length;
    const { stdout, stderr } = await place.hubctl(['push', await keep(place, 'app:2')]);
    expect(stdout).toContain(`2: digest: ${digest}`);
    for (const layer of image.layers) expect(linesAbout(layer, stderr)).toEqual(['Preparing', 'Layer already exists']);
    const after = requestsTo(place.registry).slice(before);
    expect(after).toEqual(['PUT /v2/app/manifests/2']);
  });

  test('of what it pulled before sends another tag only', async () => {
    const place = await newWorkplace();
    await place.hubctl(['pull', '-q', place.publish('app:1', image)]);
    const before = place.registry.log.length;
    expect((await place.hubctl(['push', '-q', await keep(place, 'app:2')])).status).toBe(0);
    const after = requestsTo(place.registry).slice(before);
    expect(after).toEqual([`HEAD /v2/app/manifests/${digest}`, 'PUT /v2/app/manifests/2']);
  });

  test('brings everything again when the registry lost what is remembered', async () => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    lose(place.registry, [image.config, ...image.layers]);
    const { status, stdout, stderr } = await place.hubctl(['push', await keep(place, 'app:2')]);
    expect([status, stdout.split('\n')[1]]).toEqual([0, `2: digest: ${digest} size: ${size}`]);
    for (const layer of image.layers) expect(linesAbout(layer, stderr)).toEqual(['Preparing', 'Pushed']);
    expect(place.registry.contents.manifest('app', '2')?.digest).toBe(digest);
    expect(place.registry.contents.blob('app', image.config.descriptor.digest)).toBeDefined();
  });

  test('brings only what is missing of what is remembered', async () => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    const [kept, lost] = image.layers as [Blob, Blob];
    lose(place.registry, [lost]);
    const { status, stderr } = await place.hubctl(['push', await keep(place, 'app:2')]);
    expect(status).toBe(0);
    expect(linesAbout(kept, stderr).at(-1)).toBe('Layer already exists');
    expect(linesAbout(lost, stderr).at(-1)).toBe('Pushed');
    expect(place.registry.contents.manifest('app', '2')?.digest).toBe(digest);
  });

  test.each([400, 404])('looks at everything when the registry says %i and nothing more', async (status) => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    lose(place.registry, [image.config, ...image.layers]);
    place.registry.fail({ method: 'PUT', path: '/manifests/2', nth: 1 }, { status });
    expect((await place.hubctl(['push', await keep(place, 'app:2')])).status).toBe(0);
    expect(place.registry.contents.manifest('app', '2')?.digest).toBe(digest);
    for (const { descriptor } of image.layers) {
      expect(place.registry.contents.blob('app', descriptor.digest)).toBeDefined();
    }
  });

  test.each([403, 409])('does not try again what the registry refuses with %i', async (status) => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    place.registry.fail({ method: 'PUT', path: '/manifests/2' }, { status });
    const before = place.registry.log.length;
    expect((await place.hubctl(['push', await keep(place, 'app:2')])).status).not.toBe(0);
    expect(new Set(requestsTo(place.registry).slice(before))).toEqual(new Set(['PUT /v2/app/manifests/2']));
  });

  test('looks for what is remembered where a registry is not known to refuse what is incomplete', async () => {
    const place = await newWorkplace({ stateParameter: 'x' });
    await place.hubctl(['push', await keep(place, 'app:1')]);
    const before = place.registry.log.length;
    expect((await place.hubctl(['push', await keep(place, 'app:2')])).status).toBe(0);
    const after = requestsTo(place.registry).slice(before);
    expect(after).toEqual([`HEAD /v2/app/manifests/${digest}`, 'PUT /v2/app/manifests/2']);
  });

  test('mends at once what it named at a registry that is another one by now', async () => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'app:1')]);
    await place.registry.stop();
    const log: string[] = [];
    // Has nothing, takes whatever it is given, and is silent about what it is.
    const listener: Parameters<typeof serve>[0] = (request, response) => {
      log.push(`${request.method} ${request.url?.replace(/\?.*/, '')}`);
      const status = { HEAD: 404, POST: 202 }[request.method ?? ''] ?? 201;
      const headers = status === 202 ? { location: '/v2/app/blobs/uploads/1' } : {};
      request.resume().on('end', () => response.writeHead(status, headers).end());
    };
    await serve(listener, { port: Number(new URL(place.registry.origin).port) });
    expect((await place.hubctl(['push', await keep(place, 'app:2')])).status).toBe(0);
    expect([log[0], log.at(-1)]).toEqual(['PUT /v2/app/manifests/2', 'PUT /v2/app/manifests/2']);
    expect(log.filter((line) => line === 'PUT /v2/app/blobs/uploads/1')).toHaveLength(image.layers.length + 1);
    log.length = 0;
    expect((await place.hubctl(['push', await keep(place, 'app:3')])).status).toBe(0);
    expect(log[0]).toBe(`HEAD /v2/app/manifests/${digest}`);
  });

  test('names what was moved to another image since', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1');
    await place.hubctl(['push', name]);
    place.publish('app:1', imageOf({ layers: ['another'] }));
    expect((await place.hubctl(['push', name])).status).toBe(0);
    expect(place.registry.contents.manifest('app', '1')?.digest).toBe(digest);
  });

  test('borrows layers from a repository that it pushed to before', async () => {
    const place = await newWorkplace();
    await place.hubctl(['push', await keep(place, 'team/app:1')]);
    const before = uploads(place.registry);
    const { status, stderr } = await place.hubctl(['push', await keep(place, 'team/other:1')]);
    expect(status).toBe(0);
    for (const layer of image.layers) {
      expect(linesAbout(layer, stderr)).toEqual(['Preparing', 'Mounted from team/app']);
    }
    expect(uploads(place.registry)).toBe(before);
  });

  test('borrows layers from a repository that it pulled from before', async () => {
    const place = await newWorkplace();
    await place.hubctl(['pull', place.publish('library/base:1', image)]);
    const { stderr } = await place.hubctl(['push', await keep(place, 'app:1')]);
    expect(stderr).toContain(': Mounted from library/base\n');
    expect(uploads(place.registry)).toBe(0);
  });

  test('uploads what cannot be borrowed', async () => {
    const place = await newWorkplace({ mount: false });
    await place.hubctl(['push', await keep(place, 'team/app:1')]);
    const { status, stderr } = await place.hubctl(['push', await keep(place, 'team/other:1')]);
    expect(status).toBe(0);
    expect(stderr).not.toContain('Mounted');
    expect(place.registry.contents.manifest('team/other', '1')?.digest).toBe(digest);
  });

  test('with --quiet prints name and digest alone', async () => {
    const place = await newWorkplace();
    const result = await place.hubctl(['push', '-q', await keep(place, 'app:1')]);
    expect(result).toMatchObject({ status: 0, stdout: `${place.registry.host}/app@${digest}\n`, stderr: '' });
  });

  test('with --json gives one array with an object per image', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1');
    const bytes = image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    const none = { layers: 0, bytes: 0 };
    const { stdout, stderr } = await place.hubctl(['push', '--json', name]);
    expect(JSON.parse(stdout)).toEqual([
      { reference: name, digest, mediaType, size, uploaded: { layers: 2, bytes }, mounted: none, existing: none },
    ]);
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ version: 1 });
  });

  test('of an image named by its digest puts it there without a tag', async () => {
    const place = await newWorkplace();
    const { status, stdout } = await place.hubctl(['push', await keep(place, `app@${digest}`)]);
    expect(status).toBe(0);
    expect(stdout).toContain(`\n${digest}: digest: ${digest} size: ${size}\n`);
    expect(place.registry.contents.manifest('app', digest)?.digest).toBe(digest);
    expect(place.registry.contents.tags('app')).toEqual([]);
  });

  test('uses the login that docker left', async () => {
    const place = await newWorkplace({ auth: 'bearer' });
    const auths = { [place.registry.host]: { auth: base64('tester:secret') } };
    mkdirSync(join(place.dir, '.docker'));
    writeFileSync(join(place.dir, '.docker', 'config.json'), JSON.stringify({ auths }));
    expect((await place.hubctl(['push', await keep(place, 'app:1')])).status).toBe(0);
    expect(place.registry.contents.tags('app')).toEqual(['1']);
  });
});

describe('a push of several images', () => {
  test('with -a takes every local tag of the repository, and no other name', async () => {
    const place = await newWorkplace();
    for (const name of ['app:1', 'app:2', `app@${digest}`, 'app/sub:3', 'other:4']) await keep(place, name);
    const { status, stdout } = await place.hubctl(['push', '-a', `${place.registry.host}/app`]);
    expect(status).toBe(0);
    expect(stdout.match(/^The push refers to repository/gm)).toHaveLength(1);
    expect(place.registry.contents.tags('app')).toEqual(['1', '2']);
    expect(place.registry.contents.repositories()).toEqual(['app']);
  });

  test('uploads a layer that they share once', async () => {
    const place = await newWorkplace();
    const names = [await keep(place, 'app:1'), await keep(place, 'app:2')];
    await place.hubctl(['push', ...names]);
    expect(uploads(place.registry)).toBe(3);
    expect(place.registry.contents.tags('app')).toEqual(['1', '2']);
  });

  test('refuses -a together with a tag', async () => {
    const place = await newWorkplace();
    const { status, stderr } = await place.hubctl(['push', '-a', await keep(place, 'app:1')]);
    expect(status).toBe(2);
    expect(stderr).toContain("a tag can't be used with --all-tags/-a");
    expect(place.registry.log).toEqual([]);
  });

  test('with -a of a repository that is not here ends with 3', async () => {
    const place = await newWorkplace();
    const { status, stderr } = await place.hubctl(['push', '-a', `${place.registry.host}/app`]);
    expect(status).toBe(3);
    expect(stderr).toContain(`no local image has the name ${place.registry.host}/app\n`);
  });

  test('does the others when one fails, and ends with 1', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1');
    const { status, stdout, stderr } = await place.hubctl(['push', `${name}nope`, name]);
    expect(status).toBe(1);
    expect(stdout).toContain(`\n1: digest: ${digest}`);
    expect(stderr).toContain(`hubctl: no local image has the name ${name}nope\n`);
    expect(stderr).toMatch(/\nhubctl: 1 of 2 failed\n$/);
    expect(place.registry.contents.tags('app')).toEqual(['1']);
  });
});

describe('a push of an index', () => {
  test('brings all of it when all of it is here', async () => {
    const place = await newWorkplace();
    const { stdout, stderr } = await place.hubctl(['push', await keep(place, 'app:1', wholeIndex)]);
    expect(stdout).toContain(`1: digest: ${index.descriptor.digest}`);
    expect(stderr).not.toContain('WARNING');
    for (const one of [amd64, arm64]) expect(place.registry.contents.manifest('app', one ?? '')).toBeDefined();
  });

  test('of which one platform is here brings that, and warns that the digest is another', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1', sparseIndex);
    const { status, stdout, stderr } = await place.hubctl(['push', name]);
    expect(status).toBe(0);
    expect(stdout).toContain(`1: digest: ${amd64}`);
    expect(stderr).toContain(
      `WARNING: only linux/amd64 of ${name} is here: copying ${amd64} instead of the index ${index.descriptor.digest}`,
    );
    expect(place.registry.contents.manifest('app', '1')?.digest).toBe(amd64);
  });

  test('of which one platform is here keeps the index where the registry has the others', async () => {
    const place = await newWorkplace();
    place.publish('app:1', { index, images });
    const { stdout, stderr } = await place.hubctl(['push', await keep(place, 'app:2', sparseIndex)]);
    expect(stdout).toContain(`2: digest: ${index.descriptor.digest}`);
    expect(stderr).not.toContain('WARNING');
    expect(uploads(place.registry)).toBe(0);
  });

  test('with --platform brings that platform, which was asked for and is no reason to warn', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1', wholeIndex);
    const { status, stdout, stderr } = await place.hubctl(['push', '--platform', 'linux/arm64', name]);
    expect(status).toBe(0);
    expect(stdout).toContain(`1: digest: ${arm64}`);
    expect(stderr).not.toContain('WARNING');
    expect(place.registry.contents.manifest('app', amd64 ?? '')).toBeUndefined();
  });

  test('with --platform of which nothing is here ends with 3 and a next step', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1', sparseIndex);
    const { status, stderr } = await place.hubctl(['push', '--platform', 'linux/arm64', name]);
    expect(status).toBe(3);
    expect(stderr).toContain(`hubctl: linux/arm64 of ${name} is not here\n  hint: pull it first`);
    expect(place.registry.contents.repositories()).toEqual([]);
  });
});

describe('a push that cannot be', () => {
  test('of an image that is not here ends with 3 and sends nothing', async () => {
    const place = await newWorkplace();
    const name = `${place.registry.host}/app:1`;
    const { status, stderr } = await place.hubctl(['push', name]);
    expect(status).toBe(3);
    expect(stderr).toContain(`hubctl: no local image has the name ${name}\n  hint: `);
    expect(place.registry.log).toEqual([]);
  });

  test('without a login ends with 4 and names the command', async () => {
    const place = await newWorkplace({ auth: 'bearer' });
    const { status, stderr } = await place.hubctl(['push', await keep(place, 'app:1')]);
    expect(status).toBe(4);
    expect(stderr).toContain(`hubctl login ${place.registry.host}\n`);
  });

  test('leaves no tag when a layer is refused', async () => {
    const place = await newWorkplace();
    const name = await keep(place, 'app:1');
    place.registry.fail({ method: 'PUT', path: '/blobs/uploads/', times: 9 }, { status: 403 });
    const { status, stdout } = await place.hubctl(['push', name]);
    expect(status).toBe(4);
    expect(stdout).not.toContain('digest:');
    expect(place.registry.contents.tags('app')).toEqual([]);
  });
});
