import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileTemplate } from '../../../src/cli/output/format.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';

const DATA = {
  Name: 'alpine',
  Tags: ['3', 'latest'],
  Size: 42,
  Empty: null,
  Config: { Env: ['A=1'], Labels: { b: '2', a: '1' }, User: '' },
};

function render(template: string, value: unknown = DATA): string {
  return compileTemplate(template).render(value);
}

describe('fields', () => {
  test.each([
    ['{{.Name}}', 'alpine'],
    ['{{ .Name }}:{{.Size}}', 'alpine:42'],
    ['{{$.Name}}', 'alpine'],
    ['{{.Config.Env}}', '[A=1]'],
    ['{{.Config.Labels}}', 'map[a:1 b:2]'],
    ['{{.Empty}}', '<nil>'],
    ['{{.Empty.Deeper}}', '<nil>'],
    ['no action', 'no action'],
    ['', ''],
  ])('%s gives %s', (template, text) => {
    expect(render(template)).toBe(text);
  });

  test('escapes of tab and line feed are those characters', () => {
    expect(render('{{.Name}}\\t{{.Size}}\\n')).toBe('alpine\t42\n');
  });

  test('trim marks take blanks away', () => {
    expect(render('a  {{- .Size -}}  b')).toBe('a42b');
  });

  test('comments say nothing', () => {
    expect(render('{{/* note */}}x')).toBe('x');
  });
});

describe('functions', () => {
  test.each([
    ['{{json .Name}}', '"alpine"'],
    ['{{json .Config}}', '{"Env":["A=1"],"Labels":{"b":"2","a":"1"},"User":""}'],
    ['{{json .}}', JSON.stringify(DATA)],
    ['{{json .Empty}}', 'null'],
    ['{{upper .Name}}', 'ALPINE'],
    ['{{.Name | upper | lower}}', 'alpine'],
    ['{{title "two words"}}', 'Two Words'],
    ['{{join .Tags ", "}}', '3, latest'],
    ['{{index (split "a/b/c" "/") 1}}', 'b'],
    ['{{truncate .Name 3}}', 'alp'],
    ['[{{pad .Name 1 2}}]', '[ alpine  ]'],
    ['[{{pad "" 1 2}}]', '[]'],
    ['{{index .Tags 1}}', 'latest'],
    ['{{index .Config.Labels "a"}}', '1'],
    ['{{len .Tags}}', '2'],
    ['{{(index .Tags 0) | json}}', '"3"'],
    ['{{print .Name "x"}}', 'alpinex'],
    ['{{"quoted \\"text\\""}}', 'quoted "text"'],
    ['{{`raw`}}', 'raw'],
    ['{{true}}', 'true'],
  ])('%s gives %s', (template, text) => {
    expect(render(template)).toBe(text);
  });
});

describe('hostile values', () => {
  test('control characters in a field are shown', () => {
    expect(render('{{.X}}', { X: 'a\u001B[2J\nb\u202E' })).toBe('a\\u{1b}[2J\\nb\\u{202e}');
  });

  test('json stays JSON', () => {
    const text = render('{{json .}}', { X: '\u009B\u202E\n' });
    expect(JSON.parse(text)).toEqual({ X: '\u009B\u202E\n' });
    expect(text).not.toMatch(/[\u009B\u202E]/);
  });

  test.each([
    '{{.constructor}}',
    '{{.__proto__}}',
    '{{.toString}}',
    '{{.Name.length}}',
    '{{.Tags.length}}',
    '{{.Config.constructor.name}}',
  ])('%s reaches no prototype', async (template) => {
    expect((await hubErrorFrom(() => render(template))).code).toBe('USAGE');
  });

  test('index reaches no prototype either', () => {
    expect(render('{{index .Config "constructor"}}')).toBe('<nil>');
  });
});

describe('mistakes', () => {
  test('a field that is not there names those that are', async () => {
    const error = await hubErrorFrom(() => render('{{.Nme}}'));
    expect(error).toMatchObject({ code: 'USAGE', message: 'template: no field .Nme' });
    expect(error.hint).toBe('fields: Name, Tags, Size, Empty, Config');
  });

  test.each([
    ['{{.Name', '{{ is not closed in "{{.Name"'],
    ['{{nope .Name}}', 'function "nope" is not defined'],
    ['{{range .Tags}}x{{end}}', '{{range}} is not supported'],
    ['{{.Name | .Size}}', '{{.Name | .Size}} pipes into something that is no function'],
    ['{{(upper .Name}}', '{{(upper .Name}} has an unclosed parenthesis'],
    ['{{.Name )}}', 'unexpected ) in {{.Name )}}'],
    ['{{}}', '{{}} is not complete'],
    ['{{.Name | }}', '{{.Name |}} is not complete'],
    ['{{ .Name % }}', 'cannot read "%" in {{.Name %}}'],
    ['{{upper}}', 'function "upper" wants a value'],
    ['{{join .Name ","}}', 'join wants a list'],
    ['{{truncate .Name "x"}}', 'truncate wants a number'],
    ['{{index .Tags 9}}', 'index 9 is out of range: the list has 2 entries'],
    ['{{index .Name 0}}', 'index wants a list with a number, or an object with a name'],
  ])('%s', async (template, message) => {
    const error = await hubErrorFrom(() => render(template));
    expect(error).toMatchObject({ code: 'USAGE', message: `template: ${message}` });
  });

  test('no template fails with anything but USAGE', async () => {
    const part = fc.constantFrom(
      '{{',
      '}}',
      '.',
      'Name',
      ' ',
      '|',
      '(',
      ')',
      '"',
      'json',
      'index',
      '1',
      '-',
      '\\t',
      '`',
      '$',
      '/*',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), async (parts) => {
        const error = await hubErrorFrom(() => render(parts.join('')), { optional: true });
        expect(error?.code ?? 'USAGE').toBe('USAGE');
      }),
    );
  });
});

describe('headers', () => {
  const headers = { Name: 'NAME', Size: 'SIZE' };

  test('each field is replaced by its header', () => {
    expect(compileTemplate('{{.Name}}\t{{.Size}}').header(headers)).toBe('NAME\tSIZE');
  });

  test('functions leave a header as it is, but for padding', () => {
    expect(compileTemplate('{{lower .Name}}|{{json .Size}}|{{pad .Name 1 1}}').header(headers)).toBe(
      'NAME|SIZE| NAME ',
    );
  });
});

test('pad adds no more blanks than anybody can see', async () => {
  expect(render('{{pad .Name 2 1}}')).toBe('  alpine ');
  expect(await hubErrorFrom(() => render('{{pad .Name 999999999999 1}}'))).toMatchObject({
    code: 'USAGE',
    message: 'template: pad takes at most 1000 blanks',
  });
});
