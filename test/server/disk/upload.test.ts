import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Upload, type UploadPlace } from '../../../src/server/disk/upload.ts';
import { wireAnswer } from '../../../src/server/wire.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { contentOf, type Content } from '../../../src/util/content.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { noise } from '../../helpers/registry-images.ts';

const bytes = noise('upload', 3 * 1024 * 1024);
const HALF = bytes.length / 2;

function placeOf(dir: string, algorithm = 'sha256'): UploadPlace {
  return { id: 'id', repository: 'a', algorithm, data: join(dir, 'data'), state: join(dir, 'state') };
}

function fresh(algorithm?: string): { upload: Upload; place: UploadPlace } {
  const place = placeOf(folder(), algorithm);
  writeFileSync(place.data, '');
  writeFileSync(place.state, '{}');
  return { upload: new Upload(place, { fresh: true }), place };
}

/** Some bytes in chunks of 64 KiB, and then an error. */
function breaking(part: Buffer, error: Error): Content {
  return {
    forEach: async (consume) => {
      for (let at = 0; at < part.length; at += 65_536) await consume(part.subarray(at, at + 65_536));
      throw error;
    },
    cancel: () => undefined,
  };
}

test.each(['sha256', 'sha512'])('content in pieces is proven by %s', async (algorithm) => {
  const { upload, place } = fresh(algorithm);
  await upload.append(contentOf(bytes.subarray(0, 1000)));
  await upload.append(contentOf(bytes.subarray(1000)));
  expect(await upload.size()).toBe(bytes.length);
  expect(await upload.finish(digestOf(bytes, algorithm))).toBe(place.data);
});

test('a digest of the other algorithm is proven by reading the content again', async () => {
  const { upload } = fresh('sha256');
  await upload.append(contentOf(bytes));
  expect(await upload.finish(digestOf(bytes, 'sha512'))).toBe(upload.path);
});

test('a digest is proven after a restart as well', async () => {
  const { upload, place } = fresh();
  await upload.append(contentOf(bytes.subarray(0, HALF)));
  const again = new Upload(place, { fresh: false });
  await again.append(contentOf(bytes.subarray(HALF)));
  expect(await again.finish(digestOf(bytes))).toBe(place.data);
});

test('what arrived before a body broke is kept, and the rest makes it whole', async () => {
  const { upload, place } = fresh();
  await expect(upload.append(breaking(bytes.subarray(0, HALF), new Error('gone')))).rejects.toThrow('gone');
  expect(await upload.size()).toBe(HALF);
  expect(readFileSync(place.data).equals(bytes.subarray(0, HALF))).toBe(true);
  await upload.append(contentOf(bytes.subarray(HALF)));
  expect(await upload.finish(digestOf(bytes))).toBe(place.data);
});

test('bytes that are not those of the digest are refused, with what they are', async () => {
  const { upload } = fresh();
  await upload.append(contentOf(bytes));
  const answer = wireAnswer(await hubErrorFrom(() => upload.finish(digestOf('other'))));
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.body)).toMatchObject({
    errors: [
      { code: 'DIGEST_INVALID', detail: { digest: digestOf('other'), actual: digestOf(bytes), size: bytes.length } },
    ],
  });
});

test('bytes that changed on disk while nobody looked are noticed', async () => {
  const { upload, place } = fresh();
  await upload.append(contentOf(bytes));
  writeFileSync(place.data, bytes.subarray(1));
  expect((await hubErrorFrom(() => upload.finish(digestOf(bytes)))).code).toBe('DIGEST_MISMATCH');
});

test('readers are told how much of the file is written, never more', async () => {
  const { upload, place } = fresh();
  const told: [number, number][] = [];
  const pieces = Array.from({ length: 48 }, (_, at) => bytes.subarray(at * 65_536, (at + 1) * 65_536));
  const content: Content = {
    forEach: async (consume) => {
      for (const piece of pieces) await consume(piece);
    },
    cancel: () => undefined,
  };
  await upload.append(content, (written) => told.push([written, readFileSync(place.data).length]));
  expect(told.length).toBeGreaterThan(1);
  for (const [written, size] of told) expect(written).toBeLessThanOrEqual(size);
  expect(told.at(-1)?.[0]).toBeGreaterThan(0);
});

test('a session whose file is gone is unknown', async () => {
  const { upload, place } = fresh();
  rmSync(place.data);
  for (const work of [
    () => upload.size(),
    () => upload.append(contentOf(bytes)),
    () => upload.finish(digestOf(bytes)),
  ]) {
    expect(wireAnswer(await hubErrorFrom(work)).status).toBe(404);
  }
});

test('ending removes both files, and ending again is no error', async () => {
  const { upload, place } = fresh();
  await upload.end();
  await upload.end();
  expect(await hubErrorFrom(() => upload.size())).toBeDefined();
  expect(() => readFileSync(place.state)).toThrow();
});
