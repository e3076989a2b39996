import { describe, expect, test } from 'vitest';
import { createOutput, type OutputOptions } from '../../../src/cli/output/create.ts';
import type { Column, Output } from '../../../src/cli/output/output.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { fakeIo, type FakeIo, type FakeIoOptions } from '../../helpers/terminal.ts';
import { finished, layer, queued } from '../../helpers/transfers.ts';

interface Row {
  readonly name: string;
  readonly size: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: 'NAME', key: 'Name', value: (row) => row.name },
  { header: 'SIZE', key: 'Size', value: (row) => `${row.size}B`, raw: (row) => row.size },
  { header: 'ID', key: 'ID', value: () => 'abc', hidden: true },
];
const ROWS: readonly Row[] = [
  { name: 'alpine<3>', size: 5 },
  { name: 'a\u001Bb', size: 6 },
];

function output(options: Partial<OutputOptions> = {}, world: FakeIoOptions = {}): { out: Output; io: FakeIo } {
  const io = fakeIo(world);
  return { io, out: createOutput({ io, json: false, quiet: false, progress: 'auto', ...options }) };
}

function shown(work: (out: Output) => void, options: Partial<OutputOptions> = {}, world: FakeIoOptions = {}): FakeIo {
  const { out, io } = output(options, world);
  work(out);
  return io;
}

describe('table', () => {
  const table = (out: Output): void => out.table(ROWS, COLUMNS);

  test('is a table by default, and with --format table', () => {
    const text = 'NAME        SIZE\nalpine<3>   5B\na\\u{1b}b    6B\n';
    expect(shown(table).stdout.text).toBe(text);
    expect(shown(table, { format: 'table' }).stdout.text).toBe(text);
  });

  test('with --json is one array of raw values', () => {
    expect(JSON.parse(shown(table, { json: true }).stdout.text)).toEqual([
      { Name: 'alpine<3>', Size: 5, ID: 'abc' },
      { Name: 'a\u001Bb', Size: 6, ID: 'abc' },
    ]);
  });

  test("with --format json is docker's lines of sorted strings", () => {
    expect(shown(table, { format: 'json' }).stdout.lines).toEqual([
      '{"ID":"abc","Name":"alpine\\u003c3\\u003e","Size":"5B"}',
      '{"ID":"abc","Name":"a\\u001bb","Size":"6B"}',
    ]);
  });

  test('with a template is a line for each row without header', () => {
    expect(shown(table, { format: '{{.Name}}={{.Size}}' }).stdout.lines).toEqual(['alpine<3>=5B', 'a\\u{1b}b=6B']);
  });

  test('with table and a template is aligned under a header', () => {
    expect(shown(table, { format: 'table {{.ID}}\\t{{upper .Name}}' }).stdout.lines).toEqual([
      'ID        NAME',
      'abc       ALPINE<3>',
      'abc       A\\u{1b}B',
    ]);
  });

  test('of nothing is the header, no line, or an empty array', () => {
    const empty = (out: Output): void => out.table([], COLUMNS);
    expect(shown(empty).stdout.text).toBe('NAME      SIZE\n');
    expect(shown(empty, { format: '{{.Name}}' }).stdout.text).toBe('');
    expect(shown(empty, { json: true }).stdout.text).toBe('[]\n');
  });
});

describe('object', () => {
  const object = (out: Output): void => out.object({ Id: 'x', Size: 3 });

  test.each([
    [{}, '{\n    "Id": "x",\n    "Size": 3\n}\n'],
    [{ json: true }, '{\n  "Id": "x",\n  "Size": 3\n}\n'],
    [{ format: 'json' }, '{"Id":"x","Size":3}\n'],
    [{ format: '{{.Id}}' }, 'x\n'],
  ])('with %j', (options, text) => {
    expect(shown(object, options).stdout.text).toBe(text);
  });

  test('is no table', async () => {
    expect((await hubErrorFrom(() => shown(object, { format: 'table' }))).code).toBe('USAGE');
  });
});

test('a template that cannot be read fails before any work', async () => {
  expect((await hubErrorFrom(() => output({ format: '{{' }))).code).toBe('USAGE');
});

test('lines are results, safe, and not part of JSON', () => {
  const line = (out: Output): void => out.line('a\u001Bb\nc');
  expect(shown(line).stdout.text).toBe('a\\u{1b}b\\nc\n');
  expect(shown(line, { json: true }).stdout.text).toBe('');
});

test('bytes go out as they are', () => {
  expect(shown((out) => out.bytes('{"a":1}')).stdout.text).toBe('{"a":1}');
});

test('a value is printed with --json only', () => {
  const value = (out: Output): void => out.value({ a: '\u202E' });
  expect(shown(value).stdout.text).toBe('');
  expect(shown(value, { json: true }).stdout.text).toBe('{\n  "a": "\\u202e"\n}\n');
});

describe('remarks', () => {
  test('notes go to stderr, and not with --quiet', () => {
    expect(shown((out) => out.note('hello')).stderr.text).toBe('hello\n');
    expect(shown((out) => out.note('hello'), { quiet: true }).stderr.text).toBe('');
  });

  test('each warning is told once, also with --quiet', () => {
    const io = shown(
      (out) => {
        out.warn('old');
        out.warn('old');
        out.warn('new');
      },
      { quiet: true },
    );
    expect(io.stderr.text).toBe('WARNING: old\nWARNING: new\n');
  });

  test('with --json they are events', () => {
    const io = shown(
      (out) => {
        out.note('a');
        out.warn('b');
      },
      { json: true },
    );
    expect(io.stderr.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { version: 1, type: 'note', message: 'a' },
      { version: 1, type: 'warning', message: 'b' },
    ]);
  });
});

describe('transfer', () => {
  const transfer = (out: Output): void => {
    const view = out.transfer({ direction: 'pull' });
    view.onEvent(queued(layer('a')));
    view.onEvent(finished(layer('a'), 'exists'));
    view.onEvent({ type: 'warning', message: 'careful' });
    view.finish();
  };
  const kinds = (options: Partial<OutputOptions>, world?: FakeIoOptions): string => {
    const { stderr, stdout } = shown(transfer, { now: () => 0, ...options }, world);
    expect(stdout.text).toBe('');
    if (stderr.text.includes('"queued"')) return 'json';
    return stderr.text.includes('Already exists') ? 'lines' : 'silent';
  };

  test('is lines on a pipe, events with --json, and nothing when that is asked for', () => {
    expect(kinds({})).toBe('lines');
    expect(kinds({ json: true })).toBe('json');
    expect(kinds({ quiet: true })).toBe('silent');
    expect(kinds({ progress: 'none' })).toBe('silent');
    expect(kinds({ json: true, quiet: true })).toBe('silent');
  });

  test('a warning comes after the lines that were told before it', () => {
    const { stderr } = shown(transfer, { now: () => 0 });
    expect(stderr.text.indexOf('Already exists')).toBeLessThan(stderr.text.indexOf('careful'));
    expect(stderr.text.indexOf('careful')).toBeLessThan(stderr.text.indexOf('reused'));
  });

  test('warnings are told in every form', () => {
    for (const options of [{}, { json: true }, { quiet: true }, { progress: 'none' as const }]) {
      expect(shown(transfer, options).stderr.text).toContain('careful');
    }
  });

  test.each([
    ['a dumb terminal', {}, { tty: true, env: { TERM: 'dumb' } }],
    ['a terminal of no width', {}, { tty: true, columns: 0 }],
    ['a terminal in CI', {}, { tty: true, env: { CI: 'true' } }],
    ['a pipe that is called a terminal', { progress: 'tty' as const }, {}],
    ['a terminal that is to be plain', { progress: 'plain' as const }, { tty: true }],
  ])('%s gets lines without escapes', (_name, options, world) => {
    const { stderr } = shown(transfer, options, world);
    expect(stderr.text).toContain('Already exists');
    expect(stderr.text).not.toContain('\u001B');
  });
});
