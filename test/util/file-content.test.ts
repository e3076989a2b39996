import { mkdtemp, open, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect } from '../../src/util/content.ts';
import { fileContent } from '../../src/util/file-content.ts';

describe('a part of a file as content', () => {
  let dir: string;
  let file: FileHandle;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-file-'));
    await writeFile(join(dir, 'x'), '0123456789');
    file = await open(join(dir, 'x'));
  });
  afterEach(async () => {
    await file.close();
    await rm(dir, { recursive: true });
  });

  it('has just those bytes', async () => {
    for (const [start, end, text] of [
      [0, 10, '0123456789'],
      [2, 5, '234'],
      [4, 4, ''],
    ] as const) {
      expect((await collect(fileContent(file, { start, end, what: 'x' }), 100)).toString()).toBe(text);
    }
  });

  it('has the same bytes when what is at hand is read at once, and lets others have their turn', async () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251));
    await writeFile(join(dir, 'y'), bytes);
    const own = await open(join(dir, 'y'));
    const turns: number[] = [];
    let position = 0;
    setImmediate(() => turns.push(position));
    const part = { start: 1000, end: 5000, what: 'y', close: true, atOnce: true, bufferSize: 100 };
    const chunks: Buffer[] = [];
    await fileContent(own, part).forEach((chunk) => {
      position += chunk.length;
      chunks.push(Buffer.from(chunk));
    });
    expect(Buffer.concat(chunks).equals(bytes.subarray(1000))).toBe(true);
    expect(turns[0]).toBeLessThan(4000);
    expect(own.fd).toBe(-1);
  });

  it('is an error when the file is shorter, also when it is read at once', async () => {
    const content = fileContent(file, { start: 5, end: 20, what: 'blob x', atOnce: true });
    await expect(collect(content, 100)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('is an error when the file is shorter', async () => {
    const content = fileContent(file, { start: 5, end: 20, what: 'blob x' });
    await expect(collect(content, 100)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'blob x ends too early',
    });
  });

  it('stops when it is cancelled or told to', async () => {
    const cancelled = fileContent(file, { start: 0, end: 10, what: 'x' });
    cancelled.cancel();
    await expect(cancelled.forEach(() => undefined)).rejects.toMatchObject({ code: 'ABORTED' });
    const reason = new TypeError('stop');
    const stopped = fileContent(file, { start: 0, end: 10, what: 'x', signal: AbortSignal.abort(reason) });
    await expect(stopped.forEach(() => undefined)).rejects.toBe(reason);
  });

  it('closes a file that it owns, once', async () => {
    for (const use of ['read', 'cancel', 'fail'] as const) {
      const own = await open(join(dir, 'x'));
      const content = fileContent(own, { start: 0, end: 10, what: 'x', close: true });
      if (use === 'read') await content.forEach(() => undefined);
      if (use === 'fail')
        await expect(content.forEach(() => Promise.reject(new TypeError('no')))).rejects.toThrow('no');
      content.cancel();
      await new Promise((resolve) => setImmediate(resolve));
      expect(own.fd).toBe(-1);
    }
  });

  it('reads as much at once as it is told to', async () => {
    const sizes: number[] = [];
    const content = fileContent(file, { start: 0, end: 10, what: 'x', bufferSize: 4 });
    await content.forEach((chunk) => void sizes.push(chunk.length));
    expect(sizes).toEqual([4, 4, 2]);
  });

  it('tells once that nothing more will be read', async () => {
    let ends = 0;
    const onEnd = (): void => void (ends += 1);
    const content = fileContent(file, { start: 0, end: 10, what: 'x', onEnd });
    await content.forEach(() => undefined);
    content.cancel();
    expect(ends).toBe(1);
  });

  describe('of more than a buffer', () => {
    const size = 1024 * 1024;
    beforeEach(async () => {
      await writeFile(join(dir, 'large'), Buffer.alloc(size, 7));
    });

    /** The memory that the pieces were in. */
    async function memoryOf(consume: () => void | Promise<void>): Promise<ReadonlySet<ArrayBufferLike>> {
      const own = await open(join(dir, 'large'));
      const seen = new Set<ArrayBufferLike>();
      const content = fileContent(own, { start: 0, end: size, what: 'large', close: true, atOnce: true });
      const reading = content.forEach((chunk) => {
        seen.add(chunk.buffer);
        return consume();
      });
      await reading.catch(() => undefined);
      return seen;
    }

    it('is read into memory that another file has done with', async () => {
      const first = await memoryOf(() => undefined);
      // A disk that is slow for a moment makes it two.
      expect(first.size).toBeLessThanOrEqual(2);
      const next = await memoryOf(() => undefined);
      expect([...next].some((memory) => first.has(memory))).toBe(true);
    });

    it('leaves memory alone that a failed consumer may still look at', async () => {
      const [failed] = await memoryOf(() => Promise.reject(new TypeError('no')));
      const next = await memoryOf(() => undefined);
      expect([...next].some((memory) => memory === failed)).toBe(false);
    });
  });
});
