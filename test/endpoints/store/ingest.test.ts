import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeHashed } from '../../../src/endpoints/store/ingest.ts';
import { HubError } from '../../../src/errors.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { contentOf, type Content } from '../../../src/util/content.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';

function emptyFile(): string {
  const path = join(folder(), 'file');
  writeFileSync(path, '');
  return path;
}

test('writes the content and tells its digest and size', async () => {
  const path = emptyFile();
  const chunks: Content = {
    forEach: async (consume) => {
      for (const text of ['one ', 'two ', 'three']) await consume(Buffer.from(text));
    },
    cancel: () => undefined,
  };
  expect(await writeHashed(path, chunks, {})).toEqual({ digest: digestOf('one two three'), size: 13 });
  expect(readFileSync(path, 'utf8')).toBe('one two three');
});

test('an empty content has the digest of nothing', async () => {
  expect(await writeHashed(emptyFile(), contentOf(Buffer.alloc(0)), {})).toEqual({ digest: digestOf(''), size: 0 });
});

test('passes on what the content throws, and cancels it', async () => {
  let cancelled = false;
  const failure = new HubError('UNREACHABLE', 'reset');
  const content: Content = { forEach: () => Promise.reject(failure), cancel: () => void (cancelled = true) };
  expect(await hubErrorFrom(() => writeHashed(emptyFile(), content, {}))).toBe(failure);
  expect(cancelled).toBe(true);
});

test('stops when the signal aborts', async () => {
  const reason = new HubError('ABORTED', 'interrupted');
  const signal = AbortSignal.abort(reason);
  expect(await hubErrorFrom(() => writeHashed(emptyFile(), contentOf(Buffer.from('x')), { signal }))).toBe(reason);
});

test('says which file cannot be written', async () => {
  const error = await hubErrorFrom(() => writeHashed('/nowhere/file', contentOf(Buffer.from('x')), {}));
  expect(error).toMatchObject({ code: 'STORAGE', message: expect.stringContaining('/nowhere/file') as string });
});
