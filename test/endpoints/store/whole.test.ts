import { existsSync, readFileSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchWhole } from '../../../src/endpoints/store/whole.ts';
import { HubError } from '../../../src/errors.ts';
import type { Content } from '../../../src/transfer/endpoint.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { blobOf, opener } from '../../helpers/stores.ts';

const blob = blobOf('0123456789');

function contentOfPieces(pieces: readonly string[], options: Partial<Content> = {}): Content {
  return {
    ...options,
    forEach: async (consume) => {
      for (const piece of pieces) await consume(Buffer.from(piece));
    },
    cancel: options.cancel ?? (() => undefined),
  };
}

test('pieces become a file of this user alone, which is renamed when it is on the disk', async () => {
  const dir = folder();
  const path = join(dir, 'new');
  const file = await fetchWhole(path, blob.descriptor, async () => contentOfPieces(['01234', '56789']), {});
  expect(readFileSync(path, 'utf8')).toBe('0123456789');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await file.place((from) => renameSync(from, join(dir, 'blob')));
  expect(readdirSync(dir)).toEqual(['blob']);
});

test('content of no bytes is a file, too', async () => {
  const path = join(folder(), 'new');
  const file = await fetchWhole(path, blobOf('').descriptor, async () => contentOfPieces([]), {});
  expect(statSync(path).size).toBe(0);
  await file.place(() => undefined);
});

test.each([
  ['other bytes', ['01234', '5678x']],
  ['fewer bytes', ['01234']],
  ['more bytes', ['0123456789', 'x']],
])('%s than promised leave nothing', async (_, pieces) => {
  const dir = folder();
  let cancelled = false;
  const content = contentOfPieces(pieces, { cancel: () => (cancelled = true) });
  const error = await hubErrorFrom(() => fetchWhole(join(dir, 'new'), blob.descriptor, async () => content, {}));
  expect(error).toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(readdirSync(dir)).toEqual([]);
  expect(cancelled).toBe(true);
});

test('what the source has verified is not hashed again', async () => {
  const path = join(folder(), 'new');
  const content = contentOfPieces(['not what was promised'], { verified: true });
  const file = await fetchWhole(path, blob.descriptor, async () => content, {});
  await file.place(() => undefined);
  expect(readFileSync(path, 'utf8')).toBe('not what was promised');
});

test('makes no file before the source has answered', async () => {
  const dir = folder();
  const open = (): Promise<Content> => Promise.reject(new HubError('NOT_FOUND', 'no'));
  const error = await hubErrorFrom(() => fetchWhole(join(dir, 'new'), blob.descriptor, open, {}));
  expect(error).toMatchObject({ code: 'NOT_FOUND' });
  expect(readdirSync(dir)).toEqual([]);
});

test('never writes to a file that is there, nor through a link', async () => {
  const dir = folder();
  symlinkSync(join(dir, 'elsewhere'), join(dir, 'new'));
  const error = await hubErrorFrom(() => fetchWhole(join(dir, 'new'), blob.descriptor, opener(blob), {}));
  expect(error).toMatchObject({ code: 'STORAGE' });
  expect(existsSync(join(dir, 'elsewhere'))).toBe(false);
  expect(readdirSync(dir)).toEqual(['new']);
});

test('stops when it is aborted, and leaves nothing', async () => {
  const dir = folder();
  const stop = new AbortController();
  const reason = new HubError('ABORTED', 'enough');
  const content: Content = {
    forEach: async (consume) => {
      await consume(Buffer.from('01234'));
      stop.abort(reason);
      await consume(Buffer.from('56789'));
    },
    cancel: () => undefined,
  };
  const work = fetchWhole(join(dir, 'new'), blob.descriptor, async () => content, { signal: stop.signal });
  expect(await hubErrorFrom(() => work)).toBe(reason);
  expect(readdirSync(dir)).toEqual([]);
});

test('leaves nothing when it cannot be renamed', async () => {
  const dir = folder();
  const file = await fetchWhole(join(dir, 'new'), blob.descriptor, opener(blob), {});
  const fail = (): never => {
    throw new HubError('STORAGE', 'in the way');
  };
  expect(await hubErrorFrom(() => file.place(fail))).toMatchObject({ message: 'in the way' });
  expect(readdirSync(dir)).toEqual([]);
});
