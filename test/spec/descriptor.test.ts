import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { parseDescriptor, stringMap } from '../../src/spec/descriptor.ts';

const GOOD = { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 3 };

describe('parseDescriptor', () => {
  test('reads all fields of the specification', () => {
    const value = {
      ...GOOD,
      urls: ['https://example.com/blob', 1],
      annotations: { a: 'b', c: 1 },
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      artifactType: 'x/y',
      data: 'e30=',
      unknown: true,
    };
    expect(parseDescriptor(value, 'it')).toEqual({
      ...GOOD,
      urls: ['https://example.com/blob'],
      annotations: { a: 'b' },
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      artifactType: 'x/y',
      data: 'e30=',
    });
  });

  test('takes odd optional fields as missing', () => {
    const value = { ...GOOD, urls: null, annotations: [], platform: 'linux', artifactType: 1, data: null };
    expect(parseDescriptor(value, 'it')).toEqual(GOOD);
  });

  const bad: readonly (readonly [unknown, string])[] = [
    [null, 'it is not an object'],
    [[], 'it is not an object'],
    [{ ...GOOD, mediaType: undefined }, 'it has no mediaType'],
    ...['sha256:abc', 'sha256:../../x', '', null, `sha256:${'A'.repeat(64)}`].map(
      (digest) => [{ ...GOOD, digest }, 'it has no valid digest'] as const,
    ),
    ...[-1, 1.5, 2 ** 53, 1e300, NaN, '3', null, undefined].map(
      (size) => [{ ...GOOD, size }, 'it has no valid size'] as const,
    ),
  ];
  test.each(bad)('refuses %j', (value, message) => {
    expect(() => parseDescriptor(value, 'it')).toThrow(expect.objectContaining({ code: 'CONTENT_INVALID', message }));
  });

  test('fails for any value only as CONTENT_INVALID', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({ mediaType: fc.string(), digest: fc.constant(GOOD.digest), size: fc.anything() }),
        ),
        (value) => {
          try {
            parseDescriptor(value, 'it');
          } catch (error) {
            expect(HubError.is(error, 'CONTENT_INVALID')).toBe(true);
          }
        },
      ),
    );
  });
});

describe('stringMap', () => {
  test('keys cannot reach the prototype', () => {
    const map = stringMap(JSON.parse('{"__proto__": "x", "a": "b"}'));
    expect(Object.entries(map ?? {})).toEqual([
      ['__proto__', 'x'],
      ['a', 'b'],
    ]);
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
  });

  test('an empty map is none', () => {
    expect([stringMap({}), stringMap(null), stringMap(['a'])]).toEqual([undefined, undefined, undefined]);
  });
});
