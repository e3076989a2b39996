import { describe, expect, test } from 'vitest';
import {
  algorithmOf,
  digestOf,
  encodedOf,
  hasherFor,
  isDigest,
  isVerifiable,
  shortDigest,
} from '../../src/spec/digest.ts';

const HEX = '0123456789abcdef'.repeat(4);

describe('isDigest', () => {
  test.each([
    [`sha256:${HEX}`, true],
    [`sha512:${HEX}${HEX}`, true],
    ['blake3:abc', true],
    ['sha256+b64:aGVsbG8=', true],
    [`sha256:${HEX.toUpperCase()}`, false],
    [`sha256:${HEX.slice(1)}`, false],
    [`sha512:${HEX}`, false],
    ['sha256:', false],
    ['sha256', false],
    ['', false],
    [`SHA256:${HEX}`, false],
    ['sha256:../../etc/passwd', false],
    ['x:../y', false],
    ['x:a/b', false],
    [`sha256:${HEX}\n`, false],
    ['sha256:a:b', false],
  ])('%j: %s', (text, expected) => {
    expect(isDigest(text)).toBe(expected);
  });
});

describe('digests', () => {
  test('only sha256 and sha512 can be verified', () => {
    const names = ['sha256', 'sha512', 'md5', 'sha1', 'blake3', 'constructor', 'toString'];
    expect(names.filter((name) => isVerifiable(`${name}:00`))).toEqual(['sha256', 'sha512']);
    expect(() => hasherFor('constructor:00')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  test('the digest of bytes can be computed at once or piece by piece', () => {
    const digest = digestOf('{}');
    expect(digest).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(hasherFor(digest).update('{').update('}').digest('hex')).toBe(encodedOf(digest));
    expect(digestOf('', 'sha512')).toMatch(/^sha512:cf83e1357eefb8bd/);
  });

  test('the parts of a digest', () => {
    const digest = `sha256:${HEX}`;
    expect([algorithmOf(digest), encodedOf(digest), shortDigest(digest)]).toEqual(['sha256', HEX, '0123456789ab']);
  });
});
