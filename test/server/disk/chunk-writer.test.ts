import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ChunkWriter } from '../../../src/server/disk/chunk-writer.ts';
import { folder } from '../../helpers/folder.ts';
import { newGate } from '../../helpers/gates.ts';
import { noise } from '../../helpers/registry-images.ts';

const CHUNK = 64 * 1024;
const bytes = noise('chunks', 40 * CHUNK);
const chunks = Array.from({ length: 40 }, (_, at) => bytes.subarray(at * CHUNK, (at + 1) * CHUNK));

async function newFile(): Promise<{ file: FileHandle; path: string }> {
  const path = join(folder(), 'file');
  const file = await open(path, 'w+');
  onTestFinished(() => file.close());
  return { file, path };
}

type Writev = Pick<FileHandle, 'writev' | 'write'>;

/** A file whose calls may be counted, held back or cut short. */
function wrapped(file: FileHandle, changes: Partial<Record<keyof Writev, unknown>>): FileHandle {
  const own: Writev = {
    writev: file.writev.bind(file),
    write: file.write.bind(file),
  };
  return { ...own, ...changes } as unknown as FileHandle;
}

test('chunks are in the file in order, written in few calls', async () => {
  const { file, path } = await newFile();
  let calls = 0;
  const counted = wrapped(file, {
    writev: (...args: Parameters<FileHandle['writev']>) => {
      calls += 1;
      return file.writev(...args);
    },
  });
  const writer = new ChunkWriter(counted, 0);
  for (const chunk of chunks) await writer.add(chunk);
  await writer.flush();
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect(writer.position).toBe(bytes.length);
  expect(calls).toBeLessThanOrEqual(10);
});

test('writing goes on at the position it was told', async () => {
  const { file, path } = await newFile();
  await file.writeFile('abc');
  const writer = new ChunkWriter(file, 2);
  void writer.add(Buffer.from('x'));
  void writer.add(Buffer.from('yz'));
  await writer.flush();
  expect(await readFile(path, 'utf8')).toBe('abxyz');
  expect(writer.position).toBe(5);
});

test('nothing to write is no work', async () => {
  const { file } = await newFile();
  const writer = new ChunkWriter(wrapped(file, { writev: () => Promise.reject(new Error('never called')) }), 7);
  await writer.flush();
  expect(writer.position).toBe(7);
});

test('what a short write leaves is written after it', async () => {
  const { file, path } = await newFile();
  const short = wrapped(file, {
    writev: async (parts: readonly Buffer[], position: number) => {
      const { bytesWritten } = await file.write(Buffer.concat(parts), 0, CHUNK + 1000, position);
      return { bytesWritten, buffers: parts };
    },
    write: (buffer: Buffer, offset: number, length: number, position: number) =>
      file.write(buffer, offset, Math.min(length, 5000), position),
  });
  const writer = new ChunkWriter(short, 0);
  for (const chunk of chunks.slice(0, 8)) await writer.add(chunk);
  await writer.flush();
  expect((await readFile(path)).equals(bytes.subarray(0, 8 * CHUNK))).toBe(true);
  expect(writer.position).toBe(8 * CHUNK);
});

test('a sender has to wait while much is waiting, and only then', async () => {
  const { file } = await newFile();
  const gate = newGate();
  const slow = wrapped(file, {
    writev: async (...args: Parameters<FileHandle['writev']>) => {
      await gate.opened;
      return file.writev(...args);
    },
  });
  const writer = new ChunkWriter(slow, 0);
  const pauses = chunks.slice(0, 12).map((chunk) => writer.add(chunk));
  const firstPause = pauses.findIndex((pause) => pause !== undefined);
  // 256 KiB are being written, and less than 512 KiB wait.
  expect(firstPause).toBe(11);
  gate.open();
  await Promise.all(pauses.map(async (pause) => pause));
  await writer.flush();
  expect(writer.position).toBe(12 * CHUNK);
});

test('a failure is told to whoever waits, and by flush to whoever does not', async () => {
  const { file } = await newFile();
  const failing = wrapped(file, { writev: () => Promise.reject(new Error('no space')) });
  const writer = new ChunkWriter(failing, 0);
  const pauses = chunks.slice(0, 12).map((chunk) => writer.add(chunk));
  await expect(Promise.all(pauses.map(async (pause) => pause))).rejects.toThrow('no space');
  await expect(writer.flush()).rejects.toThrow('no space');
  const small = new ChunkWriter(failing, 0);
  expect(small.add(Buffer.from('x'))).toBeUndefined();
  await expect(small.flush()).rejects.toThrow('no space');
  expect(small.position).toBe(0);
});
