import { join } from 'node:path';
import { expect, test } from 'vitest';
import { storePaths } from '../../../src/endpoints/store/paths.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';

const paths = storePaths('/data');

test('blobs are where an image layout has them', () => {
  const digest = digestOf('x');
  expect(paths.blob(digest)).toBe(join('/data/blobs/sha256', digest.slice(7)));
  expect(paths.blob(digestOf('x', 'sha512'))).toContain('/data/blobs/sha512/');
});

test('partial files and locks of a blob are named after it', () => {
  const digest = digestOf('x');
  expect(paths.part(digest)).toBe(`/data/partial/sha256-${digest.slice(7)}.part`);
  expect(paths.blobLock(digest)).toBe(`/data/locks/blob-sha256-${digest.slice(7)}`);
});

test.each(['', 'x', 'sha256:', 'sha256:../../etc/passwd', 'sha256:abc', `sha256:${'G'.repeat(64)}`, '../sha256:x'])(
  '%j is no digest, so it has no path',
  async (digest) => {
    for (const path of [paths.blob, paths.part, paths.unfinished, paths.blobLock]) {
      expect(await hubErrorFrom(() => path(digest))).toMatchObject({ code: 'CONTENT_INVALID' });
    }
  },
);

test('an algorithm that cannot be verified has no path', async () => {
  expect(await hubErrorFrom(() => paths.blob('blake3:aa'))).toMatchObject({ code: 'UNSUPPORTED' });
});
