import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import { isBodyError, uploadOf, type UploadOptions } from '../../src/http/upload.ts';
import { contentOf, type Content } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const NEVER: UploadOptions = { timeout: 60_000, onFailure: () => expect.fail('the body failed') };

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
      put(200_000, async () => contentOf(Buffer.alloc(200_000))),
      NEVER,
    );
    expect(upload).toBeInstanceOf(Readable);
    let length = 0;
    for await (const chunk of upload as Readable) length += (chunk as Buffer).length;
    expect(length).toBe(200_000);
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
      { timeout: 20, onFailure: (error) => (stalls.push(error as HubError), resolve(error as HubError)) },
    );
  });
  expect(await stalled).toMatchObject({
    code: 'TIMEOUT',
    message: 'reg.example took no byte of the upload within 0 s',
  });
  expect(stalls).toHaveLength(1);
  expect(isBodyError(stalls[0])).toBe(false);
});

/** Content that breaks off with an error after some bytes. */
function breaking(bytes: number, error: unknown): () => Promise<Content> {
  return async () => ({
    forEach: async (consume) => {
      await consume(Buffer.alloc(bytes));
      throw error;
    },
    cancel: () => undefined,
  });
}

describe('the error of a source', () => {
  const errors = [new TypeError('broke'), new HubError('UNREACHABLE', 'the source is away'), 'text', undefined];

  test.each(errors)('is thrown as it is by a short body: %s', async (error) => {
    await expect(uploadOf(put(5, breaking(3, error)), NEVER)).rejects.toBe(error);
  });

  test.each(errors)('is reported as it is by a stream: %s', async (error) => {
    const failed = new Promise<unknown>((resolve) => {
      void uploadOf(put(200_000, breaking(100_000, error)), { timeout: 60_000, onFailure: resolve });
    });
    expect(await failed).toBe(error);
  });

  test('is known as one, whatever it is', async () => {
    const opening = new HubError('TIMEOUT', 'slow');
    const reading = new HubError('TIMEOUT', 'slow');
    const streaming = new HubError('TIMEOUT', 'slow');
    await hubErrorFrom(() =>
      uploadOf(
        put(5, () => Promise.reject(opening)),
        NEVER,
      ),
    );
    await hubErrorFrom(() => uploadOf(put(5, breaking(3, reading)), NEVER));
    await new Promise((resolve) => {
      void uploadOf(put(200_000, breaking(100_000, streaming)), { timeout: 60_000, onFailure: resolve });
    });
    expect([opening, reading, streaming].map(isBodyError)).toEqual([true, true, true]);
    expect(isBodyError(new HubError('TIMEOUT', 'slow'))).toBe(false);
  });

  test('counts for nothing once the stream is given up', async () => {
    const upload = await uploadOf(
      put(200_000, async () => {
        let stop: (error: Error) => void = () => undefined;
        const stopped = new Promise<never>((_, reject) => (stop = reject));
        return { forEach: () => stopped, cancel: () => stop(new Error('cancelled')) };
      }),
      NEVER,
    );
    const stream = upload as Readable;
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy();
    await closed;
  });
});
