import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { secondTry, tryTwice, Verifier, verifyBytes } from '../../src/transfer/verify.ts';

const bytes = Buffer.from('some content');
const descriptor = { mediaType: 'x/y', digest: digestOf(bytes), size: bytes.length };

function codeOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return HubError.is(error) ? error.code : String(error);
  }
}

describe('Verifier', () => {
  it('accepts exactly the bytes of the descriptor, in any pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (data, step) => {
        const verifier = new Verifier({ mediaType: 'x/y', digest: digestOf(data), size: data.length });
        for (let at = 0; at < data.length; at += step) verifier.update(data.subarray(at, at + step));
        verifier.finish();
      }),
    );
  });

  it('refuses content with one bit changed', () => {
    const changed = Buffer.from(bytes);
    changed[0]! ^= 1;
    expect(codeOf(() => verifyBytes(descriptor, changed))).toBe('DIGEST_MISMATCH');
  });

  it('refuses content that ends early', () => {
    expect(codeOf(() => verifyBytes(descriptor, bytes.subarray(1)))).toBe('DIGEST_MISMATCH');
  });

  it('stops at the first byte too many, before the end', () => {
    const verifier = new Verifier(descriptor);
    verifier.update(bytes);
    expect(codeOf(() => verifier.update(Buffer.from('x')))).toBe('DIGEST_MISMATCH');
  });

  it('checks sha512 as well', () => {
    expect(codeOf(() => verifyBytes({ ...descriptor, digest: digestOf(bytes, 'sha512') }, bytes))).toBeUndefined();
  });

  it('says UNSUPPORTED for an algorithm it cannot verify', () => {
    expect(codeOf(() => new Verifier({ ...descriptor, digest: 'blake3:abcdef' }))).toBe('UNSUPPORTED');
  });
});

describe('a second try', () => {
  test('gives what it gives', async () => {
    expect(await secondTry(async () => 7)).toBe(7);
  });

  test('that fails in the same way says so', async () => {
    const error = new HubError('DIGEST_MISMATCH', 'expected this, received that', { hint: 'try another mirror' });
    await expect(secondTry(() => Promise.reject(error))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      message: 'expected this, received that, twice',
      hint: 'try another mirror',
    });
  });

  test('that fails in another way fails in that way', async () => {
    const error = new HubError('TIMEOUT', 'no answer');
    await expect(secondTry(() => Promise.reject(error))).rejects.toBe(error);
  });
});

test('content that arrives damaged is fetched once more, and whatever else fails is not', async () => {
  let count = 0;
  const failing = (code: 'DIGEST_MISMATCH' | 'TIMEOUT', times: number) => async (): Promise<number> => {
    count += 1;
    if (count <= times) throw new HubError(code, 'it failed');
    return count;
  };
  expect(await tryTwice(failing('DIGEST_MISMATCH', 1))).toBe(2);
  count = 0;
  await expect(tryTwice(failing('DIGEST_MISMATCH', 9))).rejects.toMatchObject({ message: 'it failed, twice' });
  expect(count).toBe(2);
  const asked: boolean[] = [];
  await expect(
    tryTwice((fresh) => {
      asked.push(fresh);
      return failing('DIGEST_MISMATCH', 9)();
    }),
  ).rejects.toThrow();
  expect(asked).toEqual([false, true]);
  count = 0;
  await expect(tryTwice(failing('TIMEOUT', 1))).rejects.toMatchObject({ message: 'it failed' });
});
