import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deleteMember, renderDocument, setMember } from '../../src/credentials/json-text.ts';

describe('setting a member', () => {
  test('starts a document as docker writes it', () => {
    expect(setMember('', ['auths', 'ghcr.io'], { auth: 'eA==' })).toBe(
      '{\n\t"auths": {\n\t\t"ghcr.io": {\n\t\t\t"auth": "eA=="\n\t\t}\n\t}\n}',
    );
  });

  test.each([
    ['two blanks', '{\n  "b": 1\n}\n', '{\n  "b": 1,\n  "a": {\n    "x": 2\n  }\n}\n'],
    ['tabs', '{\n\t"b": 1\n}', '{\n\t"b": 1,\n\t"a": {\n\t\t"x": 2\n\t}\n}'],
    ['carriage returns', '{\r\n  "b": 1\r\n}\r\n', '{\r\n  "b": 1,\r\n  "a": {\r\n    "x": 2\r\n  }\r\n}\r\n'],
    ['one line', '{"b":1}\n', '{"b":1,"a":{"x":2}}\n'],
    ['nothing inside', '{}\n', '{\n\t"a": {\n\t\t"x": 2\n\t}\n}\n'],
    ['an empty object on one line', '{"a":{}}', '{"a":{"x":2}}'],
  ])('keeps to %s', (_name, text, expected) => {
    expect(setMember(text, ['a', 'x'], 2)).toBe(expected);
  });

  test('leaves key order, number spellings, duplicate blanks and escapes of the rest alone', () => {
    const text = '{ "2": 1.50e+3,  "1": 12345678901234567890,\n  "s": "\\u003c\\"}{", "a": {"k": null} ,"z":[ {} ] }';
    expect(setMember(text, ['a', 'k'], true)).toBe(text.replace('null', 'true'));
  });

  test('replaces what is no object on the way', () => {
    expect(setMember('{"auths":null}', ['auths', 'h'], 1)).toBe('{"auths":{"h":1}}');
  });

  test('keeps a byte order mark', () => {
    expect(setMember('\uFEFF{"a":1}', ['a'], 2)).toBe('\uFEFF{"a":2}');
  });
});

describe('deleting a member', () => {
  test.each([
    ['the first', '{\n  "a": 1,\n  "b": 2\n}', 'a', '{\n  "b": 2\n}'],
    ['the last', '{\n  "a": 1,\n  "b": 2\n}', 'b', '{\n  "a": 1\n}'],
    ['one in the middle', '{"a":1,"b":2,"c":3}', 'b', '{"a":1,"c":3}'],
    ['the only one', '{\n  "a": 1\n}\n', 'a', '{}\n'],
    ['none', '{"a":1}', 'x', '{"a":1}'],
    ['each of two with the same name', '{"a":1,"b":2,"a":3}', 'a', '{"b":2}'],
  ])('takes %s', (_name, text, key, expected) => {
    expect(deleteMember(text, [key])).toBe(expected);
  });

  test('finds names that are written with escapes', () => {
    expect(deleteMember('{"a\\u0062":1}', ['ab'])).toBe('{}');
  });

  test('does nothing to a blank text', () => expect(deleteMember('\n', ['a', 'b'])).toBe('\n'));
});

const keys = fc.oneof(fc.string(), fc.constantFrom('auths', 'a', '__proto__', 'constructor', '1', '"', '\\', '}'));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
}));
const layouts = fc.constantFrom(undefined, '\t', '  ', ' ', 4);

describe('whatever the document', () => {
  test('a set member is there, and the rest is the same', () => {
    fc.assert(
      fc.property(
        json.object,
        layouts,
        fc.array(keys, { minLength: 1, maxLength: 3 }),
        json.value,
        (document, layout, path, value) => {
          const text = JSON.stringify(document, undefined, layout);
          const expected = structuredSet(JSON.parse(text), path, JSON.parse(JSON.stringify(value)));
          expect(JSON.parse(setMember(text, path, value))).toEqual(expected);
        },
      ),
    );
  });

  test('deleting what was added to an object with members gives every byte back', () => {
    fc.assert(
      fc.property(json.object, layouts, json.value, (document, layout, value) => {
        const text = `${JSON.stringify({ ...document, auths: { here: 1 } }, undefined, layout)}\n`;
        const added = setMember(text, ['auths', 'new'], value);
        expect(deleteMember(added, ['auths', 'new'])).toBe(text);
      }),
    );
  });

  test('deleting leaves all other members', () => {
    fc.assert(
      fc.property(json.object, layouts, (document, layout) => {
        const text = JSON.stringify(document, undefined, layout);
        for (const key of Object.keys(document)) {
          const entries = Object.entries(JSON.parse(text)).filter(([name]) => name !== key);
          expect(Object.entries(JSON.parse(deleteMember(text, [key])))).toEqual(entries);
        }
      }),
    );
  });
});

test('a new document is in tabs without a final line feed', () => {
  expect(renderDocument({ a: { b: 1 } })).toBe('{\n\t"a": {\n\t\t"b": 1\n\t}\n}');
});

function structuredSet(document: any, [key = '', ...rest]: readonly string[], value: unknown): unknown {
  const inside = Object.hasOwn(document, key) ? document[key] : undefined;
  const isObject = typeof inside === 'object' && inside !== null && !Array.isArray(inside);
  const next = rest.length === 0 ? value : structuredSet(isObject ? inside : {}, rest, value);
  return Object.fromEntries([...Object.entries(document).filter(([name]) => name !== key), [key, next]]);
}
