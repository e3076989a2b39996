import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HashThreads } from '../../../src/endpoints/store/hash-thread.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { folder } from '../../helpers/folder.ts';

const bytes = randomBytes(3_000_000);

function threadsOf(most: number): HashThreads {
  const threads = new HashThreads(most);
  onTestFinished(() => threads.close());
  return threads;
}

function openFile(content: Uint8Array = bytes): number {
  const path = join(folder(), 'file');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  return fd;
}

describe('a thread', () => {
  test.each(['sha256', 'sha512'])('hashes a file by %s while it grows', async (algorithm) => {
    const hash = threadsOf(2).begin(openFile(), algorithm);
    hash?.advance(1000);
    hash?.advance(1_500_001);
    expect(`${algorithm}:${await hash?.finish(bytes.length)}`).toBe(digestOf(bytes, algorithm));
  });

  test('takes one file after the other', async () => {
    const threads = threadsOf(2);
    for (const end of [10, 20, 30, 40]) {
      const hash = threads.begin(openFile(), 'sha256');
      expect(`sha256:${await hash?.finish(end)}`).toBe(digestOf(bytes.subarray(0, end)));
    }
  });

  test('gives up when told to, and is free again', async () => {
    const threads = threadsOf(2);
    for (let index = 0; index < 5; index += 1) {
      const hash = threads.begin(openFile(), 'sha256');
      hash?.advance(1000);
      await hash?.stop();
    }
    expect(threads.begin(openFile(), 'sha256')).toBeDefined();
  });

  test('says that it cannot when the file is shorter than it was told, or not open', async () => {
    const threads = threadsOf(2);
    expect(await threads.begin(openFile(), 'sha256')?.finish(bytes.length + 1)).toBeUndefined();
    expect(await threads.begin(987_654, 'sha256')?.finish(10)).toBeUndefined();
    expect(await threads.begin(openFile(), 'no-such-hash')?.finish(10)).toBeUndefined();
  });
});

test('there are never more than allowed, and none where they would only take turns', () => {
  const threads = threadsOf(2);
  expect([0, 1, 2].map(() => threads.begin(openFile(), 'sha256') !== undefined)).toEqual([true, true, false]);
  expect(threadsOf(1).begin(openFile(), 'sha256')).toBeUndefined();
});
