import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GrowingHash } from '../../src/http/growing-hash.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { folder } from '../helpers/folder.ts';

const bytes = randomBytes(3_000_000);

interface Growing {
  readonly hash: GrowingHash;
  readonly ended: Promise<string | undefined>;
}

function hashOf(content: Uint8Array, algorithm = 'sha256'): Growing {
  const path = join(folder(), 'file');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  let end: (hex: string | undefined) => void = () => undefined;
  const ended = new Promise<string | undefined>((resolve) => {
    end = resolve;
  });
  return { hash: new GrowingHash(fd, algorithm, end), ended };
}

describe('the hash of a growing file', () => {
  test.each(['sha256', 'sha512'])('is that of what is read by %s', async (algorithm) => {
    const { hash, ended } = hashOf(bytes, algorithm);
    hash.advance(1000);
    hash.advance(1_500_001);
    hash.finish(bytes.length);
    expect(`${algorithm}:${await ended}`).toBe(digestOf(bytes, algorithm));
  });

  test('takes bytes as they pass, and does not read those again', async () => {
    const { hash, ended } = hashOf(Buffer.alloc(0));
    hash.wrote(bytes.subarray(0, 1000), 0);
    hash.wrote(bytes.subarray(1000), 1000);
    hash.advance(bytes.length);
    hash.finish(bytes.length);
    expect(`sha256:${await ended}`).toBe(digestOf(bytes));
  });

  test('reads what others wrote before the bytes that passed', async () => {
    const { hash, ended } = hashOf(bytes);
    hash.wrote(bytes.subarray(2_000_000), 2_000_000);
    hash.advance(2_000_000);
    hash.finish(bytes.length);
    expect(`sha256:${await ended}`).toBe(digestOf(bytes));
  });

  test('goes on with what passes when it has caught up', async () => {
    const { hash, ended } = hashOf(bytes.subarray(0, 500_000));
    hash.advance(500_000);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    hash.wrote(bytes.subarray(500_000), 500_000);
    hash.finish(bytes.length);
    expect(`sha256:${await ended}`).toBe(digestOf(bytes));
  });

  test('is not known when the file is shorter than was said', async () => {
    const { hash, ended } = hashOf(bytes.subarray(0, 10));
    hash.finish(bytes.length);
    expect(await ended).toBeUndefined();
  });

  test('is not known once it was given up', async () => {
    const { hash, ended } = hashOf(bytes);
    hash.advance(bytes.length);
    hash.stop();
    hash.finish(bytes.length);
    expect(await ended).toBeUndefined();
  });

  test('of an unknown kind is refused', () => {
    expect(() => hashOf(bytes, 'no-such-hash')).toThrow();
  });
});
