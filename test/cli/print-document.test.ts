import { describe, expect, test } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { createOutput } from '../../src/cli/output/create.ts';
import { printDocument } from '../../src/cli/print-document.ts';
import { documentOf } from '../helpers/sample-image.ts';
import { fakeIo } from '../helpers/terminal.ts';

function printed(text: string, options: { tty?: boolean; json?: boolean; format?: string } = {}): string {
  const { tty = false, json = false, format } = options;
  const io = fakeIo({ tty });
  const output = createOutput({ io, json, quiet: false, format, progress: 'none' });
  printDocument({ io, output } as unknown as Context, documentOf(Buffer.from(text), 'text/x'), 'config');
  return io.stdout.text;
}

describe('a document', () => {
  test.each([
    ['{ "a":1}', false, '{ "a":1}'],
    ['{ "a":1}', true, '{ "a":1}\n'],
    ['{}\n', true, '{}\n'],
    ['not json', false, 'not json'],
  ])('%j is printed byte for byte (terminal: %s)', (text, tty, expected) => {
    expect(printed(text, { tty })).toBe(expected);
  });

  test('is part of the value of --json', () => {
    expect(JSON.parse(printed('{"a":1}', { json: true }))).toMatchObject({
      mediaType: 'text/x',
      size: 7,
      config: { a: 1 },
    });
  });

  test('can be looked into by a template', () => {
    expect(printed('{"a":[1,2]}', { format: '{{index .config.a 1}}' })).toBe('2\n');
  });

  test('that is no JSON cannot be part of a value', () => {
    expect(() => printed('nonsense', { json: true })).toThrow(expect.objectContaining({ code: 'CONTENT_INVALID' }));
  });
});
