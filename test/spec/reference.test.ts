// Vectors are those of distribution/reference 0965666 (`ParseNormalizedNamed`; the familiar form after `TagNameOnly`).
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import {
  familiarMatch,
  familiarName,
  familiarString,
  formatReference,
  isRepository,
  isTag,
  parseAnyReference,
  parseReference,
  repositoryName,
  splitCanonical,
  withDefaultTag,
} from '../../src/spec/reference.ts';

const S = 'f'.repeat(64);
const S512 = 'f'.repeat(128);

// The quirk of upstream that gives an empty registry.
const QUIRKS = ['a.b_c__d-e/f', 'my_reg.com/foo'];

function failureOf(run: () => unknown): HubError {
  try {
    run();
  } catch (error) {
    if (HubError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

// Input, registry, repository, tag, digest, familiar form.
const VALID: readonly (readonly [string, string, string, string, string, string])[] = [
  ['ubuntu', 'docker.io', 'library/ubuntu', '', '', 'ubuntu:latest'],
  ['ubuntu:22.04', 'docker.io', 'library/ubuntu', '22.04', '', 'ubuntu:22.04'],
  ['docker.io/ubuntu', 'docker.io', 'library/ubuntu', '', '', 'ubuntu:latest'],
  ['docker.io/library/ubuntu:latest', 'docker.io', 'library/ubuntu', 'latest', '', 'ubuntu:latest'],
  ['index.docker.io/ubuntu', 'docker.io', 'library/ubuntu', '', '', 'ubuntu:latest'],
  ['index.docker.io/fooo/bar', 'docker.io', 'fooo/bar', '', '', 'fooo/bar:latest'],
  [
    'registry-1.docker.io/library/ubuntu',
    'registry-1.docker.io',
    'library/ubuntu',
    '',
    '',
    'registry-1.docker.io/library/ubuntu:latest',
  ],
  ['registry-1.docker.io/ubuntu', 'registry-1.docker.io', 'ubuntu', '', '', 'registry-1.docker.io/ubuntu:latest'],
  ['docker.io/library/foo/bar', 'docker.io', 'library/foo/bar', '', '', 'library/foo/bar:latest'],
  ['user/app:v1', 'docker.io', 'user/app', 'v1', '', 'user/app:v1'],
  ['localhost/fooo', 'localhost', 'fooo', '', '', 'localhost/fooo:latest'],
  ['localhost', 'docker.io', 'library/localhost', '', '', 'localhost:latest'],
  ['localhost:5000', 'docker.io', 'library/localhost', '5000', '', 'localhost:5000'],
  ['localhost:5000/app', 'localhost:5000', 'app', '', '', 'localhost:5000/app:latest'],
  ['localhost:5000/app:tag', 'localhost:5000', 'app', 'tag', '', 'localhost:5000/app:tag'],
  ['127.0.0.1:5000/debian', '127.0.0.1:5000', 'debian', '', '', '127.0.0.1:5000/debian:latest'],
  ['192.168.0.1:80', 'docker.io', 'library/192.168.0.1', '80', '', '192.168.0.1:80'],
  ['192.168.1.1:5000/repo:5050', '192.168.1.1:5000', 'repo', '5050', '', '192.168.1.1:5000/repo:5050'],
  ['example.com:8000/privatebase', 'example.com:8000', 'privatebase', '', '', 'example.com:8000/privatebase:latest'],
  ['test:5000/repo', 'test:5000', 'repo', '', '', 'test:5000/repo:latest'],
  ['test_com/foo', 'docker.io', 'test_com/foo', '', '', 'test_com/foo:latest'],
  [
    'sub-dom1.foo.com/bar/baz/quux:some-long-tag',
    'sub-dom1.foo.com',
    'bar/baz/quux',
    'some-long-tag',
    '',
    'sub-dom1.foo.com/bar/baz/quux:some-long-tag',
  ],
  ['LOCALDOMAIN/debian', 'LOCALDOMAIN', 'debian', '', '', 'LOCALDOMAIN/debian:latest'],
  [`busybox:latest@sha256:${S}`, 'docker.io', 'library/busybox', 'latest', `sha256:${S}`, `busybox:latest@sha256:${S}`],
  [`busybox@sha256:${S}`, 'docker.io', 'library/busybox', '', `sha256:${S}`, `busybox@sha256:${S}`],
  [`test:5000/repo:tag@sha256:${S}`, 'test:5000', 'repo', 'tag', `sha256:${S}`, `test:5000/repo:tag@sha256:${S}`],
  [`validname@sha512:${S512}`, 'docker.io', 'library/validname', '', `sha512:${S512}`, `validname@sha512:${S512}`],
  ['[fc00::1]:5000/docker', '[fc00::1]:5000', 'docker', '', '', '[fc00::1]:5000/docker:latest'],
  [
    `[2001:db8::1]:5000/repo:tag@sha256:${S}`,
    '[2001:db8::1]:5000',
    'repo',
    'tag',
    `sha256:${S}`,
    `[2001:db8::1]:5000/repo:tag@sha256:${S}`,
  ],
  ['[::1]:5000/repo', '[::1]:5000', 'repo', '', '', '[::1]:5000/repo:latest'],
  ['docker---rules/docker', 'docker.io', 'docker---rules/docker', '', '', 'docker---rules/docker:latest'],
  ['lowercase:Uppercase', 'docker.io', 'library/lowercase', 'Uppercase', '', 'lowercase:Uppercase'],
  [`repo:${'t'.repeat(128)}`, 'docker.io', 'library/repo', 't'.repeat(128), '', `repo:${'t'.repeat(128)}`],
  ['dbcc1', 'docker.io', 'library/dbcc1', '', '', 'dbcc1:latest'],
  ['index.docker.io', 'docker.io', 'library/index.docker.io', '', '', 'index.docker.io:latest'],
  ['docker.io', 'docker.io', 'library/docker.io', '', '', 'docker.io:latest'],
  ['Localhost/foo', 'Localhost', 'foo', '', '', 'Localhost/foo:latest'],
];

const MALFORMED = 'invalid reference format';

// Input, error text, what the hint has to say.
const INVALID: readonly (readonly [string, string, string])[] = [
  ['example.com/a//b', MALFORMED, 'there is a second "/" at position 15 of "example.com/a//b"'],
  ['example.com/a/', MALFORMED, 'a name is missing after the "/" at position 14 of "example.com/a/"'],
  ['docker///docker', MALFORMED, 'there is a second "/" at position 8 of "docker///docker"'],
  [
    'Uppercase:tag',
    `${MALFORMED}: repository name (library/Uppercase) must be lowercase`,
    'did you mean "uppercase:tag"?',
  ],
  ['docker/Docker', `${MALFORMED}: repository name (docker/Docker) must be lowercase`, 'did you mean "docker/docker"?'],
  [
    'docker.io/docker/Docker',
    `${MALFORMED}: repository name (docker/Docker) must be lowercase`,
    'did you mean "docker.io/docker/docker"?',
  ],
  ['-docker/docker', MALFORMED, '"-" at position 1 of "-docker/docker" may not begin a part'],
  ['____/____', MALFORMED, '"_" at position 1 of "____/____" may not begin a part'],
  ['dock..er/docker', MALFORMED, 'the host name "dock..er" has an empty part'],
  ['https://github.com/docker/docker', MALFORMED, 'leave out "https://": "github.com/docker/docker"'],
  [S, `invalid repository name (${S}), cannot specify 64-byte hexadecimal strings`, `write name@sha256:${S}`],
  [
    `repo@sha256:${'f'.repeat(34)}`,
    'invalid checksum digest length',
    'a sha256 digest has 64 hex digits, this one has 34',
  ],
  [`validname@invaliddigest:${S}`, 'unsupported digest algorithm', 'write sha256:<64 hex digits>'],
  ['repo@', MALFORMED, 'a digest is missing after "@" in "repo@"'],
  ['repo:', MALFORMED, 'a tag is missing after ":" in "repo:"'],
  [':justtag', MALFORMED, 'the repository name before ":" at position 1 of ":justtag" is missing'],
  [`@sha256:${S}`, MALFORMED, 'the repository name before "@" at position 1'],
  [`repo:${'t'.repeat(129)}`, MALFORMED, 'the tag has 129 characters, at most 128 are allowed'],
  ['repo:-foo', MALFORMED, '"-" at position 6 of "repo:-foo" may not begin a tag'],
  [
    `domain/${'a'.repeat(256)}:tag`,
    'repository name must not be more than 255 characters',
    'the repository name has 263 characters',
  ],
  ['[fc00::1]:5000', MALFORMED, 'a repository is missing after the host "[fc00::1]:5000"'],
  ['[fe80::1%eth0]:5000/debian', MALFORMED, 'leave out the zone id "%eth0"'],
  ['aa/asdf$$^/aa', MALFORMED, '"$" at position 8 of "aa/asdf$$^/aa" is not allowed in a repository name'],
  ['repo name', MALFORMED, 'remove the blank at position 5 of "repo name"'],
  [' ubuntu', MALFORMED, 'remove the blank at position 1 of " ubuntu"'],
  ['', MALFORMED, 'the name is empty'],
  ['example.com:port/foo', MALFORMED, '"port" is not a port number in the host "example.com:port"'],
  ['example-.com/foo', MALFORMED, 'the part "example-" of the host name may not begin or end with "-"'],
  ['ünicode/app', MALFORMED, '"ü" at position 1 of "ünicode/app" is not allowed'],
];

describe('parseReference', () => {
  test.each(VALID)('reads %s', (text, registry, repository, tag, digest, familiar) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ registry, repository, tag: tag || undefined, digest: digest || undefined });
    expect(familiarString(withDefaultTag(reference))).toBe(familiar);
  });

  test.each(INVALID)('refuses %s', (text, message, hint) => {
    const error = failureOf(() => parseReference(text));
    expect(error.code).toBe('REFERENCE_INVALID');
    expect(error.message).toBe(message);
    expect(error.hint).toContain(hint);
    expect(error.details['reference']).toBe(text.slice(0, 4096));
  });

  test.each(QUIRKS)('refuses %s, where upstream finds an empty registry', (text) => {
    expect(failureOf(() => parseReference(text)).message).toBe(MALFORMED);
  });

  test.each([
    [`app@sha256:${'F'.repeat(64)}`, 'invalid checksum digest format'],
    [`app@SHA256:${S}`, 'invalid checksum digest format'],
    [`app@sha384:${'a'.repeat(96)}`, 'unsupported digest algorithm'],
    [`Repo@sha256:${S}`, `${MALFORMED}: repository name (library/Repo) must be lowercase`],
  ])('refuses %s', (text, message) => {
    expect(failureOf(() => parseReference(text)).message).toBe(message);
  });

  test('agrees with upstream on generated inputs', () => {
    const expected = fixture('references');
    const answers = expected.map(([text = '']) => {
      try {
        const reference = parseReference(text);
        const { registry, repository, tag = '', digest = '' } = reference;
        return [text, registry, repository, tag, digest, familiarString(withDefaultTag(reference))];
      } catch (error) {
        return HubError.is(error) ? [text, error.message] : error;
      }
    });
    expect(answers).toEqual(expected);
  });

  test('gives a reference or REFERENCE_INVALID for any text', () => {
    const pieces = fc.constantFrom('a', 'Z', '0', '/', ':', '@', '.', '-', '_', '__', '[', ']', '%', ' ', 'sha256', S);
    const nearly = fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' }), fc.webUrl()), (text) => {
        try {
          const reference = parseReference(text);
          expect(isRepository(reference.repository)).toBe(true);
          expect(reference.tag === undefined || isTag(reference.tag)).toBe(true);
        } catch (error) {
          expect(HubError.is(error, 'REFERENCE_INVALID')).toBe(true);
          expect(HubError.is(error) && error.hint).toMatch(/^[^\n]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('takes no time over long input of one kind', () => {
    for (const piece of ['a/', 'a-', 'a.', '_', ':', '@', 'A', 'a__', '[::1]/']) {
      expect(() => parseReference(piece.repeat(65_536 / piece.length))).toThrow(HubError);
      expect(() => parseReference(`${piece.repeat(2000 / piece.length)}!`)).toThrow(HubError);
    }
  });
});

const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 });
const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
const anyReference = fc.record({
  registry: fc.constantFrom('docker.io', 'localhost', 'localhost:5000', 'ghcr.io', '[::1]:5000', 'HOST'),
  repository: fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/')),
  tag: fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/), { nil: undefined }),
  digest: fc.option(
    digits.map((hex) => `sha256:${hex}`),
    { nil: undefined },
  ),
});

describe('the forms of a reference', () => {
  test('formatReference is undone by parseReference', () => {
    fc.assert(
      fc.property(anyReference, (reference) => {
        expect(parseReference(formatReference(reference))).toEqual(reference);
      }),
    );
  });

  test('formatReference is undone by splitCanonical, which checks nothing', () => {
    fc.assert(
      fc.property(anyReference, (reference) => {
        expect(splitCanonical(formatReference(reference))).toEqual(reference);
      }),
    );
  });

  test('formatting what was parsed changes nothing any more', () => {
    for (const [text] of VALID) {
      const reference = parseReference(text);
      expect(parseReference(formatReference(reference))).toEqual(reference);
      expect(parseReference(familiarString(reference))).toEqual(reference);
    }
  });

  test('the canonical form has registry, path, tag and digest', () => {
    const reference = parseReference(`busybox:1@sha256:${S}`);
    expect(formatReference(reference)).toBe(`docker.io/library/busybox:1@sha256:${S}`);
    expect(repositoryName(reference)).toBe('docker.io/library/busybox');
    expect(familiarName(reference)).toBe('busybox');
  });

  test('the familiar form never means another registry', () => {
    const reference = parseReference('docker.io/my.site/app:1');
    expect(familiarString(reference)).toBe('docker.io/my.site/app:1');
    expect(familiarName(parseReference('docker.io/localhost/app'))).toBe('docker.io/localhost/app');
  });

  test('the default tag is added only when there is neither tag nor digest', () => {
    expect(withDefaultTag(parseReference('app')).tag).toBe('latest');
    expect(withDefaultTag(parseReference('app:1')).tag).toBe('1');
    expect(withDefaultTag(parseReference(`app@sha256:${S}`)).tag).toBeUndefined();
  });
});

describe('parseAnyReference', () => {
  test.each([
    [S, { digest: `sha256:${S}` }],
    [`sha256:${S}`, { digest: `sha256:${S}` }],
    [`sha512:${S512}`, { digest: `sha512:${S512}` }],
    ['dbcc1', { registry: 'docker.io', repository: 'library/dbcc1' }],
    ['sha256:abc', { registry: 'docker.io', repository: 'library/sha256', tag: 'abc' }],
  ])('reads %s', (text, expected) => {
    expect(parseAnyReference(text)).toEqual(expected);
  });

  test('refuses what is neither', () => {
    expect(failureOf(() => parseAnyReference('A')).code).toBe('REFERENCE_INVALID');
  });
});

describe('familiarMatch', () => {
  test.each([
    ['foo/**/ba[rz]', 'foo', false],
    ['foo/**/ba[rz]', 'foo/any/bat', false],
    ['foo/**/ba[rz]', 'foo/a/bar', true],
    ['foo/**/ba[rz]', 'foo/b/baz', true],
    ['foo/**/ba[rz]', 'foo/c/baz:tag', true],
    ['foo/*/baz:tag', 'foo/c/baz:tag', true],
    ['foo/c/baz:tag', 'foo/c/baz:tag', true],
    ['*/foo/c/baz', 'example.com/foo/c/baz:tag', true],
    ['example.com/foo/c/baz', 'example.com/foo/c/baz:tag', true],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(familiarMatch(pattern, parseReference(text))).toBe(expected);
  });

  test('refuses a malformed pattern as wrong usage', () => {
    expect(failureOf(() => familiarMatch('[-x]', parseReference('foo'))).code).toBe('USAGE');
  });
});

describe('isTag and isRepository', () => {
  test.each([
    ['latest', true],
    ['_a.B-c', true],
    ['t'.repeat(128), true],
    ['t'.repeat(129), false],
    ['', false],
    ['.a', false],
    ['-a', false],
    ['a/b', false],
    ['a\n', false],
  ])('isTag(%j) is %s', (text, expected) => {
    expect(isTag(text)).toBe(expected);
  });

  test.each([
    ['library/ubuntu', true],
    ['a', true],
    ['a'.repeat(255), true],
    ['a'.repeat(256), false],
    ['A', false],
    ['a/', false],
    ['../a', false],
    ['', false],
  ])('isRepository(%j) is %s', (text, expected) => {
    expect(isRepository(text)).toBe(expected);
  });
});

/** Answers of distribution/reference: input and error text, or input, registry, repository, tag, digest, familiar form. */
function fixture(name: string): readonly (readonly string[])[] {
  return readFileSync(new URL(`./fixtures/${name}.jsonl`, import.meta.url), 'utf8')
    .replaceAll('{f64}', S)
    .replaceAll('{t128}', 't'.repeat(128))
    .replaceAll('{x200}', 'x'.repeat(200))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string[]);
}
