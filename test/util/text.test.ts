import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plural, safeJson, safeText } from '../../src/util/text.ts';

const anyText = fc.string({ unit: 'binary' });

describe('safeText', () => {
  test('leaves ordinary text of any language as it is', () => {
    for (const text of ['plain ASCII ~', 'Grüße', '某某/中文镜像', '👩‍🚀 emoji', 'C:\\path', ''])
      expect(safeText(text)).toBe(text);
  });

  test('shows line feeds, returns and tabs as their escapes', () => {
    expect(safeText('a\nb\rc\td')).toBe('a\\nb\\rc\\td');
  });

  test('shows escape sequences, C1 controls and DEL', () => {
    expect(safeText('\u001B]52;c;x\u0007')).toBe('\\u{1b}]52;c;x\\u{7}');
    expect(safeText('\u009B2J\u007F')).toBe('\\u{9b}2J\\u{7f}');
  });

  test('shows bidirectional controls, invisible characters and lone surrogates', () => {
    expect(safeText('a\u202Eb\u2066c\u200Fd')).toBe('a\\u{202e}b\\u{2066}c\\u{200f}d');
    expect(safeText('\uFEFF\u200B\u2028')).toBe('\\u{feff}\\u{200b}\\u{2028}');
    expect(safeText('\uD800')).toBe('\\u{d800}');
  });

  test('knows every character that has such a property today', () => {
    const all = Array.from({ length: 0x110000 }, (_, code) => String.fromCodePoint(code));
    const unsafe = all.filter((character) => /[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Zl}\p{Zp}]/u.test(character));
    expect(unsafe.filter((character) => safeText(character) === character)).toEqual([]);
  });

  test('never lets a control or bidirectional character through', () => {
    fc.assert(fc.property(anyText, (text) => !/[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Zl}\p{Zp}]/u.test(safeText(text))));
  });

  test('changes nothing the second time', () => {
    fc.assert(fc.property(anyText, (text) => safeText(safeText(text)) === safeText(text)));
  });
});

describe('safeJson', () => {
  test('stays JSON of the same value and shows no control character', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(undefined, 2), (text, indent) => {
        const json = safeJson({ [text]: [text] }, indent);
        expect(JSON.parse(json)).toEqual({ [text]: [text] });
        expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
      }),
    );
  });

  test('writes null for a value that JSON has no word for', () => {
    expect(safeJson(undefined)).toBe('null');
  });
});

test('plural puts one thing in the singular only', () => {
  expect([0, 1, 2].map((count) => plural(count, 'layer'))).toEqual(['0 layers', '1 layer', '2 layers']);
});
