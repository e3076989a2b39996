import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readList, writeList } from '../../../src/endpoints/store/kept-list.ts';
import type { ListKey } from '../../../src/endpoints/store/list-changes.ts';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import type { ImageSummary } from '../../../src/endpoints/store/summary.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { folder } from '../../helpers/folder.ts';
import { AMD64, ARM64 } from '../../helpers/stores.ts';

const KEY: ListKey = { index: '1-2-3', facts: 'abc', platform: AMD64 };

function summary(at: number, more: Partial<ImageSummary> = {}): ImageSummary {
  const descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(`m${at}`), size: at };
  const [id, created, size] = [digestOf(`c${at}`), '2024-01-02T03:04:05Z', 1000 + at];
  return {
    name: `registry.example/app:${at}`,
    descriptor,
    id,
    config: { digest: id, size: 7 },
    created,
    time: Date.parse(created),
    size,
    dangling: false,
    platforms: [{ platform: AMD64, digest: descriptor.digest, id, created, size, present: true }],
    ...more,
  };
}

const absent = { platform: ARM64, digest: digestOf('x'), id: undefined, created: undefined, size: 0, present: false };
const plain = summary(1);
const LIST: readonly ImageSummary[] = [
  ...Array.from({ length: 300 }, (_, at) => summary(at)),
  summary(300, { name: undefined, dangling: true }),
  summary(301, { config: undefined, created: undefined, time: 0, platforms: [] }),
  summary(302, { platforms: [...plain.platforms, absent] }),
  summary(303, { platforms: [absent] }),
  summary(304, { descriptor: { ...plain.descriptor, platform: ARM64, annotations: { a: 'b\n\tc' } } }),
  summary(305, {
    platforms: summary(305).platforms.map((platform) => ({ ...platform, platform: undefined })),
  }),
];

/** As JSON shows it: fields without a value are as good as none. */
function plainly(list: readonly ImageSummary[] | undefined): unknown {
  const taken = list?.map(({ name, descriptor, id, config, created, time, size, dangling, platforms }) => ({
    name,
    descriptor,
    id,
    config,
    created,
    time,
    size,
    dangling,
    platforms,
  }));
  return JSON.parse(JSON.stringify(taken ?? null)) as unknown;
}

test('a list comes back as it was', async () => {
  const paths = storePaths(folder());
  await writeList(paths, KEY, LIST);
  expect(plainly((await readList(paths, KEY))?.images)).toEqual(plainly(LIST));
  expect(readdirSync(paths.dir)).toEqual(['images-list.txt']);
});

test.each([{ index: '1-2-4' }, { facts: 'abd' }, { platform: ARM64 }])(
  'a list holds for no other state, such as %j',
  async (other) => {
    const paths = storePaths(folder());
    await writeList(paths, KEY, LIST);
    expect(await readList(paths, { ...KEY, ...other })).toBeUndefined();
  },
);

test.each([
  ['', ''],
  ['app:1', 'app:2'],
  ['2 ', '3 '],
  ['\n', ''],
])('a damaged file (%j becomes %j) holds no list', async (from, to) => {
  const paths = storePaths(folder());
  await writeList(paths, KEY, LIST);
  const text = readFileSync(paths.list, 'utf8');
  writeFileSync(paths.list, from === '' ? '' : text.replace(from, to));
  expect(await readList(paths, KEY)).toBeUndefined();
});

test.each([{ created: 'a\tb' }, { created: 'a\nb' }, { config: { digest: digestOf('other'), size: 1 } }])(
  'a list with an image that fits into no line is not kept: %j',
  async (more) => {
    const paths = storePaths(folder());
    await writeList(paths, KEY, [...LIST, summary(1, more)]);
    expect(existsSync(paths.list)).toBe(false);
  },
);

test('a place that cannot be written to is no failure', async () => {
  await expect(writeList(storePaths('/nowhere/at/all'), KEY, LIST)).resolves.toBeUndefined();
});
