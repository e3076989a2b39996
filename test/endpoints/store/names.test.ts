import { describe, expect, test } from 'vitest';
import {
  EMPTY_INDEX,
  formatIndex,
  isContentDigest,
  isNameless,
  parseIndex,
  storeName,
  withEntry,
  withName,
} from '../../../src/endpoints/store/names.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';

const REF = 'org.opencontainers.image.ref.name';
const FULL = 'io.containerd.image.name';
const descriptor = (text: string) => ({ mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(text), size: 9 });
const parse = (value: unknown) => parseIndex(Buffer.from(JSON.stringify(value)), '/s/index.json');
const indexWith = (...manifests: unknown[]) => parse({ schemaVersion: 2, manifests });

describe('parseIndex', () => {
  test('reads what formatIndex writes', () => {
    const index = withName(EMPTY_INDEX, descriptor('a'), 'docker.io/library/a:1');
    const again = parseIndex(Buffer.from(formatIndex(index)), '/s/index.json');
    expect(again.entries.map(({ name, descriptor: { digest } }) => [name, digest])).toEqual([
      ['docker.io/library/a:1', digestOf('a')],
    ]);
  });

  test('keeps fields it does not know, of the index and of its entries', () => {
    const index = parse({
      schemaVersion: 2,
      'x-tool': { a: 1 },
      manifests: [{ ...descriptor('a'), 'x-entry': [1], annotations: { other: 'kept' } }],
    });
    const text = formatIndex(withName(index, descriptor('b'), 'docker.io/library/b:1'));
    expect(JSON.parse(text)).toMatchObject({
      'x-tool': { a: 1 },
      manifests: [{ 'x-entry': [1], annotations: { other: 'kept' } }, { digest: digestOf('b') }],
    });
  });

  test.each([
    ['v1', 'docker.io/library/v1:latest'],
    ['app:2', 'docker.io/library/app:2'],
    ['localhost:5000/app:v1', 'localhost:5000/app:v1'],
    ['ghcr.io/o/a', 'ghcr.io/o/a:latest'],
    [`docker.io/library/a@${digestOf('a')}`, `docker.io/library/a@${digestOf('a')}`],
  ])('takes the name %j of another tool for %j', (text, name) => {
    expect(indexWith({ ...descriptor('a'), annotations: { [REF]: text } }).entries[0]?.name).toBe(name);
  });

  test('prefers the full name to the short one', () => {
    const annotations = { [REF]: 'latest', [FULL]: 'docker.io/library/a:latest' };
    expect(indexWith({ ...descriptor('a'), annotations }).entries[0]?.name).toBe('docker.io/library/a:latest');
  });

  test('has no name for text that cannot be one, but does not call the image nameless', () => {
    const [entry] = indexWith({ ...descriptor('a'), annotations: { [REF]: 'Not A Name' } }).entries;
    expect(entry?.name).toBeUndefined();
    expect(entry && isNameless(entry)).toBe(false);
  });

  test('of two entries with one name the last has it', () => {
    const annotations = { [REF]: 'docker.io/library/a:1' };
    const index = indexWith({ ...descriptor('old'), annotations }, { ...descriptor('new'), annotations });
    expect(index.entries.map(({ name }) => name)).toEqual([undefined, 'docker.io/library/a:1']);
    expect(JSON.parse(formatIndex(index)).manifests[0].annotations).toBeUndefined();
  });

  test.each([
    '',
    '{',
    '[]',
    'null',
    '{"schemaVersion":1,"manifests":[]}',
    '{"schemaVersion":2}',
    '{"schemaVersion":2,"manifests":[{}]}',
    '{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"sha256:x","size":1}]}',
    `{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"${digestOf('a')}","size":-1}]}`,
  ])('says that %j is damaged, where, and what to do', async (text) => {
    const error = await hubErrorFrom(() => parseIndex(Buffer.from(text), '/s/index.json'));
    expect(error).toMatchObject({ code: 'STORAGE', details: { path: '/s/index.json' } });
    expect(error.message).toContain('/s/index.json');
    expect(error.hint).toBeDefined();
  });
});

describe('withName', () => {
  const name = 'docker.io/library/a:1';

  test('changes nothing when the image has the name', () => {
    const index = withName(EMPTY_INDEX, descriptor('a'), name);
    expect(withName(index, descriptor('a'), name)).toBe(index);
  });

  test('keeps other annotations, and replaces a name that came along', () => {
    const annotations = { [REF]: 'old', kept: 'yes' };
    const [entry] = withName(EMPTY_INDEX, { ...descriptor('a'), annotations }, name).entries;
    expect(JSON.parse(entry?.json ?? '')).toMatchObject({ annotations: { kept: 'yes', [REF]: name, [FULL]: name } });
    expect(entry?.descriptor.annotations).toEqual({ kept: 'yes' });
  });
});

test('withEntry lists an image without a name once', () => {
  const index = withEntry(EMPTY_INDEX, descriptor('a'));
  expect(index.entries.map(isNameless)).toEqual([true]);
  expect(withEntry(index, descriptor('a'))).toBe(index);
});

test('storeName makes names canonical and complete', () => {
  expect(storeName('alpine')).toBe('docker.io/library/alpine:latest');
  expect(storeName(`alpine:3@${digestOf('a')}`)).toBe(`docker.io/library/alpine@${digestOf('a')}`);
});

test('isContentDigest does not take a name with a tag for a digest', () => {
  expect(isContentDigest('alpine:3')).toBe(false);
  expect(isContentDigest(digestOf('a'))).toBe(true);
  expect(isContentDigest(digestOf('a', 'sha512'))).toBe(true);
});
