// How do rows become an aligned table, and which values do they have for programs?
import { safeText } from '../../util/text.ts';
import type { Column, TableOptions } from './output.ts';
import { displayWidth, ellipsis } from './width.ts';

const LEAST_WIDTH = 10;
const PADDING = 3;
/** One column of the screen for each character, and nothing to make safe. */
const PLAIN = /^[\x20-\x7e]*$/;
const PLAIN_LINES = /^[\x20-\x7e\n]*$/;

/**
 * Rows of cells as docker aligns them: at least 10 columns a cell, 3 blanks between cells, the last cell as it is, so
 * that an empty last cell leaves blanks at the end. No line feed after the last row.
 */
export function alignRows(rows: readonly (readonly string[])[]): string {
  // With ten thousand rows it counts how often a cell is looked at: once for rows of plain characters.
  const odd = new Map<readonly string[], readonly number[]>();
  for (const row of rows) if (!isPlain(row.join(''))) odd.set(row, row.map(displayWidth));
  return align(rows, odd);
}

/** With the widths of the cells of each row where they are not their lengths. */
function align(rows: readonly (readonly string[])[], odd: ReadonlyMap<readonly string[], readonly number[]>): string {
  const widths: number[] = [];
  for (const row of rows) {
    const taken = odd.size === 0 ? undefined : odd.get(row);
    // The last cell of a row does not widen its column.
    for (let index = 0; index < row.length - 1; index++) {
      const width = (taken?.[index] ?? row[index]?.length ?? 0) + PADDING;
      if (width > (widths[index] ?? LEAST_WIDTH)) widths[index] = width;
      else widths[index] ??= LEAST_WIDTH;
    }
  }
  const blanks: string[] = [];
  const lines = rows.map((row) => {
    const taken = odd.size === 0 ? undefined : odd.get(row);
    let line = '';
    for (let index = 0; index < row.length - 1; index++) {
      const cell = row[index] ?? '';
      const missing = (widths[index] ?? 0) - (taken?.[index] ?? cell.length);
      line += cell + (blanks[missing] ??= ' '.repeat(missing));
    }
    return line + (row.at(-1) ?? '');
  });
  return lines.join('\n');
}

function isPlain(text: string): boolean {
  return PLAIN.test(text);
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
  const plain = mayCut ? undefined : renderPlain(rows, shown);
  if (plain !== undefined) return plain;
  const cells = rows.map((row) => shown.map((column) => safeText(cellOf(row, column, options))));
  return alignRows([shown.map((column) => column.header), ...cells]);
}

/**
 * The same for cells of plain characters, which takes a third of the time: what counts with ten thousand rows is how many texts
 * are made. Undefined for others.
 */
function renderPlain<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string | undefined {
  const cells = columns.map((column) => column.header);
  for (const row of rows) for (const column of columns) cells.push(column.value(row));
  const last = columns.length - 1;
  const widths = columns.map((_, at) => widthOf(cells, at, columns.length));
  const blanks: string[] = [];
  const pieces: string[] = [];
  for (let at = 0; at < cells.length; at += columns.length) {
    for (let index = 0; index < last; index++) {
      const cell = cells[at + index] ?? '';
      const missing = (widths[index] ?? 0) - cell.length;
      pieces.push(cell, (blanks[missing] ??= ' '.repeat(missing)));
    }
    pieces.push(cells[at + last] ?? '', '\n');
  }
  pieces.pop();
  const text = pieces.join('');
  return PLAIN_LINES.test(text) && text.split('\n').length === rows.length + 1 ? text : undefined;
}

/** Of the column that begins with the cell at `start`. */
function widthOf(cells: readonly string[], start: number, step: number): number {
  let width = LEAST_WIDTH;
  for (let at = start; at < cells.length; at += step) width = Math.max(width, (cells[at]?.length ?? 0) + PADDING);
  return width;
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
