import fc from 'fast-check';
import { normalize, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { registryPaths, tagFile, tagOfFile } from '../../../src/server/disk/paths.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';

const TAG = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const DIR = '/srv/registry';
const paths = registryPaths(DIR);
const digest = digestOf('x');

describe('files of tags', () => {
  test('every tag is read back from its file', () => {
    fc.assert(fc.property(TAG, (tag) => tagOfFile(tagFile(tag)) === tag));
  });

  test('no two tags share a file, also where the case of letters does not count', () => {
    // Capitals are the only thing that could get lost: files have none, and each is read back as its own tag.
    fc.assert(fc.property(TAG, (tag) => tagFile(tag) === tagFile(tag).toLowerCase()));
    fc.assert(
      fc.property(TAG, fc.infiniteStream(fc.boolean()), (tag, flips) => {
        const other = [...tag].map((letter) => (flips.next().value ? letter.toUpperCase() : letter)).join('');
        return other === tag || tagFile(other).toLowerCase() !== tagFile(tag).toLowerCase();
      }),
    );
  });

  test('no file is called longer than file systems allow, while it is being written too', () => {
    fc.assert(fc.property(TAG, (tag) => tagFile(tag).length <= 200));
    for (const tag of ['A'.repeat(128), 'a'.repeat(128), `${'A'.repeat(64)}${'b'.repeat(64)}`, 'aB'.repeat(64)]) {
      expect(tagFile(tag).length).toBeLessThanOrEqual(200);
    }
  });

  test('names are easy to read', () => {
    expect(tagFile('v1.2')).toBe('v1.2');
    expect(tagFile('Latest')).toBe('+latest');
    expect(tagFile(`${'A'.repeat(65)}b`)).toBe(`++${'a'.repeat(65)}+b`);
  });

  test('other files are no tags', () => {
    for (const file of ['.hidden', 'A', '+', '++', '+1', '++a', '.latest.tmp', 'a+', '', 'x'.repeat(129)]) {
      expect([file, tagOfFile(file)]).toEqual([file, undefined]);
    }
    fc.assert(
      fc.property(fc.string(), (file) => {
        const tag = tagOfFile(file);
        return tag === undefined || tagFile(tag) === file;
      }),
    );
  });
});

describe('paths', () => {
  test('content lies in folders of at most 256', () => {
    const hex = digest.slice(7);
    expect(paths.content(digest)).toBe(`${DIR}/blobs/sha256/${hex.slice(0, 2)}/${hex}`);
  });

  test('what a repository has cannot be taken for another repository', () => {
    expect(paths.blobLink('a/b', digest)).toBe(`${DIR}/repositories/a/b/_blobs/sha256/${digest.slice(7)}`);
    expect(paths.tag('a', 'Tag')).toBe(`${DIR}/repositories/a/_tags/+tag`);
  });

  test.each<[string, () => string]>([
    ['a name that leads out', () => paths.repository('../x')],
    ['a name with an empty part', () => paths.repository('a//b')],
    ['an absolute name', () => paths.repository('/etc')],
    ['a name with a zero byte', () => paths.repository('a\0b')],
    ['a name in capitals', () => paths.repository('A')],
    ['a private name', () => paths.repository('_tags')],
    ['an empty name', () => paths.repository('')],
    ['a tag that leads out', () => paths.tag('a', '..')],
    ['a tag with a slash', () => paths.tag('a', 'b/c')],
    ['a digest that leads out', () => paths.content('sha256:../../../../etc/passwd')],
    ['a digest of another algorithm', () => paths.content(`md5:${'a'.repeat(32)}`)],
    ['a short digest', () => paths.content('sha256:ab')],
    ['an algorithm that leads out', () => paths.manifests('a', '..')],
    ['a subject that is none', () => paths.referrers('a', 'x')],
    ['a referrer that is none', () => paths.referrer('a', digest, 'sha256:..')],
  ])('%s is refused', async (_, work) => {
    expect((await hubErrorFrom(work)).code).toBe('REFERENCE_INVALID');
  });

  test('whatever the parts are, a path stays below its folder', async () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('.', '/', '\\', 'a', '_', '-', ':', '\0', 'A', '%', '~') }),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(text, text, async (name, other) => {
        for (const make of [
          () => paths.repository(name),
          () => paths.tag(name, other),
          () => paths.tag('a', other),
          () => paths.content(other),
          () => paths.manifestLink('a', other),
          () => paths.referrer('a', digest, other),
        ]) {
          let path = '';
          const error = await hubErrorFrom(() => (path = make()), { optional: true });
          if (error) expect(error.code).toBe('REFERENCE_INVALID');
          else expect(path === normalize(path) && path.startsWith(DIR + sep)).toBe(true);
        }
      }),
    );
  });
});
