import { expect, test } from 'vitest';
import { parseUrl } from '../../src/util/url.ts';

test('a URL is read, with a base where it is relative', () => {
  expect(parseUrl('https://a.example/x')?.href).toBe('https://a.example/x');
  expect(parseUrl('../y', new URL('https://a.example/x/z'))?.href).toBe('https://a.example/y');
});

test('a text that is none gives nothing, however often it is asked', () => {
  // Four characters of Latin-1 that look like one of UTF-8: once it is optimised, URL.canParse says yes.
  for (let count = 0; count < 20_000; count += 1)
    expect(parseUrl('http:\u00f0\u009f\u0098\u0080') === undefined).toBe(true);
  expect(parseUrl('')).toBeUndefined();
});
