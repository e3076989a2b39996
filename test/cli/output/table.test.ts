import { describe, expect, test } from 'vitest';
import type { Column } from '../../../src/cli/output/output.ts';
import { alignRows, cellOf, rawFields, renderTable, textFields } from '../../../src/cli/output/table.ts';

interface Hit {
  readonly name: string;
  readonly about: string;
  readonly stars: number;
  readonly official: boolean;
}

const COLUMNS: readonly Column<Hit>[] = [
  { header: 'NAME', key: 'Name', value: (hit) => hit.name },
  { header: 'DESCRIPTION', key: 'Description', value: (hit) => hit.about, width: 20 },
  { header: 'STARS', key: 'StarCount', value: (hit) => String(hit.stars), raw: (hit) => hit.stars },
  { header: 'OFFICIAL', key: 'IsOfficial', value: (hit) => (hit.official ? '[OK]' : ''), raw: (hit) => hit.official },
];
const CENTOS: Hit = { name: 'centos', about: 'DEPRECATED; The official build', stars: 7773, official: true };
const WIDE: Hit = { name: '某某/中文镜像', about: '这是一个很长的中文描述', stars: 3, official: false };

describe('renderTable', () => {
  test('aligns by columns of the screen, and leaves the last cell unpadded', () => {
    expect(renderTable([CENTOS, WIDE], COLUMNS).split('\n')).toEqual([
      'NAME            DESCRIPTION            STARS     OFFICIAL',
      'centos          DEPRECATED; The off…   7773      [OK]',
      '某某/中文镜像   这是一个很长的中文…    3         ',
    ]);
  });

  test('shows the whole cell when nothing is to be cut', () => {
    expect(renderTable([CENTOS], COLUMNS, { truncate: false })).toContain('DEPRECATED; The official build   ');
  });

  test('is the header alone for no rows', () => {
    expect(renderTable([], COLUMNS)).toBe('NAME      DESCRIPTION   STARS     OFFICIAL');
  });

  test('leaves hidden columns out', () => {
    const columns = COLUMNS.map((column) => ({ ...column, hidden: column.key === 'StarCount' }));
    expect(renderTable([], columns)).toBe('NAME      DESCRIPTION   OFFICIAL');
  });

  test('shows control characters, and line feeds as blanks', () => {
    const row = { ...CENTOS, name: 'a\u001B[2Jb', about: 'two\n  lines' };
    expect(renderTable([row], COLUMNS)).toContain('a\\u{1b}[2Jb   two lines');
  });
});

test('a cell is at least ten columns wide with three blanks after it', () => {
  expect(
    alignRows([
      ['a', 'b', 'c'],
      ['12345678', 'b', 'c'],
    ]),
  ).toBe('a          b         c\n12345678   b         c');
});

test('a cell keeps its text when it fits', () => {
  const [column] = COLUMNS;
  expect(column && cellOf(CENTOS, column)).toBe('centos');
});

test('text fields are sorted by name and cut like cells', () => {
  const fields = textFields(CENTOS, COLUMNS);
  expect(Object.keys(fields)).toEqual(['Description', 'IsOfficial', 'Name', 'StarCount']);
  expect(fields['Description']).toBe('DEPRECATED; The off…');
});

test('raw fields are whole values of their own type', () => {
  expect(rawFields(CENTOS, COLUMNS)).toEqual({
    Name: 'centos',
    Description: 'DEPRECATED; The official build',
    StarCount: 7773,
    IsOfficial: true,
  });
});
