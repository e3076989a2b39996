import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { collect } from '../../src/util/content.ts';
import { peek } from '../../src/util/peek.ts';

const streamOf = (...chunks: string[]): Readable => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

describe('looking at the beginning of a stream', () => {
  it.each([
    ['one chunk', ['abcdef']],
    ['many chunks', ['a', 'b', '', 'cd', 'e', 'f']],
  ])('gives the first bytes and then all of %s', async (_, chunks) => {
    const { head, content } = await peek(streamOf(...chunks), 3);
    expect(head.toString()).toBe('abc');
    expect((await collect(content, 100)).toString()).toBe('abcdef');
  });

  it('gives fewer bytes of a stream that is shorter', async () => {
    const { head, content } = await peek(streamOf('ab'), 10);
    expect(head.toString()).toBe('ab');
    expect((await collect(content, 100)).toString()).toBe('ab');
    expect((await peek(streamOf(), 10)).head.length).toBe(0);
  });

  it('closes the stream when it is cancelled or its reader fails', async () => {
    for (const fail of [false, true]) {
      const stream = streamOf('ab', 'cd', 'ef');
      const { content } = await peek(stream, 1);
      if (fail) await expect(content.forEach(() => Promise.reject(new TypeError('no')))).rejects.toThrow('no');
      else content.cancel();
      await new Promise((resolve) => setImmediate(resolve));
      expect(stream.destroyed).toBe(true);
    }
  });

  it('hands on the failure of the stream', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('ab');
      throw new TypeError('broken');
    }
    const { content } = await peek(failing(), 1);
    await expect(collect(content, 100)).rejects.toThrow('broken');
    await expect(peek(failing(), 10)).rejects.toThrow('broken');
  });
});
