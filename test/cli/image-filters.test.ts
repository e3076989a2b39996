import { describe, expect, test } from 'vitest';
import { filterImages, parseImageFilters } from '../../src/cli/image-filters.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { newStore, put, imageOf, putImage } from '../helpers/stores.ts';

describe('parseImageFilters', () => {
  test('sorts conditions by their keys', () => {
    expect(
      parseImageFilters(['reference=a*', 'reference=b', 'dangling=1', 'label=k=v=w', 'before=x:1', 'since=y']),
    ).toEqual({
      references: ['a*', 'b'],
      dangling: true,
      labels: ['k=v=w'],
      before: ['x:1'],
      since: ['y'],
      until: undefined,
    });
  });

  test.each([
    ['2024-01-31', Date.UTC(2024, 0, 31)],
    ['2024-01-31T10:00:00Z', Date.UTC(2024, 0, 31, 10)],
    ['1700000000', 1_700_000_000_000],
  ])('until=%s is a point in time', (text, time) => {
    expect(parseImageFilters([`until=${text}`]).until).toBe(time);
  });

  test('until takes a length of time, also a long one, and the earliest of several', () => {
    const { until = 0 } = parseImageFilters(['until=1h30m', 'until=720h']);
    const monthAgo = Date.now() - 30 * 24 * 3_600_000;
    expect(Math.abs(until - monthAgo)).toBeLessThan(60_000);
  });

  test.each(['', 'x', 'nope=1', 'dangling=', 'until=', 'until=5x'])('refuses %j', async (text) => {
    expect(await hubErrorFrom(() => parseImageFilters([text]))).toMatchObject({ code: 'USAGE' });
  });

  test('refuses keys that a command does not have', async () => {
    const error = await hubErrorFrom(() => parseImageFilters(['before=x'], ['until', 'label']));
    expect(error).toMatchObject({ code: 'USAGE', hint: 'filters are: until, label' });
  });
});

describe('filterImages', () => {
  test('conditions of different keys must all be met', async () => {
    const store = await newStore();
    await putImage(store, 'a:1', { layers: ['a'], labels: { x: '1', y: '2' } });
    await putImage(store, 'a:2', { layers: ['b'], labels: { x: '1' } });
    const found = async (...texts: string[]): Promise<readonly unknown[]> =>
      (await filterImages(await store.summaries(), parseImageFilters(texts), store)).map(({ name }) => name);
    expect(await found('reference=a', 'label=x')).toHaveLength(2);
    expect(await found('label=x=1', 'label=y=2')).toEqual(['docker.io/library/a:1']);
    expect(await found('reference=a:2', 'label=y')).toEqual([]);
    expect(await found('label=toString')).toEqual([]);
  });

  test('an image whose config is not here has no labels', async () => {
    const store = await newStore();
    const image = imageOf({ layerType: 'application/vnd.oci.image.layer.nondistributable.v1.tar' });
    await put(store, image.blobs, 'a');
    const images = (await store.summaries()).map((one) => ({ ...one, config: undefined }));
    expect(await filterImages(images, parseImageFilters(['label=x']), store)).toEqual([]);
  });

  test('a malformed pattern is the mistake of whoever wrote it', async () => {
    const store = await newStore();
    await putImage(store, 'a');
    const images = await store.summaries();
    const error = await hubErrorFrom(() => filterImages(images, parseImageFilters(['reference=[']), store));
    expect(error).toMatchObject({ code: 'USAGE' });
  });
});
