import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { collect, contentFrom, contentOf, readableFrom, type Content } from '../../src/util/content.ts';

/** Chunks that share one buffer, as those of a socket may. */
function reusing(chunks: readonly string[], onCancel?: () => void): Content {
  const buffer = Buffer.alloc(16);
  return {
    forEach: async (consume) => {
      for (const text of chunks) await consume(buffer.subarray(0, buffer.write(text)));
    },
    cancel: () => onCancel?.(),
  };
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

describe('content of bytes', () => {
  test('is one chunk, or none when there are no bytes', async () => {
    const seen: number[] = [];
    await contentOf(Buffer.from('abc')).forEach((chunk) => void seen.push(chunk.length));
    await contentOf(Buffer.alloc(0)).forEach((chunk) => void seen.push(chunk.length));
    expect(seen).toEqual([3]);
  });
});

describe('content of a stream', () => {
  test('waits for the consumer before the next chunk', async () => {
    const order: string[] = [];
    await contentFrom(Readable.from([Buffer.from('a'), Buffer.from('b')])).forEach(async (chunk) => {
      order.push(`begin ${Buffer.from(chunk).toString()}`);
      await Promise.resolve();
      order.push('end');
    });
    expect(order).toEqual(['begin a', 'end', 'begin b', 'end']);
  });

  test('destroys the stream when the consumer fails', async () => {
    const stream = Readable.from([Buffer.from('a'), Buffer.from('b')]);
    const failure = new HubError('STORAGE', 'disk is full');
    const reading = contentFrom(stream).forEach(() => {
      throw failure;
    });
    await expect(reading).rejects.toBe(failure);
    expect(stream.destroyed).toBe(true);
  });

  test('destroys the stream when it is cancelled', () => {
    const stream = Readable.from([Buffer.from('a')]);
    contentFrom(stream).cancel();
    expect(stream.destroyed).toBe(true);
  });
});

describe('a stream of content', () => {
  test('keeps chunks apart although their buffer is used again', async () => {
    expect(await textOf(readableFrom(reusing(['one', 'two', 'three'])))).toBe('onetwothree');
  });

  test('fails as the content fails', async () => {
    const failure = new HubError('UNREACHABLE', 'the connection broke');
    const broken: Content = { forEach: () => Promise.reject(failure), cancel: () => undefined };
    await expect(textOf(readableFrom(broken))).rejects.toBe(failure);
  });

  test('cancels the content when nobody reads on', () => {
    let cancelled = false;
    readableFrom(reusing(['x'], () => (cancelled = true))).destroy();
    expect(cancelled).toBe(true);
  });
});

describe('collect', () => {
  test('gives all bytes', async () => {
    expect((await collect(reusing(['one', 'two']), 6)).toString()).toBe('onetwo');
  });

  test('stops at the first byte too many, says what was too large, and cancels', async () => {
    let cancelled = false;
    const collecting = collect(
      reusing(['one', 'two'], () => (cancelled = true)),
      5,
      'the manifest',
    );
    await expect(collecting).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'the manifest is larger than 5 bytes',
    });
    expect(cancelled).toBe(true);
  });
});

describe('collecting what is in memory, or not', () => {
  test('copies nothing that is in memory anyway, and everything else', async () => {
    const bytes = Buffer.from('some bytes');
    const whole = await collect(contentOf(bytes), 100);
    expect(whole.buffer).toBe(bytes.buffer);
    expect(whole.equals(bytes)).toBe(true);
    const reused = Buffer.from('ab');
    const copy = await collect(
      {
        forEach: async (consume) => {
          await consume(reused);
          reused.fill('x');
        },
        cancel: () => undefined,
      },
      100,
    );
    expect(copy.toString()).toBe('ab');
  });
});
