import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Download } from '../../src/server/download.ts';
import { collect, type Content } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { noise } from '../helpers/registry-images.ts';

const SIZE = 2 * 1024 * 1024;
const bytes = noise('download', SIZE);
const HALF = SIZE / 2;

function begun(): { download: Download; path: string } {
  const path = join(folder(), 'data');
  writeFileSync(path, '');
  return { download: new Download(path, SIZE), path };
}

const all = (content: Content): Promise<Buffer> => collect(content, SIZE);

/** Bytes a reader has got so far. */
function follow(content: Content): { got(): number; done: Promise<void>; more(): Promise<void> } {
  let size = 0;
  let wake: () => void = () => undefined;
  const done = content.forEach((chunk) => {
    size += chunk.length;
    wake();
  });
  done.catch(() => undefined);
  return {
    got: () => size,
    done,
    more: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
}

test('readers that come before, during and after it get the whole', async () => {
  const { download, path } = begun();
  const before = all(await download.open());
  appendFileSync(path, bytes.subarray(0, HALF));
  download.advance(HALF);
  const during = all(await download.open());
  appendFileSync(path, bytes.subarray(HALF));
  download.advance(SIZE);
  download.finish();
  const after = all(await download.open());
  for (const one of await Promise.all([before, during, after])) expect(one.equals(bytes)).toBe(true);
});

test('what is here is read at once, what is not when it comes', async () => {
  const { download, path } = begun();
  appendFileSync(path, bytes.subarray(0, HALF));
  download.advance(HALF);
  const reader = follow(await download.open());
  while (reader.got() < HALF) await reader.more();
  expect(reader.got()).toBe(HALF);
  appendFileSync(path, bytes.subarray(HALF));
  download.finish();
  await reader.done;
  expect(reader.got()).toBe(SIZE);
});

test('the last byte is given only when the whole is proven', async () => {
  const { download, path } = begun();
  appendFileSync(path, bytes);
  download.advance(SIZE);
  const reader = follow(await download.open());
  while (reader.got() < SIZE - 1) await reader.more();
  expect(reader.got()).toBe(SIZE - 1);
  download.fail(new Error('wrong digest'));
  await expect(reader.done).rejects.toThrow('wrong digest');
  expect(reader.got()).toBe(SIZE - 1);
  await expect(all(await download.open())).rejects.toThrow('wrong digest');
});

test('a part is read as soon as it is there', async () => {
  const { download, path } = begun();
  const part = all(await download.open({ start: 1000, end: HALF }));
  appendFileSync(path, bytes.subarray(0, HALF + 1));
  download.advance(HALF + 1);
  expect((await part).equals(bytes.subarray(1000, HALF))).toBe(true);
  const rest = all(await download.open({ start: HALF }));
  appendFileSync(path, bytes.subarray(HALF + 1));
  download.finish();
  expect((await rest).equals(bytes.subarray(HALF))).toBe(true);
});

test('a reader that gives up concerns nobody else', async () => {
  const { download, path } = begun();
  const controller = new AbortController();
  const leaving = follow(await download.open({ signal: controller.signal }));
  const staying = all(await download.open());
  controller.abort(new Error('left'));
  appendFileSync(path, bytes);
  download.advance(SIZE);
  await expect(leaving.done).rejects.toThrow('left');
  download.finish();
  expect((await staying).equals(bytes)).toBe(true);
});

test('a content that nobody reads can be let go, also twice', async () => {
  const { download } = begun();
  const content = await download.open();
  content.cancel();
  content.cancel();
});

test('a file that is gone cannot be opened', async () => {
  const download = new Download(join(folder(), 'gone'), SIZE);
  expect((await hubErrorFrom(() => download.open())).code).toBe('STORAGE');
});
