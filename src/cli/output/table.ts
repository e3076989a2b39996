// How do rows become an aligned table, and which values do they have for programs?
import { safeText } from '../../util/text.ts';
import type { Column, TableOptions } from './output.ts';
import { displayWidth, ellipsis, padded } from './width.ts';

const LEAST_WIDTH = 10;
const PADDING = 3;

/**
 * Rows of cells as docker aligns them: at least 10 columns a cell, 3 blanks between cells, the last cell as it is, so
 * that an empty last cell leaves blanks at the end. No line feed after the last row.
 */
export function alignRows(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.slice(0, -1).entries()) {
      widths[index] = Math.max(widths[index] ?? LEAST_WIDTH, displayWidth(cell) + PADDING);
    }
  }
  return rows
    .map((row) =>
      row.map((cell, index) => (index === row.length - 1 ? cell : padded(cell, widths[index] ?? 0))).join(''),
    )
    .join('\n');
}

/** The cell as one line, cut to the width of its column. Not yet safe for a terminal. */
export function cellOf<Row>(row: Row, column: Column<Row>, options: TableOptions = {}): string {
  const text = column.value(row).replace(/\s*[\r\n\t]\s*/g, ' ');
  return column.width === undefined || options.truncate === false ? text : ellipsis(text, column.width);
}

/** The table with its header line. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions = {},
): string {
  const shown = columns.filter((column) => !column.hidden);
  const cells = rows.map((row) => shown.map((column) => safeText(cellOf(row, column, options))));
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
