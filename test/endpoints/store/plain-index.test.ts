import { describe, expect, test } from 'vitest';
import { EMPTY_INDEX, formatIndex, parseIndex, withEntry, withName } from '../../../src/endpoints/store/names.ts';
import { endOfObject, readPlainIndex } from '../../../src/endpoints/store/plain-index.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';

const descriptor = (text: string) => ({
  mediaType: MEDIA_TYPES.ociManifest,
  digest: digestOf(text),
  size: text.length,
});
const kinds = (text: string): readonly string[] | undefined =>
  readPlainIndex(text, { plain: (_, name) => name ?? 'nameless', other: () => 'other' });

const named = withName(EMPTY_INDEX, descriptor('a'), 'docker.io/library/a:1');
const both = withEntry(named, descriptor('bb'));
const mixed = withName(both, { ...descriptor('c'), platform: { os: 'linux', architecture: 'arm64' } }, 'ghcr.io/c/c:1');

describe('an index as hubctl writes it', () => {
  test('is read without a parser, but for entries that say more', () => {
    expect(kinds(formatIndex(mixed))).toEqual(['docker.io/library/a:1', 'nameless', 'other']);
    expect(kinds(formatIndex(EMPTY_INDEX))).toEqual([]);
  });

  test('comes out as a parser reads it', () => {
    const text = formatIndex(mixed);
    const slowly = parseIndex(Buffer.from(` ${text}`), '/s/index.json');
    expect(parseIndex(Buffer.from(text), '/s/index.json')).toEqual(slowly);
    expect(formatIndex(slowly)).toBe(text);
  });

  test('has an entry whose name cannot be one as a parser reads it, too', () => {
    const text = formatIndex(named).replaceAll('docker.io/library/a:1', 'Not A Name');
    expect(kinds(text)).toEqual(['Not A Name']);
    expect(parseIndex(Buffer.from(text), '/s')).toEqual(parseIndex(Buffer.from(` ${text}`), '/s'));
  });
});

test.each([
  ['a blank', '"manifests":[', '"manifests":[ '],
  ['a field behind the list', ']}', '],"x":1}'],
  ['a comma behind the last entry', '}]}', '},]}'],
  ['no comma between entries', '"}},{', '"}}{'],
  ['two commas', '"}},{', '"}},,{'],
  ['text between entries', '"}},{', '"}},x{'],
  ['an entry that is no JSON', '"size":1', '"size":01'],
  ['an entry that does not end', '"}}', '"}'],
  ['a control character', 'library/a', 'library/\n'],
])('an index with %s is left to the parser of JSON', (_, from, to) => {
  const text = formatIndex(both);
  expect(text.replace(from, to)).not.toBe(text);
  expect(kinds(text.replace(from, to))).toBeUndefined();
});

test('an escape in a name is read as JSON says', () => {
  const text = formatIndex(named).replaceAll('library/a', String.raw`library/\u0061`);
  expect(kinds(text)).toEqual(['other']);
  expect(parseIndex(Buffer.from(text), '/s').entries[0]?.name).toBe('docker.io/library/a:1');
});

test('an object ends at its own brace, within the limits', () => {
  const text = String.raw`{"a":"}\"{","b":{"c":{}}}{}`;
  expect(endOfObject(text, 0)).toBe(text.length - 2);
  expect(endOfObject(text, 0, { longest: text.length - 3 })).toBeUndefined();
  expect(endOfObject(text, 0, { deepest: 2 })).toBeUndefined();
  expect(endOfObject('x{}', 0)).toBeUndefined();
  expect(endOfObject('{"a', 0)).toBeUndefined();
});
