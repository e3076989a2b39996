import { describe, expect, test } from 'vitest';
import { familiarText, idText, imageObject, imageRow, treeRows } from '../../src/cli/image-rows.ts';
import type { ImageSummary } from '../../src/endpoints/store/store.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';

const DIGEST = digestOf('root');

function image(more: Partial<ImageSummary> = {}): ImageSummary {
  return {
    name: 'docker.io/library/app:1',
    descriptor: { mediaType: MEDIA_TYPES.ociManifest, digest: DIGEST, size: 1 },
    id: digestOf('config'),
    config: undefined,
    created: '2024-01-02T03:04:05Z',
    time: Date.UTC(2024, 0, 2, 3, 4, 5),
    size: 1234,
    dangling: false,
    platforms: [],
    ...more,
  };
}

describe('imageRow', () => {
  test.each([
    ['docker.io/library/app:1', 'app', '1'],
    ['ghcr.io/o/a:v2', 'ghcr.io/o/a', 'v2'],
    [`docker.io/user/app@${DIGEST}`, 'user/app', '<none>'],
    [undefined, '<none>', '<none>'],
  ])('%s is %s with tag %s', (name, repository, tag) => {
    expect(imageRow(image({ name }))).toMatchObject({ repository, tag });
  });
});

test('an ID is short or in full', () => {
  expect(idText(DIGEST, true)).toBe(DIGEST.slice(7, 19));
  expect(idText(DIGEST, false)).toBe(DIGEST);
});

test('a name is shown as people write it', () => {
  expect(familiarText({ name: 'docker.io/library/app:1' })).toBe('app:1');
  expect(familiarText({ name: undefined })).toBe('<none>');
});

test('an object has no repository for an image without a name', () => {
  expect(imageObject(image({ name: undefined }))).toMatchObject({ name: undefined, repository: undefined, size: 1234 });
});

test('a tree has a branch per platform', () => {
  const platforms = [
    { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' }, present: true },
    { platform: undefined, present: false },
  ].map((part) => ({ digest: DIGEST, id: undefined, created: undefined, size: 5, ...part }));
  const rows = treeRows(image({ platforms }), { now: Date.UTC(2024, 0, 3, 3, 4, 5), truncate: true });
  expect(rows.map((row) => Object.values(row))).toEqual([
    ['app:1', digestOf('config').slice(7, 19), '24 hours ago', '1.23kB'],
    ['├─ linux/arm64/v8', DIGEST.slice(7, 19), 'N/A', '5B'],
    ['└─ unknown platform', '-', '-', 'not pulled'],
  ]);
});
