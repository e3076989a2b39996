// Does any command take content of the store for sound that is not?
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/spec/digest.ts';
import { MUTATIONS } from '../helpers/damage.ts';
import type { Registry } from '../helpers/registry.ts';
import { imageOf, type Blob } from '../helpers/stores.ts';
import { newRegistry, newWorkplace, type Workplace } from '../helpers/workplace.ts';

/** The damaged layer is too large to be read again without a reason. */
const image = imageOf({ layers: ['one'.repeat(100_000), 'two'] });
const PARTS = ['manifest', 'config', 'layer'] as const;
type Part = (typeof PARTS)[number];

function blobOf(part: Part): Blob {
  return part === 'layer' ? image.layers[0]! : image[part];
}

interface Damaged extends Workplace {
  readonly name: string;
  readonly file: string;
}

/** A place whose store has an image with a damaged part. */
async function damaged(part: Part, mutate: (path: string) => void): Promise<Damaged> {
  const place = await newWorkplace();
  const name = place.publish('team/app:1', image);
  expect(await place.hubctl(['pull', '-q', name])).toMatchObject({ status: 0 });
  const file = join(place.dir, 'store', 'blobs', ...blobOf(part).descriptor.digest.split(':'));
  mutate(file);
  return { ...place, name, file };
}

/** Digests under which a registry has something else. */
function falseBlobs({ contents }: Registry): readonly string[] {
  const digests = contents.repositories().flatMap((repository) => contents.blobs(repository));
  return digests.filter((digest) => digestOf(contents.anyBlob(digest) ?? '') !== digest);
}

describe.each(Object.entries(MUTATIONS))('a blob that %s', (_, mutate) => {
  describe.each(PARTS)('as %s', (part) => {
    test('is healed by pull --verify', async () => {
      const place = await damaged(part, mutate);
      expect(await place.hubctl(['pull', '-q', '--verify', place.name])).toMatchObject({ status: 0 });
      expect(readFileSync(place.file).equals(blobOf(part).bytes)).toBe(true);
      expect(await place.hubctl(['store', 'verify'])).toMatchObject({ status: 0 });
    });

    test('is healed by a pull', async () => {
      const place = await damaged(part, mutate);
      expect(await place.hubctl(['pull', '-q', place.name])).toMatchObject({ status: 0 });
      expect(readFileSync(place.file).equals(blobOf(part).bytes)).toBe(true);
    });

    test('is not pushed', async () => {
      const place = await damaged(part, mutate);
      const other = await newRegistry();
      await place.hubctl(['tag', place.name, `${other.host}/team/app:1`]);
      const { status, stderr } = await place.hubctl(['push', `${other.host}/team/app:1`]);
      expect({ status, stderr }).toMatchObject({
        status: expect.toSatisfy((code: number) => [3, 7].includes(code)) as number,
      });
      expect(falseBlobs(other)).toEqual([]);
      expect(other.contents.tags('team/app')).toEqual([]);
    });

    test('is not saved', async () => {
      const place = await damaged(part, mutate);
      const archive = join(place.dir, 'app.tar');
      const { status } = await place.hubctl(['save', '-o', archive, place.name]);
      expect([3, 7]).toContain(status);
      expect(existsSync(archive)).toBe(false);
    });

    test('is not inspected', async () => {
      const place = await damaged(part, mutate);
      const fresh = await (await newWorkplace()).hubctl(['inspect', '--remote', place.name]);
      const { status, stdout } = await place.hubctl(['inspect', place.name]);
      // What is missing is asked of the registry.
      if (status === 0)
        expect(JSON.parse(stdout)).toMatchObject([{ Id: (JSON.parse(fresh.stdout) as [{ Id: string }])[0].Id }]);
      else expect({ status, stdout }).toEqual({ status: 7, stdout: expect.not.stringContaining('sha256') as string });
    });
  });
});

describe.each([
  ['a registry that checks it', {}],
  ['a registry that nobody knows', { stateParameter: 'token' }],
  ['a registry that checks nothing', { checksBlobs: false }],
  ['a registry that nobody knows, and that checks nothing', { stateParameter: 'token', checksBlobs: false }],
] as const)('a damaged layer that is pushed to %s', (_, options) => {
  test('is named, with what mends it, and no tag is put', async () => {
    const place = await damaged('layer', MUTATIONS['has one bit flipped']!);
    const other = await newRegistry(options);
    const name = `${other.host}/team/app:1`;
    await place.hubctl(['tag', place.name, name]);
    const { status, stderr } = await place.hubctl(['push', name]);
    expect({ status, stderr }).toEqual({
      status: 7,
      stderr: expect.stringMatching(
        `${blobOf('layer').descriptor.digest} is damaged in store:[^]*hubctl store verify --repair`,
      ) as string,
    });
    expect(stderr).not.toContain('arrived damaged');
    expect(other.contents.tags('team/app')).toEqual([]);
  });
});

test('a layer is sent once more when it was damaged on its way', async () => {
  const place = await newWorkplace();
  const name = place.publish('team/app:1', image);
  await place.hubctl(['pull', '-q', name]);
  const other = await newRegistry();
  other.fail({ method: 'PUT', path: '/uploads/', nth: 1 }, { status: 400 });
  const target = `${other.host}/team/app:1`;
  await place.hubctl(['tag', name, target]);
  expect(await place.hubctl(['push', target])).toMatchObject({ status: 0 });
  expect(falseBlobs(other)).toEqual([]);
});
