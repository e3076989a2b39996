// How do rows become an aligned table, and which values do they have for programs?
import { safeText } from '../../util/text.ts';
import type { Column, TableOptions } from './output.ts';
import { displayWidth, ellipsis } from './width.ts';

const LEAST_WIDTH = 10;
const PADDING = 3;
/** One column of the screen for each character, and nothing to make safe. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Rows of cells as docker aligns them: at least 10 columns a cell, 3 blanks between cells, the last cell as it is, so
 * that an empty last cell leaves blanks at the end. No line feed after the last row.
 */
export function alignRows(rows: readonly (readonly string[])[]): string {
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const taken = rows.map(widthsOf);
  const widths = Array.from({ length: columns }, () => LEAST_WIDTH);
  for (const row of taken) {
    // The last cell of a row does not widen its column.
    for (let index = 0; index < row.length - 1; index++) {
      widths[index] = Math.max(widths[index] ?? 0, (row[index] ?? 0) + PADDING);
    }
  }
  return rows.map((row, at) => alignRow(row, taken[at] ?? [], widths)).join('\n');
}

/** Of all cells. A row is looked at as a whole: with ten thousand rows it counts how often one asks. */
function widthsOf(row: readonly string[]): readonly number[] {
  return isPlain(row.join('')) ? row.map((cell) => cell.length) : row.map(displayWidth);
}

function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

function alignRow(row: readonly string[], taken: readonly number[], widths: readonly number[]): string {
  let line = '';
  for (let index = 0; index < row.length - 1; index++) {
    line += (row[index] ?? '') + ' '.repeat((widths[index] ?? 0) - (taken[index] ?? 0));
  }
  return line + (row.at(-1) ?? '');
}

/** The cell as one line, cut to the width of its column. Not yet safe for a terminal. */
export function cellOf<Row>(row: Row, column: Column<Row>, options: TableOptions = {}): string {
  return cutCell(column.value(row), column, options);
}

function cutCell<Row>(value: string, column: Column<Row>, options: TableOptions): string {
  const text = value.replace(/\s*[\r\n\t]\s*/g, ' ');
  return column.width === undefined || options.truncate === false ? text : ellipsis(text, column.width);
}

/** The table with its header line. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions = {},
): string {
  const shown = columns.filter((column) => !column.hidden);
  const mayCut = options.truncate !== false && shown.some((column) => column.width !== undefined);
  const cells = rows.map((row) => {
    const values = shown.map((column) => column.value(row));
    if (!mayCut && isPlain(values.join(''))) return values;
    return shown.map((column, index) => safeText(cutCell(values[index] ?? '', column, options)));
  });
  return alignRows([shown.map((column) => column.header), ...cells]);
}

/** Every field as the text of its cell, for templates and docker-style JSON. Sorted by name. */
export function textFields<Row>(
  row: Row,
  columns: readonly Column<Row>[],
  options: TableOptions = {},
): Readonly<Record<string, string>> {
  const sorted = [...columns].sort((a, b) => (a.key < b.key ? -1 : 1));
  return Object.fromEntries(sorted.map((column) => [column.key, cellOf(row, column, options)]));
}

/** Every field as the value it is, for --json. */
export function rawFields<Row>(row: Row, columns: readonly Column<Row>[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(columns.map((column) => [column.key, column.raw ? column.raw(row) : column.value(row)]));
}
