import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redactHeaders, redactText, redactUrl } from '../../src/http/redact.ts';

/** Random enough that it cannot stand in the shown text by chance. */
const secret = fc
  .string({ unit: fc.constantFrom(...'ABCXYZabcxyz0189+/_.~-'.split('')), minLength: 16, maxLength: 60 })
  .map((text) => `Kq${text}Zx`);
const parameterName = fc.string({ unit: fc.constantFrom(...'abcdxyzABCXYZ_-'.split('')), minLength: 1, maxLength: 20 });

describe('a URL', () => {
  test.each([
    ['https://reg.example/v2/', 'https://reg.example/v2/'],
    [
      'https://reg.example:5000/v2/a/blobs/uploads/?mount=sha256:1&from=a/b',
      'https://reg.example:5000/v2/a/blobs/uploads/?mount=sha256:1&from=a/b',
    ],
    [
      'https://auth.example/token?service=reg&scope=repository:a/b:pull,push&account=alice',
      'https://auth.example/token?service=reg&scope=repository:a/b:pull,push&[hidden]',
    ],
    ['https://user:pass@reg.example/x#part', 'https://reg.example/x'],
    ['https://s3.example/b?X-Amz-Signature=abc&X-Amz-Date=1', 'https://s3.example/b?[hidden]'],
    ['https://reg.example/?bare', 'https://reg.example/?[hidden]'],
    ['data:text/plain,secret', 'data:[hidden]'],
  ])('%s is shown as %s', (url, shown) => {
    expect(redactUrl(new URL(url))).toBe(shown);
  });

  test('shows no secret of its user, query or fragment', () => {
    fc.assert(
      fc.property(secret, fc.webUrl(), parameterName, (hidden, base, name) => {
        const url = new URL(base);
        url.username = hidden;
        url.password = hidden;
        url.searchParams.append(name, hidden);
        url.searchParams.append(hidden, '');
        url.hash = hidden;
        const shown = redactUrl(url);
        expect(shown).not.toContain(hidden);
        expect(shown).not.toContain(encodeURIComponent(hidden));
      }),
    );
  });
});

describe('text', () => {
  test.each([
    ['plain words stay', 'plain words stay'],
    ['see https://u:p@reg.example/x?sig=1, please', 'see https://reg.example/x?[hidden] please'],
    ['Authorization: Bearer abc.def==', 'Authorization: [hidden] [hidden]'],
    ['got Basic dXNlcjpwYXNz==', 'got Basic [hidden]'],
    [
      'Bearer realm="https://auth.example/token",service="reg"',
      'Bearer realm="https://auth.example/token",service="reg"',
    ],
    ['{"token":"abc","access_token": "def"}', '{"token":"[hidden]","access_token": "[hidden]"}'],
    ['password=hunter2 and secret: s3', 'password=[hidden] and secret: [hidden]'],
    ['jwt eyJhbGciOi.eyJzdWIi.sig here', 'jwt [hidden] here'],
    // Looked at once, not from each of them to the end.
    ['eyJ-'.repeat(16_000), '[hidden]'],
    ['</v2/_catalog?n=5&last=a&sig=b>; rel="next"', '</v2/_catalog?n=5&last=a&[hidden]>; rel="next"'],
    ['really?yes', 'really?yes'],
    ['socks5://u:p@host/ there', 'socks5://host/ there'],
    ['https://[ there', '[hidden] there'],
  ])('%s', (text, shown) => {
    expect(redactText(text)).toBe(shown);
  });

  test('shows no secret in the usual places', () => {
    const places: ((hidden: string) => string)[] = [
      (hidden) => `Bearer ${hidden}`,
      (hidden) => `basic ${hidden}`,
      (hidden) => `authorization: Bearer ${hidden}`,
      (hidden) => `https://user:${hidden}@host/path`,
      (hidden) => `<https://host/path?X-Amz-Signature=${hidden}>; rel="next"`,
      (hidden) => `{"refresh_token":"${hidden}"}`,
      (hidden) => `identitytoken=${hidden}`,
      (hidden) => `PASSWORD: "${hidden}"`,
      (hidden) => `eyJ${hidden.replaceAll(/[^\w-]/g, 'x')}.${hidden.replaceAll(/[^\w-]/g, 'x')}`,
    ];
    fc.assert(
      fc.property(secret, fc.constantFrom(...places), fc.string(), (hidden, place, around) => {
        expect(redactText(`${around.replaceAll(/["']/g, '')} ${place(hidden)} tail`)).not.toContain(hidden);
      }),
    );
  });

  test('of any kind takes time in proportion to its length', () => {
    for (const piece of ['Bearer ', 'token=', 'eyJ', 'https://', 'a.', '"', 'Basic  '])
      redactText(piece.repeat(20_000));
  });
});

test('headers that may hold secrets are left out', () => {
  const values: Record<string, string> = {
    authorization: 'Bearer canary',
    'set-cookie': 'canary',
    'x-amz-security-token': 'canary',
    'www-authenticate': 'Bearer realm="https://auth.example/token?x=canary"',
    location: 'https://s3.example/x?sig=canary',
    'content-type': 'text/plain',
  };
  expect(redactHeaders((name) => values[name])).toEqual([
    'content-type: text/plain',
    'location: https://s3.example/x?[hidden]',
    'www-authenticate: Bearer realm="https://auth.example/token?[hidden]"',
  ]);
});
