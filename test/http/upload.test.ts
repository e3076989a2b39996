import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import { uploadOf, type UploadOptions } from '../../src/http/upload.ts';
import { contentOf, type Content } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const NEVER: UploadOptions = { timeout: 60_000, onStall: () => undefined };

function put(length: number, open: () => Promise<Content>): HttpRequest {
  return { method: 'PUT', url: new URL('https://reg.example/'), body: { length, open } };
}

describe('a body', () => {
  test('may be absent or empty', async () => {
    const empty = put(0, () => Promise.reject(new HubError('FAILED', 'opened')));
    expect(await uploadOf(empty, NEVER)).toBeUndefined();
    expect(await uploadOf({ ...empty, body: undefined }, NEVER)).toBeUndefined();
  });

  test('that is small is sent in one piece', async () => {
    const bytes = Buffer.from('manifest');
    expect(
      await uploadOf(
        put(bytes.length, async () => contentOf(bytes)),
        NEVER,
      ),
    ).toEqual(bytes);
  });

  test('that is small must not be larger than it said', async () => {
    const request = put(3, async () => contentOf(Buffer.alloc(4)));
    expect((await hubErrorFrom(() => uploadOf(request, NEVER))).code).toBe('CONTENT_INVALID');
  });

  test('that is large is a stream', async () => {
    const upload = await uploadOf(
      put(100_000, async () => contentOf(Buffer.alloc(100_000))),
      NEVER,
    );
    expect(upload).toBeInstanceOf(Readable);
    let length = 0;
    for await (const chunk of upload as Readable) length += (chunk as Buffer).length;
    expect(length).toBe(100_000);
  });

  test('that cannot be opened fails the request', async () => {
    const error = new HubError('STORAGE', 'gone');
    expect(
      await hubErrorFrom(() =>
        uploadOf(
          put(5, () => Promise.reject(error)),
          NEVER,
        ),
      ),
    ).toBe(error);
  });
});

test('a connection that takes nothing is reported once', async () => {
  const stalls: HubError[] = [];
  const content: Content = {
    forEach: async (consume) => {
      for (let index = 0; index < 100; index += 1) await consume(Buffer.alloc(64 * 1024));
    },
    cancel: () => undefined,
  };
  const stalled = new Promise<HubError>((resolve) => {
    void uploadOf(
      put(100 * 64 * 1024, async () => content),
      { timeout: 20, onStall: (error) => (stalls.push(error), resolve(error)) },
    );
  });
  expect(await stalled).toMatchObject({
    code: 'TIMEOUT',
    message: 'reg.example took no byte of the upload within 0 s',
  });
  expect(stalls).toHaveLength(1);
});
