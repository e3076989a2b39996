import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MUTATIONS } from '../../../helpers/damage.ts';
import { AMD64, ARM64, imageOf, indexOf, type Blob } from '../../../helpers/stores.ts';
import { newWorkplace, requestsTo, type Workplace } from '../../../helpers/workplace.ts';

const image = imageOf({ layers: ['one', 'two'] });
const layer = image.layers[0]!;
const { digest } = layer.descriptor;

function fileOf({ dir }: Workplace, { descriptor }: Blob): string {
  return join(dir, 'store', 'blobs', ...descriptor.digest.split(':'));
}

/** A store that has pulled an image. */
async function pulled(): Promise<Workplace & { readonly name: string }> {
  const place = await newWorkplace();
  const name = place.publish('team/app:1', image);
  expect(await place.hubctl(['pull', '-q', name])).toMatchObject({ status: 0 });
  return { ...place, name };
}

const verify = (place: Workplace, ...flags: readonly string[]): ReturnType<Workplace['hubctl']> =>
  place.hubctl(['store', 'verify', ...flags]);

test('a sound store has no damage', async () => {
  const place = await pulled();
  const { status, stdout, stderr } = await verify(place);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Checked 4 blobs of 1 image, \S+B: no damage\n$/);
});

test('an empty store has no damage', async () => {
  const place = await newWorkplace();
  expect(await verify(place)).toMatchObject({ status: 0, stdout: 'Checked 0 blobs of 0 images, 0B: no damage\n' });
});

test('damage is listed with the images that need it and with what to do', async () => {
  const place = await pulled();
  MUTATIONS['has one bit flipped']?.(fileOf(place, layer));
  const { status, stdout, stderr } = await verify(place);
  expect(status).toBe(9);
  expect(stdout).toMatch(
    new RegExp(`^damaged: ${digest} holds other content, sha256:[a-f0-9]{64}; needed by ${place.name}\n`),
  );
  expect(stderr).toContain(
    'is damaged: 1 problem in 1 image\n  hint: fetch what is damaged once more with: hubctl store verify --repair',
  );
});

test('prints one object with --json and digests alone with --quiet', async () => {
  const place = await pulled();
  MUTATIONS['is missing']?.(fileOf(place, layer));
  const { stdout, stderr, status } = await verify(place, '--json');
  const damage = [{ kind: 'missing', digest, images: [place.name], message: 'is not in the store' }];
  expect(JSON.parse(stdout)).toMatchObject({
    images: 1,
    blobs: 3,
    damage,
    fetched: [],
    removed: [],
    remaining: damage,
  });
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'STORAGE', exit: 9, details: { problems: 1 } } });
  expect(status).toBe(9);
  expect((await verify(place, '-q')).stdout).toBe(`${digest}\n`);
});

describe.each(Object.entries(MUTATIONS))('--repair of a blob that %s', (_, mutate) => {
  test.each(['manifest', 'config', 'layer'] as const)('fetches the %s once more', async (part) => {
    const place = await pulled();
    const blob = { manifest: image.manifest, config: image.config, layer }[part];
    mutate(fileOf(place, blob));
    const { status, stdout } = await verify(place, '--repair');
    expect(stdout).toContain(`fetched: ${place.name}\n`);
    expect(status).toBe(0);
    expect(readFileSync(fileOf(place, blob)).equals(blob.bytes)).toBe(true);
    expect(await verify(place)).toMatchObject({ status: 0 });
    expect(await place.images()).toEqual([[place.name, image.manifest.descriptor.digest]]);
  });
});

describe('--repair', () => {
  test('asks for nothing when nothing is damaged', async () => {
    const place = await pulled();
    const before = place.registry.log.length;
    expect(await verify(place, '--repair')).toMatchObject({ status: 0 });
    expect(place.registry.log.length).toBe(before);
  });

  test('fetches only what is damaged', async () => {
    const place = await pulled();
    MUTATIONS['is truncated']?.(fileOf(place, layer));
    const before = place.registry.log.length;
    await verify(place, '--repair');
    const blobs = requestsTo(place.registry)
      .slice(before)
      .filter((line) => line.includes('/blobs/'));
    expect(blobs).toEqual([`GET /v2/team/app/blobs/${digest}`]);
  });

  test('removes an image that its registry no longer has', async () => {
    const place = await pulled();
    place.registry.contents.deleteManifest('team/app', '1');
    place.registry.contents.deleteManifest('team/app', image.manifest.descriptor.digest);
    for (const { descriptor } of [layer]) place.registry.contents.deleteBlob('team/app', descriptor.digest);
    MUTATIONS['has one bit flipped']?.(fileOf(place, layer));
    const { status, stdout } = await verify(place, '--repair');
    expect(status).toBe(0);
    expect(stdout).toContain(`removed: ${place.name}\n`);
    expect(await place.images()).toEqual([]);
    expect(await verify(place)).toMatchObject({ status: 0 });
  });

  test('leaves an image whose registry does not show it, and says what to do', async () => {
    const place = await pulled();
    place.registry.fail({ path: '/v2/team/app/', times: 100 }, { status: 403 });
    MUTATIONS['has one bit flipped']?.(fileOf(place, layer));
    const { status, stderr } = await verify(place, '--repair');
    expect(status).toBe(9);
    expect(stderr).toContain(`WARNING: ${place.name} cannot be fetched: `);
    expect(stderr).toContain(`or give the image up with: hubctl rmi ${place.name}\n`);
    expect(await place.images()).toEqual([[place.name, image.manifest.descriptor.digest]]);
  });

  test('fetches from another repository where the content was seen', async () => {
    const place = await pulled();
    const second = place.publish('team/second:1', image);
    expect(await place.hubctl(['pull', '-q', second])).toMatchObject({ status: 0 });
    await place.hubctl(['pull', '-q', '--verify', second]);
    place.registry.contents.deleteBlob('team/app', digest);
    MUTATIONS['has one bit flipped']?.(fileOf(place, layer));
    const { status, stdout } = await verify(place, '--repair');
    expect(status).toBe(0);
    expect(stdout).toContain(`fetched: ${place.name}\n`);
  });

  test('keeps the platforms that were there, and brings no others', async () => {
    const place = await newWorkplace();
    const index = indexOf([AMD64, ARM64]);
    const name = place.publish('app:1', index);
    await place.hubctl(['pull', '-q', '--platform', 'linux/arm64', name]);
    MUTATIONS['is empty']?.(fileOf(place, index.images[1]!.layers[0]!));
    expect(await verify(place, '--repair')).toMatchObject({ status: 0 });
    expect(readdirSync(join(place.dir, 'store', 'blobs', 'sha256'))).toHaveLength(4);
  });

  test('removes damaged content that no image needs', async () => {
    const place = await pulled();
    await place.hubctl(['rmi', '--no-prune', place.name]);
    MUTATIONS['has one bit flipped']?.(fileOf(place, layer));
    const { status, stdout } = await verify(place, '--repair');
    expect(status).toBe(0);
    expect(stdout).toContain(`no image needs it\nremoved: ${digest}\n`);
  });

  test('makes a damaged list of images anew, and keeps it beside', async () => {
    const place = await pulled();
    const path = join(place.dir, 'store', 'index.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -2));
    expect(await verify(place)).toMatchObject({ status: 9 });
    const { status, stdout } = await verify(place, '--repair');
    expect(status).toBe(0);
    expect(stdout).toContain(`kept the damaged list of images: ${path}.damaged-1\n`);
    expect(await place.images()).toEqual([[place.name, image.manifest.descriptor.digest]]);
  });
});
